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
from typing import TYPE_CHECKING, Any

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
        plan = result._jdf.queryExecution().analyzed()
        return join_keys(str(plan.toJSON()), {name: _numbers(frame, plan) for name, frame in frames.items()})
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


def _numbers(frame: DataFrame, plan: Any) -> dict[int, str]:
    """Return `exprId -> column` of the frame's own columns, wherever it stands in the plan.

    Where a frame is joined a second time, Spark gives its columns new numbers.
    """
    own = frame._jdf.queryExecution().analyzed()
    found = _named(own, frame.columns)
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if node.sameResult(own):
            found |= _named(node, frame.columns)
            continue
        children = node.children()
        waiting += [children.apply(index) for index in range(children.size())]
    return found


def _named(node: Any, columns: Sequence[str]) -> dict[int, str]:
    lines = str(node.output().mkString("\n")).split("\n")
    found = [re.search(r"#([0-9]+)L?$", line) for line in lines]
    return {int(match[1]): name for match, name in zip(found, columns, strict=True) if match}


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
        others = [one for one in _into(key.right, keys) if one.left not in waiting and one != key]
        known = list(dict.fromkeys([key, *others]))
        found[key.right] = _searched(tables[key.right], current, known, hold, sample_rows)
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

    seen = [key for name in waiting for key in _into(name, keys)]
    ready = [key for key in seen if key.left not in waiting]
    return min(ready, key=rank, default=None)


def is_lacking(table: TableSample) -> bool:
    """Whether rows of a lookup, committed or to come, were left out."""
    return table.facts.kind == "table" and not (table.facts.whole and all(one.exact for one in table.pending))


def _into(table: str, keys: Sequence[JoinKey]) -> list[JoinKey]:
    return [key.seen_from(table) for key in keys if table in (key.left, key.right)]


def _searched(
    table: TableSample,
    frames: Frames,
    keys: Sequence[JoinKey],
    hold: Callable[[DataFrame], DataFrame],
    sample_rows: int,
) -> TableSample:
    """Take the rows that the driving ones look for, by one key or another, and count how many of those find one."""
    frame, searched, taken = table.frame, table.searchable is not None, None
    if table.searchable is not None:
        limit = int(sample_rows * PARTNERS_PER_ROW)
        frame = hold(_partners(table.searchable, frames, keys).limit(limit))
        taken = limit if frame.count() == limit else None
    counts = [_matched(frame, frames[key.left], key) for key in keys]
    # Of several keys the one is told that found the fewest.
    least = min(range(len(keys)), key=lambda index: counts[index][1] / max(1, counts[index][0]))
    on = tuple(right for _, right in keys[least].columns)
    with_samples = any(not one.exact for one in table.pending)
    partners = Partners(on, keys[least].left, *counts[least], searched, taken, with_samples)
    return replace(table, frame=frame, facts=replace(table.facts, partners=partners))


def _wanted(driving: DataFrame, key: JoinKey) -> DataFrame:
    from pyspark.sql import functions as F

    return driving.select(
        *(F.col(quoted(left)).alias(f"_alur_key_{index}") for index, (left, _) in enumerate(key.columns))
    )


def _partners(every: DataFrame, frames: Frames, keys: Sequence[JoinKey]) -> DataFrame:
    """Return each row that is wanted by one of the keys, once."""
    from pyspark.sql import functions as F

    columns = [quoted(name) for name in every.columns]
    found = every
    for number, key in enumerate(keys):
        wanted = F.broadcast(
            _wanted(frames[key.left], key).distinct().withColumn(f"_alur_by_{number}", F.lit(1))
        )
        names = wanted.columns[:-1]
        same = [
            F.col(quoted(right)) == F.col(name) for (_, right), name in zip(key.columns, names, strict=True)
        ]
        if len(keys) == 1:
            return every.join(wanted, same, "left_semi")
        found = found.join(wanted, same, "left").drop(*names)
    is_wanted = " OR ".join(f"_alur_by_{number} IS NOT NULL" for number in range(len(keys)))
    return found.where(is_wanted).select(*columns)


def _matched(frame: DataFrame, driving: DataFrame, key: JoinKey) -> tuple[int, int]:
    """Count the driving rows, and those of them that find a row in the frame."""
    from pyspark.sql import functions as F

    wanted = _wanted(driving, key)
    names = wanted.columns
    there = frame.select(
        F.lit(1).alias("found"),
        *(
            F.col(quoted(right)).alias(f"{name}_")
            for (_, right), name in zip(key.columns, names, strict=True)
        ),
    )
    match = [F.col(name) == F.col(f"{name}_") for name in names]
    both = wanted.join(there.distinct(), match, "left")
    rows, matched = both.agg(F.count(F.lit(1)), F.count("found")).collect()[0]
    return rows, matched
