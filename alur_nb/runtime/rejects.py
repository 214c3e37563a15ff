"""Rejected rows: their raw lines and reasons, staged beside the rows, and what they mean for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alur_nb.runtime import readers
from alur_nb.runtime.errors import AuditError, RejectLimitError
from alur_nb.runtime.lake import read_staged
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.tables import rejects_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

_EXAMPLES = 5
_MAX_REASONS = 50
_RAW_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Rejects:
    """How many rows of a source were rejected, where and why."""

    by_file: Mapping[str, int] = field(default_factory=dict)
    by_reason: Mapping[str, int] = field(default_factory=dict)
    """`column: reason`, with the values taken out, -> rows."""
    examples: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rejected rows in all."""
        return sum(self.by_file.values())


def stage_rejects(spark: SparkSession, plan: SourcePlan, rejected: DataFrame, target_uri: str) -> Rejects:
    """Write the raw lines and reasons of the rejected rows to `target_uri`, and count them.

    `rejected` holds the fast reading's rejected rows (`_source_file`). The reasons come from a second, independent
    reading of only these files; AuditError where the two disagree on a file.
    """
    by_file = {row[0]: row[1] for row in rejected.groupBy("_source_file").count().collect()}
    guilty = [item.readable for item in plan.new if item.readable is not None and item.file.path in by_file]
    reasons = readers.explain(spark, guilty, plan.contract, plan.source)
    reasons.write.mode("append").parquet(target_uri)
    written = read_staged(spark, target_uri, rejects_of(plan.contract).schema())
    staged = written.where(_in_files([file.file.path for file in guilty]))
    explained = {row[0]: row[1] for row in staged.groupBy("source_file").count().collect()}
    if explained != by_file:
        raise AuditError(
            f"Two readings of the same files disagree: rejected {by_file}, explained {explained}.",
            fix="Nothing was published. Please report this with the files named above.",
        )
    return Rejects(by_file, count_reasons(staged), examples(staged))


def count_reasons(rejects: DataFrame) -> dict[str, int]:
    """Count rejected rows by `column: reason`, most frequent first, without the values themselves."""
    from pyspark.sql import functions as F

    # Of a row with several faults the first counts, as in the `column` beside it.
    fault = F.regexp_replace(F.substring_index("reason", "; ", 1), "^`[^`]*` ", "")
    shape = F.regexp_replace(fault, "`[^`]*`", "`..`")
    named = F.concat_ws(": ", F.col("column"), shape).alias("named")
    counted = rejects.groupBy(named).count().orderBy(F.desc("count"), "named").limit(_MAX_REASONS)
    return {row[0]: row[1] for row in counted.collect()}


def examples(rejects: DataFrame) -> tuple[str, ...]:
    """Return the first rejected rows as lines for a message."""
    rows = rejects.orderBy("source_file", "line_number", "raw").limit(_EXAMPLES).collect()
    return tuple(_example(row) for row in rows)


def _example(row: Row) -> str:
    line = f", line {row['line_number']}" if row["line_number"] is not None else ""
    column = f", column {row['column']}" if row["column"] is not None else ""
    raw = row["raw"] if len(row["raw"]) <= _RAW_WIDTH else row["raw"][:_RAW_WIDTH] + "..."
    return f"{row['source_file']}{line}{column}: {row['reason']} | {raw}"


def judge(plan: SourcePlan, rejects: Rejects, parsed: int, table: str) -> None:
    """Raise AuditError where strict and a row was rejected, RejectLimitError above the source's limit."""
    if not rejects.rows:
        return
    shown = "\n  ".join(rejects.examples)
    more = (
        ""
        if rejects.rows <= len(rejects.examples)
        else f"\n  ... {rejects.rows - len(rejects.examples):,} more"
    )
    if plan.source.strict:
        raise AuditError(
            f"{rejects.rows:,} of {parsed:,} rows do not fit {plan.contract.qualified_name}, so nothing is loaded "
            f"(strict):\n  {shown}{more}",
            fix=f"{_see(table)} Then mend the files or the table, or load the good rows "
            "with files(.., strict=False) or --no-strict.",
        )
    if rejects.rows > plan.source.reject_limit * parsed:
        raise RejectLimitError(
            f"{rejects.rows:,} of {parsed:,} rows were rejected, more than reject_limit={plan.source.reject_limit:g} "
            f"allows; nothing is loaded:\n  {shown}{more}",
            fix=f"{_see(table)} Then mend the files or the table, or raise reject_limit (--reject-limit).",
        )


def _see(table: str) -> str:
    """Return how to look at the rejected rows, in a notebook and in a terminal."""
    return f'See them: alur_nb.read_rejects("{table}", last=True).show(), in a terminal alur rejects {table} --last.'


def judge_dropped(plans: Sequence[SourcePlan], dropped: int, rejected: int, parsed: int) -> None:
    """Raise RejectLimitError where checks have dropped rows beyond the limit of the strictest source; strict or not.

    `rejected` counts all rejected rows, the dropped ones among them. Without a source of files there is no limit.
    """
    limit = min((plan.source.reject_limit for plan in plans), default=1.0)
    if dropped and rejected > limit * parsed:
        raise RejectLimitError(
            f"{rejected:,} of {parsed:,} rows were rejected, {dropped:,} of them dropped by checks, more than "
            f"reject_limit={limit:g} allows; nothing is loaded.",
            fix="Mend the data or the check, or raise reject_limit (--reject-limit).",
        )


def _in_files(paths: Sequence[str]) -> Column:
    from pyspark.sql import functions as F

    return F.col("source_file").isin(list(paths))
