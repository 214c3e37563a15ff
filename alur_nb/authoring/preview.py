"""The preview: what a run would do, judged by samples of its sources; nothing in the project is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.preview_drops import beyond_limit, set_apart, with_dropped_rows
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    Obstacle,
    Preview,
    RejectedRow,
    ResultColumn,
    ResultState,
    Step,
    Verdict,
)
from alur_nb.authoring.preview_notes import describe_reads, obstacles, sample_notes, source_warnings
from alur_nb.authoring.preview_rehearsal import Rehearsal, Rehearsed
from alur_nb.authoring.preview_sources import Sampler
from alur_nb.runtime import readers
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.drops import drop_rules, with_dropped
from alur_nb.runtime.errors import CheckError, ContractError, SettingsError
from alur_nb.runtime.key_rules import bind_references
from alur_nb.runtime.lake import quoted
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import (
    Check,
    CheckResult,
    Expectation,
    Severity,
    evaluate,
    no_nulls_in_column,
)
from alur_nb.runtime.rejects import count_reasons
from alur_nb.runtime.result import conform
from alur_nb.runtime.tables import METADATA, RESCUED, Table
from alur_nb.runtime.widening import widens
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["Preview", "preview"]

_REJECTED_SHOWN = 100
_RAW_SHOWN = 500
_CHECK_EXAMPLES = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# More rows can turn a failure of these into a pass, and a pass of those into a failure.
_MORE_ROWS_MEND = ("not_empty", "min_row_count", "freshness_check", "references")
_MORE_ROWS_BREAK = ("max_row_count", "unique_key", "no_duplicates_in_column")


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
    unknown name or a cycle, NotYetSupportedError for a silver or gold target, SourceError, LedgerError, and what the
    pipeline's own function raises.
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
        found = _with_result(rehearsal, rehearsed, found, rows)
        return replace(found, verdict=_verdict(rehearsed, found))


@contextmanager
def _sampler(workspace: Workspace, sample_rows: int, files: int) -> Iterator[Sampler]:
    """Lend a sampler, and clear away afterwards what it wrote and held in memory."""
    with tempfile.TemporaryDirectory(prefix="alur-preview-") as folder:
        sampler = Sampler(workspace, get_spark_session(), Path(folder), datetime.now(UTC), sample_rows, files)
        try:
            yield sampler
        finally:
            for frame in sampler.kept:
                frame.unpersist()


def _described(sampler: Sampler, rehearsal: Rehearsal, rehearsed: Rehearsed) -> Preview:
    """Return what is known before the result is computed: sources, lineage, problems and notes of the sources."""
    pipeline = rehearsed.pipeline
    declared = {sample.plan.parameter: sample.facts() for sample in rehearsed.files}
    tables = {table.facts.parameter: table.facts for table in rehearsed.tables}
    ordered = [(declared | tables)[name] for name in pipeline.sources]
    loads = [sample.facts() for sample in rehearsed.files if sample.plan.parameter not in pipeline.sources]
    return Preview(
        pipeline=pipeline.name,
        target=pipeline.target.qualified_name,
        verdict="nothing new",
        sources=(*ordered, *loads),
        exact=rehearsed.exact and not sampler.capped,
        lineage=_lineage(rehearsal.project, rehearsed),
        problems=tuple(obstacle for sample in rehearsed.files for obstacle in obstacles(sample)),
        warnings=source_warnings(rehearsed),
        notes=(*sampler.notes, *rehearsal.notes, *sample_notes(rehearsed)),
    )


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
        shown = explained.withColumn("raw", F.substring("raw", 1, _RAW_SHOWN))
        first = shown.orderBy("source_file", "line_number", "raw").limit(_REJECTED_SHOWN - len(rows))
        rows += [
            RejectedRow(row["source_file"], row["line_number"], row["column"], row["reason"], row["raw"])
            for row in first.collect()
        ]
    total = sum(sum(sample.rejected.values()) for sample in rehearsed.files)
    return replace(found, rejected=tuple(rows), rejected_rows=total, reject_reasons=reasons)


def _with_result(rehearsal: Rehearsal, rehearsed: Rehearsed, found: Preview, rows: int) -> Preview:
    """Add the result beside the table that it goes into, its first rows, and the checks."""
    result, sampler = rehearsed.result, rehearsal.sampler
    if result is None:
        return found
    target = rehearsed.target_for(result)
    found = replace(found, result_columns=compare(result, target))
    try:
        frame = sampler.keep(conform(result, target, sampler.started_at))
    except ContractError as error:
        frame = sampler.keep(result)
        problems = (*found.problems, Obstacle(error.message, error.fix))
        return _with_rows(replace(found, problems=problems, sample_rows=frame.count()), frame, rows)
    as_read = rehearsed.as_read and all(one.state != "cast" for one in found.result_columns)
    rules = (*(() if as_read else not_null_rules(target)), *rehearsed.pipeline.expectations)
    try:
        kept, found = _with_checks(rehearsal, rehearsed, found, frame, rules, as_read=as_read)
    except CheckError as error:
        problems = (*found.problems, Obstacle(error.message, error.fix))
        return _with_rows(replace(found, problems=problems, sample_rows=frame.count()), frame, rows)
    return _with_rows(found, kept, rows)


def _with_checks(
    rehearsal: Rehearsal,
    rehearsed: Rehearsed,
    found: Preview,
    frame: DataFrame,
    rules: Sequence[Expectation],
    *,
    as_read: bool,
) -> tuple[DataFrame, Preview]:
    """Take out what is dropped and judge the rest, as a run does."""
    kept, apart, dropped = set_apart(frame, rules, of_files=as_read, examples=_CHECK_EXAMPLES)
    evaluation = evaluate(kept, bind_references(rules, rehearsal.rows_of), examples=_CHECK_EXAMPLES)
    results = with_dropped(evaluation.results, drop_rules(rules), dropped, evaluation.rows)
    exact = found.exact and all(one.exact for one in rehearsal.looked_up)
    checks = tuple(
        judged(expected, result, exact=exact) for expected, result in zip(rules, results, strict=True)
    )
    found = with_dropped_rows(found, apart, dropped, rules, of_files=as_read, limit=_REJECTED_SHOWN)
    plans = [sample.plan for sample in rehearsed.files]
    limits = beyond_limit(plans, dropped.rows, found.rejected_rows, evaluation.rows)
    failing = tuple(_failed(check) for check in checks if _stops(check))
    problems = (*found.problems, *failing, *limits)
    return kept, replace(found, sample_rows=evaluation.rows, checks=checks, problems=problems)


def compare(result: DataFrame, target: Table) -> tuple[ResultColumn, ...]:
    """Put the result's columns beside the target's, those of the target first."""
    given = {field.name: field.dataType for field in result.schema.fields}
    columns = []
    for name, field in target.columns.items():
        kind = given.get(name)
        text = kind.simpleString() if kind is not None else None
        if name == "_ingested_at":
            columns.append(ResultColumn(name, field.ddl, text, "set by the writer"))
        elif kind is None:
            columns.append(ResultColumn(name, field.ddl, None, "missing"))
        elif text == field.ddl:
            columns.append(ResultColumn(name, field.ddl, text, "ok"))
        else:
            state: ResultState = "cast" if widens(kind, field.spark_type()) else "differs"
            columns.append(ResultColumn(name, field.ddl, text, state))
    surplus = [name for name in given if name not in target.columns and name not in (*METADATA, RESCUED)]
    return (*columns, *(ResultColumn(name, None, given[name].simpleString(), "surplus") for name in surplus))


def not_null_rules(target: Table) -> list[Expectation]:
    """Return the rules that a run adds where the function's result is not what was read."""
    return [
        Expectation(f"{name} is not nullable", no_nulls_in_column(name), Severity.ERROR)
        for name, column in target.columns.items()
        if not column.nullable
    ]


def judged(expected: Expectation, result: CheckResult, *, exact: bool) -> CheckPreview:
    """Say what a check's result on a sample means for all of the data."""
    # When a row was ingested differs from preview to preview.
    examples = tuple(
        {name: _plain(value) for name, value in example.items() if name != "_ingested_at"}
        for example in result.examples
    )
    result = replace(result, examples=examples)
    if exact:
        return CheckPreview(result, "passed" if result.passed else "failed", False)
    rule = expected.check.rule if isinstance(expected.check, Check) else None
    if not result.passed and rule in _MORE_ROWS_MEND:
        return CheckPreview(result, "open", True, "judged on a sample: all of the rows may well pass")
    if result.passed and rule in _MORE_ROWS_BREAK:
        return CheckPreview(result, "passed", True, "holds for the sample; all of the rows may break it")
    return CheckPreview(result, "passed" if result.passed else "failed", True)


def _stops(check: CheckPreview) -> bool:
    return check.outcome == "failed" and check.result.severity is Severity.ERROR


def _failed(check: CheckPreview) -> Obstacle:
    return Obstacle(
        f"The check {check.result.name!r} fails, so nothing would be published: {check.result.message}",
        "Mend the data or the pipeline, or lower the check to severity=Severity.WARN.",
    )


def _with_rows(found: Preview, frame: DataFrame, rows: int) -> Preview:
    """Add the first rows, less what the writer adds to each."""
    from pyspark.sql import functions as F

    hidden = {one.name for one in found.result_columns if one.state == "set by the writer"} | set(METADATA)
    declared = {one.name for one in found.result_columns if one.declared is not None}
    fields = [f for f in frame.schema.fields if f.name not in hidden or f.name in declared - {"_ingested_at"}]
    # Python would show a timestamp in the zone of this machine.
    shown = [
        F.unix_micros(F.col(quoted(field.name))).alias(field.name)
        if field.dataType.typeName() == "timestamp"
        else F.col(quoted(field.name))
        for field in fields
    ]
    first = frame.select(*shown).limit(rows).collect() if shown else []
    return replace(
        found,
        columns=tuple(field.name for field in fields),
        types=tuple(field.dataType.simpleString() for field in fields),
        rows=tuple(
            tuple(
                _moment(value) if field.dataType.typeName() == "timestamp" else _plain(value)
                for field, value in zip(fields, row, strict=True)
            )
            for row in first
        ),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def _plain(value: Any) -> Any:
    """Return a value without Spark's own types."""
    if hasattr(value, "asDict"):
        return {name: _plain(inner) for name, inner in value.asDict().items()}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.astimezone(UTC)
    return bytes(value) if isinstance(value, bytearray) else value


def _verdict(rehearsed: Rehearsed, found: Preview) -> Verdict:
    if rehearsed.state == "nothing new":
        return "nothing new"
    if found.problems:
        return "would fail"
    loads = [sample for sample in rehearsed.files if sample.plan.new]
    tables = [table for table in rehearsed.tables if table.facts.kind == "new" and not table.empty]
    return "would load" if loads or tables or rehearsed.is_extract else "nothing new"
