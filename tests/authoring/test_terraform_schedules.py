from __future__ import annotations

from alur_nb.authoring.terraform_schedules import schedules
from tests.authoring.terraform_cases import at, manifest, pipeline, source

NIGHTLY = at("0 6 * * ? *", timezone="Europe/Berlin", description="Every morning")


def reading(*tables: str) -> list[object]:
    return [source("new", table=table) for table in tables]


def test_a_schedule_runs_its_pipeline_and_all_that_comes_after_it_in_order() -> None:
    shop = manifest(
        orders=pipeline("orders", "bronze.orders", schedule=NIGHTLY),
        customers=pipeline("customers", "bronze.customers"),
        clean=pipeline("clean", "silver.orders", *reading("bronze.orders")),
        revenue=pipeline("revenue", "gold.revenue", *reading("silver.orders", "bronze.orders")),
        report=pipeline("report", "gold.report", *reading("gold.revenue", "bronze.customers")),
    )
    assert schedules(shop) == {
        "orders": {
            "cron": "0 6 * * ? *",
            "timezone": "Europe/Berlin",
            "enabled": True,
            "description": "Every morning",
            "max_concurrent_runs": 1,
            # It waits for those that run in the same workflow: nothing here runs `customers`.
            "downstream": {"clean": ["orders"], "report": ["revenue"], "revenue": ["clean", "orders"]},
        }
    }


def test_what_has_a_schedule_of_its_own_starts_its_own_workflow_and_ends_the_one_before() -> None:
    shop = manifest(
        orders=pipeline("orders", "bronze.orders", schedule=NIGHTLY),
        clean=pipeline("clean", "silver.orders", *reading("bronze.orders"), schedule=at("0 8 * * ? *")),
        revenue=pipeline("revenue", "gold.revenue", *reading("silver.orders")),
    )
    found = schedules(shop)
    assert found["orders"]["downstream"] == {}
    assert found["clean"]["downstream"] == {"revenue": ["clean"]}


def test_what_two_schedules_reach_is_in_both_and_waits_only_for_its_own() -> None:
    shop = manifest(
        orders=pipeline("orders", "bronze.orders", schedule=NIGHTLY),
        customers=pipeline("customers", "bronze.customers", schedule=NIGHTLY),
        joined=pipeline("joined", "silver.joined", *reading("bronze.orders", "bronze.customers")),
    )
    assert {root: found["downstream"] for root, found in schedules(shop).items()} == {
        "orders": {"joined": ["orders"]},
        "customers": {"joined": ["customers"]},
    }


def test_without_schedules_there_is_none() -> None:
    assert schedules(manifest(orders=pipeline("orders", "bronze.orders"))) == {}


def test_a_description_fits_what_the_scheduler_takes() -> None:
    shop = manifest(
        a=pipeline("a", "bronze.a", schedule=at("0 6 * * ? *", description="bell\x07" + "x" * 999))
    )
    text = schedules(shop)["a"]["description"]
    assert (text[:6], len(text)) == ("bell x", 512)
