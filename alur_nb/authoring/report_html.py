"""The report as one HTML file: no script, nothing from elsewhere, light and dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterator

from alur_nb.authoring.batch_bars import HEADERS, bars, batch_row
from alur_nb.authoring.batch_cost import ASSUMPTIONS
from alur_nb.authoring.dag_picture import picture
from alur_nb.authoring.html import Content, Html, details, items, paragraph, strong, table, tag
from alur_nb.authoring.report_facts import CheckLine, Status, TableStatus
from alur_nb.authoring.report_text import cost_text, moment
from alur_nb.runtime.errors import plural

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; display: block; overflow-x: auto; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  vertical-align: top; }
svg { max-width: 100%; height: auto; }
h2 { margin-top: 2.5rem; }
code { font-family: ui-monospace, monospace; }
"""


def to_page(status: Status, *, refresh_seconds: int | None = None) -> str:
    """Return the report as a whole document; the same status gives the same bytes.

    With `refresh_seconds` a browser asks for it again by itself.
    """
    title = f"{status.project}: {status.environment}"
    again = f'<meta http-equiv="refresh" content="{refresh_seconds}">' if refresh_seconds else ""
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a name or a message holds, nothing of it can be run or fetched.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"{again}{tag('title', title)}\n<style>{_STYLE}</style>\n</head>\n"
    )
    body = tag("body", tag("main", tag("h1", title), *sections(status)))
    return f"{head}{body}\n</html>\n"


def sections(status: Status) -> Iterator[Html]:
    """Yield the parts of the report: verdict, freshness, each table's runs and checks, lineage, cost."""
    yield paragraph(strong(status.head), f" at {moment(status.at)}")
    yield tag("h2", "Freshness")
    rows = [_fresh(one) for one in status.tables]
    yield table(
        "how old each table is", ("table", "state", "age", "wanted", "last batch (UTC)", "rows"), rows
    )
    yield tag("h2", "Runs and checks")
    for one in status.tables:
        yield from _table(one)
    yield tag("h2", "Lineage")
    count = plural(len(status.lineage), "pipeline")
    if status.graph.edges:
        yield picture(status.graph, f"{count} with their sources and tables; the lists below say the same")
        yield paragraph(status.graph.cut) if status.graph.cut else Html("")
    for name, lines in status.lineage:
        yield details(name, items(lines), is_open=len(status.lineage) <= 3)
    yield tag("h2", "Cost")
    yield from _cost(status)


def _fresh(one: TableStatus) -> tuple[Content, ...]:
    state = strong(one.freshness) if one.freshness in ("stale", "never loaded") else one.freshness
    rows = "not known from here" if one.rows is None else one.rows
    return (one.name, state, one.age_text, one.wanted, moment(one.last).removesuffix(" UTC"), rows)


def _table(one: TableStatus) -> Iterator[Html]:
    yield tag("h3", one.name)
    if not one.batches:
        yield paragraph("No batch.")
        return
    yield bars(one.name, one.batches)
    yield table(f"batches of {one.name}, the newest first", HEADERS, map(batch_row, one.batches))
    if (older := one.total - len(one.batches)) > 0:
        yield paragraph(f"{older:,} older")
    if one.checks:
        yield table(
            f"checks of {one.name} over its batches, the oldest first",
            ("check", "so far", "each batch", "what it said last"),
            [(check.name, check.text, _marks(check), check.message) for check in one.checks],
        )


def _marks(check: CheckLine) -> str:
    """Return a mark a batch: a reader without colours sees it too."""
    return " ".join({True: "✓", False: "✗", None: "·"}[one] for one in check.results)


def _cost(status: Status) -> Iterator[Html]:
    if status.cost is None:
        yield paragraph("Runs on this machine cost nothing; nothing else is known here.")
        return
    yield paragraph(strong(cost_text(status.cost)), " for the batches in the ledger")
    rows = [(one.name, cost_text(one.cost)) for one in status.tables if one.cost is not None]
    yield table("cost by table", ("table", "about"), rows)
    yield paragraph(ASSUMPTIONS)
