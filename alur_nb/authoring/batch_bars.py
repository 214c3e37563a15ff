"""A table's batches: each as a row of a table, and the rows that they brought as bars in the text's colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alur_nb.authoring.history import BatchLine
from alur_nb.authoring.html import Content, Html, tag
from alur_nb.runtime.errors import plural

HEADERS = ("batch", "state", "rows", "rejected", "checks", "took", "when (UTC)", "pipeline", "what")
_BAR, _SPACE, _HEIGHT, _FOOT = 18, 6, 72, 14


def bars(table_name: str, lines: Sequence[BatchLine]) -> Html:
    """Draw the rows of each batch, the oldest on the left; the table below has the same numbers."""
    oldest_first = [(line, line.batch.counts.get("rows", 0)) for line in reversed(lines)]
    most = max((rows for _, rows in oldest_first), default=0)
    if not most:
        return Html("")
    drawn = [
        _bar(number, line, rows, max(1, round(rows / most * _HEIGHT)) if rows else 0)
        for number, (line, rows) in enumerate(oldest_first)
    ]
    width, height = len(drawn) * (_BAR + _SPACE) + _SPACE, _HEIGHT + _FOOT
    ground = tag("path", d=f"M0 {_HEIGHT}.5H{width}")
    attributes = {
        "role": "img",
        "viewBox": f"0 0 {width} {height}",
        "width": str(width),
        "height": str(height),
        "fill": "none",
        "stroke": "currentColor",
    }
    title = (
        f"rows of each batch of {table_name}, the oldest first, at most {most:,}; the table has the numbers"
    )
    return tag("svg", tag("title", title), *drawn, ground, **attributes)


def _bar(number: int, line: BatchLine, rows: int, height: int) -> Html:
    """Draw a live batch filled, any other as an outline, with the last two digits of its number below."""
    x = _SPACE + number * (_BAR + _SPACE)
    box = {"x": str(x), "y": str(_HEIGHT - height), "width": str(_BAR), "height": str(height)}
    fill = {"fill": "currentColor", "fill-opacity": "0.6"} if line.live else {}
    where = {"x": str(x + _BAR // 2), "y": str(_HEIGHT + 11), "text-anchor": "middle", "font-size": "10"}
    return tag(
        "g",
        tag("title", f"{line.batch.id}: {plural(rows, 'row')}, {line.state}"),
        tag("rect", **box, **fill),
        tag("text", line.batch.id.partition("-")[0][-2:], **where, fill="currentColor", stroke="none"),
    )


def batch_row(line: BatchLine) -> tuple[Content, ...]:
    """Return a batch as a row under `HEADERS`."""
    batch, counts, seconds = line.batch, line.batch.counts, line.duration_seconds
    when = batch.times.get("planned", "")[:19].replace("T", " ")
    took = f"{seconds:.1f} s" if seconds is not None else ""
    return (
        batch.id, line.state, counts.get("rows"), counts.get("rejected") or None, line.checks_text, took, when,
        batch.pipeline, "; ".join(_what(line)),
    )  # fmt: skip


def _what(line: BatchLine) -> Iterator[str]:
    """Yield what else the text says of a batch: its files, what was dropped, and the lines below it."""
    counts = line.batch.counts
    if counts.get("files"):
        yield plural(counts["files"], "file")
    if counts.get("dropped"):
        yield f"{counts['dropped']:,} of them dropped"
    if counts.get("skipped_files"):
        yield f"{plural(counts['skipped_files'], 'file')} skipped"
    yield from (text.strip() for text in line.below())
