"""The preview: what a run would do, judged by samples of its sources; nothing in the project is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alur_nb.authoring.lineage_found import found_lineage
from alur_nb.authoring.lineage_text import pipeline_lines
from alur_nb.authoring.preview_cells import cut_out
from alur_nb.authoring.preview_drops import RAW_SHOWN
from alur_nb.authoring.preview_facts import (
    Preview,
    RejectedRow,
    SourcePreview,
    Step,
    Verdict,
)
from alur_nb.authoring.preview_files import FilesSample
from alur_nb.authoring.preview_notes import (
    describe_reads,
    no_row_notes,
    obstacles,
    sample_notes,
    source_warnings,
)
from alur_nb.authoring.preview_rehearsal import Rehearsal
from alur_nb.authoring.preview_rehearsed import Rehearsed
from alur_nb.authoring.preview_result import REJECTED_SHOWN, with_result
from alur_nb.authoring.preview_since import since_last
from alur_nb.authoring.preview_sources import Sampler, room_for_samples
from alur_nb.runtime import readers
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.project import Project
from alur_nb.runtime.rejects import count_reasons
from alur_nb.runtime.workspace import Workspace

__all__ = ["Preview", "preview"]


def preview(
    workspace: Workspace,
    project: Project,
    name: str,
    *,
    rows: int = 20,
    sample_rows: int = 10_000,
    files: int = 3,
) -> Preview:
    """Show what a run of the pipeline would do, from samples of its sources and of its upstream pipelines' files.

    Bad files, rejected rows, failing checks and wrong columns are in the preview. Raises DeclarationError for an
    unknown name or a cycle, SourceError, LedgerError, StorageError
    where there is no room for the samples, and what the pipeline's own function raises.
    """
    for option, value, least in (("rows", rows, 0), ("sample_rows", sample_rows, 1), ("files", files, 1)):
        if value < least:
            raise SettingsError(f"preview({option}={value}) shows nothing.", fix=f"Give at least {least}.")
    pipeline = project.pipeline(name)
    project.upstream(name)  # a cycle is refused before anything is read
    with _sampler(workspace, sample_rows, files) as sampler:
        rehearsal = Rehearsal(sampler, project)
        rehearsed = rehearsal.rehearse(pipeline)
        found = _described(sampler, rehearsal, rehearsed)
        found = _with_rejects(sampler, rehearsed, found)
        found = with_result(rehearsal, rehearsed, found, rows)
        notes = (*found.notes, *no_row_notes(rehearsed, found.sample_rows))
        found = replace(found, verdict=_verdict(rehearsed, found), notes=notes)
    root = workspace.settings.root
    return since_last(project, root, found, sample_rows=sample_rows, files=files, capped=sampler.capped)


@contextmanager
def _sampler(workspace: Workspace, sample_rows: int, files: int) -> Iterator[Sampler]:
    """Lend a sampler, and clear away afterwards what it wrote and held in memory."""
    with room_for_samples():
        place = tempfile.TemporaryDirectory(prefix="alur-preview-")
    with place as folder:
        sampler = Sampler(workspace, get_spark_session(), Path(folder), datetime.now(UTC), sample_rows, files)
        try:
            yield sampler
        finally:
            for frame in sampler.kept:
                frame.unpersist()


def _described(sampler: Sampler, rehearsal: Rehearsal, rehearsed: Rehearsed) -> Preview:
    """Return what is known before the result is computed: sources, lineage, problems and notes of the sources."""
    pipeline = rehearsed.pipeline
    looked = [(sample, _looked_at(sample, rehearsed)) for sample in rehearsed.files]
    declared = {sample.plan.parameter: facts for sample, facts in looked}
    tables = {table.facts.parameter: table.facts for table in rehearsed.tables}
    ordered = [(declared | tables)[name] for name in pipeline.sources]
    loads = [facts for sample, facts in looked if sample.plan.parameter not in pipeline.sources]
    return Preview(
        pipeline=pipeline.name,
        target=pipeline.target.qualified_name,
        verdict="nothing new",
        sources=(*ordered, *loads),
        exact=rehearsed.exact and not sampler.capped,
        lineage=_lineage(rehearsal.project, rehearsed),
        columns_from=tuple(pipeline_lines(found_lineage(pipeline, may_call=False))),
        problems=tuple(obstacle for sample in rehearsed.files for obstacle in obstacles(sample)),
        warnings=source_warnings(rehearsed),
        notes=tuple(dict.fromkeys((*sampler.notes, *rehearsal.notes, *sample_notes(rehearsed)))),
    )


def _looked_at(sample: FilesSample, rehearsed: Rehearsed) -> SourcePreview:
    """Return what is said of a source; its columns are profiled where the result is not what was read."""
    facts = sample.facts()
    if rehearsed.as_read or not sample.parsed:
        return facts
    return replace(facts, profiles=sample.profiles())


def _lineage(project: Project, rehearsed: Rehearsed) -> tuple[Step, ...]:
    """Return the pipelines that lead to the target, sources first, and which of them were rehearsed."""
    used = {one.pipeline.name for one in rehearsed.with_upstream()}
    names = (*project.upstream(rehearsed.pipeline.name), rehearsed.pipeline.name)
    steps = []
    for name in names:
        pipeline = rehearsed.pipeline if name == names[-1] else project.pipeline(name)
        loads = rehearsed.files if name == names[-1] else ()
        reads = describe_reads(pipeline, loads)
        steps.append(Step(name, reads, pipeline.target.qualified_name, name in used))
    return tuple(steps)


def _with_rejects(sampler: Sampler, rehearsed: Rehearsed, found: Preview) -> Preview:
    """Add the rejected rows and their reasons, which a second reading of the guilty heads gives."""
    from pyspark.sql import functions as F

    rows: list[RejectedRow] = []
    reasons: dict[str, int] = {}
    for sample in rehearsed.files:
        guilty = [one for one in sample.good if one.file.path in sample.rejected]
        if not guilty:
            continue
        reasons_of = readers.explain(sampler.spark, guilty, sample.plan.contract, sample.source)
        explained = sampler.keep(reasons_of)
        for reason, count in count_reasons(explained).items():
            reasons[reason] = reasons.get(reason, 0) + count
        shown = explained.withColumn("raw", F.substring("raw", 1, RAW_SHOWN))
        first = shown.orderBy("source_file", "line_number", "raw").limit(REJECTED_SHOWN - len(rows))
        rows += [
            RejectedRow(
                row["source_file"],
                row["line_number"],
                row["column"],
                row["reason"],
                row["raw"],
                cut_out(row["reason"]),
            )
            for row in first.collect()
        ]
    total = sum(sum(sample.rejected.values()) for sample in rehearsed.files)
    return replace(found, rejected=tuple(rows), rejected_rows=total, reject_reasons=reasons)


def _verdict(rehearsed: Rehearsed, found: Preview) -> Verdict:
    if rehearsed.state == "nothing new":
        return "nothing new"
    if found.problems:
        return "would fail"
    loads = [sample for sample in rehearsed.files if sample.plan.new]
    driving = rehearsed.pipeline.driving_tables
    tables = [table for table in rehearsed.tables if table.facts.parameter in driving and not table.empty]
    return "would load" if loads or tables or rehearsed.is_extract else "nothing new"
