"""Tables that are too large to be read whole: instead of their first rows, the partners of the rows that are sampled.

Which columns a function joins by is known once it has been called. So it is called with samples first; the plan of
its result tells the keys, all committed rows of the large table are searched for those of the sample, and the function
is called again with what was found. Where no key is found, the first rows stay, and the preview says so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alur_nb.authoring.preview_facts import Partners
from alur_nb.authoring.preview_plan import JoinKey, join_keys
from alur_nb.authoring.preview_rehearsed import TableSample
from alur_nb.runtime.lake import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PARTNERS_PER_ROW = 10
"""How many partners a sampled row is given on the average, at most."""

_log = logging.getLogger(__name__)

Frames = Mapping[str, "DataFrame"]


def keys_of(result: DataFrame, frames: Frames) -> list[JoinKey]:
    """Return by which columns the result joins these frames; none where Spark's plan cannot be followed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        plan = str(result._jdf.queryExecution().analyzed().toJSON())
        return join_keys(plan, {name: _numbers(frame) for name, frame in frames.items()})
    # Catalyst's JSON is nobody's promise: another version may write it otherwise, or fail at a node of its own.
    except (
        Py4JError,
        PySparkException,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
    ) as error:
        _log.info("The plan of the result could not be followed, so tables are sampled: %s", error)
        return []


def _numbers(frame: DataFrame) -> dict[int, str]:
    """Return `exprId -> column` of the frame's own columns."""
    output = str(frame._jdf.queryExecution().analyzed().output().mkString("\n"))
    found = [re.search(r"#([0-9]+)L?$", line) for line in output.split("\n")]
    return {int(match[1]): name for match, name in zip(found, frame.columns, strict=True) if match}


def with_partners(
    tables: Mapping[str, TableSample],
    frames: Frames,
    keys: Sequence[JoinKey],
    hold: Callable[[DataFrame], DataFrame],
    sample_rows: int,
) -> dict[str, TableSample]:
    """Return the tables that were not read whole and are joined by a key, with the partners of the sampled rows.

    A table whose rows look for partners in another large one is searched first. `hold` keeps a frame in memory.
    """
    found: dict[str, TableSample] = {}
    waiting = {name for name, table in tables.items() if is_lacking(table)}
    kinds = {name: table.facts.kind for name, table in tables.items()}
    current = dict(frames)
    while (key := next_search(keys, waiting, found, kinds)) is not None:
        waiting.discard(key.right)
        found[key.right] = _searched(tables[key.right], current[key.left], key, hold, sample_rows)
        current[key.right] = found[key.right].frame
    return found


def next_search(
    keys: Sequence[JoinKey], waiting: Collection[str], searched: Collection[str], kinds: Mapping[str, str]
) -> JoinKey | None:
    """Return the key by which a waiting table, on its right, is searched next; None where none is joined to a known one.

    The rows that drive the pipeline come first, then those found for them; a lookup that was read whole is the last to
    go by, since it may be the smallest of things: all customers live in its few countries. `kinds` are the tables'.
    """

    def rank(key: JoinKey) -> tuple[int, str]:
        drives = kinds.get(key.left, "files") != "table"
        return (0 if drives else 1 if key.left in searched else 2, key.right)

    seen = [key.seen_from(name) for name in waiting for key in keys if name in (key.left, key.right)]
    ready = [key for key in seen if key.left not in waiting]
    return min(ready, key=rank, default=None)


def is_lacking(table: TableSample) -> bool:
    """Whether rows of a lookup, committed or to come, were left out."""
    return table.facts.kind == "table" and not (table.facts.whole and all(one.exact for one in table.pending))


def _searched(
    table: TableSample,
    driving: DataFrame,
    key: JoinKey,
    hold: Callable[[DataFrame], DataFrame],
    sample_rows: int,
) -> TableSample:
    """Take the rows that the driving ones look for, and count how many of those find one."""
    from pyspark.sql import functions as F

    left, right = (tuple(pair[side] for pair in key.columns) for side in (0, 1))
    names = [f"_alur_key_{index}" for index in range(len(left))]
    wanted = driving.select(
        *(F.col(quoted(column)).alias(name) for column, name in zip(left, names, strict=True))
    )
    frame, searched = table.frame, table.searchable is not None
    if table.searchable is not None:
        same = [F.col(quoted(column)) == F.col(name) for column, name in zip(right, names, strict=True)]
        every = table.searchable.join(F.broadcast(wanted.distinct()), same, "left_semi")
        frame = hold(every.limit(sample_rows * PARTNERS_PER_ROW))
    there = frame.select(
        F.lit(1).alias("found"),
        *(F.col(quoted(column)).alias(f"{name}_") for column, name in zip(right, names, strict=True)),
    )
    match = [F.col(name) == F.col(f"{name}_") for name in names]
    both = wanted.join(there.distinct(), match, "left")
    rows, matched = both.agg(F.count(F.lit(1)), F.count("found")).collect()[0]
    partners = Partners(right, key.left, rows, matched, searched)
    return replace(table, frame=frame, facts=replace(table.facts, partners=partners))
