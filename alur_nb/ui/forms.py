"""The forms of `%alur_table --new` and `%alur_pipeline --new`: they write the text of a cell, and nothing else.

A button's callback can put no cell into the notebook: what it hands to `set_next_input` leaks into whatever cell runs
next (the payload travels with an execute reply, and a callback has none). So the button keeps the text, and the next
run of the same line writes it below.
"""

from __future__ import annotations

import argparse
import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import AlurError
from alur_nb.ui.display import Live
from alur_nb.ui.form_facts import PIP, Form, draft_card, draft_text
from alur_nb.ui.form_text import (
    EXAMPLE_COLUMNS,
    KINDS,
    LAYERS,
    Draft,
    PipelineValues,
    TableValues,
    pipeline_draft,
    table_draft,
)
from alur_nb.ui.html import Html
from alur_nb.ui.session import Session

if TYPE_CHECKING:
    from alur_nb.authoring.infer_facts import Inference

_WIDE = "98%"


def table_form(session: Session, options: argparse.Namespace) -> Form:
    """Show the form for a table, filled with what the line says; or write the cell that was kept."""
    values = TableValues(
        options.name or "",
        options.layer or "bronze",
        primary_key=options.primary_key or "",
        sequence_by=options.sequence_by or "",
        delete_when=options.delete_when or "",
        history=options.scd_type == "2",
        partition_by=options.partition_by or "",
        freshness=options.freshness or "",
        description=options.description or "",
    )
    example = replace(values, name=values.name or "orders", columns=EXAMPLE_COLUMNS)
    return _answer(
        session,
        "table",
        table_draft(example, session.project).cell,
        lambda: TableForm(session, values, pattern=options.from_ or ""),
    )


def pipeline_form(session: Session, options: argparse.Namespace) -> Form:
    """Show the form for a pipeline, filled with what the line says; or write the cell that was kept."""
    tables = list(session.project.tables)
    values = PipelineValues(
        name=options.name or "",
        target=options.target or (tables[0] if len(tables) == 1 else ""),
        sources="\n".join(options.from_ or ()),
        source_system=options.source_system or "",
        strict=options.strict is not False,
        schedule=options.schedule or "",
        timezone=options.timezone or "",
        expectations="\n".join(options.expect),
    )
    example = replace(
        values,
        name=values.name or "ingest_orders",
        target=values.target or "bronze.orders",
        sources=values.sources or "orders/*.csv",
    )
    return _answer(
        session,
        "pipeline",
        pipeline_draft(example, session.project).cell,
        lambda: PipelineForm(session, values),
    )


def _answer(session: Session, kind: str, template: str, opened: Callable[[], OpenForm]) -> Form:
    """Write what was kept; else open the form, or where there can be no controls write the template."""
    if is_export_mode():
        return Form()
    kept = session.kept.pop(_key(session, kind), None)
    if kept is not None:
        session.write_below(kept)
        return Form(kind, "written", kept)
    has_widgets = importlib.util.find_spec("ipywidgets") is not None
    if has_widgets and hasattr(session.shell, "kernel") and session.takes_cells:
        opened().show()
        return Form(kind, "open")
    if session.takes_cells:
        session.write_below(template)
    return Form(kind, "template", template, "" if has_widgets else PIP)


def _key(session: Session, kind: str) -> tuple[str, str]:
    origin = session.cell.origin
    return (origin.cell_id or "" if origin else "", kind)


class OpenForm:
    """The controls of one form, and the output that shows the cell they make; callbacks may come in any thread."""

    kind = ""

    def __init__(self, session: Session) -> None:
        import ipywidgets

        self.widgets = ipywidgets
        self.session = session
        self.key = _key(session, self.kind)
        self.live = Live(session.shell)
        self.lock = threading.RLock()
        self.controls: dict[str, Any] = {}
        self.told = ""
        self.evidence: Html | None = None
        self.keep = self.button(
            "Write the cell", "Keeps the text; the next run of this cell writes it below", self.kept
        )

    def draft(self) -> Draft:
        """Return the cell as the controls have it."""
        raise NotImplementedError

    def rows(self) -> list[Any]:
        """Return the controls from top to bottom."""
        said = self.widgets.Label("then run this cell again: Shift+Enter")
        return [*self.controls.values(), self.widgets.HBox([self.keep, said])]

    def show(self) -> None:
        """Show the controls, and below them the cell that they make."""
        from IPython.display import display

        display(self.widgets.VBox(self.rows()))  # type: ignore[no-untyped-call]
        self.refresh()

    def add(self, name: str, kind: str, label: str, tooltip: str, **settings: Any) -> None:
        """Add a control under its label; each change shows the cell anew."""
        control = getattr(self.widgets, kind)(
            description=label,
            tooltip=tooltip,
            style={"description_width": "9em"},
            layout=self.widgets.Layout(width=_WIDE),
            **settings,
        )
        control.observe(self.changed, names="value")
        self.controls[name] = control

    def button(self, label: str, tooltip: str, pressed: Callable[[], None]) -> Any:
        """Return a button with words on it."""
        made = self.widgets.Button(description=label, tooltip=tooltip)
        made.on_click(lambda _: pressed())
        return made

    def value(self, name: str) -> Any:
        """Return what a control holds."""
        return self.controls[name].value

    def changed(self, change: object = None) -> None:
        """Show the cell anew; what was told of an earlier state no longer holds."""
        with self.lock:
            self.session.kept.pop(self.key, None)
            self.told, self.evidence = "", None
            self.refresh()

    def kept(self) -> None:
        """Keep the text for the next run of the cell; a text with a problem is not kept."""
        with self.lock:
            draft = self.draft()
            self.evidence = None
            if draft.problem:
                self.told = "Not kept: correct the problem first."
            else:
                self.session.kept[self.key] = draft.cell
                self.told = "Kept. Run this cell again (Shift+Enter), and it is written below; or copy the text above."
            self.refresh()

    def refresh(self) -> None:
        """Show how the form stands."""
        draft = self.draft()
        text = draft_text(self.kind, draft, self.told)
        self.live.update(text, draft_card(self.kind, draft, self.told, self.evidence))


class TableForm(OpenForm):
    """The form for a table; `Look` infers the columns from files, in a thread of its own."""

    kind = "table"

    def __init__(self, session: Session, values: TableValues, pattern: str = "") -> None:
        super().__init__(session)
        self.thread: threading.Thread | None = None
        self.add("name", "Text", "name", "lower case letters, digits and _", value=values.name)
        self.add(
            "layer",
            "Dropdown",
            "layer",
            "bronze as delivered, silver cleaned, gold to be used",
            options=LAYERS,
            value=values.layer,
        )
        self.add("pattern", "Text", "files to look at", "for example orders/*.csv; optional", value=pattern)
        self.look = self.button("Look", "Infers the columns from a sample of the files", self.looked)
        self.add(
            "columns",
            "Textarea",
            "columns",
            "one a line: order_id string not null",
            value=values.columns,
            rows=8,
        )
        self.add(
            "primary_key", "Text", "primary key", "columns, separated by commas", value=values.primary_key
        )
        self._add_merge(values)
        self.add(
            "partition_by", "Text", "partition by", "columns, or day(created_at)", value=values.partition_by
        )
        self.add(
            "freshness", "Text", "freshness", "older than this it is stale: 26 hours", value=values.freshness
        )
        self.add("description", "Text", "description", "what the table holds", value=values.description)
        self._enable()

    def _add_merge(self, values: TableValues) -> None:
        self.add(
            "sequence_by",
            "Text",
            "last version by",
            "the column that grows from version to version, such as updated_at",
            value=values.sequence_by,
        )
        self.add(
            "delete_when",
            "Text",
            "deletes when",
            "SQL: such a row deletes its key's row, status = 'gone'",
            value=values.delete_when,
        )
        self.add(
            "history",
            "Checkbox",
            "history: every version stays",
            "off: the last version of a row takes the place of the one before",
            value=values.history,
        )

    def rows(self) -> list[Any]:
        """Return the controls; the button stands below the pattern."""
        rows = super().rows()
        rows.insert(rows.index(self.controls["pattern"]) + 1, self.look)
        return rows

    def draft(self) -> Draft:
        """Return the cell as the controls have it."""
        return table_draft(self._values(), self.session.project)

    def changed(self, change: object = None) -> None:
        """Show the cell anew, and enable what only a table that merges is asked."""
        with self.lock:
            self._enable()
            super().changed(change)

    def _values(self) -> TableValues:
        values = {name: control.value for name, control in self.controls.items() if name != "pattern"}
        return TableValues(**values)

    def _enable(self) -> None:
        merges = self._values().merges
        for name in ("sequence_by", "delete_when", "history"):
            self.controls[name].disabled = not merges

    def looked(self) -> None:
        """Look at the files in a thread: the kernel stays free, and so does the form."""
        with self.lock:
            if self.look.disabled:
                return
            self.look.disabled, self.look.description = True, "Looking..."
            self.thread = threading.Thread(target=self._look, name="alur-look", daemon=True)
            self.thread.start()

    def _look(self) -> None:
        from alur_nb.authoring.infer import infer, landing_files, list_files
        from alur_nb.authoring.infer_facts import Request

        try:
            request = Request(
                self.value("name").strip() or "orders", self.value("pattern").strip(), self.value("layer")
            )
            files, folder = landing_files()
            self._take(infer(request, files, list_files(request, files, folder)))
        except AlurError as error:
            self._tell(str(error))
        # Whatever it is, the form says it: of a thread it would be a traceback in some cell.
        except Exception as error:  # noqa: BLE001 - told, and nothing else depends on it
            self._tell(f"The look ended with {type(error).__name__}: {error}")
        finally:
            with self.lock:
                self.look.disabled, self.look.description = False, "Look"

    def _tell(self, text: str) -> None:
        with self.lock:
            self.told, self.evidence = text, None
            self.refresh()

    def _take(self, found: Inference) -> None:
        """Fill in the columns, and show the evidence below the cell."""
        from alur_nb.ui.inference_card import inference_card

        with self.lock:
            self.controls["columns"].value = found.cell.partition("\n")[2]
            self.told, self.evidence = str(found), inference_card(found)
            self.refresh()


class PipelineForm(OpenForm):
    """The form for a pipeline: an ingestion, a query or a function."""

    kind = "pipeline"

    def __init__(self, session: Session, values: PipelineValues) -> None:
        super().__init__(session)
        tables: Sequence[str] = list(session.project.tables)
        self.add("kind", "Dropdown", "kind", "what the pipeline is made of", options=KINDS, value=values.kind)
        self.add("name", "Text", "name", "lower case letters, digits and _", value=values.name)
        self.add(
            "target", "Combobox", "target", "the table that it writes", options=tables, value=values.target
        )
        self.add(
            "sources",
            "Textarea",
            "sources",
            "files: a pattern a line; function: orders = orders/*.csv, or orders = new(bronze.orders)",
            value=values.sources,
            rows=3,
        )
        self.add("query", "Textarea", "query", "SQL over declared tables", value=values.query, rows=6)
        self.add(
            "source_system", "Text", "source system", "where the files come from", value=values.source_system
        )
        self.add(
            "strict",
            "Checkbox",
            "strict: any bad row stops the load",
            "off: bad files are skipped and bad rows rejected",
            value=values.strict,
        )
        self.add("schedule", "Text", "schedule", "six fields: 0 6 * * ? *", value=values.schedule)
        self.add("timezone", "Text", "time zone", "of the schedule, default UTC", value=values.timezone)
        self.add(
            "expectations",
            "Textarea",
            "expectations",
            "SQL rules, one a line: amount >= 0",
            value=values.expectations,
            rows=3,
        )
        self._enable()

    def draft(self) -> Draft:
        """Return the cell as the controls have it."""
        values = PipelineValues(**{name: control.value for name, control in self.controls.items()})
        return pipeline_draft(values, self.session.project)

    def changed(self, change: object = None) -> None:
        """Show the cell anew, and enable what its kind asks for."""
        with self.lock:
            self._enable()
            super().changed(change)

    def _enable(self) -> None:
        kind = self.value("kind")
        for name, kinds in (
            ("sources", (KINDS[0], KINDS[2])),
            ("query", (KINDS[1],)),
            ("source_system", (KINDS[0],)),
            ("strict", (KINDS[0],)),
        ):
            self.controls[name].disabled = kind not in kinds
