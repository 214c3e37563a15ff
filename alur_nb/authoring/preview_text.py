"""The plain text of a preview, at most 100 columns wide: the terminal's reading, and what a saved notebook keeps."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from alur_nb.authoring.preview_cells import (
    Limits,
    first,
    fitted,
    is_numeric,
    more_columns,
    more_rows,
    printable,
    profile_facts,
    sentence,
    shown_columns,
    shown_rows,
    value_text,
)
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ColumnProfile,
    ContractColumn,
    FileFact,
    Obstacle,
    Preview,
    ResultColumn,
    Sampled,
    SourcePreview,
)
from alur_nb.authoring.preview_notes import size_text
from alur_nb.runtime.compare import Status
from alur_nb.runtime.errors import plural

WIDTH = 100

_SHOWN_FILES = 10
_CELL_WIDTH = 32
# What needs a look comes first, where not all files are shown.
_BY_CONCERN: tuple[Status, ...] = ("bad", "changed", "same_content", "new", "skipped", "left_out", "done")


def to_text(preview: Preview) -> str:
    """Return what the preview found, the verdict first; where it is too much, each part says what it leaves out."""
    if not preview.pipeline:
        return "Nothing was previewed."
    return fitted(lambda limits: _text(preview, limits))


def _text(preview: Preview, limits: Limits) -> str:
    lines = [f"preview of {preview.pipeline} -> {preview.target}: {preview.verdict}"]
    lines += [loaded] if (loaded := loaded_text(preview)) else []
    if preview.since:
        lines.append(f"since the last preview: {sentence('; '.join(preview.since), limits)}")
    lines += _problems(preview.problems, limits)
    lines += listed([f"warning: {text}" for text in preview.warnings], "warning", limits)
    lines += listed([f"not seen: {text}" for text in preview.notes], "note", limits)
    for source in preview.sources:
        lines += _source(source, limits)
    lines += [
        *_rows(preview, limits),
        *_profiles("the result", preview.profiles, preview.sample_rows, limits),
    ]
    lines += [*_result_columns(preview, limits), *_rejected(preview, limits)]
    checks, more = first(preview.checks, limits.lines, "check", lambda check: check.result.name)
    lines += [line for check in checks for line in _check(check, limits)]
    lines += [more] if more else []
    lines += _lineage(preview, limits)
    return "\n".join(part for line in lines for part in _wrapped(line))


def loaded_text(preview: Preview) -> str:
    """Say that what is shown is loaded already, where a run would load nothing and there is something to show."""
    if preview.verdict != "nothing new" or not (preview.columns or preview.rejected_rows):
        return ""
    return "A run would load nothing; the rows, rejects and checks below are of what is loaded already."


def _problems(problems: Sequence[Obstacle], limits: Limits) -> Iterator[str]:
    for one in problems[: limits.lines]:
        yield sentence(f"problem: {one.message}", limits)
        if one.fix:
            yield sentence(f"  next: {one.fix}", limits)
    rest = len(problems) - limits.lines
    if rest > 0:
        yield f"and {plural(rest, 'more problem')}"


def listed(texts: Sequence[str], noun: str, limits: Limits) -> list[str]:
    """Return lines, each cut where it is too long, and how many more there are."""
    shown = [sentence(text, limits) for text in texts[: limits.lines]]
    rest = len(texts) - len(shown)
    return [*shown, f"and {plural(rest, f'more {noun}')}"] if rest else shown


def by_concern(files: Sequence[FileFact]) -> list[FileFact]:
    """Return the files, those that need a look first."""
    return sorted(files, key=lambda one: _BY_CONCERN.index(one.status))


def more_files(files: Sequence[FileFact], shown: int) -> str:
    """Say how many files are not shown, by status; an empty text where all are."""
    rest = Counter(one.status for one in files[shown:])
    told = ", ".join(f"{count:,} {status}" for status, count in rest.items())
    return f"and {plural(rest.total(), 'more file')}: {told}; all are in .sources and --json" if rest else ""


def sampled_text(sampled: Sampled) -> str:
    """Return what was read of what was found; a count that is not exact says so."""
    text = (
        f"read {sampled.files_read:,} of {plural(sampled.files_found, 'file')}, "
        f"{size_text(sampled.bytes_read)} of {size_text(sampled.bytes_found)}, {plural(sampled.rows, 'row')}"
    )
    text += f" ({sampled.rejected:,} rejected)" if sampled.rejected else ""
    if sampled.complete:
        return text + (", the whole file" if sampled.files_found == 1 else ", the whole files")
    return text + (f"; about {sampled.estimated_rows:,} rows in all" if sampled.estimated_rows else "")


def source_facts(source: SourcePreview) -> Iterator[str]:
    """Yield what a source holds and what was looked at, a line each."""
    if source.kind == "files":
        counts = ", ".join(f"{count:,} {status}" for status, count in source.counts.items() if count)
        yield f"files: {counts or 'none'}; to load: {size_text(source.bytes)}"
    else:
        whole = "read whole" if source.whole else "sampled"
        if source.partners is not None and source.partners.searched:
            whole = "searched for partners"
        yield f"{plural(source.batches, 'batch')}, {plural(source.batch_rows, 'row')}, {whole}"
    if source.sampled is not None:
        yield sampled_text(source.sampled)
    if source.pending:
        yield f"with the rows to come of {', '.join(source.pending)}"


def _source(source: SourcePreview, limits: Limits) -> Iterator[str]:
    state = "" if source.kind == "table" else f", {source.state}"
    yield sentence(f"{source.parameter}: {source.kind} {source.reads}{state}", limits)
    yield from (f"  {fact}" for fact in source_facts(source))
    files = by_concern(source.files)
    count = min(_SHOWN_FILES, limits.files)
    for one in files[:count]:
        reason = f": {sentence(one.reason, limits)}" if one.reason else ""
        yield f"  {one.status:<12} {printable(one.path)} ({size_text(one.bytes)}){reason}"
        if one.fix:
            yield f"    next: {sentence(one.fix, limits)}"
    more = more_files(files, count)
    if more:
        yield f"  {more}"
    yield from _contract(source.columns, limits)
    yield from _profiles(source.parameter, source.profiles, accepted_rows(source), limits)


def _contract(columns: Sequence[ContractColumn], limits: Limits) -> Iterator[str]:
    """Yield the columns that are as declared in one line, and each other in a line of its own."""
    kept, more = first(
        [one for one in columns if one.state == "in files"], limits.columns, "column", lambda one: one.name
    )
    if kept:
        names = (
            f"{one.name} (`{value_text(one.header)}`)" if one.header else value_text(one.name) for one in kept
        )
        yield f"  columns in files: {', '.join(names)}{f', {more}' if more else ''}"
    others, more = first(
        [one for one in columns if one.state != "in files"], limits.columns, "column", lambda one: one.name
    )
    for one in others:
        spelled = f", spelled `{value_text(one.header)}`" if one.header else ""
        declared = f" {one.ddl}" if one.ddl else ""
        found = f"{one.found} of {plural(one.files, 'opened file')}"
        yield f"  column {value_text(one.name)}{declared}: {one.state}, in {found}{spelled}"
        if one.proposed:
            yield f"    to declare it: {sentence(one.proposed, limits)}"
    if more:
        yield f"  {more}"


def _rows(preview: Preview, limits: Limits) -> Iterator[str]:
    if not preview.columns:
        return
    width, height = shown_columns(preview, limits), shown_rows(preview, limits)
    yield f"{rows_caption(preview, height)}:"
    names, types = preview.columns[:width], preview.types[:width]
    headers = [f"{value_text(name)} {kind}" for name, kind in zip(names, types, strict=True)]
    cells = [[value_text(cell, _CELL_WIDTH) for cell in row[:width]] for row in preview.rows[:height]]
    yield from _table(headers, cells, [is_numeric(kind) for kind in types])
    yield from (f"  {more}" for more in (more_rows(preview, limits), more_columns(preview, limits)) if more)


def rows_caption(preview: Preview, shown: int) -> str:
    """Return how many rows are shown, and of what."""
    rows = plural(preview.sample_rows, "row")
    return f"the first {shown:,} of {rows if preview.exact else f'a sample of {rows}'}"


def profiles_caption(of: str, profiles: Sequence[ColumnProfile], rows: int) -> str:
    """Return whose columns they are, and over how many of the rows they were looked at."""
    seen = profiles[0].rows
    first_of = "" if seen == rows else f"the first {seen:,} of "
    return f"what the columns of {of} hold, in {first_of}{plural(rows, 'row')}"


def accepted_rows(source: SourcePreview) -> int:
    """How many rows of a source's sample the function was given."""
    return source.sampled.rows - source.sampled.rejected if source.sampled is not None else 0


def _profiles(of: str, profiles: Sequence[ColumnProfile], rows: int, limits: Limits) -> Iterator[str]:
    if not profiles:
        return
    yield f"{profiles_caption(of, profiles, rows)}:"
    shown, more = first(profiles, limits.columns, "column", lambda one: one.name)
    for one in shown:
        nulls, distinct, spread = profile_facts(one)
        ends = f", least {value_text(one.least)}, greatest {value_text(one.greatest)}"
        ends = ends if one.least is not None else ""
        kind = sentence(one.type, limits)
        yield f"  {value_text(one.name)} {kind}: nulls {nulls}, distinct {distinct}{ends}"
        if spread:
            yield f"    {spread}"
    if more:
        yield f"  {more}"


def _result_columns(preview: Preview, limits: Limits) -> Iterator[str]:
    kept, more = first(
        [one.name for one in preview.result_columns if one.state == "ok"], limits.columns, "column"
    )
    if kept:
        yield f"result columns ok: {', '.join(map(value_text, kept))}{f', {more}' if more else ''}"
    others, more = first(
        [one for one in preview.result_columns if one.state != "ok"], limits.columns, "column", _name
    )
    for one in others:
        given, declared = one.given or "nothing", one.declared or "nothing"
        fate = "" if one.fate == one.state else f": {one.fate}"
        said = f"result column {value_text(one.name)}: {one.state} (given {given}, declared {declared}){fate}"
        yield sentence(said, limits)
        if one.proposed:
            yield f"  to declare it: {sentence(one.proposed, limits)}"
    if more:
        yield more


def _name(column: ResultColumn) -> str:
    return column.name


def _rejected(preview: Preview, limits: Limits) -> Iterator[str]:
    if not preview.rejected_rows:
        return
    yield f"{plural(preview.rejected_rows, 'rejected row')}, by reason:"
    reasons = list(preview.reject_reasons.items())
    shown, more = first(reasons, limits.lines, "reason", lambda item: item[0])
    yield from (f"  {count:>6,}  {sentence(reason, limits)}" for reason, count in shown)
    if more:
        yield f"  {more}"
    rows = preview.rejected[: limits.rejected]
    yield f"the first {len(rows):,} rejected rows:"
    for one in rows:
        line = f", line {one.line}" if one.line is not None else ""
        column = f", column {one.column}" if one.column else ""
        value = f", value {value_text(one.value)}" if one.value is not None else ""
        reason = sentence(one.reason, limits)
        yield f"  {printable(one.source_file or 'made by the pipeline')}{line}{column}{value}: {reason}"
        yield f"    | {value_text(one.raw)}"


def _check(check: CheckPreview, limits: Limits) -> Iterator[str]:
    result = check.result
    note = check.note or ("judged on a sample" if check.on_sample else "")
    severity = f"{result.severity}{'' if check.outcome == 'failed' else ' if it fails'}"
    yield sentence(f"check {result.name}: {check.outcome}, {result.metric} ({severity})", limits)
    yield from (f"  {sentence(fact, limits)}" for fact in (result.message, note) if fact)
    for example in result.examples:
        names, more = first(list(example), limits.columns, "column")
        shown = ", ".join(f"{value_text(name)}={value_text(example[name])}" for name in names)
        yield f"  fails: {shown}{f', {more}' if more else ''}"


def _lineage(preview: Preview, limits: Limits) -> Iterator[str]:
    if not preview.lineage:
        return
    yield "lineage:"
    for number, step in enumerate(preview.lineage, start=1):
        committed = "" if step.previewed else " (its committed rows)"
        reads = ", ".join(step.reads) or "no source"
        yield f"  {number}. {step.pipeline}: {reads} -> {step.writes}{committed}"
    yield from (f"     {line}" for line in listed(preview.columns_from, "column", limits))


def _table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], to_the_right: Sequence[bool]
) -> Iterator[str]:
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
            cells = (
                row[index].rjust(widths[index]) if to_the_right[index] else row[index].ljust(widths[index])
                for index in range(start, end)
            )
            yield ("  " + "  ".join(cells)).rstrip()
        start = end


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
