"""What was inferred, read by Spark: what agreed is accepted, what was named is rejected, and no other row."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from alur_nb.authoring import infer_types
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.readers import Looker, read
from alur_nb.runtime.sources import files
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import declared, inferred, landed, types
from tests.conftest import Land

pytestmark = pytest.mark.slow


def test_spark_reads_what_was_inferred(workspace: Workspace, land: Land, spark: object) -> None:
    """Each kind of column, read by a typed read under the inferred contract: no row is rejected."""
    days = [(day, month) for day in (1, 9, 13, 31) for month in (1, 10, 12)]
    kinds = {
        "id": [str(n) for n in range(12)],
        "big": [str(n * 10**15) for n in range(12)],
        "flag": ["true", "FALSE", " True"] * 4,
        "money": [f"{n}.50" for n in range(12)],
        "ratio": ["1.5", ".5", "5.", "1e-3", "NaN", "-0"] * 2,
        "Iso Day": [f"2024-{month:02d}-{day:02d}" for day, month in days],
        "iso_at": ["2024-01-31 10:15", "2024-01-31T10:15:30.5Z", "2024-01-31T10:15:30+01:00"] * 4,
        "german": [f"{day:02d}.{month:02d}.2024" for day, month in days],
        "american": [f"{month}/{day}/2024" for day, month in days],
        "american_at": [
            f"{month}/{day}/2024 {1 + n}:05 {'AM' if n % 2 else 'PM'}" for n, (day, month) in enumerate(days)
        ],
        "padded_at": [
            f"{month:02d}/{day:02d}/2024 {1 + n:02d}:05:59 PM" for n, (day, month) in enumerate(days)
        ],
        "words": [f"{day:02d} Sep 2024" if day < 31 else "05 Oct 2024" for day, _ in days],
        "loose": [f"2024-{month}-{day}" for day, month in days],
        "slashes": [f"2024/{month:02d}/{day:02d}" for day, month in days],
        "date_key": [f"2024{month:02d}{day:02d}" for day, month in days],
        "short_at": [f"{day:02d}.{month:02d}.2024 {n}:05" for n, (day, month) in enumerate(days)],
        "zip": [f"{n:05d}" for n in range(12)],
    }
    text = io.StringIO()
    csv.writer(text).writerows([kinds, *zip(*kinds.values(), strict=True)])
    land("kinds.csv", text.getvalue())
    found = inferred(workspace, "kinds.csv")
    assert not [column.doubts for column in found.columns if column.doubts]
    assert sum("format=" in column.type_text for column in found.columns) == 9
    table, source, file = declared(found.cell), files("kinds.csv"), landed(workspace, "kinds.csv")
    with workspace.files.open(file) as stream:
        look = Looker(table, source).look(file, stream)
    rows = read(get_spark_session(), [look], table, source)
    assert rows.count() == 12
    assert rows.where("_rejected").count() == 0
    names = [name for name in table.columns if name not in ("ratio",)]
    assert rows.dropna(subset=names).count() == 12


def written_as(moment: datetime, pattern: str) -> str:
    """Write a moment by one of Spark's patterns."""
    half = moment.hour % 12 or 12
    parts = {
        "yyyy": f"{moment.year:04d}",
        "MMM": f"{moment:%b}",
        "MM": f"{moment.month:02d}",
        "M": f"{moment.month}",
        "dd": f"{moment.day:02d}",
        "d": f"{moment.day}",
        "HH": f"{moment.hour:02d}",
        "H": f"{moment.hour}",
        "hh": f"{half:02d}",
        "h": f"{half}",
        "mm": f"{moment.minute:02d}",
        "ss": f"{moment.second:02d}",
        "a": "AM" if moment.hour < 12 else "PM",
    }
    return re.sub(r"y+|M+|d+|H+|h+|m+|s+|a", lambda letters: parts[letters[0]], pattern)


def random_columns(dice: random.Random, rows: int) -> dict[str, list[str]]:
    """Return a column of each kind that is inferred, with empty values, blanks around some, and a few slips."""

    def moment() -> datetime:
        return datetime(dice.randint(1, 9998), 1, 1) + timedelta(seconds=dice.randrange(365 * 86400))

    makers: dict[str, Callable[[], str]] = {
        "int": lambda: str(dice.randint(-(10**9) + 1, 10**9 - 1)),
        "big": lambda: str(dice.randint(-(10**18) + 1, 10**18 - 1)),
        "cents": lambda: f"{dice.uniform(-(10**6), 10**6):.2f}",
        "price": lambda: f"{dice.uniform(0, 10**4):.{dice.randint(1, 4)}f}",
        "float": lambda: repr(dice.uniform(-1, 1) * 10 ** dice.randint(-300, 300)),
        "plain": lambda: f"{dice.random():.7f}",
        "flag": lambda: dice.choice(["true", "false", "TRUE", "False", "tRuE"]),
        "code": lambda: f"{dice.randint(0, 999):05d}",
        "word": lambda: dice.choice(["a", "n/a", "-", "Infinity", "31.02.2024", "1,5", "0x1F", "12F"]),
        "iso_day": lambda: written_as(moment(), "yyyy-MM-dd"),
        "iso": lambda: moment().isoformat() + dice.choice(["", "Z", "+05:30", "-0800", ".123456", ".5Z"]),
        "key_day": lambda: f"{dice.choice([19, 20])}{written_as(moment(), 'yyyyMMdd')[2:]}".replace(
            "0229", "0228"
        ),
    }
    orders = [pattern for pair in infer_types._ORDERS for pattern in pair]
    clocks = ["", *(f" {clock}" for clock in infer_types._CLOCKS)]
    for number, pattern in enumerate((*orders, *infer_types._PLAIN_DAYS)):
        for clock in (clocks[number % len(clocks)], clocks[(number + 4) % len(clocks)]):
            makers[pattern + clock] = lambda pattern=pattern + clock: written_as(moment(), pattern)  # type: ignore[misc]
    found = {}
    for name, make in makers.items():
        values = [dice.choice(["", " ", "{} ", " {}", "{}", "{}", "{}"]).format(make()) for _ in range(rows)]
        for slip in dice.sample(["n/a", "30.02.2024", "1e400", "0000-00-00", "NULL"], dice.randint(0, 2)):
            values[dice.randrange(rows)] = slip
        found[name] = values
    return found


def test_spark_rejects_the_values_that_are_named_and_no_other(
    workspace: Workspace, land: Land, spark: object
) -> None:
    texts = random_columns(random.Random(20240131), 600)
    names = [
        f"c{number}_{name.partition(' ')[0] if name.isidentifier() else 'at'}"
        for number, name in enumerate(texts)
    ]
    text = io.StringIO()
    csv.writer(text).writerows([names, *zip(*texts.values(), strict=True)])
    land("random.csv", text.getvalue())
    found = inferred(workspace, "random.csv")
    kinds = Counter(column.wanted.ddl for column in found.columns if column.wanted)
    assert len([1 for column in found.columns if column.misfits]) > 10
    assert set(kinds) > {"int", "bigint", "double", "boolean", "string", "date", "timestamp"}
    assert sum("format=" in column.type_text for column in found.columns) > 30
    table, source, file = declared(found.cell), files("random.csv"), landed(workspace, "random.csv")
    with workspace.files.open(file) as stream:
        look = Looker(table, source).look(file, stream)
    rows = read(get_spark_session(), [look], table, source)
    bad = {
        index
        for column, values in zip(found.columns, texts.values(), strict=True)
        for index, value in enumerate(values)
        if value.strip() in column.misfits
    }
    assert rows.count() == 600
    assert 0 < rows.where("_rejected").count() == len(bad)


def test_parquet_says_its_types_itself(workspace: Workspace, land: Land, spark: Any) -> None:
    data = workspace.settings.root / "data" / "orders"
    frame = spark.sql(
        "select id, cast(id as decimal(7,3)) as `Net Price (EUR)`, named_struct('zip', '007') as home, "
        "array(id) as ids, if(id = 3, null, 'x') as note from range(5)"
    )
    frame.coalesce(1).write.parquet(str(data))
    found = inferred(workspace, "orders/*.parquet")
    assert types(found) == {
        "id": "bigint not null",
        "net_price_eur": "decimal(7,3) not null",
        "home": "struct<zip:string> not null",
        "ids": "array<bigint> not null",
        "note": "string",
    }
    assert found.files.complete
    assert found.keys == ("id",)
    assert "--format parquet" in found.next_step
    assert declared(found.cell).columns["net_price_eur"].source == "Net Price (EUR)"
    (data / "z.parquet").write_bytes(b"none")
    with pytest.raises(SourceError, match="is not Parquet"):
        inferred(workspace, "orders/z.parquet")


def test_parquet_may_hold_what_python_cannot(workspace: Workspace, spark: Any) -> None:
    """A year above 9999, at top level and inside; a name with a point; equal binaries."""
    data = workspace.settings.root / "data" / "late"
    late = "timestamp_seconds(400000000000 + id)"
    spark.sql(
        f"select id as `a.b`, {late} as at, named_struct('t', {late}) as inside, unhex('ff') as same, "
        "if(id = 1, null, unhex('00')) as some, map(id, 'x') as pairs from range(3)"
    ).coalesce(1).write.parquet(str(data))
    found = inferred(workspace, "late/*.parquet")
    assert {one.name: (one.empty, one.distinct) for one in found.columns} == {
        "a_b": (0, 3),
        "at": (0, 3),
        "inside": (0, 3),
        "same": (0, 1),
        "some": (1, 1),
        "pairs": (0, 3),
    }
    assert found.keys == ("a_b",)
