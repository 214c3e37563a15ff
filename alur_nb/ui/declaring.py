"""What `%alur_table` and `%alur_pipeline` do: show what is declared, or declare it from the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alur_nb.authoring.commands import PIPELINE, TABLE, pipeline_command, table_command
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.tables import Table
from alur_nb.ui.glance import Glance, glance
from alur_nb.ui.session import Session

if TYPE_CHECKING:
    from alur_nb.authoring.infer_facts import Inference
    from alur_nb.authoring.preview_facts import Preview
    from alur_nb.ui.form_facts import Form


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a cell declared, and the Python that it stands for where the cell holds something else."""

    tables: tuple[Table, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    source: str | None = None

    def __str__(self) -> str:
        lines = [f"declared {table_text(table)}" for table in self.tables]
        lines += [f"declared {pipeline_text(pipeline)}" for pipeline in self.pipelines]
        return "\n".join(lines) or "The cell declares nothing."

    def __repr__(self) -> str:
        return str(self)


def table_text(table: Table) -> str:
    """Return a table in one line."""
    count = len(table.columns)
    return f"table {table.qualified_name} ({table.class_name}): {count} column{'' if count == 1 else 's'}"


def pipeline_text(pipeline: Pipeline) -> str:
    """Return a pipeline in one line."""
    from alur_nb.authoring.listing import source_text

    sources = ", ".join(source_text(source) for source in pipeline.sources.values()) or "no source"
    return f"pipeline {pipeline.name}: {sources} -> {pipeline.target.qualified_name}"


def table(session: Session, line: str, body: str | None) -> Declaration | Table | Glance | Inference | Form:
    """Declare from a cell; as a line show one table or all of them, infer one from files, or show the form."""
    options = table_command().parse(line)
    if body is None and options.new:
        from alur_nb.ui.forms import table_form

        return table_form(session, options)
    if body is None and options.from_:
        from alur_nb.ui.inferring import table_from

        return table_from(session, options)
    given = {key: value for key, value in vars(options).items() if value}
    if body is None and not given:
        return glance(session.project, pipelines=False, memory=session.memory)
    if body is None and set(given) == {"name"}:
        return session.project.table(options.name)
    return _declare(session, TABLE, line, body)


def pipeline(
    session: Session, line: str, body: str | None
) -> Declaration | Pipeline | Glance | Preview | Form:
    """Declare from a cell, or from a line with `--from`; as a line show one pipeline or all of them, or the form."""
    options = pipeline_command().parse(line)
    if body is None and options.new:
        from alur_nb.ui.forms import pipeline_form

        return pipeline_form(session, options)
    given = {key: value for key, value in vars(options).items() if value not in (None, [], False)}
    if body is None and not given:
        return glance(session.project, tables=False, memory=session.memory)
    if body is None and set(given) == {"name"}:
        return session.project.pipeline(options.name)
    declared = _declare(session, PIPELINE, line, body)
    if options.name and options.name not in {one.name for one in declared.pipelines}:
        names = ", ".join(one.name for one in declared.pipelines) or "no pipeline"
        raise NotebookError(
            f"The line names `{options.name}`, and the body declares {names}.",
            place=Place(line=1),
            fix="Give both the same name, or leave the name in the line out.",
        )
    if options.preview is not None and declared.pipelines and not is_export_mode():
        from alur_nb.ui.operating import previewed

        return previewed(session, declared.pipelines[0].name, rows=options.preview)
    return declared


def _declare(session: Session, magic: str, line: str, body: str | None) -> Declaration:
    """Unfold the cell to Python and execute exactly that text."""
    from alur_nb.authoring.unfold import unfold

    text = unfold(magic, line, body, session.project, names=session.names)
    is_typed = text == body
    with session.recording() as declared:
        try:
            session.execute(text, typed=is_typed)
        except AlurError as error:
            if not is_typed and error.place is None:
                # The line in the written text is no line of the cell.
                error.place = Place(line=1)
            raise
        except NameError as error:
            if is_typed:
                raise
            raise NotebookError(
                f"The notebook has no name `{error.name}`, which the declaration uses.",
                place=Place(line=1),
                fix=f"Run the cell that declares {error.name}, or import it.",
            ) from error
    session.bring_iceberg(declared)
    return Declaration(
        tables=tuple(one for one in declared if isinstance(one, Table)),
        pipelines=tuple(one for one in declared if isinstance(one, Pipeline)),
        source=None if is_typed else text,
    )
