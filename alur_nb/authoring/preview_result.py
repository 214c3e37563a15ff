"""The result of a preview: beside the table that it goes into, its first rows, and the checks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.preview_collected import Collected
from alur_nb.authoring.preview_drops import beyond_limit, set_apart, with_dropped_rows
from alur_nb.authoring.preview_facts import CheckPreview, Obstacle, Preview, ResultColumn, ResultState
from alur_nb.authoring.preview_profile import profiled
from alur_nb.authoring.preview_propose import typed_line
from alur_nb.authoring.preview_rehearsal import Rehearsal
from alur_nb.authoring.preview_rehearsed import Rehearsed
from alur_nb.authoring.rows import first_rows
from alur_nb.runtime.drops import drop_rules, with_dropped
from alur_nb.runtime.errors import CheckError, ContractError
from alur_nb.runtime.key_rules import bind_references
from alur_nb.runtime.lake import quoted
from alur_nb.runtime.quality import (
    Check,
    CheckResult,
    Evaluation,
    Expectation,
    Severity,
    evaluate,
    no_nulls_in_column,
)
from alur_nb.runtime.result import conform
from alur_nb.runtime.tables import METADATA, RESCUED, Table
from alur_nb.runtime.widening import widens

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REJECTED_SHOWN = 100
"""Rejected rows that a preview keeps."""

_CHECK_EXAMPLES = 5
# More rows can turn a failure of these into a pass, and a pass of those into a failure.
_MORE_ROWS_MEND = ("not_empty", "min_row_count", "freshness_check", "references")
_MORE_ROWS_BREAK = ("max_row_count", "unique_key", "no_duplicates_in_column")


def with_result(rehearsal: Rehearsal, rehearsed: Rehearsed, found: Preview, rows: int) -> Preview:
    """Add the result beside the table that it goes into, its first rows, and the checks."""
    result, sampler = rehearsed.result, rehearsal.sampler
    if result is None:
        return found
    target = rehearsed.target_for(result)
    found = replace(found, result_columns=compare(result, target, rehearsed.pipeline.target))
    try:
        frame = conform(result, target, sampler.started_at)
    except ContractError as error:
        frame = sampler.keep(result)
        problems = (*found.problems, Obstacle(error.message, error.fix))
        return _with_rows(replace(found, problems=problems, sample_rows=frame.count()), frame, rows)
    # What was read is in memory, or fetched already, and fitting it to the table is cheaper than holding it once more.
    frame = frame if rehearsed.as_read else sampler.keep(frame)
    as_read = rehearsed.as_read and all(one.state != "cast" for one in found.result_columns)
    rules = (*(() if as_read else not_null_rules(target)), *rehearsed.pipeline.expectations)
    if rules:
        sampler.hold()
    try:
        kept, found = _with_checks(rehearsal, rehearsed, found, frame, rules, as_read=as_read)
    except CheckError as error:
        problems = (*found.problems, Obstacle(error.message, error.fix))
        return _with_rows(replace(found, problems=problems, sample_rows=frame.count()), frame, rows)
    collected = rehearsed.files[0].collected if as_read and kept is frame else None
    return _with_rows(found, kept, rows, collected)


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
    evaluation = (
        evaluate(kept, bind_references(rules, rehearsal.rows_of), examples=_CHECK_EXAMPLES)
        if rules or not as_read
        else Evaluation(_rows_read(rehearsed), {}, ())
    )
    results = with_dropped(evaluation.results, drop_rules(rules), dropped, evaluation.rows)
    exact = found.exact and all(one.exact for one in rehearsal.looked_up)
    checks = tuple(
        judged(expected, result, exact=exact) for expected, result in zip(rules, results, strict=True)
    )
    found = with_dropped_rows(found, apart, dropped, rules, of_files=as_read, limit=REJECTED_SHOWN)
    # As in a run, a source without new files has no say.
    plans = [sample.plan for sample in rehearsed.files if sample.plan.new]
    limits = beyond_limit(plans, dropped.rows, found.rejected_rows, evaluation.rows)
    failing = tuple(_failed(check) for check in checks if _stops(check))
    problems = (*found.problems, *failing, *limits)
    return kept, replace(found, sample_rows=evaluation.rows, checks=checks, problems=problems)


def _rows_read(rehearsed: Rehearsed) -> int:
    """Return how many rows were accepted; they were counted when they were read."""
    counted = ((sum(sample.parsed.values()), sum(sample.rejected.values())) for sample in rehearsed.files)
    return sum(parsed - rejected for parsed, rejected in counted)


def compare(result: DataFrame, target: Table, declared: Table) -> tuple[ResultColumn, ...]:
    """Put the result's columns beside the target's, those of the target first.

    `declared` is the target as it is declared; `target` has the columns too that schema_mode="evolve" would add.
    """
    given = {field.name: field.dataType for field in result.schema.fields}
    columns: list[ResultColumn] = []
    for name, field in target.columns.items():
        kind = given.get(name)
        text = kind.simpleString() if kind is not None else None
        if name == "_ingested_at":
            columns.append(ResultColumn(name, field.ddl, text, "set by the writer"))
        elif kind is None:
            columns.append(ResultColumn(name, field.ddl, None, "missing"))
        elif name not in declared.columns:
            line = f"{name} = {field!r}"
            columns.append(ResultColumn(name, None, text, "added", line))
        elif text == field.ddl:
            columns.append(ResultColumn(name, field.ddl, text, "ok"))
        else:
            state: ResultState = "cast" if widens(kind, field.spark_type()) else "differs"
            columns.append(ResultColumn(name, field.ddl, text, state))
    surplus = [name for name in given if name not in target.columns and name not in (*METADATA, RESCUED)]
    columns += [
        ResultColumn(name, None, given[name].simpleString(), "surplus", typed_line(name, given[name]))
        for name in surplus
    ]
    return tuple(columns)


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
        {name: _in_utc(value) for name, value in example.items() if name != "_ingested_at"}
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


def _with_rows(found: Preview, frame: DataFrame, rows: int, collected: Collected | None = None) -> Preview:
    """Add the first rows, less what the writer adds to each, and the profiles of their columns.

    `collected` are the frame's own rows, where they were fetched before.
    """
    hidden = {one.name for one in found.result_columns if one.state == "set by the writer"} | set(METADATA)
    declared = {one.name for one in found.result_columns if one.declared is not None or one.state == "added"}
    fields = [f for f in frame.schema.fields if f.name not in hidden or f.name in declared - {"_ingested_at"}]
    names = [field.name for field in fields]
    if collected is not None and collected.has(fields):
        first, profiles = collected.rows(names, rows), collected.profiles(names)
    else:
        first = first_rows(frame.select(*map(quoted, names)), rows)
        profiles = profiled(frame, hidden=set(frame.columns) - set(names))
    return replace(
        found,
        columns=tuple(names),
        types=tuple(field.dataType.simpleString() for field in fields),
        rows=first,
        profiles=profiles,
    )


def _in_utc(value: Any) -> Any:
    """Return an example's value, moments with their zone: a check's examples are plain values but for that."""
    if isinstance(value, Mapping):
        return {key: _in_utc(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_utc(inner) for inner in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return bytes(value) if isinstance(value, bytearray) else value
