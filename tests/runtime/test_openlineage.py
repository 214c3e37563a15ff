"""A run's OpenLineage events: what they say, that they are of the spec, and that a sink that fails fails no run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from alur_nb import BronzeTable, DecimalField, LongField, StringField, expect, files, new, pipeline, row
from alur_nb.runtime.calling import RunContext
from alur_nb.runtime.openlineage import uuid_of
from alur_nb.runtime.openlineage_sinks import KEY_VARIABLE, FileSink, HttpSink, S3Sink, sink_of
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace, open_job
from tests.conftest import Land
from tests.crash.world import World
from tests.openlineage_spec import check_event

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def emitting(world: World, place: str) -> None:
    environment = replace(world.workspace.environment, openlineage=place, landing="/landing")
    world.workspace = replace(world.workspace, environment=environment)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World() as one:
        emitting(one, f"file:{tmp_path / 'events.jsonl'}")
        yield one


def events(tmp_path: Path) -> list[dict[str, Any]]:
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for event in found:
        check_event(event)
    return found


def test_each_pipeline_starts_and_completes(world: World, tmp_path: Path) -> None:
    world.land("orders/1", rows=2, bad=1)
    world.run()
    found = events(tmp_path)
    assert [(e["job"]["name"], e["eventType"]) for e in found] == [
        ("ingest_orders", "START"),
        ("ingest_orders", "COMPLETE"),
        ("copy_orders", "START"),
        ("copy_orders", "COMPLETE"),
    ]
    assert {e["job"]["namespace"] for e in found} == {"crash.local"}
    assert found[0]["run"]["runId"] == found[1]["run"]["runId"] != found[2]["run"]["runId"]
    assert len({e["run"]["facets"]["parent"]["run"]["runId"] for e in found}) == 1
    (output,) = found[1]["outputs"]
    assert output["name"].endswith("/warehouse/bronze/orders")
    assert output["facets"]["version"]["datasetVersion"] == "00000001-0001"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert [one["name"] for one in output["facets"]["schema"]["fields"]] == ["id", "note"]
    assert [(one["namespace"], one["name"]) for one in found[1]["inputs"]] == [("file", "/landing/orders")]
    assert found[2]["inputs"][0]["name"] == output["name"], "what one writes is what the next one reads"


def test_nothing_new_completes_without_numbers(world: World, tmp_path: Path) -> None:
    world.land("orders/1", rows=2)
    world.run()
    world.run()
    last = events(tmp_path)[5]
    assert (last["eventType"], last["outputs"][0]["outputFacets"]) == ("COMPLETE", {})
    assert "version" not in last["outputs"][0]["facets"]


@pytest.mark.parametrize("place", ["file:/dev/full", "http://127.0.0.1:9/lineage"])
def test_a_sink_that_fails_is_a_warning(world: World, place: str) -> None:
    emitting(world, place)
    world.land("orders/1", rows=2)
    report = world.run().result
    assert [run.state for run in report.runs] == ["loaded", "loaded"]
    assert any(one.startswith("OpenLineage: ") for one in report.runs[0].warnings)


def test_a_mistake_of_our_own_ends_no_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSink, "emit", lambda self, event: event["nothing"])
    world.land("orders/1", rows=2)
    report = world.run().result
    assert [run.state for run in report.runs] == ["loaded", "loaded"]
    assert report.runs[0].warnings[-1] == "OpenLineage: 'nothing'"


def test_without_a_setting_nobody_looks_on(world: World) -> None:
    assert "openlineage" not in repr(RunContext.__dataclass_fields__["watched"].default_factory)
    environment = replace(world.workspace.environment, openlineage=None)
    world.workspace = replace(world.workspace, environment=environment)
    world.land("orders/1", rows=2)
    assert world.run().result.runs[0].warnings == ()


def test_an_id_is_a_uuid_and_the_same_each_time() -> None:
    assert uuid_of("4f6c0a3e5d1b4c0e9f5b6d7c8a9b0c1d") == "4f6c0a3e-5d1b-4c0e-9f5b-6d7c8a9b0c1d"
    assert UUID(uuid_of("jr_12ab")) == UUID(uuid_of("jr_12ab")) != UUID(uuid_of("jr_12ac"))


def test_a_job_is_told_in_its_argument() -> None:
    argument = {
        "project": "shop",
        "environment": "dev",
        "region": "eu-central-1",
        "landing": "s3://landing/",
        "ledger": {"table": "ledger"},
        "lake": {"bronze": {"database": "shop_dev_bronze", "location": "s3://lake-bronze/"}},
        "openlineage": "s3://events/lineage/",
    }
    sink = sink_of(str(open_job(argument).environment.openlineage), Path("/"))
    assert isinstance(sink, S3Sink)
    assert (sink.bucket, sink.prefix) == ("events", "lineage/")


class Taken(BaseHTTPRequestHandler):
    """A server that keeps what it is sent, or refuses."""

    got: list[tuple[str | None, dict[str, Any]]] = []
    answer = 201

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers.get("Authorization"), json.loads(body)))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Taken, "got", [])
    monkeypatch.setenv("no_proxy", "*")
    one = HTTPServer(("127.0.0.1", 0), Taken)
    thread = Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{one.server_port}/api/v1/lineage"
    one.shutdown()
    thread.join()
    one.server_close()


def test_a_server_is_sent_each_event_with_its_key(
    world: World, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    emitting(world, server)
    world.land("orders/1", rows=2)
    assert world.run().result.runs[0].warnings == ()
    assert [key for key, _ in Taken.got] == ["Bearer secret"] * 4
    check_event(Taken.got[1][1])


def test_a_server_that_refuses_is_asked_once_a_run(
    world: World, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Taken, "answer", 503)
    emitting(world, f"{server}?token=x")
    world.land("orders/1", rows=2)
    first, second = world.run().result.runs
    (told,) = first.warnings
    assert told.startswith("OpenLineage: http://127.0.0.1:")
    assert "503" in told
    assert "token" not in told
    assert second.warnings == ()


def test_http_is_what_is_left() -> None:
    assert isinstance(sink_of("https://catalog/api", Path("/")), HttpSink)
    sink = sink_of("file:build/events.jsonl", Path("/project"))
    assert isinstance(sink, FileSink)
    assert sink.path == Path("/project/build/events.jsonl")
    assert FileSink(Path("/a")).path == sink_of("file:///a", Path("/project")).path  # type: ignore[attr-defined]


@pytest.mark.slow
def test_columns_are_those_of_the_run_itself(
    spark: SparkSession, project: Project, workspace: Workspace, land: Land, tmp_path: Path
) -> None:
    class OrdersBronze(BronzeTable):
        order_id = LongField(source="Order No.")
        amount = DecimalField(10, 2)
        customer = StringField()

    class BigBronze(BronzeTable):
        """Orders worth a call."""

        order_id = LongField()
        owes = DecimalField(20, 2)

    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    @expect("paid", check_fn=row("amount >= 0"))
    def ingest(orders: Any) -> Any:
        return orders

    @pipeline(sources={"orders": new(OrdersBronze)}, target=BigBronze)
    @expect("all is well", check_fn=lambda frame: (False, "no"))
    def big(orders: Any) -> Any:
        """Big ones."""
        return orders.where("amount > 20").groupBy("order_id").agg({"amount": "sum"}).toDF("order_id", "owes")

    land("orders/1.csv", "Order No.,amount,customer\n1,25,ann\n2,3,bob\n")
    environment = replace(workspace.environment, openlineage=f"file:{tmp_path / 'events.jsonl'}")
    run_pipelines(replace(workspace, environment=environment), project)
    _, ingested, _, failed = events(tmp_path)
    (output,) = ingested["outputs"]
    columns = output["facets"]["columnLineage"]["fields"]
    assert columns["order_id"]["inputFields"][0]["field"] == "Order No."
    (check,) = output["facets"]["dataQualityAssertions"]["assertions"]
    assert (check["assertion"], check["success"], check["severity"]) == ("row", True, "error")
    assert failed["eventType"] == "FAIL"
    assert "all is well" in failed["run"]["facets"]["errorMessage"]["message"]
    facet = failed["outputs"][0]["facets"]["columnLineage"]
    (owes,) = facet["fields"]["owes"]["inputFields"]
    assert (owes["field"], owes["transformations"][0]["subtype"]) == ("amount", "AGGREGATION")
    assert {one["transformations"][0]["subtype"] for one in facet["dataset"]} == {"FILTER", "GROUP_BY"}
    assert owes["name"] == output["name"]


@pytest.mark.slow
def test_a_run_is_one_object_below_its_pipelines_name(s3: None) -> None:
    from alur_nb.runtime.aws import client

    made = client("s3")
    made.create_bucket(Bucket="lineage-events")
    sink = S3Sink("s3://lineage-events/some/where")
    for kind in ("START", "COMPLETE"):
        sink.emit(
            {
                "eventType": kind,
                "eventTime": "2026-01-02T03:04:05+00:00",
                "run": {"runId": "r"},
                "job": {"name": "p"},
            }
        )
    (found,) = made.list_objects_v2(Bucket="lineage-events")["Contents"]
    assert found["Key"] == "some/where/p/2026-01-02/r.jsonl"
    lines = made.get_object(Bucket="lineage-events", Key=found["Key"])["Body"].read().decode().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]
