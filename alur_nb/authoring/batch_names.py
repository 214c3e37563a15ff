"""Tables and batches as people name them: a table or the pipeline that writes it, a batch by its id or its number."""

from __future__ import annotations

from alur_nb.runtime.errors import DeclarationError, LedgerError, suggest
from alur_nb.runtime.ledger import Batch, Ledger, epoch_of
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table


def table_named(project: Project, name: str) -> Table:
    """Return the named table, or the one that the pipeline of this name writes; raises DeclarationError."""
    return project.pipelines[name].target if name in project.pipelines else project.table(name)


def pipeline_named(project: Project, name: str) -> Pipeline:
    """Return the named pipeline, or the one that writes the table of this name; raises DeclarationError."""
    if name in project.pipelines:
        return project.pipeline(name)
    known = {table.name for table in project.tables.values()} | set(project.tables)
    if name not in known:
        return project.pipeline(name)  # raises, with a suggestion
    target = project.table(name).qualified_name
    for pipeline in project.pipelines.values():
        if pipeline.target.qualified_name == target:
            return pipeline
    raise DeclarationError(f"No pipeline writes {target}.", fix="alur list shows what is declared.")


def batch_named(ledger: Ledger, table: Table, text: str) -> Batch:
    """Return a batch of the table: by its id `00000012-0001`, or by its number, `12`.

    Raises LedgerError with the nearest id for one that is not there.
    """
    batches = ledger.batches(table.qualified_name)
    for batch in batches:
        if text == batch.id or (text.isdigit() and int(text) == epoch_of(batch.id)):
            return batch
    hint = suggest(text, [batch.id for batch in batches])
    raise LedgerError(
        f"{table.qualified_name} has no batch {text}{hint}.", fix=f"Its batches: alur history {table.name}"
    )
