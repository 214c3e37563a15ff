"""`%load_ext alur_nb`: the magics. Each reads its line, calls one function and returns what that returns."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from IPython.core.magic import no_var_expand

from alur_nb.authoring.command_line import Command
from alur_nb.authoring.commands import pipeline_command, table_command
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.settings import load_settings
from alur_nb.ui import cards, completions, declaring, operating, table_states
from alur_nb.ui.arguments import (
    alur_command,
    check_command,
    diff_command,
    export_command,
    history_command,
    later_command,
    maintain_command,
    preview_command,
    run_command,
    sql_command,
)
from alur_nb.ui.session import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_CELL_MAGIC = re.compile(r"%%(alur_table|alur_pipeline|alur_sql)\b(?!\?)")

Answer = Callable[[Session, str, str | None], object]
Kind = Literal["line", "cell", "line_cell"]


@dataclass(frozen=True, slots=True)
class Magic:
    """One magic: its options, which are its help too, and what it does."""

    command: Command
    answer: Answer
    kind: Kind = "line"

    @property
    def name(self) -> str:
        """The name without the percent sign."""
        return self.command.name.removeprefix("%")


LATER = {
    "%alur_deploy": "Deploys the bundle.",
    "%alur_status": "Shows the deployed side.",
    "%alur_logs": "Shows a deployed run's log.",
    "%alur_env": "Shows or changes the environment.",
}


def all_magics() -> tuple[Magic, ...]:
    """Return every magic, those of a later release included: they refuse."""
    return (
        Magic(table_command(), declaring.table, "line_cell"),
        Magic(pipeline_command(), declaring.pipeline, "line_cell"),
        Magic(preview_command(), operating.preview),
        Magic(run_command(), operating.run),
        Magic(history_command(), operating.history),
        Magic(diff_command(), table_states.diff),
        Magic(maintain_command(), table_states.maintain),
        Magic(sql_command(), operating.sql, "line_cell"),
        Magic(check_command(), operating.check),
        Magic(export_command(), operating.export),
        Magic(alur_command(), operating.alur),
        *(Magic(later_command(name, does), operating.refusing(name)) for name, does in LATER.items()),
    )


_sessions: weakref.WeakKeyDictionary[InteractiveShell, Session] = weakref.WeakKeyDictionary()


def load(shell: InteractiveShell) -> Session:
    """Register the magics, the cards and the cell hooks, and start Spark in the background; returns at once.

    Raises SettingsError where alur.toml is wrong; then nothing is registered.
    """
    load_settings()
    unload(shell)
    session = Session(shell)
    _sessions[shell] = session
    for magic in all_magics():
        shell.magics_manager.register_function(
            _function(session, magic), magic_kind=magic.kind, magic_name=magic.name
        )
    cards.register(shell)
    completions.start(session, (magic for magic in all_magics() if magic.command.name not in LATER))
    shell.input_transformers_cleanup.append(bodiless_as_line)
    session.start()
    if not is_export_mode():
        threading.Thread(target=_warm_up, name="alur-warm-up", daemon=True).start()
    return session


def unload(shell: InteractiveShell) -> None:
    """Take the hooks of an earlier load away; the magics themselves are replaced by the next one."""
    earlier = _sessions.pop(shell, None)
    if earlier is not None:
        earlier.stop()
        completions.stop(shell)
        shell.input_transformers_cleanup.remove(bodiless_as_line)


def _function(session: Session, magic: Magic) -> Callable[..., object]:
    """Return the function that IPython calls; its docstring is what `?` and Shift-Tab show."""

    def function(line: str, cell: str | None = None) -> object:
        return session.answer(lambda: magic.answer(session, line, cell))

    function.__name__ = function.__qualname__ = magic.name
    function.__doc__ = magic.command.help_text
    # IPython would evaluate `{3}` in '^[A-Z]{3}$'; our options say themselves where names are replaced.
    expanded: Callable[..., object] = no_var_expand(function)
    return expanded


def bodiless_as_line(lines: list[str]) -> list[str]:
    """Turn a cell magic of ours without a body into the line magic: IPython refuses the one."""
    if not lines or not _CELL_MAGIC.match(lines[0]) or any(line.strip() for line in lines[1:]):
        return lines
    return [lines[0][1:]]


def _warm_up() -> None:
    """Import the parser that the first declaration needs, then start Spark."""
    from alur_nb.authoring import local_spark, unfold  # noqa: F401 - imported for its parser

    local_spark.warm_up()
