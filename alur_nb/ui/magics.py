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
from alur_nb.ui import cards, completions, declaring, deploying, misspelt, operating, table_states
from alur_nb.ui.arguments import (
    alur_command,
    check_command,
    diff_command,
    export_command,
    history_command,
    maintain_command,
    preview_command,
    rejects_command,
    run_command,
    sql_command,
)
from alur_nb.ui.deploy_arguments import deploy_command, env_command, logs_command
from alur_nb.ui.session import Session
from alur_nb.ui.watch_arguments import lineage_command, status_command
from alur_nb.ui.watching import lineage, status

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


def all_magics() -> tuple[Magic, ...]:
    """Return every magic."""
    return (
        Magic(table_command(), declaring.table, "line_cell"),
        Magic(pipeline_command(), declaring.pipeline, "line_cell"),
        Magic(preview_command(), operating.preview),
        Magic(run_command(), operating.run),
        Magic(history_command(), operating.history),
        Magic(rejects_command(), operating.rejects),
        Magic(diff_command(), table_states.diff),
        Magic(maintain_command(), table_states.maintain),
        Magic(sql_command(), operating.sql, "line_cell"),
        Magic(lineage_command(), lineage),
        Magic(status_command(), status),
        Magic(check_command(), operating.check),
        Magic(export_command(), operating.export),
        Magic(deploy_command(), deploying.deploy),
        Magic(logs_command(), deploying.logs),
        Magic(env_command(), deploying.env),
        Magic(alur_command(), operating.alur),
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
    _watch_spelling(shell, session)
    cards.register(shell)
    completions.start(session, all_magics())
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
        shell.ast_transformers[:] = [
            one for one in shell.ast_transformers if not isinstance(one, misspelt.Misspelt)
        ]


def _function(session: Session, magic: Magic) -> Callable[..., object]:
    """Return the function that IPython calls; its docstring is what `?` and Shift-Tab show."""

    def function(line: str, cell: str | None = None) -> object:
        value = session.answer(lambda: magic.answer(session, line, cell))
        if not is_export_mode():
            session.memory.advice.consider(value, session.project)
        return value

    function.__name__ = function.__qualname__ = magic.name
    function.__doc__ = magic.command.help_text
    # What is declared later is in the examples too: IPython asks this first (IPython.core.oinspect.getdoc).
    function.getdoc = lambda: magic.command.help_text  # type: ignore[attr-defined]
    # IPython would evaluate `{3}` in '^[A-Z]{3}$'; our options say themselves where names are replaced.
    expanded: Callable[..., object] = no_var_expand(function)
    return expanded


def _watch_spelling(shell: InteractiveShell, session: Session) -> None:
    """Answer a magic that nearly is one of ours in our words."""
    ours = [magic.name for magic in all_magics()]
    with_body = [magic.name for magic in all_magics() if "cell" in magic.kind]

    def refuse(line: str) -> None:
        session.answer(lambda: misspelt.refuse(line, ours, with_body))

    shell.magics_manager.register_function(no_var_expand(refuse), magic_name=misspelt.MAGIC)
    shell.ast_transformers.append(misspelt.Misspelt(misspelt.known_magics(shell.magics_manager)))


def bodiless_as_line(lines: list[str]) -> list[str]:
    """Turn a cell magic of ours without a body into the line magic: IPython refuses the one."""
    if not lines or not _CELL_MAGIC.match(lines[0]) or any(line.strip() for line in lines[1:]):
        return lines
    return [lines[0][1:]]


def _warm_up() -> None:
    """Import the parser that the first declaration needs, then start Spark."""
    from alur_nb.authoring import local_spark, unfold  # noqa: F401 - imported for its parser

    local_spark.warm_up()
