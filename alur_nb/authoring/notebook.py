"""Reads a notebook and splits its cells: what is Python, what IPython's magics take for themselves.

IPython's own transformers decide what is a magic. They shorten a cell where a magic spans lines, so the lines they
take are given back as empty ones: a statement keeps the line number that the notebook shows.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from alur_nb.runtime.errors import AlurError, ExportError, MissingExtraError, NotebookError, Place

PARAMETERS = "parameters"
SETUP = "setup"
DECLARING_MAGICS = ("alur_table", "alur_pipeline")

# Cell magics that run their body as ordinary Python in the notebook's own names.
_WRAPPERS = ("time", "capture")
_EXTRA = 'pip install "alur-nb[lab]"'


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the saved notebook; `number` counts code and markdown cells from 1, as a reader does."""

    number: int
    source: str
    cell_id: str | None = None
    tags: tuple[str, ...] = ()
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Notebook:
    """A saved notebook: its cells in order, and the file they come from."""

    path: Path
    cells: tuple[Cell, ...]

    @property
    def code(self) -> tuple[Cell, ...]:
        """The code cells alone."""
        return tuple(cell for cell in self.cells if cell.kind == "code")

    def tagged(self, tag: str) -> tuple[Cell, ...]:
        """The code cells with this tag."""
        return tuple(cell for cell in self.code if tag in cell.tags)


@dataclass(frozen=True, slots=True)
class MagicCell:
    """A declaring magic, `%%alur_table` or `%%alur_pipeline`, before it is unfolded to Python."""

    name: str
    line: str
    body: str | None
    """None where the magic is a line of its own: `%alur_pipeline NAME --from ..`."""
    place: Place


Unfold = Callable[[MagicCell], str]


@dataclass(frozen=True, slots=True)
class LineMagic:
    """A `%name text` or `!text` at a cell's top level (`name` is `!` for a shell command)."""

    name: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Code:
    """A cell's Python. `generated` text came out of a `%%alur_*` cell whose body is not Python."""

    text: str
    tree: ast.Module
    skipped: int
    generated: bool = False

    def shown(self, line: int) -> int:
        """Return the line in the cell, as the notebook shows it, of a line of the text."""
        return (1 if self.generated else line) + self.skipped


@dataclass(frozen=True, slots=True)
class SplitCell:
    """A cell with its Python and its magics told apart; `opaque` is a cell magic whose body is not run as Python here."""

    cell: Cell
    codes: tuple[Code, ...]
    magics: tuple[LineMagic, ...]
    cell_magics: tuple[LineMagic, ...]
    opaque: bool = False


def read_notebook(path: Path | str) -> Notebook:
    """Read a saved notebook; NotebookError where the file is missing or is no Python notebook."""
    path = Path(path)
    try:
        content = _content(path.read_text(encoding="utf-8"))
        language = content["metadata"].get("kernelspec", {}).get("language", "python")
        cells = _cells(content["cells"])
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise _unreadable(path, reason, "Save the notebook, or give its path.") from error
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        reason = "it is not a Jupyter notebook"
        raise _unreadable(path, reason, "Open the file in Jupyter and save it again.") from error
    if language != "python":
        raise _unreadable(path, f"its language is {language}", "Use a notebook with a Python kernel.")
    return Notebook(path, cells)


def _content(text: str) -> Any:
    """Return the notebook in format 4; nbformat takes over a second to import, so it is asked for older ones only."""
    content = json.loads(text)
    if content["nbformat"] == 4:
        return content
    try:
        import nbformat
    except ImportError as error:
        raise MissingExtraError("Reading a notebook of an old format needs nbformat.", fix=_EXTRA) from error
    try:
        return cast("Callable[..., Any]", nbformat.reads)(text, as_version=4)
    except nbformat.ValidationError as error:
        raise ValueError(str(error)) from error


def _cells(saved: Iterable[Any]) -> tuple[Cell, ...]:
    """Return the cells that a reader counts. An id came with format 4.5, and names its first cell only, as in nbformat."""
    shown = [cell for cell in saved if cell["cell_type"] in ("code", "markdown")]
    ids, found = set[str](), []
    for number, cell in enumerate(shown, start=1):
        given = cell.get("id")
        cell_id = given if given and given not in ids else None
        ids.add(given)
        tags = tuple(cell["metadata"].get("tags", ()))
        # A source is a text or a list of lines (nbformat.readthedocs.io).
        found.append(Cell(number, "".join(cell["source"]), cell_id, tags, cell["cell_type"]))
    return tuple(found)


def _unreadable(path: Path, reason: str, fix: str) -> NotebookError:
    return NotebookError(
        f"The notebook `{path.name}` cannot be read: {reason}.", place=Place(file=str(path)), fix=fix
    )


def split_cells(cells: Iterable[Cell], unfold: Unfold, notebook: str | None = None) -> tuple[SplitCell, ...]:
    """Split the code cells; ExportError, with cell and line, where one is not valid Python."""
    return tuple(split_cell(cell, unfold, notebook) for cell in cells if cell.kind == "code")


def split_cell(cell: Cell, unfold: Unfold, notebook: str | None = None) -> SplitCell:
    """Split one code cell; `%%time` and `%%capture` are unwrapped, `%%alur_*` unfolded."""
    place = Place(notebook=notebook, cell=cell.number)
    lines, skipped, wrappers = _unwrapped(cell.source)
    if not (lines and lines[0].startswith("%%")):
        return _with_code(cell, "".join(lines), skipped, wrappers, place, unfold)
    name, _, text = lines[0][2:].rstrip().partition(" ")
    magic = LineMagic(name, text, skipped + 1)
    if name not in DECLARING_MAGICS:
        return SplitCell(cell, (), (), (*wrappers, magic), opaque=True)
    body = "".join(lines[1:])
    python = _unfolded(MagicCell(name, text, body, place), unfold)
    if python.strip() == body.strip():
        return _with_code(cell, body, skipped + 1, (*wrappers, magic), place, unfold)
    return SplitCell(cell, (_generated(python, place, skipped),), (), (*wrappers, magic))


def _generated(python: str, place: Place, skipped: int) -> Code:
    return Code(python, _parsed(python, place, skipped), skipped, generated=True)


def _unwrapped(source: str) -> tuple[list[str], int, tuple[LineMagic, ...]]:
    """Take the wrapping cell magics off; return the lines left, how many lines were above them, and the magics."""
    skipped, wrappers = 0, list[LineMagic]()
    while True:
        lines = _cleaned(source)
        skipped += len(source.splitlines()) - len(lines) if lines else 0
        found = re.match(r"%%(\w+)(?!\w*\?)[ \t]*(.*)", lines[0]) if lines else None
        if not found or found[1] not in _WRAPPERS:
            return lines, skipped, tuple(wrappers)
        skipped += 1
        wrappers.append(LineMagic(found[1], found[2].rstrip(), skipped))
        source = "".join(lines[1:])


def _unfolded(magic: MagicCell, unfold: Unfold) -> str:
    try:
        return unfold(magic)
    except AlurError as error:
        # The one who unfolds knows the line at most; the cell is known here.
        line = error.place.line if error.place else None
        column = error.place.column if error.place else None
        error.place = replace(magic.place, line=line, column=column)
        raise


def _with_code(
    cell: Cell, source: str, skipped: int, cell_magics: tuple[LineMagic, ...], place: Place, unfold: Unfold
) -> SplitCell:
    text = _python(source)
    text, tree = _timed_statements_unwrapped(text, _parsed(text, place, skipped), place, skipped)
    magics, statements, declared = list[LineMagic](), list[ast.stmt](), list[Code]()
    for node in tree.body:
        magic = _line_magic(node, skipped)
        if magic is None:
            statements.append(node)
            continue
        magics.append(magic)
        if declares(magic):
            python = _unfolded(MagicCell(magic.name, magic.text, None, place), unfold)
            declared.append(_generated(python, place, magic.line - 1))
    module = ast.Module(body=statements, type_ignores=[])
    return SplitCell(cell, (Code(text, module, skipped), *declared), tuple(magics), cell_magics)


def declares(magic: LineMagic) -> bool:
    """Whether a line magic declares a pipeline: without a body only `%alur_pipeline NAME --from ..` does."""
    return magic.name == "alur_pipeline" and re.search(r"(^|\s)--from(=|\s)", magic.text) is not None


def _parsed(text: str, place: Place, skipped: int) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # `"\d"` and the like: the kernel has warned already.
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(text, str(place), "exec", flags=flags, dont_inherit=True)
            return ast.parse(text)
    except SyntaxError as error:
        line = (error.lineno or 1) + skipped
        raise ExportError(
            f"The cell is not valid Python: {error.msg}.",
            place=replace(place, line=line),
            fix="Mend the cell and run it, or make it a markdown or raw cell.",
        ) from error
    except ValueError as error:
        raise ExportError(
            f"The cell is not valid Python: {error}.", place=place, fix="Write the cell again."
        ) from error


def _cleaned(source: str) -> list[str]:
    """Return the lines less what IPython strips: empty lines at the top, one indentation, pasted prompts."""
    if not source.strip():
        return []
    lines: list[str] = (source if source.endswith("\n") else source + "\n").splitlines(keepends=True)
    for transform in _transformers().cleanup_transforms:
        lines = transform(lines)
    return lines


def _python(source: str) -> str:
    """Turn magics into calls by IPython's rules, with as many lines after as before."""
    transformers = _transformers()
    lines = source.splitlines(keepends=True)
    changed = True
    while changed:
        before = lines
        changed, lines = transformers.do_one_token_transform(before)
        taken = len(before) - len(lines)
        if taken > 0:
            first = next((n for n, line in enumerate(lines) if line != before[n]), len(lines) - 1)
            lines = [*lines[: first + 1], *["\n"] * taken, *lines[first + 1 :]]
    return "".join(lines)


def _transformers() -> Any:
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError as error:
        raise MissingExtraError("Reading notebooks needs IPython.", fix=_EXTRA) from error
    manager: Callable[[], Any] = TransformerManager
    return manager()


def _timed_statements_unwrapped(
    text: str, tree: ast.Module, place: Place, skipped: int
) -> tuple[str, ast.Module]:
    """Put the statement of `%time x = f()` in the magic's place: it binds names as if it stood alone."""
    lines = text.split("\n")
    timed = False
    for node in tree.body:
        magic = _line_magic(node, 0)
        if magic and magic.name == "time" and magic.text.strip():
            lines[node.lineno - 1] = magic.text
            timed = True
    text = "\n".join(lines)
    return text, _parsed(text, place, skipped) if timed else tree


def _line_magic(node: ast.stmt, skipped: int) -> LineMagic | None:
    """Return the magic that a top-level `get_ipython()...` call stands for; None for every other statement."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return None
    if ast.unparse(call.func.value) != "get_ipython()":
        return None
    texts = [value.value for value in call.args if isinstance(value, ast.Constant)]
    words = [text for text in texts if isinstance(text, str)]
    if call.func.attr == "run_line_magic" and len(words) == 2:
        return LineMagic(words[0], words[1], node.lineno + skipped)
    name = "!" if call.func.attr in ("system", "getoutput") else call.func.attr
    return LineMagic(name, " ".join(words), node.lineno + skipped)
