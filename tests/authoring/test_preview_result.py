"""What a preview says of the result: its columns against the table, its rows, and its checks on a sample."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb import (
    BronzeTable,
    DecimalField,
    IntegerField,
    Severity,
    StringField,
    StructField,
    TimestampField,
    expect,
    files,
    min_row_count,
    pipeline,
    row,
    unique_key,
)
from alur_nb.authoring.preview_facts import Sampled, to_json
from alur_nb.authoring.preview_result import judged
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import CheckResult, Expectation
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import GOOD, Orders, look
from tests.conftest import Land

pytestmark = pytest.mark.usefixtures("spark")


def test_checks_say_what_a_sample_can_tell(workspace: Workspace, project: Project, land: Land) -> None:
    @expect("unique", check_fn=unique_key(["id"]))
    @expect("many", check_fn=min_row_count(1_000))
    @expect("small", check_fn=row("amount < 3"))
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", GOOD)
    exact = {one.result.name: (one.outcome, one.on_sample) for one in look(workspace, project).checks}
    assert exact == {"unique": ("passed", False), "many": ("failed", False), "small": ("failed", False)}
    found = look(workspace, project, sample_rows=1)
    sampled = {one.result.name: (one.outcome, one.on_sample) for one in found.checks}
    assert sampled == {"unique": ("passed", True), "many": ("open", True), "small": ("passed", True)}
    assert [one.note is not None for one in found.checks] == [True, True, False]
    assert found.verdict == "would load"


def test_a_failing_check_shows_rows_that_fail(workspace: Workspace, project: Project, land: Land) -> None:
    @expect("small", check_fn=row("amount < 3"))
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", GOOD)
    found = look(workspace, project)
    assert found.verdict == "would fail"
    assert "'small' fails" in found.problems[0].message
    (example,) = found.checks[0].result.examples
    assert (example["id"], "_ingested_at" in example) == (2, False)


def test_the_result_is_compared_with_the_table(workspace: Workspace, project: Project, land: Land) -> None:
    class Totals(BronzeTable):
        id = IntegerField()
        amount = DecimalField(12, 2)
        total = IntegerField()

    @pipeline(sources={"orders": files("orders/*", contract=Orders)}, target=Totals)
    def totals(orders: DataFrame) -> DataFrame:
        return orders.selectExpr("cast(id as string) as id", "amount", "1 as totall")

    land("orders/1.csv", GOOD)
    found = look(workspace, project, "totals")
    assert {one.name: one.state for one in found.result_columns} == {
        "id": "differs",
        "amount": "cast",
        "total": "missing",
        "totall": "surplus",
    }
    assert found.verdict == "would fail"
    assert "missing: total; surplus: totall (did you mean `total`?)" in found.problems[0].message
    assert (found.columns, found.sample_rows, found.checks) == (("id", "amount", "totall"), 2, ())


def test_timestamps_are_shown_in_utc_wherever_the_machine_is(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Events(BronzeTable):
        at = TimestampField()

    @pipeline(sources={"events": files("events/*")}, target=Events)
    def ingest_events(events: DataFrame) -> DataFrame:
        return events

    land("events/1.csv", "at\n2024-03-31 02:30:00\n")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        found = look(workspace, project, "ingest_events")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert found.rows[0][0].isoformat() == "2024-03-31T02:30:00+00:00"


def test_a_null_in_a_column_that_is_not_nullable_is_found_as_a_run_finds_it(
    workspace: Workspace, project: Project, land: Land
) -> None:
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.withColumn("id", F.when(F.col("id") > 1, F.col("id")))

    land("orders/1.csv", GOOD)
    found = look(workspace, project)
    assert found.verdict == "would fail"
    assert "id is not nullable" in found.problems[0].message


def test_values_of_every_kind_reach_json_and_text(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    class Odd(BronzeTable):
        at = TimestampField()
        inner = StructField({"word": StringField()})
        price = DecimalField(4, 2)

    @pipeline(target=Odd)
    def extract_odd() -> DataFrame:
        query = "SELECT timestamp'2024-01-02 03:04:05.6' at, named_struct('word', 'a\\u001b\\n') inner, 1.50 price"
        return spark.sql(query).selectExpr("at", "inner", "cast(price as decimal(4,2)) price")

    found = look(workspace, project, "extract_odd")
    assert found.rows[0][1:] == ({"word": "a\x1b\n"}, Decimal("1.50"))
    assert found.to_dict()["rows"] == [["2024-01-02T03:04:05.600000+00:00", {"word": "a\x1b\n"}, "1.50"]]
    assert "\x1b" not in str(found)
    assert any("every run appends" in text for text in found.warnings)


def test_json_has_no_nan_and_no_bytes() -> None:
    assert to_json({"a": float("nan"), "b": (b"\x00", 1.5, True, None)}) == {
        "a": "nan",
        "b": ["AA==", 1.5, True, None],
    }


@pytest.mark.parametrize(
    ("rows", "complete", "estimate"),
    [(150, True, 150), (150, False, 90_000), (0, False, None), (7, False, 4_200)],
)
def test_an_estimate_is_rounded_and_never_below_what_was_counted(
    rows: int, complete: bool, estimate: int | None
) -> None:
    assert Sampled(2, 12, 2_000, 1_200_000, rows, 0, complete, 2_000).estimated_rows == estimate


def test_a_users_own_check_on_a_sample_is_marked() -> None:
    result = CheckResult("own", Severity.ERROR, False, "failed", "no")
    expected = Expectation("own", lambda frame: (False, "no"))
    assert judged(expected, result, exact=True).on_sample is False
    found = judged(expected, result, exact=False)
    assert (found.outcome, found.on_sample) == ("failed", True)
