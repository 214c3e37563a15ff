"""What one notebook's kernel remembers: which cell is running, what it declares, and how its errors end it."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from alur_nb.authoring.saved import TEXT, RanCell, text_id
from alur_nb.authoring.which_notebook import kernel_notebook
from alur_nb.runtime import flow, owners, pipelines, tables
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.project import MAIN, Origin, Project, current_project
from alur_nb.runtime.settings import load_settings
from alur_nb.runtime.tables import Table
from alur_nb.ui import errors, memory
from alur_nb.ui.display import show
from alur_nb.ui.html import card, paragraph
from alur_nb.ui.memory import Memory
from alur_nb.ui.plain import page

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

T = TypeVar("T")
Declared = Table | flow.Pipeline

_listeners: list[Callable[[Declared], None]] = []


def _tell(declared: Declared) -> None:
    for listener in tuple(_listeners):
        listener(declared)


tables.subscribe(_tell)
pipelines.subscribe(_tell)


@dataclass(slots=True)
class RunningCell:
    """The cell that runs now. `origin` is None where nothing tells cells apart: there a name is the identity."""

    number: int
    source: str
    origin: Origin | None
    declared: list[Declared] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    executed: list[str] = field(default_factory=list)
    """Python that a magic has executed in the cell's name."""

    @property
    def label(self) -> str:
        """The cell as the notebook numbers it, by its last execution."""
        return f"cell [{self.number}]" if self.number else "the notebook"


class Session:
    """The notebook side of one shell; made by `%load_ext alur_nb`."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.is_debugging = False
        self.has_iceberg = False
        """Whether Iceberg was looked for in this kernel, and brought where it could be."""
        self.written: dict[tuple[str, str], str] = {}
        """(cell id, name) -> the text of the cell that a line wrote below itself: it is written once."""
        self.kept: dict[tuple[str, str], str] = {}
        """(cell id, kind of form) -> the text that the form's button kept: the next run of the cell writes it."""
        self._depth = 0
        self.memory = Memory()
        self.environment: str | None = None
        """The one that is meant on AWS where none is named; `%alur_env` chooses it."""
        self.ran: dict[str, str] = {}
        """Cell id -> the source of the last run, of the cells that declare something."""
        self.by_options: set[str] = set()
        """The pipelines that a magic's options declare: advice about them is in options too."""
        self.cell_ids: set[str] = set()
        """The front end's ids of the cells that ran."""
        # Outside of a cell, where a program calls a magic, an anonymous one.
        self.cell = RunningCell(0, "", None)
        self._declaring = contextlib.ExitStack()

    @property
    def project(self) -> Project:
        """The registry that the notebook declares into."""
        return current_project()

    @property
    def names(self) -> Mapping[str, object]:
        """The notebook's own names."""
        names: Mapping[str, object] = self.shell.user_ns
        return names

    def name_process(self) -> None:
        """Let whoever finds this kernel's lease on a table read which notebook holds it."""
        notebook, root = self.saved_notebook(), load_settings().root
        if notebook is not None:
            is_inside = notebook.is_relative_to(root)
            owners.work_for(notebook.relative_to(root).as_posix() if is_inside else notebook.name)

    def saved_notebook(self) -> Path | None:
        """Return the saved file of this kernel's notebook; None where nothing on disk says which it is."""
        return kernel_notebook(load_settings(), self.cell_ids)

    def ran_cells(self) -> tuple[RanCell, ...] | None:
        """Return the cells that declared what is declared now; None where nothing tells cells apart."""
        names: dict[Origin, list[str]] = {}
        for declared, origin in self.project.origins().items():
            names.setdefault(origin, []).append(declared.partition(" ")[2])
        cells = {origin: found for origin, found in names.items() if origin.cell_id is not None}
        if not cells and (MAIN in names or self.cell.origin is None):
            return None
        # A batch run has only ids that are made from the text; those are in no notebook.
        return tuple(
            RanCell(str(origin), tuple(found), self._source(origin), None if is_text else origin.cell_id)
            for origin, found in cells.items()
            for is_text in [(origin.cell_id or "").startswith(TEXT)]
        )

    def _source(self, origin: Origin) -> str | None:
        """Return a cell's text as it ran last, or runs now."""
        return self.cell.source if origin == self.cell.origin else self.ran.get(origin.cell_id or "")

    @property
    def takes_cells(self) -> bool:
        """Whether a new cell can reach anybody: a batch run has nobody to show it to."""
        origin = self.cell.origin
        # Of a batch run's cells the text is the identity.
        return origin is None or not (origin.cell_id or "").startswith(TEXT)

    def write_below(self, text: str) -> None:
        """Have the front end put a new cell below the running one, once that has ended; there can be one a cell."""
        self.shell.set_next_input(text.rstrip("\n"), replace=False)

    def start(self) -> None:
        """Follow the shell's cells from now on, the running one included."""
        self.shell.events.register("pre_run_cell", self.before_cell)
        self.shell.events.register("post_run_cell", self.after_cell)
        _listeners.append(self._heard)
        memory.use(self.memory)
        errors.render_ours(self._rendered)
        inputs = self._inputs()
        running = self._running(len(inputs) - 1, inputs[-1] if inputs else "")
        if running.origin is not None:
            self._enter(running)

    def stop(self) -> None:
        """Follow the shell's cells no more."""
        self.shell.events.unregister("pre_run_cell", self.before_cell)
        self.shell.events.unregister("post_run_cell", self.after_cell)
        _listeners.remove(self._heard)
        self._declaring.close()
        errors.render_ours_no_more()
        memory.use(None)
        owners.work_for("")

    def before_cell(self, info: ExecutionInfo) -> None:
        """Let what the cell declares belong to it; IPython calls this before each cell."""
        self._depth += 1
        if self._depth == 1:
            self.memory.advice.forget()
            # The history holds the cells before this one, and an empty text in front.
            self._enter(self._running(len(self._inputs()), str(info.raw_cell)))

    def after_cell(self, result: ExecutionResult) -> None:
        """Retract what the cell declared before and not again; a cell that failed changes nothing."""
        self._depth = max(self._depth - 1, 0)
        if self._depth > 0:
            return
        error = result.error_before_exec or result.error_in_exec
        declaring, self._declaring = self._declaring, contextlib.ExitStack()
        cell, self.cell = self.cell, RunningCell(0, "", None)
        if error is None:
            declaring.close()
            self._remember(cell, result)
            self.bring_iceberg(cell.declared)
        else:
            declaring.__exit__(type(error), error, error.__traceback__)

    def bring_iceberg(self, declared: Iterable[Declared]) -> None:
        """Where the cell declares the first table of Iceberg's, bring what such tables need."""
        tables = [one for one in declared if isinstance(one, Table) and one.format == "iceberg"]
        if tables and not self.has_iceberg and not is_export_mode():
            # Here: `%load_ext` would wait for all that a download needs.
            from alur_nb.ui.bringing_iceberg import bring_iceberg

            self.has_iceberg = True
            bring_iceberg(self)

    def _remember(self, cell: RunningCell, result: ExecutionResult) -> None:
        self.memory.note(result.result)
        self.memory.bound(self._python(cell, result), cell.label)
        if cell.origin is not None and cell.origin.cell_id is not None and cell.declared:
            self.ran[cell.origin.cell_id] = cell.source

    def _python(self, cell: RunningCell, result: ExecutionResult) -> str:
        """Return the cell as Python; of our own cell magics the text that they executed."""
        transformed = getattr(result.info, "transformed_cell", None) or cell.source
        return "\n".join([transformed, *cell.executed])

    def _enter(self, running: RunningCell) -> None:
        self._depth = 1
        self.cell = running
        if running.origin is not None:
            # An export follows its cells itself, by their numbers in the saved notebook.
            if not is_export_mode():
                self._declaring.enter_context(self.project.declaring(running.origin))
            self.cell_ids.add(running.origin.cell_id or "")

    def _inputs(self) -> list[str]:
        inputs: list[str] = self.shell.history_manager.input_hist_raw if self.shell.history_manager else []
        return inputs

    def _running(self, number: int, source: str) -> RunningCell:
        """Tell which cell runs: by the front end's cell id; in a batch run by its text; in a terminal by nothing."""
        get_parent = getattr(self.shell, "get_parent", None)
        parent: Mapping[str, Any] = (get_parent() if get_parent else None) or {}
        cell_id = (parent.get("metadata") or {}).get("cellId")
        # nbclient and papermill send no cell id. They take no input either, which consoles do.
        if not cell_id and parent.get("content", {}).get("allow_stdin") is False:
            cell_id = text_id(source)
        return RunningCell(number, source, Origin(f"cell [{number}]", cell_id) if cell_id else None)

    def _heard(self, declared: Declared) -> None:
        cell = self.cell
        cell.declared.append(declared)
        if isinstance(declared, flow.Pipeline):
            self.by_options.discard(declared.name)
        kind, name = (
            ("table", declared.qualified_name) if isinstance(declared, Table) else ("pipeline", declared.name)
        )
        places = dict.fromkeys(map(str, self.project.conflicts().get(f"{kind} {name}", ())))
        if len(places) < 2 or name in cell.warned or is_export_mode():
            return
        cell.warned.add(name)
        text = (
            f"Warning: the {kind} {name} is declared in {' and '.join(places)}. The last one counts now; "
            "check and export refuse it. Rename one of them, or delete it and run its cell again."
        )
        show(text, card(paragraph(text)))

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Declared]]:
        """Collect what is declared inside the block, each name once, as it was declared last."""
        cell = self.cell
        start = len(cell.declared)
        collected: list[Declared] = []
        yield collected
        latest = {
            (type(one), one.name if isinstance(one, flow.Pipeline) else one.qualified_name): one
            for one in cell.declared[start:]
        }
        collected.extend(latest.values())

    def execute(self, text: str, *, typed: bool) -> None:
        """Execute source text as the cell's own code, in the notebook's names.

        `typed` text stands in the cell below its `%%` line, so its lines keep the numbers that the user sees.
        """
        shown = f"{self.cell.source.partition(chr(10))[0]}\n{text}" if typed else text
        name = self.shell.compile.cache(shown, self.cell.number, raw_code=shown)
        tree = ast.parse(text, filename=name)
        if typed:
            ast.increment_lineno(tree, 1)
        try:
            code = compile(tree, name, "exec", flags=self.shell.compile.flags, dont_inherit=True)
        except SyntaxError as error:
            place = Place(line=error.lineno, column=error.offset)
            raise NotebookError(
                f"Python cannot run the body: {error.msg}.",
                place=place,
                fix="Correct the line; in a declaration `await`, `return` and `yield` stand in functions only.",
            ) from None
        self.cell.executed.append(text)
        exec(code, self.shell.user_global_ns, self.shell.user_ns)

    def answer(self, work: Callable[[], T]) -> T:
        """Do a magic's work; an error ends the cell in a few lines, without a frame of ours."""
        try:
            value = work()
            self.memory.note(value)
            return value
        except AlurError as error:
            self._end_with(error)
            raise
        # Whatever a user's function raises ends here, to be shown with the user's frames and raised on.
        except Exception as error:
            if not self.is_debugging:
                errors.render_as(error, self._lines_of_other(error))
            raise

    def _rendered(self, error: AlurError) -> list[str]:
        """Return what ends a cell whose own code raised an error of ours."""
        if self.is_debugging:
            return errors.full_traceback(self.shell, error)
        self._locate(error, errors.traceback_frames(error.__traceback__))
        return errors.error_lines(error, self.cell.source)

    def _locate(self, error: AlurError, frames: list[tuple[FrameType, int]]) -> None:
        errors.located(error, self.cell.label, errors.cell_line(frames, self.shell))

    def _end_with(self, error: AlurError) -> None:
        self._locate(error, errors.calling_frames() + errors.traceback_frames(error.__traceback__))
        if self.is_debugging:
            return
        source, rest = self.cell.source, {}
        # The lines that end the cell are all that a log and a terminal show, and a card of the same words would
        # only double them: it is for what six lines have no room for, and a terminal has no cards.
        whole = errors.whole_lines(error, source)
        if hasattr(self.shell, "kernel") and len(whole) > errors.MAX_LINES:
            show(page(whole), errors.error_card(error, source))
            rest = {"rest": "the output above shows"}
        lines = errors.error_lines(error, source, **rest)
        errors.render_as(error, lines)

    def _lines_of_other(self, error: Exception) -> list[str]:
        if errors.is_users(error):
            return errors.users_traceback(self.shell, error)
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [
            f"{type(error).__name__}: {first}",
            "  This is an error inside alur-nb that it does not explain.",
            "  next:  run `%alur --debug` and the cell again for the whole traceback.",
        ]
