"""What checks of severity DROP would take out of a preview's result: the same numbers as a run's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alur_nb.authoring.preview_facts import Obstacle, Preview, RejectedRow
from alur_nb.runtime.drops import Dropped, as_rejects, drop_rules, is_dropped, measure
from alur_nb.runtime.errors import RejectLimitError
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.quality import Expectation
from alur_nb.runtime.rejects import judge_dropped

RAW_SHOWN = 500
"""Characters of a rejected row that a preview keeps."""

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def set_apart(
    frame: DataFrame, rules: Sequence[Expectation], *, of_files: bool, examples: int
) -> tuple[DataFrame, DataFrame | None, Dropped]:
    """Return the rows that are kept, those that are dropped, and their numbers. Raises CheckError."""
    drops = drop_rules(rules)
    if not drops:
        return frame, None, Dropped()
    dropping = is_dropped(frame, drops)
    apart = frame.where(dropping)
    found = measure(apart, drops, examples=examples)
    return frame.where(~dropping), apart, found if of_files else replace(found, by_file={})


def with_dropped_rows(
    found: Preview,
    apart: DataFrame | None,
    dropped: Dropped,
    rules: Sequence[Expectation],
    *,
    of_files: bool,
    limit: int,
) -> Preview:
    """Add dropped rows to the rejected ones, as many as are shown of all."""
    if apart is None or not dropped.rows:
        return found
    rejects = as_rejects(apart, drop_rules(rules), of_file=of_files)
    first = rejects.orderBy("source_file", "raw").limit(max(0, limit - len(found.rejected)))
    rows = [
        RejectedRow(
            row["source_file"],
            None,
            row["column"],
            row["reason"],
            row["raw"][:RAW_SHOWN],
            _value(row["raw"], row["column"]),
        )
        for row in first.collect()
    ]
    reasons = dict(found.reject_reasons)
    for reason, count in dropped.by_reason.items():
        reasons[reason] = reasons.get(reason, 0) + count
    return replace(
        found,
        rejected=(*found.rejected, *rows),
        rejected_rows=found.rejected_rows + dropped.rows,
        reject_reasons=reasons,
    )


def _value(raw: str, column: str | None) -> str | None:
    """Return a dropped row's value that the check is about; its raw text is JSON, which leaves nulls out."""
    if column is None:
        return None
    value = json.loads(raw).get(column)
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:RAW_SHOWN]


def beyond_limit(plans: Sequence[SourcePlan], dropped: int, rejected: int, kept: int) -> tuple[Obstacle, ...]:
    """Return what would stop the run where so much is dropped."""
    try:
        judge_dropped(plans, dropped, rejected, kept + rejected)
    except RejectLimitError as error:
        return (Obstacle(error.message, error.fix),)
    return ()
