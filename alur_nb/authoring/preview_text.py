"""The plain text of a preview, at most 100 columns wide: the terminal's reading, and what a saved notebook keeps."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from alur_nb.authoring.preview_facts import CheckPreview, ContractColumn, Preview, Sampled, SourcePreview
from alur_nb.authoring.preview_notes import size_text
from alur_nb.authoring.query import cell_text
from alur_nb.runtime.compare import Status
from alur_nb.runtime.errors import plural

WIDTH = 100

_SHOWN_FILES = 10
_CELL_WIDTH = 32
# What needs a look comes first, where not all files are shown.
_BY_CONCERN: tuple[Status, ...] = ("bad", "changed", "same_content", "new", "skipped", "left_out", "done")


def to_text(preview: Preview) -> str:
    """Return everything that the preview found, the verdict first."""
    if not preview.pipeline:
        return "Nothing was previewed."
    lines = [f"preview of {preview.pipeline} -> {preview.target}: {preview.verdict}"]
    for problem in preview.problems:
        lines.append(f"problem: {problem.message}")
        if problem.fix:
            lines.append(f"  next: {problem.fix}")
    lines += [f"warning: {text}" for text in preview.warnings]
    lines += [f"not seen: {text}" for text in preview.notes]
    for source in preview.sources:
        lines += _source(source)
    lines += [*_rows(preview), *_result_columns(preview), *_rejected(preview)]
    lines += [line for check in preview.checks for line in _check(check)]
    lines += _lineage(preview)
    return "\n".join(part for line in lines for part in _wrapped(line))


def sampled_text(sampled: Sampled) -> str:
    """Return what was read of what was found; a count that is not exact says so."""
    text = (
        f"read {sampled.files_read:,} of {plural(sampled.files_found, 'file')}, "
        f"{size_text(sampled.bytes_read)} of {size_text(sampled.bytes_found)}, {plural(sampled.rows, 'row')}"
    )
    text += f", {sampled.rejected:,} rejected" if sampled.rejected else ""
    if sampled.complete:
        return text + ": all of them"
    return text + (f"; about {sampled.estimated_rows:,} rows in all" if sampled.estimated_rows else "")


def source_facts(source: SourcePreview) -> Iterator[str]:
    """Yield what a source holds and what was looked at, a line each."""
    if source.kind == "files":
        counts = ", ".join(f"{count:,} {status}" for status, count in source.counts.items() if count)
        yield f"files: {counts or 'none'}; to load: {size_text(source.bytes)}"
    else:
        whole = "read whole" if source.whole else "sampled"
        yield f"{plural(source.batches, 'batch')}, {plural(source.batch_rows, 'row')}, {whole}"
    if source.sampled is not None:
        yield sampled_text(source.sampled)
    if source.pending:
        yield f"with the rows to come of {', '.join(source.pending)}"


def _source(source: SourcePreview) -> Iterator[str]:
    state = "" if source.kind == "table" else f", {source.state}"
    yield f"{source.parameter}: {source.kind} {source.reads}{state}"
    yield from (f"  {fact}" for fact in source_facts(source))
    files = sorted(source.files, key=lambda one: _BY_CONCERN.index(one.status))
    for one in files[:_SHOWN_FILES]:
        reason = f": {one.reason}" if one.reason else ""
        yield f"  {one.status:<12} {one.path} ({size_text(one.bytes)}){reason}"
        if one.fix:
            yield f"    next: {one.fix}"
    if len(files) > _SHOWN_FILES:
        yield f"  ... and {plural(len(files) - _SHOWN_FILES, 'more file')}"
    yield from _contract(source.columns)


def _contract(columns: Sequence[ContractColumn]) -> Iterator[str]:
    """Yield the columns that are as declared in one line, and each other in a line of its own."""
    kept = [one for one in columns if one.state == "in files"]
    if kept:
        names = (f"{one.name} (`{one.header}`)" if one.header else one.name for one in kept)
        yield f"  columns in files: {', '.join(names)}"
    for one in columns:
        if one.state != "in files":
            spelled = f", spelled `{one.header}`" if one.header else ""
            declared = f" {one.ddl}" if one.ddl else ""
            found = f"{one.found} of {plural(one.files, 'opened file')}"
            yield f"  column {one.name}{declared}: {one.state}, in {found}{spelled}"


def _rows(preview: Preview) -> Iterator[str]:
    if not preview.columns:
        return
    of = (
        plural(preview.sample_rows, "row")
        if preview.exact
        else f"a sample of {plural(preview.sample_rows, 'row')}"
    )
    yield f"the first {len(preview.rows):,} of {of}:"
    headers = [f"{name} {kind}" for name, kind in zip(preview.columns, preview.types, strict=True)]
    yield from _table(headers, [[_shown(cell) for cell in row] for row in preview.rows])


def _result_columns(preview: Preview) -> Iterator[str]:
    kept = [one.name for one in preview.result_columns if one.state == "ok"]
    if kept:
        yield f"result columns ok: {', '.join(kept)}"
    for one in preview.result_columns:
        if one.state != "ok":
            given, declared = one.given or "nothing", one.declared or "nothing"
            yield f"result column {one.name}: {one.state} (given {given}, declared {declared})"


def _rejected(preview: Preview) -> Iterator[str]:
    if not preview.rejected_rows:
        return
    yield f"{plural(preview.rejected_rows, 'rejected row')}, by reason:"
    yield from (f"  {count:>6,}  {reason}" for reason, count in preview.reject_reasons.items())
    yield f"the first {len(preview.rejected):,} rejected rows:"
    for one in preview.rejected:
        line = f", line {one.line}" if one.line is not None else ""
        column = f", column {one.column}" if one.column else ""
        yield f"  {one.source_file or 'made by the pipeline'}{line}{column}: {one.reason}"
        yield f"    | {_shown(one.raw)}"


def _check(check: CheckPreview) -> Iterator[str]:
    result = check.result
    note = check.note or ("judged on a sample" if check.on_sample else "")
    yield f"check {result.name}: {check.outcome}, {result.metric} ({result.severity})"
    yield from (f"  {fact}" for fact in (result.message, note) if fact)
    for example in result.examples:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in example.items())
        yield f"  fails: {shown}"


def _lineage(preview: Preview) -> Iterator[str]:
    if not preview.lineage:
        return
    yield "lineage:"
    for number, step in enumerate(preview.lineage, start=1):
        committed = "" if step.previewed else " (its committed rows)"
        reads = ", ".join(step.reads) or "no source"
        yield f"  {number}. {step.pipeline}: {reads} -> {step.writes}{committed}"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield an aligned table, in blocks of as many columns as fit; no column is left out."""
    cut = [[_cut(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[index]) for row in cut) for index in range(len(headers))]
    start = 0
    while start < len(widths):
        end, used = start + 1, 2 + widths[start]
        while end < len(widths) and used + 2 + widths[end] <= WIDTH:
            used += 2 + widths[end]
            end += 1
        for row in cut:
            cells = (cell.ljust(width) for cell, width in zip(row[start:end], widths[start:end], strict=True))
            yield ("  " + "  ".join(cells)).rstrip()
        start = end


def _shown(value: object) -> str:
    """Return a value as text that cannot move a terminal's cursor."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in cell_text(value))


def _cut(text: str) -> str:
    return text if len(text) <= _CELL_WIDTH else f"{text[: _CELL_WIDTH - 1]}…"


def _wrapped(line: str) -> list[str]:
    """Break a line at blanks, its continuation indented; only a word that is wider than the text is cut."""
    broken: list[str] = []
    for part in line.splitlines() or [""]:
        indent = " " * (len(part) - len(part.lstrip()) + 4)
        fits = len(part) <= WIDTH
        broken += (
            [part] if fits else textwrap.wrap(part, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        )
    return broken
