"""The picture of a graph, as cards show it; it lies in authoring, where reports are written without a front end."""

from alur_nb.authoring.dag_picture import Edge, Graph, Kind, Node, Point, layout, picture

__all__ = ["Edge", "Graph", "Kind", "Node", "Point", "layout", "picture"]
