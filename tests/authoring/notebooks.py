"""Small notebooks for tests: written as files by nbformat, then read back."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import v4

from alur_nb.authoring.notebook import MagicCell, Notebook, read_notebook
from alur_nb.authoring.slicing import Slice, StarResolver, slice_pipelines

Source = str | tuple[str, str]
"""A code cell's source, or source and tag."""


def write(folder: Path, *cells: Source, name: str = "work.ipynb") -> Path:
    """Write a notebook of code cells; the first line `#md` makes a markdown cell."""
    content = v4.new_notebook()
    for cell in cells:
        source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
        make = v4.new_markdown_cell if source.startswith("#md") else v4.new_code_cell
        content.cells.append(make(source, metadata={"tags": tags}))
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, path)
    return path


def make(folder: Path, *cells: Source, name: str = "work.ipynb") -> Notebook:
    """Write a notebook and read it."""
    return read_notebook(write(folder, *cells, name=name))


def as_python(magic: MagicCell) -> str:
    """Unfold nothing: the bodies of these tests are Python."""
    return magic.body or ""


def slice_of(
    folder: Path, *cells: Source, function: str = "load", resolve_star: StarResolver | None = None
) -> Slice:
    """Slice the pipeline `orders`, whose function is `load`, out of a notebook of these cells."""
    notebook = make(folder, *cells)
    return slice_pipelines(notebook, {"orders": function}, as_python, resolve_star)["orders"]
