"""`%alur_table NAME --from PATTERN`: infers a contract, shows the evidence, and writes the cell below, once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from alur_nb.authoring.command_line import known_name, named_parts
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.settings import load_settings
from alur_nb.ui.errors import render_as
from alur_nb.ui.session import Session
from alur_nb.ui.work import Task, in_background

if TYPE_CHECKING:
    from alur_nb.authoring.infer_facts import Inference, Request


def table_from(session: Session, options: argparse.Namespace) -> Inference:
    """Infer a table; the cell that declares it is written below, unless it was before, or the table is declared."""
    from alur_nb.authoring.infer_facts import Inference

    if is_export_mode():
        return Inference("", "")
    request = request_of(options, session.names)
    found = inferred(session, request)
    table = session.project.tables.get(found.table)
    if table is not None:
        from alur_nb.authoring.infer_compare import beside_table

        return beside_table(found, request, table)
    return _written(session, request.name, found)


def request_of(options: argparse.Namespace, names: Mapping[str, object]) -> Request:
    """Return what the line asks for.

    Raises NotebookError where it names no table, or a name that the notebook does not have.
    """
    from alur_nb.authoring.infer_facts import Request

    typed = str(options.from_)
    if not options.name:
        raise NotebookError(
            "%alur_table --from: the table's name is missing.",
            place=Place(line=1),
            fix=f"%alur_table {_name_for(typed)} --from '{typed}'",
        )
    parts = [
        str(names[known_name(text, names, "--from")]) if is_name else text
        for text, is_name in named_parts(typed)
    ]
    return Request(
        options.name,
        "".join(parts),
        options.layer or "bronze",
        options.primary_key,
        options.partition_by,
        options.format,
        options.description,
        options.sequence_by,
        options.delete_when,
        options.scd_type,
        options.freshness,
        dict(options.option),
        typed,
    )


def _name_for(pattern: str) -> str:
    """Return a table's name for a pattern: that of its last folder without a wildcard, else an example."""
    words = [part for part in pattern.split("/")[:-1] if re.fullmatch(r"[\w-]+", part)]
    return re.sub(r"\W", "_", words[-1]).lower() if words else "orders"


def inferred(session: Session, request: Request) -> Inference:
    """Look at the files: what needs Spark in the background, all else at once; an interrupt ends either."""
    from alur_nb.authoring.infer import infer, landing_files, list_files

    title = f"inference of {request.name}"
    try:
        files, folder = landing_files()
        found = list_files(request, files, folder)
        if not found.needs_spark:
            return infer(request, files, found)
    except KeyboardInterrupt as interrupt:
        render_as(interrupt, [f"cancelled: {title}"])
        raise

    def work(task: Task[Inference]) -> Inference:
        from alur_nb.ui.operating import in_job_group

        in_job_group(task)
        return infer(request, files, found)

    return in_background(session.shell, Task(title, work))


def _written(session: Session, name: str, found: Inference) -> Inference:
    """Write the cell below where this line has not written it yet; else say how it differs from what was written."""
    from alur_nb.authoring.infer_compare import beside_text

    before = session.written.get(_key(session, name))
    if before == found.cell:
        return replace(found, state="written before")
    if before is not None:
        return beside_text(found, before, "differs", "the cell that was written")
    saved = _saved_cell(session, found.table)
    if saved is not None:
        return beside_text(found, saved, "saved", "the cell in the saved notebook")
    if not session.takes_cells:
        return found
    session.write_below(found.cell)
    session.written[_key(session, name)] = found.cell
    return replace(found, state="written")


def _key(session: Session, name: str) -> tuple[str, str]:
    origin = session.cell.origin
    return (origin.cell_id or "" if origin else "", name)


def _saved_cell(session: Session, table: str) -> str | None:
    """Return the cell of the saved notebook that declares `layer.name`: after a restart the kernel knows of none.

    None where no notebook can be read: it was not saved yet, or it is not clear which one is meant.
    """
    from alur_nb.authoring.notebook import read_notebook
    from alur_nb.authoring.operate import find_notebook

    try:
        notebook = read_notebook(find_notebook(load_settings(), cell_ids=session.cell_ids))
    except AlurError:
        return None
    layer, _, name = table.partition(".")
    begins = re.compile(rf"%%alur_table\s+{re.escape(name)}(\s|$)(?!.*--from)")
    sources = (cell.source for cell in notebook.code if begins.match(cell.source))
    return next((source for source in sources if _layer_of(source) == layer), None)


def _layer_of(cell: str) -> str:
    """Return the layer that a cell of one table says, by its option or by what its class inherits."""
    said = re.search(r"--layer[\s=]+\W?(\w+)|\b(Bronze|Silver|Gold)Table\b", cell)
    return (said[1] or said[2]).lower() if said else "bronze"
