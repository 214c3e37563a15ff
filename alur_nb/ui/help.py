"""`%alur help`: every magic with what it does and an example that runs."""

from __future__ import annotations

from dataclasses import dataclass

from alur_nb.authoring.command_line import Command
from alur_nb.authoring.commands import pipeline_command, table_command
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
from alur_nb.ui.plain import page
from alur_nb.ui.watch_arguments import lineage_command, status_command


@dataclass(frozen=True, slots=True)
class Entry:
    """One magic."""

    name: str
    summary: str
    example: str


@dataclass(frozen=True, slots=True)
class Help:
    """A line of help, and the magics it speaks of."""

    title: str
    entries: tuple[Entry, ...] = ()

    def __str__(self) -> str:
        lines = [self.title]
        for entry in self.entries:
            lines += ["", page([f"{entry.name}  {entry.summary}"])]
            # Never cut: it is there to be copied.
            lines += [f"  {line}" for line in entry.example.splitlines()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def working_commands() -> tuple[Command, ...]:
    """Return the commands of every magic that works now."""
    return (
        table_command(),
        pipeline_command(),
        preview_command(),
        run_command(),
        history_command(),
        rejects_command(),
        diff_command(),
        maintain_command(),
        sql_command(),
        lineage_command(),
        status_command(),
        check_command(),
        export_command(),
        deploy_command(),
        logs_command(),
        env_command(),
        alur_command(),
    )


def help_page() -> Help:
    """Return what `%alur help` shows."""
    entries = tuple(Entry(c.name, c.summary, c.example) for c in working_commands())
    return Help("The magics of alur-nb; `%alur_table?` and the like show every option.", entries)
