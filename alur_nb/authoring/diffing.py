"""`alur diff`: what has changed in a table between two of its states, key by key and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.batch_names import table_named
from alur_nb.authoring.query import cell_text
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import plural
from alur_nb.runtime.lake import quoted
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.time_travel import NOW, At, read_at, version_at
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EXAMPLES = 5
_STATUS = "__alur_status"
_ADDED, _REMOVED, _CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class DiffReport:
    """The difference between two states of a table."""

    table: str
    before: str
    after: str
    key: tuple[str, ...]
    """Empty where rows are compared whole: then none is changed, one is gone and another is there."""
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    """Column -> in how many rows that both states have it differs."""
    examples: Sequence[Mapping[str, Any]] = ()
    """`change` and the key, or the whole row; of a changed one also `column`, `before` and `after`."""
    notes: Sequence[str] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the two states hold the same rows."""
        return not (self.added or self.removed or self.changed)

    @property
    def example_lines(self) -> list[str]:
        """The examples, a line each."""
        return [_example(one) for one in self.examples]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; a value that it cannot is its text."""
        return {
            "table": self.table,
            "before": self.before,
            "after": self.after,
            "key": list(self.key),
            "rows": {"before": self.rows_before, "after": self.rows_after},
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "columns": dict(self.columns),
            "examples": [dict(example) for example in self.examples],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.table}: {self.before} -> {self.after}",
            f"  rows: {self.rows_before:,} -> {self.rows_after:,}",
        ]
        if self.is_equal:
            lines.append("  the same rows")
        elif self.key:
            lines.append(
                f"  by {', '.join(self.key)}: {self.added:,} added, {self.removed:,} removed, {self.changed:,} changed"
            )
        else:
            lines.append(f"  {plural(self.added, 'row')} added, {self.removed:,} removed")
        lines += [f"  {name}: differs in {plural(count, 'row')}" for name, count in self.columns.items()]
        lines += [f"    {one}" for one in self.example_lines]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def diff(
    project: Project,
    name: str,
    before: At,
    after: At = NOW,
    *,
    examples: int = EXAMPLES,
    env: str = "local",
    workspace: Workspace | None = None,
) -> DiffReport:
    """Compare two states of a table: by its primary key, or whole rows where it has none or has a key twice.

    Raises StorageError where one of the two can be read no more, LedgerError, SettingsError, DeclarationError.
    """
    place, table = workspace or open_workspace(env=env), table_named(project, name)
    spark = get_spark_session()
    old, new = (read_at(spark, place, table, at) for at in (before, after))
    batches = place.ledger.batches(table.qualified_name)
    labels = [version_at(batches, table.qualified_name, at).label for at in (before, after)]
    return compare(table, old, new, labels=(labels[0], labels[1]), examples=examples)


def compare(
    table: Table,
    old: DataFrame,
    new: DataFrame,
    *,
    labels: tuple[str, str] = ("before", "after"),
    examples: int = EXAMPLES,
) -> DiffReport:
    """Compare two frames of a table's columns."""
    key = list(table.primary_key)
    if not key:
        return _whole(table, old, new, labels, examples, ())
    if _has_twice(old, key) or _has_twice(new, key):
        note = f"rows are compared whole: a key of {', '.join(key)} is there more than once"
        return _whole(table, old, new, labels, examples, (note,))
    return _by_key(table, old, new, labels, examples)


def _has_twice(frame: DataFrame, key: Sequence[str]) -> bool:
    from pyspark.sql import functions as F

    grouped = frame.groupBy(*map(quoted, key)).agg(F.count(F.lit(1)).alias(_STATUS))
    return bool(grouped.where(F.col(_STATUS) > 1).limit(1).count())


def _by_key(
    table: Table, old: DataFrame, new: DataFrame, labels: tuple[str, str], examples: int
) -> DiffReport:
    from pyspark.sql import functions as F

    names = [name for name in new.columns if name not in table.primary_key]
    joined = _joined(table, old, new).cache()
    try:
        differing = {name: (F.col(_STATUS) == _CHANGED) & _differs(name) for name in names}
        counts = joined.agg(
            *(_count(F.col(_STATUS) == status).alias(status) for status in (_ADDED, _REMOVED, _CHANGED)),
            _count(F.col("o").isNotNull()).alias("before"),
            _count(F.col("n").isNotNull()).alias("after"),
            *(_count(condition).alias(f"c{index}") for index, condition in enumerate(differing.values())),
        ).collect()[0]
        columns = {name: counts[f"c{index}"] for index, name in enumerate(names) if counts[f"c{index}"]}
        shown = _key_examples(joined, table, columns, examples)
    finally:
        joined.unpersist()
    return DiffReport(
        table.qualified_name,
        *labels,
        table.primary_key,
        counts["before"],
        counts["after"],
        counts[_ADDED],
        counts[_REMOVED],
        counts[_CHANGED],
        columns,
        shown,
    )


def _joined(table: Table, old: DataFrame, new: DataFrame) -> DataFrame:
    """Return one row a key: both rows as the structs `o` and `n`, and what became of it."""
    from pyspark.sql import functions as F

    names = [name for name in new.columns if name not in table.primary_key]
    one = old.select(F.struct(*map(quoted, old.columns)).alias("o"))
    other = new.select(F.struct(*map(quoted, new.columns)).alias("n"))
    same = [F.col(f"o.{quoted(name)}").eqNullSafe(F.col(f"n.{quoted(name)}")) for name in table.primary_key]
    joined = one.join(other, same, "full_outer")
    changed = reduce(or_, map(_differs, names), F.lit(False))
    status = F.when(F.col("o").isNull(), _ADDED).when(F.col("n").isNull(), _REMOVED).when(changed, _CHANGED)
    return joined.withColumn(_STATUS, status)


def _differs(name: str) -> Column:
    from pyspark.sql import functions as F

    # Maps have no order and no equality in Spark; as JSON they have.
    sides = [F.to_json(F.struct(F.col(f"{side}.{quoted(name)}").alias("v"))) for side in "on"]
    return ~sides[0].eqNullSafe(sides[1])


def _count(condition: Column) -> Column:
    from pyspark.sql import functions as F

    return F.count(F.when(condition, 1))


def _key_examples(
    joined: DataFrame, table: Table, columns: Mapping[str, int], examples: int
) -> list[dict[str, Any]]:
    from pyspark.sql import functions as F

    found: list[dict[str, Any]] = []
    key = [
        F.coalesce(F.col(f"n.{quoted(one)}"), F.col(f"o.{quoted(one)}")).alias(one)
        for one in table.primary_key
    ]
    for status in (_ADDED, _REMOVED):
        rows = joined.where(F.col(_STATUS) == status).select(*key).orderBy(*map(quoted, table.primary_key))
        found += [{"change": status, **row.asDict()} for row in rows.limit(examples).collect()]
    for name in columns:
        both = [F.col(f"{side}.{quoted(name)}").alias(f"__{side}") for side in "on"]
        rows = joined.where((F.col(_STATUS) == _CHANGED) & _differs(name)).select(*key, *both)
        for row in rows.orderBy(*map(quoted, table.primary_key)).limit(examples).collect():
            values = row.asDict()
            before, after = values.pop("__o"), values.pop("__n")
            found.append({"change": _CHANGED, **values, "column": name, "before": before, "after": after})
    return found


def _whole(
    table: Table,
    old: DataFrame,
    new: DataFrame,
    labels: tuple[str, str],
    examples: int,
    notes: Sequence[str],
) -> DiffReport:
    """Compare rows by all that they hold, each as often as it is there."""
    from pyspark.sql import functions as F

    def told(frame: DataFrame, amount: int) -> DataFrame:
        row = F.to_json(F.struct(*map(quoted, new.columns)), {"ignoreNullFields": "false"})
        return frame.select(row.alias("row"), F.lit(amount).alias("amount"))

    counted = told(old, -1).union(told(new, 1)).groupBy("row").agg(
        F.sum("amount").alias("more"),
        F.sum(F.when(F.col("amount") < 0, 1).otherwise(0)).alias("before"),
        F.sum(F.when(F.col("amount") > 0, 1).otherwise(0)).alias("after"),
    ).cache()  # fmt: skip
    try:
        sums = counted.agg(
            F.coalesce(F.sum("before"), F.lit(0)).alias("before"),
            F.coalesce(F.sum("after"), F.lit(0)).alias("after"),
            F.coalesce(F.sum(F.greatest("more", F.lit(0))), F.lit(0)).alias(_ADDED),
            F.coalesce(F.sum(-F.least("more", F.lit(0))), F.lit(0)).alias(_REMOVED),
        ).collect()[0]
        shown: list[dict[str, Any]] = []
        for status, condition in ((_ADDED, "more > 0"), (_REMOVED, "more < 0")):
            rows = counted.where(condition).select("row").orderBy("row").limit(examples).collect()
            shown += [{"change": status, "row": row["row"]} for row in rows]
    finally:
        counted.unpersist()
    return DiffReport(
        table.qualified_name,
        *labels,
        (),
        sums["before"],
        sums["after"],
        sums[_ADDED],
        sums[_REMOVED],
        examples=shown,
        notes=notes,
    )


def _example(example: Mapping[str, Any]) -> str:
    values = dict(example)
    change = values.pop("change")
    if "row" in values:
        return f"{change}: {values['row']}"
    told = [values.pop(name) for name in ("column", "before", "after")] if change == _CHANGED else []
    key = ", ".join(f"{name}={value}" for name, value in values.items())
    return f"{change}: {key}" + (f": {told[0]} {_value(told[1])} -> {_value(told[2])}" if told else "")


def _value(value: object) -> str:
    """Show a text in quotes, so that it is told from a number or a null of the same letters."""
    return repr(value) if isinstance(value, str) else cell_text(value)
