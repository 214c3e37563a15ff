"""What users test their notebooks with: nothing of the project's own lake or of AWS is in a test's reach."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import nbformat
import pytest

from alur_nb import (
    BronzeTable,
    GoldTable,
    LongField,
    StringField,
    current_project,
    files,
    new,
    pipeline,
    read,
    run,
    testing,
)
from alur_nb.runtime import context
from alur_nb.runtime.errors import CheckError, DeclarationError, NotebookError, SettingsError, SourceError
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import load_settings
from alur_nb.testing import TestLake, assert_rows, lake, load_notebook, run_pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["lake"]

CELLS = (
    "%load_ext alur_nb",
    "%%alur_table orders\nid long not null\nnote string\namount decimal(10,2)\nat timestamp",
    "%alur_pipeline load --from 'orders/*.csv' --target OrdersBronze --expect 'amount >= 0'",
    "%alur_run --all\nopen('ran', 'w').close()",
    "from alur_nb import BronzeTable, LongField, new, pipeline\n"
    "class BigBronze(BronzeTable):\n    id = LongField()\n"
    "@pipeline(sources={'orders': new(OrdersBronze)}, target=BigBronze)\n"
    "def big(orders):\n    return orders.where(orders.amount > LIMIT).select('id')",
)
ORDER = {"id": 1, "note": "a", "amount": Decimal("1.50"), "at": datetime(2024, 1, 2, 3)}


@pytest.fixture
def shop(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved notebook beside the lake, in a project of its own."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    limit = nbformat.v4.new_code_cell("LIMIT = 10", metadata={"tags": ["parameters"]})
    book.cells.insert(1, limit)
    path = lake.root / "shop.ipynb"
    path.write_text(nbformat.writes(book), encoding="utf-8")
    return path


def test_every_public_name_is_there_and_documented() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__doc__, name
    assert set(testing.__all__) >= {"spark", "lake", "load_notebook", "run_pipeline", "assert_rows"}


# The lake


def test_the_lake_is_empty_and_where_the_test_runs(lake: TestLake, tmp_path: Path) -> None:
    assert Path.cwd() == lake.root == tmp_path.resolve() == load_settings().root
    assert dict(current_project().tables) == {}
    path = lake.land("orders/a.csv", "id\n1\n")
    assert path == tmp_path / "data/orders/a.csv" and path.read_text(encoding="utf-8") == "id\n1\n"
    assert lake.land("b.csv", b"\xff").read_bytes() == b"\xff"


@pytest.fixture
def project_with_settings(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project whose lake and landing folder must stay as they are, and credentials in the environment."""
    root = tmp_path_factory.mktemp("own")
    (root / "alur.toml").write_text(
        '[project]\nname = "shop \\"é\\""\nclass_archive = false\n[defaults]\nrejects_retention_days = 7\n'
        '[env.local]\nlanding = "/nowhere"\nopenlineage = "http://127.0.0.1:9/"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(request.node, "path", root / "tests" / "test_x.py")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    return root


def test_the_projects_settings_hold_but_nothing_of_it_is_in_reach(
    project_with_settings: Path, lake: TestLake
) -> None:
    settings = load_settings()
    local = settings.environment("local")
    assert (settings.project_name, settings.class_archive, local.rejects_retention_days) == (
        'shop "é"', False, 7
    )  # fmt: skip
    assert lake.project == project_with_settings
    assert (local.landing, local.openlineage) == (str(lake.root / "data"), None)
    assert boto3.Session().get_credentials() is None
    assert [path.name for path in project_with_settings.iterdir()] == ["alur.toml"]


def test_without_the_lake_nothing_is_run(project: Project) -> None:
    for call in (lambda: run_pipeline("load"), lambda: assert_rows("orders", [])):
        with pytest.raises(SettingsError, match=r"this test has none(?s:.*)def test_orders\(lake\)"):
            call()


# The notebook


def test_a_notebook_declares_and_does_nothing_else(shop: Path, lake: TestLake) -> None:
    names = load_notebook(shop)
    assert set(current_project().tables) == {"bronze.big", "bronze.orders"}
    assert names.OrdersBronze.__table__.qualified_name == "bronze.orders"
    assert not (shop.parent / "ran").exists()
    assert names.LIMIT == 10 and load_notebook(shop, {"LIMIT": 20}).LIMIT == 20
    names.LIMIT = 5
    assert names.big.function.__globals__["LIMIT"] == 5
    assert repr(names).startswith("<shop.ipynb: BigBronze") and "OrdersBronze" in dir(names)
    with pytest.raises(AttributeError, match=r"shop.ipynb binds `OrderBronze` \(did you mean `OrdersBronze`"):
        names.OrderBronze  # noqa: B018


@pytest.mark.parametrize(
    ("load", "error", "said"),
    [
        (lambda shop: load_notebook(shop.with_name("shp.ipynb")), SettingsError, "no notebook"),
        (lambda shop: load_notebook(shop, {"LIMT": 1}), SettingsError, "did you mean `LIMIT`"),
        (lambda shop: load_notebook(broken(shop)), NotebookError, "ZeroDivisionError(?s:.*)cell 1, line 1"),
    ],
)
def test_what_stops_a_notebook_is_told(
    shop: Path, load: Callable[[Path], object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        load(shop)


def broken(shop: Path) -> Path:
    cell = nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["setup"]})
    path = shop.with_name("broken.ipynb")
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])), encoding="utf-8")
    return path


# Runs, and rows


def test_a_run_goes_through_the_whole_protocol(spark: SparkSession, shop: Path, lake: TestLake) -> None:
    names = load_notebook(shop, {"LIMIT": 1})
    done = run_pipeline("load", {"orders": [ORDER]})
    assert (done.state, done.rows, done.files) == ("loaded", 1, 1)
    assert run_pipeline(names.load).state == "nothing new"
    with pytest.raises(CheckError, match="amount >= 0"):
        run_pipeline("load", {"orders": [ORDER, ORDER | {"amount": -1}]})
    assert_rows(names.OrdersBronze, [ORDER])
    assert_rows(read("orders"), [tuple(ORDER.values())])
    assert run("big").ok, "the public functions work on the same lake"
    assert_rows("big", [{"id": 1}])
    with pytest.raises(
        AssertionError, match=r"bronze.orders: 1 row expected(?s:.*)note: expected 'b', found 'a'"
    ):
        assert_rows("orders", [ORDER | {"note": "b"}])
    assert_rows("orders", [("a", 1)], columns=["note", "id"])


class PlacesBronze(BronzeTable):
    id = LongField(nullable=False)
    name = StringField()


class VisitsBronze(BronzeTable):
    place = LongField()


class NamedBronze(BronzeTable):
    name = StringField()


@pipeline(sources={"visits": new(VisitsBronze), "places": PlacesBronze}, target=NamedBronze)
def named(visits: Any, places: Any) -> Any:
    return visits.join(places, visits.place == places.id).select("name")


def test_a_pipeline_that_reads_tables_is_given_their_rows(spark: SparkSession, lake: TestLake) -> None:
    places = [{"id": 1, "name": "Oslo"}, {"id": 2}]
    done = run_pipeline(named, {"visits": [{"place": 1}, {"place": 2}], "places": places})
    assert done.rows == 2
    assert_rows(NamedBronze, [("Oslo",), (None,)])
    assert_rows("places", [(1, "Oslo"), (2, None)])
    run_pipeline("named", {"visits": [{"place": 1}]})
    assert_rows("named", [("Oslo",), ("Oslo",), (None,)])
    for row, said in (
        ({"plce": 1}, "no column `plce` (did you mean `place`?)"),
        ({"place": "x"}, "bronze.visits cannot hold a given row"),
    ):
        with pytest.raises(DeclarationError) as refused:
            run_pipeline(named, {"visits": [row]})
        assert said in str(refused.value)


def test_rows_become_a_parquet_file(spark: SparkSession, lake: TestLake) -> None:
    @pipeline(sources={"places": files("places/*.parquet", format="parquet")}, target=PlacesBronze)
    def load_places(places: Any) -> Any:
        return places

    assert run_pipeline(load_places, {"places": [{"id": 7, "name": "Rome"}]}).files == 1
    assert_rows(PlacesBronze, [(7, "Rome")])


def test_what_the_function_raises_is_raised(spark: SparkSession, lake: TestLake) -> None:
    @pipeline(sources={"places": files("places/*.csv")}, target=PlacesBronze)
    def failing(places: Any) -> Any:
        raise ZeroDivisionError("of mine")

    with pytest.raises(SourceError, match="places"):
        run_pipeline(failing)
    with pytest.raises(ZeroDivisionError, match="of mine"):
        run_pipeline(failing, {"places": [{"id": 1}]})


def test_an_overwritten_table_is_compared_too(iceberg: SparkSession, lake: TestLake) -> None:
    target = type("CountsGold", (GoldTable,), {"place": LongField(), "visits": LongField()})

    @pipeline(sources={"visits": VisitsBronze}, target=target)
    def count(visits: Any) -> Any:
        return visits.groupBy("place").count().withColumnRenamed("count", "visits")

    run_pipeline(count, {"visits": [{"place": 1}, {"place": 1}]})
    run_pipeline(count, {"visits": [{"place": 2}]})
    assert_rows(target, [(1, 2), (2, 1)])


def test_more_rows_than_can_be_compared_are_refused(
    spark: SparkSession, lake: TestLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "MOST_ROWS", 3)
    assert_rows(spark.range(3), [(0,), (1,), (2,)])
    with pytest.raises(AssertionError, match="the frame has more than 3 rows"):
        assert_rows(spark.range(4), [])


def test_spark_is_the_session_that_runs_use(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        context, "_launch", context._launch
    )  # it is brought back to what the other tests have
    assert inspect.unwrap(testing.spark)() is spark  # type: ignore[operator]
