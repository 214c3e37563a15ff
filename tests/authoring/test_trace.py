from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from alur_nb.authoring.library import write_modules, write_runtime_wheel
from alur_nb.authoring.trace import Trace, trace_scripts
from alur_nb.runtime.errors import AlurError, ExportError

HEAD = """
from alur_nb import (
    BronzeTable, DecimalField, IntegerField, SilverTable, StringField, TimestampField,
    day, expect, files, get_spark_session, load_to_bronze, new, no_nulls_in_column, parameter, pipeline, schedule,
    secret,
)

class OrdersBronze(BronzeTable):
    "All orders"
    order_id = StringField(nullable=False, description="the shop's number", source="Order No.")
    amount = DecimalField(10, 2)
    created_at = TimestampField()
    class Meta:
        partition_by = [day("created_at")]

class CountsBronze(BronzeTable):
    order_id = StringField()
    rows = IntegerField()
"""

# By pipeline: what its script says after HEAD. All of them share one interpreter and one JVM.
GOOD = {
    "ingest_orders": """
@schedule("0 6 * * ? *", timezone="Europe/Berlin")
@expect("numbered", check_fn=no_nulls_in_column("order_id"))
@pipeline(sources={"orders": files("orders/*.csv", source_system="shop", options={"sep": ";"}, strict=False)},
          target=OrdersBronze, resource_profile="large")
def ingest_orders(orders):
    '''Brings the orders in.'''
    assert orders.columns[3:] == ["_ingested_at", "_source_system", "_source_file"], orders.columns
    return orders
""",
    "count_orders": """
@pipeline(sources={"orders": new(OrdersBronze), "names": OrdersBronze}, target=CountsBronze)
def count_orders(orders, names):
    assert orders.count() == 0 and orders.columns == ["order_id", "amount", "created_at"]
    return orders.groupBy("order_id").count().selectExpr("order_id", "cast(count as int) rows")
""",
    "load_orders": """
class LoadedBronze(BronzeTable):
    order_id = StringField()
    shop = StringField()

@pipeline(target=LoadedBronze)
def load_orders():
    spark = get_spark_session()
    one = load_to_bronze(spark, ["a/*.csv", "b/*.csv"], "shop", LoadedBronze, contract=OrdersBronze)
    two = load_to_bronze(spark, "c/*.csv", target=LoadedBronze, custom_metadata={"shop": "north"},
                         exclude_metadata=["_source_file"])
    assert "_source_file" not in two.columns and "shop" in two.columns
    return one.selectExpr("order_id", "'x' shop").unionByName(two.select("order_id", "shop"))
""",
    "from_the_network": """
class NewsBronze(BronzeTable):
    title = StringField()

token = secret("news/api", "token")

@pipeline(target=NewsBronze)
def from_the_network():
    import socket
    assert (token, secret("news/" + "db")) == ("<news/api>", "<news/db>")
    socket.create_connection(("news.example.com", 443))
""",
    "java_network": """
class FeedBronze(BronzeTable):
    title = StringField()

@pipeline(target=FeedBronze)
def java_network():
    get_spark_session()._jvm.java.net.URL("http://192.0.2.1/feed").openStream()
""",
    "clean": """
import os, sys
from pathlib import Path

class CleanBronze(BronzeTable):
    state = StringField()

STATE = [name for name in os.environ if "SECRET" in name or name.startswith("AWS_") and os.environ[name] != os.devnull]
LEFT = STATE + [str(path) for path in Path.cwd().iterdir()] + [p for p in sys.path if p in ("", str(Path.cwd()))]

@pipeline(target=CleanBronze)
def clean():
    raise RuntimeError(f"sees {LEFT}, home {Path.home() == Path.cwd()}, mode {os.environ['ALUR_MODE']}")
""",
    "looped_b": """
for country in ("a", "b"):
    class Country(BronzeTable):
        order_id = StringField()
        class Meta:
            name = f"orders_{country}"

    @pipeline(sources={"orders": files(f"{country}/*.csv")}, target=Country, name=f"looped_{country}")
    def looped(orders):
        return orders
""",
    "uses_rules": """
from rules import RuledBronze, THRESHOLD

@pipeline(sources={"orders": files("ruled/*.csv")}, target=RuledBronze)
def uses_rules(orders):
    return orders.filter(orders.amount > THRESHOLD)
""",
    "parameterized": """
folder = parameter("folder", "default")

class GivenBronze(BronzeTable):
    order_id = StringField()

@pipeline(sources={"orders": files(f"{folder}/*.csv")}, target=GivenBronze)
def parameterized(orders):
    return orders
""",
}
RULES = """
from alur_nb import BronzeTable, DecimalField
THRESHOLD = 5
class RuledBronze(BronzeTable):
    amount = DecimalField(10, 2)
"""


def trace(
    folder: Path,
    scripts: Mapping[str, str],
    parameters: dict[str, object] | None = None,
    timeout: float = 120,
) -> Trace:
    paths = {}
    for name, text in scripts.items():
        paths[name] = folder / "jobs" / f"{name}.py"
        paths[name].parent.mkdir(exist_ok=True)
        paths[name].write_text(HEAD + text, encoding="utf-8")
    (folder / "rules.py").write_text(RULES, encoding="utf-8")
    modules = write_modules(folder / "lib", folder, [folder / "rules.py"])
    libraries = [write_runtime_wheel(folder / "lib", "1.0"), *([modules] if modules else [])]
    return trace_scripts(paths, libraries, parameters=parameters, timeout=timeout)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    os.environ["AWS_SECRET_ACCESS_KEY"] = "secret"  # what the traced interpreter must not see
    try:
        return trace(tmp_path_factory.mktemp("trace"), GOOD, {"folder": "given", "unused": 1})
    finally:
        del os.environ["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.slow
def test_nothing_is_wrong_with_the_good_scripts(traced: Trace) -> None:
    assert [str(error) for error in traced.errors] == []
    assert sorted(traced.pipelines) == sorted(GOOD)


@pytest.mark.slow
def test_an_ingestion_is_described_as_it_is_declared(traced: Trace) -> None:
    found = traced.pipelines["ingest_orders"]
    source = found["sources"][0]
    assert (found["description"], found["target"]) == ("Brings the orders in.", "bronze.orders")
    assert (source["kind"], source["parameter"], source["patterns"]) == ("files", "orders", ["orders/*.csv"])
    assert (source["source_system"], source["settings"]["options"]) == ("shop", {"sep": ";"})
    assert source["settings"]["strict"] is False
    assert found["expectations"] == [
        {"name": "numbered", "check": "no_nulls_in_column(order_id)", "severity": "ERROR"}
    ]
    assert found["schedule"] == {
        "cron": "0 6 * * ? *",
        "timezone": "Europe/Berlin",
        "enabled": True,
        "description": None,
        "max_concurrent_runs": 1,
    }
    assert found["resource_profile"] == "large"


@pytest.mark.slow
def test_the_result_has_the_columns_that_the_function_returned(traced: Trace) -> None:
    assert traced.pipelines["ingest_orders"]["columns"] == [
        {"name": "order_id", "type": "string"},
        {"name": "amount", "type": "decimal(10,2)"},
        {"name": "created_at", "type": "timestamp"},
    ]
    assert traced.pipelines["count_orders"]["columns"] == [
        {"name": "order_id", "type": "string"},
        {"name": "rows", "type": "int"},
    ]


@pytest.mark.slow
def test_each_column_is_followed_to_its_sources(traced: Trace) -> None:
    def edges(name: str) -> list[tuple[str, str, str | None, str]]:
        found = traced.pipelines[name]["lineage"]
        assert found["level"] == "column", found["reason"]
        return [(e["source"], e["source_column"], e["column"], e["kind"]) for e in found["edges"]]

    assert edges("count_orders") == [
        ("bronze.orders", "order_id", "order_id", "direct"),
        ("bronze.orders", "order_id", None, "group"),
    ]
    assert ("files(orders/*.csv)", "Order No.", "order_id", "direct") in edges("ingest_orders")
    assert edges("load_orders") == [
        ("files(a/*.csv, b/*.csv)", "Order No.", "order_id", "direct"),
        ("files(c/*.csv)", "order_id", "order_id", "direct"),
    ]
    assert traced.pipelines["from_the_network"]["lineage"]["level"] == "table"


@pytest.mark.slow
def test_table_sources_are_told_apart(traced: Trace) -> None:
    sources = traced.pipelines["count_orders"]["sources"]
    assert [(s["kind"], s["parameter"], s["table"]) for s in sources] == [
        ("new", "orders", "bronze.orders"),
        ("table", "names", "bronze.orders"),
    ]


@pytest.mark.slow
def test_what_load_to_bronze_is_asked_for_becomes_a_source(traced: Trace) -> None:
    found = traced.pipelines["load_orders"]
    assert found["not_traced"] is None
    assert [(s["kind"], s["patterns"], s["contract"]) for s in found["sources"]] == [
        ("load_to_bronze", ["a/*.csv", "b/*.csv"], "bronze.orders"),
        ("load_to_bronze", ["c/*.csv"], None),
    ]


@pytest.mark.slow
def test_the_tables_are_those_of_all_scripts(traced: Trace) -> None:
    orders = traced.tables["bronze.orders"]
    assert orders["columns"][0] == {
        "name": "order_id",
        "type": "string",
        "nullable": False,
        "description": "the shop's number",
        "source": "Order No.",
    }
    assert (orders["description"], orders["partition_by"]) == ("All orders", ['day("created_at")'])
    assert {"bronze.counts", "bronze.orders_b", "bronze.ruled"} <= set(traced.tables)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("from_the_network", "ConnectionRefusedError: there is no network .*news.example.com"),
        ("java_network", "Py4JJavaError"),
    ],
)
def test_a_function_that_raises_is_a_warning_and_has_no_network(traced: Trace, name: str, words: str) -> None:
    found = traced.pipelines[name]
    assert found["columns"] is None
    assert any(warning.startswith(f"{name} was not traced") for warning in traced.warnings)
    assert re.match(words, str(found["not_traced"]))


@pytest.mark.slow
def test_the_secrets_are_those_that_were_asked_for_and_have_no_value(traced: Trace) -> None:
    assert traced.pipelines["from_the_network"]["secrets"] == ["news/api", "news/db"]
    assert traced.pipelines["ingest_orders"]["secrets"] == []


def test_a_script_sees_no_credentials_and_an_empty_folder(traced: Trace) -> None:
    assert traced.pipelines["clean"]["not_traced"] == (
        "RuntimeError: sees ['AWS_EC2_METADATA_DISABLED'], home True, mode export"
    )


@pytest.mark.slow
def test_a_loop_declares_more_and_the_script_is_for_one(traced: Trace) -> None:
    assert traced.pipelines["looped_b"]["sources"][0]["patterns"] == ["b/*.csv"]


@pytest.mark.slow
def test_a_local_module_comes_from_the_bundle(traced: Trace) -> None:
    assert traced.pipelines["uses_rules"]["target"] == "bronze.ruled"


@pytest.mark.slow
def test_the_environments_parameters_decide(traced: Trace) -> None:
    assert traced.pipelines["parameterized"]["sources"][0]["patterns"] == ["given/*.csv"]


# By pipeline: the script, a part of the message, and the error's class. None of these starts Spark.
BAD: dict[str, tuple[str, str, type[AlurError]]] = {
    "no_file": ("import json\nRATES = json.load(open('rates.json'))\n", "FileNotFoundError", ExportError),
    "no_module": ("import holidays_of_nowhere\n", "imports `holidays_of_nowhere`", ExportError),
    "leaves": ("raise SystemExit(3)\n", "SystemExit: 3", ExportError),
    "declares_nothing": ("x = 1\n", "declares no pipeline `declares_nothing`", ExportError),
    "declared_wrongly": ("class A(BronzeTable):\n    a = StringField\n", "not a field", ExportError),
    "calls_home": ("import socket\nsocket.getaddrinfo('example.com', 80)\n", "no network", ExportError),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AlurError]:
    found = trace(tmp_path_factory.mktemp("bad"), {name: text for name, (text, _, _) in BAD.items()})
    return {(error.place.file or "")[5:-3]: error for error in found.errors if error.place}


@pytest.mark.parametrize("name", BAD)
def test_a_script_that_cannot_be_imported_is_an_error_with_its_line(
    refused: dict[str, AlurError], name: str
) -> None:
    error = refused[name]
    _, words, kind = BAD[name]
    assert words in error.message
    assert type(error) is kind
    assert error.fix
    assert name == "declares_nothing" or (
        error.place and error.place.line and error.place.line > HEAD.count("\n")
    )


# Scripts that can be imported and called, and are wrong all the same.
WRONG = {
    "other_columns": (
        "@pipeline(sources={'orders': new(OrdersBronze)}, target=CountsBronze)\n"
        "def other_columns(orders):\n    return orders.select('order_id', 'amount')\n",
        "missing: rows; surplus: amount",
    ),
    "no_frame": (
        "class N(BronzeTable):\n    a = StringField()\n"
        "@pipeline(sources={'n': files('n/*.csv')}, target=N)\ndef no_frame(n):\n    n.show()\n",
        "returned NoneType, not a DataFrame",
    ),
    "never_loads": (
        "class L(BronzeTable):\n    a = StringField()\n"
        "@pipeline(target=L)\ndef never_loads():\n    if __import__('os').path.exists('x'):\n"
        "        return load_to_bronze(get_spark_session(), 'l/*.csv', target=L)\n"
        "    return get_spark_session().sql(\"select 'a' a\")\n",
        "did not reach load_to_bronze",
    ),
    "first": (
        "class Same(BronzeTable):\n    a = StringField()\n"
        "@pipeline(sources={'a': files('a/*.csv')}, target=Same)\ndef first(a):\n    return a\n",
        "first and second both write bronze.same",
    ),
    "second": (
        "class Same(BronzeTable):\n    a = IntegerField()\n"
        "@pipeline(sources={'a': files('a/*.csv')}, target=Same)\ndef second(a):\n    return a\n",
        "`first` and `second` declare bronze.same differently",
    ),
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return trace(tmp_path_factory.mktemp("wrong"), {name: text for name, (text, _) in WRONG.items()})


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_what_can_never_run_is_an_error(wrong: Trace, name: str) -> None:
    found = [error for error in wrong.errors if WRONG[name][1] in error.message]
    assert len(found) == 1, [str(error) for error in wrong.errors]
    assert found[0].fix


def test_a_script_that_never_ends_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="after 3 seconds") as caught:
        trace(tmp_path, {"waits": "import time\ntime.sleep(600)\n"}, timeout=3)
    assert caught.value.fix


def test_an_interpreter_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"(?s)ended with code 9.*goodbye"):
        trace(tmp_path, {"dies": "import os, sys\nprint('goodbye', flush=True)\nos._exit(9)\n"})
