from alur_nb.testing import lake, spark

# The fixtures that the tests beside this file ask for.
__all__ = ["lake", "spark"]
