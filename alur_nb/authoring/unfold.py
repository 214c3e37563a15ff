"""The one way from a cell to the Python that runs: the live magics and export both take it."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from alur_nb.authoring.command_line import Command, known_name, named_parts
from alur_nb.authoring.commands import PIPELINE, TABLE, pipeline_command, table_command
from alur_nb.authoring.parse import (
    Terms,
    body_kind,
    find_table,
    ingestion_cell_to_python,
    sql_cell_to_python,
    table_cell_to_python,
)
from alur_nb.authoring.parse_rule import check_rules
from alur_nb.authoring.profiles import check_profile
from alur_nb.authoring.source_text import Expression, Name, literal
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import load_settings


def unfold(
    magic: str, line: str, body: str | None, project: Project, names: Collection[str] | None = None
) -> str:
    """Return the Python source that a declaring magic stands for; exactly this text is executed and exported.

    `line` is what follows the magic's name; `body` is None for a line magic. Where the notebook's `names` are
    given, a name that a line uses must be among them.
    Raises NotebookError with line and column in the cell, NotYetSupportedError for SQL of a later release.
    """
    if magic == TABLE:
        return _unfold_table(table_command().parse(line), body or "")
    if magic == PIPELINE:
        options = pipeline_command().parse(line)
        text = _unfold_pipeline(options, body or "", project, names)
        if text and options.target:
            _check_terms(options, line, prefix_of(PIPELINE, body), project, names)
        return text
    raise NotebookError(
        f"%{magic} declares nothing.", fix="Only %%alur_table and %%alur_pipeline have a body."
    )


def prefix_of(magic: str, body: str | None) -> str:
    """Return what stands in front of a magic's line; a column of line 1 is counted from its first character."""
    return f"{'%' if body is None else '%%'}{magic} "


def moved(error: AlurError, source: str, line: str, prefix: str) -> None:
    """Let the place of an error in `prefix` + `line` be that in the cell, where the magic may stand in any line.

    Without its column where the line is not found: a mark at the wrong place is worse than none.
    """
    place = error.place
    if place is None or place.line != 1 or place.column is None:
        return
    for number, row in enumerate(source.split("\n"), 1):
        start = row.rfind(line.strip()) if prefix.strip().lstrip("%") in row else -1
        if start >= 0:
            column = place.column - len(prefix) + start
            error.place = replace(place, line=number, column=column)
            return
    error.place = replace(place, column=None)


def _check_terms(
    options: argparse.Namespace, line: str, prefix: str, project: Project, names: Collection[str] | None
) -> None:
    """Refuse at the declaration what a preview or an export would stumble on: a rule, or a profile."""
    may_grow = options.schema_mode == "evolve"
    table = find_table(options.target, project)
    check_rules(options.expect, line, len(prefix), table, may_grow=may_grow)
    # Without names this is an export, which knows its environment's settings and looks itself.
    if options.resource_profile and names is not None:
        found = line.find(options.resource_profile, line.find("--resource-profile") + 18)
        place = Place(line=1, column=len(prefix) + found + 1 if found >= 0 else None)
        check_profile(options.resource_profile, load_settings(), place)


def _unfold_table(options: argparse.Namespace, body: str) -> str:
    command = table_command()
    kind = body_kind(body)
    if kind == "empty" and (options.from_ or options.new):
        return ""  # as the line, which shows what could be declared
    if options.from_ or options.option:
        raise NotebookError(
            "--from infers the columns that the body of this cell declares.",
            place=Place(line=1),
            fix="Infer in a cell of its own: %alur_table NAME --from PATTERN; or leave --from and --option out here.",
        )
    _refuse_form(options, command)
    if kind == "python":
        _refuse_options(options, allowed=("name",), instead="In Python the class and its Meta say this.")
        return _checked_python(body)
    if kind == "empty":
        raise _no_body(command)
    if kind == "sql":
        raise NotebookError(
            "A table's body is columns or Python, not a query.",
            place=Place(line=2),
            fix="Declare the query with %%alur_pipeline NAME --target TABLE.",
        )
    return table_cell_to_python(
        _required(options.name, "a name", command),
        body,
        layer=options.layer or "bronze",
        primary_key=options.primary_key,
        partition_by=options.partition_by,
        format=options.format,
        sequence_by=options.sequence_by,
        delete_when=options.delete_when,
        scd_type=options.scd_type,
        freshness=options.freshness,
        description=options.description,
    )


def _unfold_pipeline(
    options: argparse.Namespace, body: str, project: Project, names: Collection[str] | None
) -> str:
    command = pipeline_command()
    kind = body_kind(body)
    if kind == "empty" and options.new:
        return ""
    _refuse_form(options, command)
    if kind == "python":
        _refuse_options(options, allowed=("name", "preview"), instead="In Python the decorators say this.")
        return _checked_python(body)
    if kind == "empty" and not options.from_:
        raise _no_body(command)
    name = _required(options.name, "a name", command)
    terms = Terms(
        target=_required(options.target, "--target", command),
        schedule=options.schedule,
        timezone=options.timezone,
        expects=options.expect,
        resource_profile=options.resource_profile,
    )
    if kind != "empty":
        _refuse_options(
            options,
            allowed=_SQL_OPTIONS,
            instead="A query reads tables; files are for a cell without a body.",
        )
        return sql_cell_to_python(name, body, terms, project)
    return ingestion_cell_to_python(name, _files_arguments(options, names), terms, project)


_SQL_OPTIONS = ("name", "target", "schedule", "timezone", "expect", "resource_profile", "preview")

# The options that are arguments of `files()`, in its order.
_FILES_OPTIONS = {
    "source_system": "source_system",
    "contract": "contract",
    "format": "format",
    "option": "options",
    "strict": "strict",
    "extra_columns": "extra_columns",
    "on_changed": "on_changed",
    "same_content": "same_content",
    "reject_limit": "reject_limit",
    "schema_mode": "schema_mode",
}


def _files_arguments(options: argparse.Namespace, names: Collection[str] | None) -> dict[str, Expression]:
    patterns = [_pattern(pattern, names) for pattern in options.from_]
    arguments: dict[str, Expression] = {"pattern": patterns[0] if len(patterns) == 1 else patterns}
    for option, argument in _FILES_OPTIONS.items():
        value: Any = getattr(options, option)
        if value is not None:
            arguments[argument] = dict(value) if option == "option" else value
    return arguments


def _pattern(pattern: str, names: Collection[str] | None) -> Expression:
    """Write `{folder}/*.csv` as an f-string over the notebook's name, so that export sees the dependency."""
    parts = named_parts(pattern)
    if not any(is_name for _, is_name in parts):
        return "".join(text for text, _ in parts)
    if names is not None:
        for text, is_name in parts:
            if is_name:
                known_name(text, names, "--from")
    inner = "".join(
        f"{{{text}}}" if is_name else text.replace("{", "{{").replace("}", "}}") for text, is_name in parts
    )
    return Name("f" + literal(inner))


def _checked_python(body: str) -> str:
    try:
        ast.parse(body)
    except SyntaxError as error:
        raise _syntax_error(body, error) from None
    except ValueError as error:
        raise NotebookError(f"Python cannot read the body: {error}.", place=Place(line=2)) from None
    return body


def _syntax_error(body: str, error: SyntaxError) -> NotebookError:
    line = error.lineno or 1
    lines = body.splitlines()
    text = lines[line - 1] if line <= len(lines) else ""
    place = Place(line=line + 1, column=error.offset or 1)
    if text.lstrip().startswith(("%", "!")):
        return NotebookError(
            f"`{text.strip()}` cannot stand in the body of a declaration.",
            place=place,
            fix="Put it into a cell of its own: the body must be plain Python, which the job runs too.",
        )
    return NotebookError(
        f"Python cannot read the body: {error.msg}.",
        place=place,
        fix=f"Correct this line: {text.strip()}" if text.strip() else "Correct the body.",
    )


def _refuse_form(options: argparse.Namespace, command: Command) -> None:
    if options.new:
        raise NotebookError(
            f"{command.name} --new shows the form, and this cell has a body.",
            place=Place(line=1),
            fix=f"Open the form in a cell of its own, {command.name} --new; or leave --new out here.",
        )


def _refuse_options(options: argparse.Namespace, *, allowed: Collection[str], instead: str) -> None:
    given = [
        key
        for key, value in vars(options).items()
        if key not in allowed
        and value is not None
        and value != []
        and (value is not False or key == "strict")
    ]
    if given:
        flag = {"from_": "--from", "strict": "--no-strict"}.get(given[0], "--" + given[0].replace("_", "-"))
        raise NotebookError(f"{flag} does not fit this cell's body.", place=Place(line=1), fix=instead)


def _required(value: str | None, what: str, command: Command) -> str:
    if value:
        return value
    raise NotebookError(
        f"{command.name}: {what} is missing.",
        place=Place(line=1),
        fix=command.advice,
    )


def _no_body(command: Command) -> NotebookError:
    return NotebookError(
        f"{command.name}: the cell has no body.", place=Place(line=1), fix=f"example:\n{command.example}"
    )
