"""What a preview says in words: what would stop the run, what looks odd, and what was not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alur_nb.authoring.preview_facts import Obstacle, Partners
from alur_nb.authoring.preview_files import FilesSample
from alur_nb.authoring.preview_joins import is_lacking
from alur_nb.authoring.preview_rehearsed import Rehearsed, TableSample
from alur_nb.authoring.sizes import size_text as size_text  # others have it from here
from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.errors import plural
from alur_nb.runtime.pipelines import FileSource, NewSource, Pipeline

_NAMED = 10


def describe_reads(pipeline: Pipeline, loads: Sequence[FilesSample]) -> tuple[str, ...]:
    """Return what a pipeline reads: patterns and tables, a table of which only new batches are read as `new(..)`."""
    reads = []
    for source in pipeline.sources.values():
        if isinstance(source, FileSource):
            reads.append(", ".join(source.patterns))
        else:
            name = source.table.qualified_name
            reads.append(f"new({name})" if isinstance(source, NewSource) else name)
    loaded = [", ".join(one.source.patterns) for one in loads if one.plan.parameter not in pipeline.sources]
    return (*reads, *loaded)


def obstacles(sample: FilesSample) -> Iterator[Obstacle]:
    """Yield what in the files of one source would stop the run; nothing where no file is new."""
    if sample.state == "nothing new":
        return
    contract, source = sample.plan.contract.qualified_name, sample.source
    bad = sample.plan.with_status("bad")
    if bad and source.strict:
        opened = plural(len(sample.opened), "opened file")
        lines = "".join(f"\n  {planned.file.path}: {planned.reason}" for planned in bad[:_NAMED])
        lines += f"\n  and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        yield Obstacle(
            f"{len(bad):,} of {opened} cannot be loaded, so nothing would be (strict):{lines}",
            bad[0].fix or "Mend the files, or load the others with files(.., strict=False) or --no-strict.",
        )
    rejected, rows = sample.sampled.rejected, sample.sampled.rows
    share = f"{rejected:,} of {rows:,} {'rows' if sample.sampled.complete else 'sampled rows'}"
    if rejected and source.strict:
        yield Obstacle(
            f"{share} do not fit {contract}, so nothing would be loaded (strict).",
            "Mend the files or the table, or load the good rows with files(.., strict=False) or --no-strict.",
        )
    elif rejected > source.reject_limit * rows and sample.sampled.complete:
        yield Obstacle(
            f"{share} are rejected, more than reject_limit={source.reject_limit:g} allows.",
            "Mend the files or the table, or raise reject_limit (--reject-limit).",
        )


def source_warnings(rehearsed: Rehearsed) -> tuple[str, ...]:
    """Return what looks odd in the sources, and what would stop an upstream pipeline first."""
    texts = [text for sample in rehearsed.files for text in _warnings(sample)]
    if rehearsed.is_extract:
        texts.append("An extract has no source to compare with: every run appends what it returns.")
    for up in list(rehearsed.with_upstream())[:-1]:
        for sample in up.files:
            texts += [f"{up.pipeline.name}, upstream: {one.message}" for one in obstacles(sample)]
            texts += [f"{up.pipeline.name}, upstream: {text}" for text in _warnings(sample)]
    return tuple(dict.fromkeys(texts))


def _warnings(sample: FilesSample) -> Iterator[str]:
    yield from sample.warnings
    source, sampled = sample.source, sample.sampled
    changed = sample.plan.with_status("changed")
    if changed and source.on_changed == "error":
        yield (
            f"{plural(len(changed), 'loaded file')} may have changed ({_some(changed)}): a run compares the content, "
            'and stops where it differs (on_changed="error").'
        )
    if sample.state == "nothing new":
        return
    if not source.strict:
        yield from (f"{p.file.path}: {p.reason}: a run skips it." for p in sample.plan.with_status("bad"))
    if not source.strict and not sampled.complete and sampled.rejected > source.reject_limit * sampled.rows:
        yield (
            f"{sampled.rejected:,} of {sampled.rows:,} sampled rows are rejected: if all files are like that, it is "
            f"more than reject_limit={source.reject_limit:g} allows, and the run stops."
        )


def sample_notes(rehearsed: Rehearsed) -> tuple[str, ...]:
    """Return what was not seen, here and upstream."""
    notes = []
    upstream = list(dict.fromkeys(one.pipeline.name for one in rehearsed.with_upstream()))[:-1]
    if upstream:
        notes.append(
            f"Rows that {', '.join(upstream)} would write are among these: a run needs theirs first (--upstream). "
            "Their checks were not run here."
        )
    for one in rehearsed.with_upstream():
        where = "" if one is rehearsed else f"{one.pipeline.name}: "
        notes += [where + text for sample in one.files for text in _unseen(sample)]
        notes += [where + text for table in one.tables for text in _unseen_rows(table)]
    return tuple(dict.fromkeys(notes))


def _unseen(sample: FilesSample) -> Iterator[str]:
    seen, name = sample.sampled, sample.plan.parameter
    if seen.complete:
        return
    yield (
        f"Of `{name}`, {seen.files_read:,} of {plural(seen.files_found, 'file')} were opened and "
        f"{size_text(seen.bytes_read)} of {size_text(seen.bytes_found)} read: what is wrong elsewhere, only a run "
        "finds."
    )
    if sample.source.same_content == "skip":
        yield f"Of `{name}`, only files that were read whole were compared by content; a run compares all."


def _unseen_rows(table: TableSample) -> Iterator[str]:
    facts = table.facts
    if facts.partners is not None:
        yield partners_text(facts.parameter, facts.partners)
    elif not facts.whole:
        yield (
            f"`{facts.parameter}` was sampled from {facts.batch_rows:,} committed rows: what finds no partner in it "
            "here may find one in a run."
        )
    elif facts.kind == "table" and any(not up.exact for up in table.pending):
        yield (
            f"`{facts.parameter}` was sampled, because its files to come are larger than 64 MB: what finds no partner "
            "in it here may find one in a run."
        )


def partners_text(table: str, partners: Partners) -> str:
    """Return how many sampled rows found a partner in a table that was not read whole."""
    matched = (
        f"{partners.matched:,} of {partners.rows:,} rows of `{partners.driving}` matched by "
        f"{', '.join(partners.on)}: `{table}` was "
    )
    if not partners.searched:
        return matched + "sampled, so what finds no partner in it here may find one in a run."
    matched += "searched for their partners only, and the function called once more with them"
    if partners.taken is not None:
        return (
            f"{matched}. The first {partners.taken:,} partners were taken: what finds none, or too few, here may find "
            "more in a run."
        )
    if partners.with_samples:
        return (
            f"{matched}. Of its rows still to come a sample was searched: what finds no partner in it here may find "
            "one in a run."
        )
    return matched + "; its other rows are not here."


def no_row_notes(rehearsed: Rehearsed, rows: int) -> tuple[str, ...]:
    """Return which tables may be why the result is empty, where it is not known how they are joined."""
    if rows or rehearsed.result is None:
        return ()
    lacking = [t.facts.parameter for t in rehearsed.tables if is_lacking(t) and t.facts.partners is None]
    return tuple(
        f"The result has 0 rows: `{name}` was sampled, and how it is joined could not be found out."
        for name in lacking
    )


def _some(planned: Sequence[PlannedFile]) -> str:
    paths = [one.file.path for one in planned[:3]]
    return ", ".join(paths) + (", ..." if len(planned) > 3 else "")
