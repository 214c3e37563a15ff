"""`python -m alur_nb` is `alur`."""

import sys

from alur_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
