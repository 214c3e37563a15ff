"""DROP: rows that break such a check become rejects, and every row of a file is still accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame

from alur_nb import (
    BronzeTable,
    DateField,
    DoubleField,
    IntegerField,
    Severity,
    StringField,
    column_values_in_range,
    expect,
    files,
    matches_pattern,
    max_row_count,
    new,
    no_nulls_in_column,
    pipeline,
    read,
    read_rejects,
    references,
    row,
    values_in_set,
)
from alur_nb.authoring.preview import Preview, preview
from alur_nb.runtime.checks import Check
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.usefixtures("spark"), pytest.mark.slow]

ONE = "id,amount,state\n1,5,new\n2,-5,new\n3,,paid\n4,-1,lost\n"
TWO = "id,amount,state\n5,7,new\n6,x,new\n7,8,lost\n"
POSITIVE = ("positive", row("amount > 0"))
KNOWN = ("known state", values_in_set("state", ["new", "paid"]))


def same(orders: DataFrame) -> DataFrame:
    return orders


def rebuilt(orders: DataFrame) -> DataFrame:
    return orders.where("id > 0").drop("_source_file", "_source_system", "_ingested_at")


def declare(
    *checks: tuple[str, Check], function: Callable[[DataFrame], DataFrame] = same, **source: Any
) -> type[BronzeTable]:
    """Declare one ingestion into `bronze.shop`, whose checks drop."""

    class ShopBronze(BronzeTable):
        id = IntegerField(nullable=False)
        amount = DoubleField()
        state = StringField()
        day = DateField()

    landed = files("orders/*", **{"strict": False, "reject_limit": 0.9} | source)
    made: Any = pipeline(sources={"orders": landed}, target=ShopBronze, name="ingest")(function)
    for name, check in checks:
        made = expect(name, check_fn=check, severity=Severity.DROP)(made)
    return ShopBronze


def go(workspace: Workspace, project: Project, *names: str) -> dict[str, PipelineRun]:
    return {run.name: run for run in run_pipelines(workspace, project, names or None).runs}


def per_file(workspace: Workspace, table: str) -> dict[str, tuple[int, int, int]]:
    (batch,) = workspace.ledger.batches(table)
    return {i.key: (i.parsed, i.accepted, i.rejected) for i in workspace.ledger.inputs(table, batch.id)}


def test_rows_that_break_the_rule_become_rejects_of_their_file(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare(KNOWN, POSITIVE)
    land("orders/1.csv", ONE)
    land("orders/2.csv", TWO)
    run = go(workspace, project)["ingest"]
    assert (run.state, run.rows, run.rejected) == ("loaded", 3, 4), run.error_text
    assert sorted(r["id"] for r in read(table).collect()) == [1, 3, 5], "a null is not judged, so it is kept"
    assert per_file(workspace, "bronze.shop") == {"orders/1.csv": (4, 2, 2), "orders/2.csv": (3, 1, 2)}
    found = {r["reason"]: r for r in read_rejects(table).collect()}
    both = found["positive; known state"]
    assert (both["source_file"], both["column"], both["line_number"]) == ("orders/1.csv", None, None)
    assert json.loads(both["raw"]) == {"id": 4, "amount": -1.0, "state": "lost", "day": None}
    assert found["known state"]["column"] == "state"
    assert run.reject_reasons["positive"] == 2 and run.reject_reasons["state: known state"] == 1
    results = {check.name: check for check in run.checks}
    assert results["positive"].metric == "2 of 6 rows"
    assert results["known state"].message.endswith("in 2 of 6 rows: dropped into the rejects.")
    assert {example["id"] for example in results["positive"].examples} == {2, 4}
    (batch,) = workspace.ledger.batches("bronze.shop")
    assert (batch.counts["parsed"], batch.counts["accepted"], batch.counts["rejected"]) == (7, 3, 4)
    assert batch.counts["dropped"] == 3
    published = workspace.settings.root / f".alur/warehouse/bronze/shop/batch_id={batch.id}"
    assert pq.read_table(published).num_rows == 3, "no dropped row lies among the published files"


def test_a_result_that_the_pipeline_made_drops_rows_of_no_file(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare(POSITIVE, function=rebuilt)
    land("orders/1.csv", ONE)
    run = go(workspace, project)["ingest"]
    assert (run.rows, run.rejected) == (2, 2), run.error_text
    assert per_file(workspace, "bronze.shop") == {"orders/1.csv": (4, 4, 0)}, "the reading rejected none"
    assert {r["source_file"] for r in read_rejects(table).collect()} == {None}


def test_a_transform_drops_by_what_it_made(workspace: Workspace, project: Project, land: Land) -> None:
    source = declare()

    class DoubledBronze(BronzeTable):
        id = IntegerField()
        twice = DoubleField()

    @expect("small", check_fn=column_values_in_range("twice", None, 10), severity="drop")
    @pipeline(sources={"shop": new(source)}, target=DoubledBronze)
    def doubled(shop: DataFrame) -> DataFrame:
        return shop.selectExpr("id", "amount * 2 AS twice")

    land("orders/1.csv", "id,amount\n1,5\n2,6\n3,7\n")
    run = go(workspace, project)["doubled"]
    assert (run.state, run.rows, run.rejected) == ("loaded", 1, 2), run.error_text
    assert run.reject_reasons == {"twice: small": 2}
    assert go(workspace, project)["doubled"].state == "nothing new"


@pytest.mark.parametrize(
    ("check", "kept"),
    [
        (no_nulls_in_column("amount"), [1, 2, 4]),
        (column_values_in_range("amount", -2, 5), [1, 3, 4]),
        (values_in_set("state", ["lost"]), [4]),
        (matches_pattern("state", "^n"), [1, 2]),
        (row("amount is not null and amount > 0"), [1]),
    ],
    ids=str,
)
def test_every_row_rule_drops(
    workspace: Workspace, project: Project, land: Land, check: Check, kept: list[int]
) -> None:
    table = declare(("rule", check))
    land("orders/1.csv", ONE)
    assert go(workspace, project)["ingest"].state == "loaded"
    assert sorted(r["id"] for r in read(table).collect()) == kept
    assert per_file(workspace, "bronze.shop")["orders/1.csv"] == (4, len(kept), 4 - len(kept))


def test_all_rows_may_be_dropped_and_none(workspace: Workspace, project: Project, land: Land) -> None:
    table = declare(("none", row("id < 0")), reject_limit=1)
    land("orders/1.csv", ONE)
    run = go(workspace, project)["ingest"]
    assert (run.state, run.rows, run.rejected) == ("loaded", 0, 4), run.error_text
    assert read(table).count() == 0
    assert go(workspace, project)["ingest"].state == "nothing new"


def test_strictness_is_about_reading_and_the_limit_about_all_rejects(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare(POSITIVE, strict=True, reject_limit=0.4)
    land("orders/1.csv", ONE)
    run = go(workspace, project)["ingest"]
    assert run.state == "failed"
    assert "2 of 4 rows were rejected, 2 of them dropped by checks" in str(run.error_text)
    assert read(table).count() == 0
    declare(POSITIVE, strict=True, reject_limit=0.5)
    assert go(workspace, project)["ingest"].rows == 2


def test_a_source_without_new_files_has_no_say_in_the_limit_of_a_run_or_a_preview(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare()
    strict = files("strict/*", strict=False, reject_limit=0)

    def both(orders: DataFrame, strict: DataFrame) -> DataFrame:
        return orders.union(strict)

    sources = {"orders": files("orders/*", strict=False, reject_limit=0.9), "strict": strict}
    made: Any = pipeline(sources=sources, target=table, name="ingest")(both)
    land("strict/1.csv", "id,amount,state\n8,1,new\n")
    land("orders/2.csv", TWO)
    first = go(workspace, project)["ingest"]
    assert first.state == "loaded", first.error_text
    expect("positive", check_fn=POSITIVE[1], severity=Severity.DROP)(made)
    land("orders/1.csv", ONE)
    found = preview(workspace, project, "ingest")
    assert (found.verdict, found.problems) == ("would load", ())
    assert go(workspace, project)["ingest"].rows == found.sample_rows == 2


def test_checks_see_the_rows_that_are_kept(workspace: Workspace, project: Project, land: Land) -> None:
    table = declare(POSITIVE)
    made = project.pipeline("ingest")
    expect("few", check_fn=max_row_count(2))(made)
    land("orders/1.csv", ONE)
    assert go(workspace, project)["ingest"].rows == 2
    assert read(table).count() == 2


def test_a_rule_that_cannot_be_judged_stops_the_run(
    workspace: Workspace, project: Project, land: Land
) -> None:
    declare(("odd", row("nope > 0")))
    land("orders/1.csv", ONE)
    run = go(workspace, project)["ingest"]
    assert run.state == "failed"
    assert "The check 'odd' cannot be judged" in str(run.error_text)


def test_a_rule_by_chance_stops_the_run(workspace: Workspace, project: Project, land: Land) -> None:
    declare(("chance", row("rand() > 0.5")), reject_limit=1)
    land("orders/1.csv", "id\n" + "".join(f"{n}\n" for n in range(1, 200)))
    run = go(workspace, project)["ingest"]
    assert run.state == "failed"
    assert "drop other rows each time" in str(run.error_text)


def test_a_preview_shows_the_same_numbers(workspace: Workspace, project: Project, land: Land) -> None:
    declare(KNOWN, POSITIVE)
    land("orders/1.csv", ONE)
    land("orders/2.csv", TWO)
    shown: Preview = preview(workspace, project, "ingest")
    run = go(workspace, project)["ingest"]
    assert (shown.sample_rows, shown.rejected_rows) == (run.rows, run.rejected)
    assert shown.reject_reasons == run.reject_reasons
    metrics = {one.result.name: (one.result.metric, one.result.message) for one in shown.checks}
    assert metrics == {check.name: (check.metric, check.message) for check in run.checks}
    assert "positive; known state" in {one.reason for one in shown.rejected}


def test_a_preview_downstream_reads_only_what_is_kept(
    workspace: Workspace, project: Project, land: Land
) -> None:
    source = declare(POSITIVE)

    class CopyBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"shop": new(source)}, target=CopyBronze)
    def copied(shop: DataFrame) -> DataFrame:
        return shop.select("id")

    land("orders/1.csv", ONE)
    assert preview(workspace, project, "copied").sample_rows == 2


def test_references_look_at_what_is_committed(workspace: Workspace, project: Project, land: Land) -> None:
    class CustomersBronze(BronzeTable):
        id = IntegerField()

    class OrderLinesBronze(BronzeTable):
        line = IntegerField()
        customer = IntegerField()

    @pipeline(sources={"raw": files("customers/*")}, target=CustomersBronze)
    def z_customers(raw: DataFrame) -> DataFrame:
        return raw

    @expect("known", check_fn=references("customer", CustomersBronze, key="id"))
    @pipeline(sources={"raw": files("lines/*")}, target=OrderLinesBronze)
    def a_lines(raw: DataFrame) -> DataFrame:
        return raw

    assert project.order() == ("z_customers", "a_lines"), "what is looked up is loaded first"
    land("customers/1.csv", "id\n1\n2\n")
    land("lines/1.csv", "line,customer\n1,1\n2,\n")
    checked = preview(workspace, project, "a_lines").checks[0]
    assert (checked.outcome, checked.result.metric) == ("passed", "0 of 2 rows"), (
        "customers are still to be loaded"
    )
    assert go(workspace, project)["a_lines"].state == "loaded"
    land("lines/2.csv", "line,customer\n3,9\n4,2\n")
    assert preview(workspace, project, "a_lines").checks[0].outcome == "failed"
    run = go(workspace, project)["a_lines"]
    assert run.state == "failed"
    assert "`customer` is not in bronze.customers.id in 1 of 2 rows." in str(run.error_text)
    assert [example["customer"] for example in run.checks[0].examples] == [9]
    land("customers/2.csv", "id\n9\n")
    assert go(workspace, project)["a_lines"].rows == 2
