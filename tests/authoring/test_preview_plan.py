"""Join keys from Spark's own plans, written as SQL: what is followed, and what is left alone."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from alur_nb.authoring.preview_joins import keys_of
from alur_nb.authoring.preview_plan import JoinKey, join_keys

pytestmark = pytest.mark.slow

ORDERS, CUSTOMERS, REGIONS = (
    "a int, b string, c bigint",
    "x int, y string, z bigint",
    "x int, r decimal(10,2)",
)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT * FROM {o} o JOIN {c} c ON o.a = c.x", [JoinKey("o", "c", (("a", "x"),))]),
        ("SELECT * FROM {o} o LEFT JOIN {c} c ON c.x = o.a", [JoinKey("c", "o", (("x", "a"),))]),
        ("SELECT * FROM {o} o JOIN {c} c ON o.c = c.x", [JoinKey("o", "c", (("c", "x"),))]),
        (
            "SELECT * FROM {o} o JOIN {c} c ON o.a = c.x AND c.y = o.b AND o.c > 5",
            [JoinKey("o", "c", (("a", "x"), ("b", "y")))],
        ),
        (
            "SELECT * FROM {o} o JOIN (SELECT x AS k, max(y) FROM {c} WHERE z > 0 GROUP BY x) c ON a = k",
            [JoinKey("o", "c", (("a", "x"),))],
        ),
        (
            "SELECT * FROM (SELECT a AS p FROM (SELECT a FROM {o})) JOIN {c} ON p <=> x",
            [JoinKey("o", "c", (("a", "x"),))],
        ),
        (
            "SELECT * FROM {o} o JOIN {c} c ON o.a = c.x JOIN {r} r ON r.x = c.x",
            [JoinKey("r", "c", (("x", "x"),)), JoinKey("o", "c", (("a", "x"),))],
        ),
        ("SELECT * FROM {o} o JOIN {c} c ON o.a + 1 = c.x", []),
        ("SELECT * FROM {o} o JOIN {c} c ON o.a = c.x OR o.b = c.y", []),
        ("SELECT * FROM {o} o JOIN {c} c ON NOT o.a = c.x", []),
        ("SELECT * FROM {o} o JOIN {c} c ON o.b = cast(c.x AS string)", []),
        ("SELECT * FROM {o} o CROSS JOIN {c}", []),
        ("SELECT * FROM {o} UNION ALL SELECT * FROM {c}", []),
        ("SELECT * FROM {o} p JOIN {o} q ON p.a = q.a", []),
    ],
)
def test_the_keys_of_a_query(spark: SparkSession, query: str, wanted: list[JoinKey]) -> None:
    frames = {
        name: spark.createDataFrame([], ddl)
        for name, ddl in (("o", ORDERS), ("c", CUSTOMERS), ("r", REGIONS))
    }
    used = {name: frame for name, frame in frames.items() if f"{{{name}}}" in query}
    found = keys_of(spark.sql(query, **used), frames)
    assert [key.seen_from(one.right) for key, one in zip(found, wanted, strict=True)] == wanted


def test_a_key_is_turned_round() -> None:
    key = JoinKey("o", "c", (("a", "x"), ("b", "y")))
    assert key.seen_from("c") == key
    assert key.seen_from("o") == JoinKey("c", "o", (("x", "a"), ("y", "b")))


def test_a_plan_without_a_join_has_no_key() -> None:
    assert join_keys("[]", {"o": {1: "a"}}) == []
    with pytest.raises(ValueError, match="Expecting"):
        join_keys("", {})
