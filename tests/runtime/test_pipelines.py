"""Pipelines: decorators in any order, sources, and the mistakes that are caught when they are declared."""

from __future__ import annotations

import inspect
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alur_nb.runtime import checks, pipelines, tables, types
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.pipelines import (
    FileSource,
    NewSource,
    Pipeline,
    TableSource,
    Undeclared,
    expect,
    files,
    schedule,
)
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import table_of

pytestmark = pytest.mark.usefixtures("project")

TABLES = """
class Orders(BronzeTable):
    order_id = StringField()
    amount = DecimalField(10, 2)
class Rates(BronzeTable):
    rate = DoubleField()
class Late(BronzeTable):
    order_id = StringField()
class Clean(SilverTable):
    order_id = StringField()
    class Meta: primary_key = "order_id"
class Log(SilverTable):
    order_id = StringField()
class Revenue(GoldTable):
    order_id = StringField()
class Kept(BronzeTable):
    order_id = StringField()
    class Meta: format = "iceberg"
def load_to_bronze(*_, **__): ...
"""


def declare(source: str) -> dict[str, Any]:
    """Run declarations as a notebook's cell would."""
    names: dict[str, Any] = {}
    for module in (types, tables, checks, pipelines):
        names |= vars(module)
    namespace = {**names, "__name__": "__main__"}
    exec(TABLES + source, namespace)
    return namespace


DECORATORS = {
    "p": '@pipeline(sources={"orders": files("orders/*.csv")}, target=Orders, resource_profile="large")',
    "s": '@schedule("0 6 * * ? *", timezone="Europe/Berlin")',
    "a": '@expect("a", check_fn=row("amount > 0"))',
    "b": '@expect("b", check_fn=not_empty(), severity="warn")',
}


@pytest.mark.parametrize("order", ["".join(one) for one in itertools.permutations("psab")])
def test_decorators_in_any_order_give_one_pipeline(order: str, project: Project) -> None:
    lines = [DECORATORS[letter] for letter in order]
    made = declare("\n".join([*lines, "def ingest(orders):\n    return orders"]))["ingest"]
    assert isinstance(made, Pipeline)
    assert made.name == "ingest"
    assert made.schedule is not None
    assert made.schedule.timezone == "Europe/Berlin"
    assert made.resource_profile == "large"
    assert [expected.name for expected in made.expectations] == [x for x in order if x in "ab"], "as written"
    assert project.pipelines == {"ingest": made}


def test_calling_a_pipeline_calls_the_function_and_it_looks_like_it() -> None:
    made = declare(
        "@schedule('0 6 * * ? *')\n"
        "@pipeline(sources={'a': new(Orders), 'b': Rates}, target=Late, name='nightly')\n"
        "def late(a, b, days=7):\n    'What came late.'\n    return (a, b, days)"
    )["late"]
    assert made(1, b=2) == (1, 2, 7)
    assert made.__name__ == "late"
    assert made.name == "nightly"
    assert made.__doc__ == "What came late."
    assert made.description == "What came late."
    assert str(inspect.signature(made)) == "(a, b, days=7)"
    assert Pipeline.__doc__ == "A declared pipeline; calling it calls its function."
    assert inspect.isfunction(made.function)


def test_sources_are_read_by_what_they_are() -> None:
    made = declare(
        "@pipeline(sources={'o': new(Orders), 'r': Rates, 'f': files('x/*.csv', contract=Rates)}, target=Late)\n"
        "def late(o, r, f): ..."
    )
    orders, rates = table_of(made["Orders"]), table_of(made["Rates"])
    assert made["late"].sources["o"] == NewSource(orders)
    assert made["late"].sources["r"] == TableSource(rates)
    assert made["late"].sources["f"] == FileSource(("x/*.csv",), contract=rates)
    assert made["late"].upstream_tables == {"bronze.orders", "bronze.rates"}


@pytest.mark.parametrize(
    "made",
    [
        "class OrdersFile(BaseTable):",
        "class OrdersFile(BronzeTable):\n    class Meta: abstract = True",
        "class Columns(BaseTable):\n    order_no = StringField()\nclass OrdersFile(Columns):",
    ],
)
def test_a_class_that_declares_no_table_is_a_contract(made: str, project: Project) -> None:
    names = declare(
        f"{made}\n    'As the shop delivers.'\n    id = StringField(nullable=False)\n"
        "@pipeline(sources={'o': files('x/*.csv', contract=OrdersFile)}, target=Late)\ndef late(o): ..."
    )
    contract = names["late"].sources["o"].contract
    assert contract.qualified_name == "OrdersFile"
    assert list(contract.columns)[-1] == "id" and not contract.columns["id"].nullable
    assert "OrdersFile" not in {table.class_name for table in project.tables.values()}
    assert project.pipeline("late").sources["o"] == names["late"].sources["o"], "no table is taken for it"
    assert not project.problems()


def test_a_contract_has_columns() -> None:
    with pytest.raises(DeclarationError, match="BaseTable declares no table"):
        pipelines.files("x", contract=tables.BaseTable)
    names = declare("class Odd(BaseTable):\n    batch_id = StringField()")
    with pytest.raises(DeclarationError, match="batch_id"):
        pipelines.files("x", contract=names["Odd"])


def test_files_keeps_what_was_said() -> None:
    source = files(
        ["a/*.csv", Path("b") / "c.csv", "a/*.csv"],
        source_system="shop",
        format="CSV",
        options={"NULLVALUE": "NA", "sep": ";", "multiline": False, "Header": True},
        strict=False,
        extra_columns="ignore",
        on_changed="ignore",
        same_content="skip",
        reject_limit=1,
    )
    assert source.patterns == ("a/*.csv", "b/c.csv")
    assert source.options == {"nullValue": "NA", "sep": ";", "multiLine": "false", "header": "true"}
    assert (source.strict, source.extra_columns, source.on_changed) == (False, "ignore", "ignore")
    assert (source.same_content, source.reject_limit, source.format) == ("skip", 1.0, "csv")
    assert files("x", options={"sep": ";"}) == files("x", options={"SEP": ";"})
    assert len({files("x"), files("x"), files("y")}) == 2


def test_pipelines_that_need_no_new_source() -> None:
    made = declare(
        "@pipeline(target=Orders)\ndef extract(): ...\n"
        "@pipeline(sources={'o': Orders}, target=Clean)\ndef merged(o): ...\n"
        "@pipeline(sources={'o': Orders}, target=Revenue)\ndef overwritten(o): ...\n"
        "@pipeline(sources={'o': Orders, 'f': files('x.csv')}, target=Late)\ndef looked_up(o, f): ...\n"
        "@pipeline(sources={'r': Rates}, target=Orders)\ndef direct(r): return load_to_bronze()\n"
        "def helper(): return load_to_bronze()\n"
        "@pipeline(sources={'r': Rates}, target=Orders)\ndef indirect(r): return helper()\n"
        "renamed = load_to_bronze\n"
        "@pipeline(sources={'r': Rates}, target=Orders)\ndef under_another_name(r): return renamed()\n"
        "@pipeline(sources={'r': Rates}, target=Orders)\ndef nested(r): return [load_to_bronze() for _ in r]\n"
    )
    assert isinstance(made["extract"], Pipeline)
    assert made["extract"].sources == {}


def test_a_pipeline_takes_its_tables_as_they_are_now() -> None:
    made = declare(
        "@pipeline(sources={'o': new(Orders), 'f': files('x', contract=Rates)}, target=Late)\ndef late(o, f): ..."
    )
    late, changed = made["late"], table_of(made["Orders"])
    assert late.with_tables({}) is late
    assert late.with_tables({"bronze.orders": changed}) is late
    other = tables.Table("bronze", "rates", "Rates", {"x": types.StringField()})
    assert late.with_tables({"bronze.rates": other}).sources["f"].contract == other
    assert late.with_tables({"bronze.rates": other}).target == late.target


def test_a_function_that_waits_for_its_pipeline_can_be_called() -> None:
    @schedule("0 6 * * ? *")
    @expect(check_fn=checks.not_empty())
    def late(orders: int) -> int:
        return orders + 1

    assert isinstance(late, Undeclared)
    assert late(1) == 2


def test_expectations_may_look_at_the_metadata_columns() -> None:
    made = declare(
        "@expect(check_fn=no_nulls_in_column('_source_file'))\n"
        "@pipeline(sources={'o': new(Orders)}, target=Late)\ndef late(o): ..."
    )
    assert made["late"].expectations[0].severity is Severity.ERROR


P = "@pipeline(sources={'orders': new(Orders)}, target=Late)\n"
DEF = "def late(orders): ..."
MISTAKES = [
    # The decorator itself
    ("@pipeline\n" + DEF, "target is missing", "@pipeline(sources="),
    ("@pipeline(sources={'orders': new(Orders)})\n" + DEF, "target is missing", "target=LateOrders"),
    (
        "@pipeline(target='orders')\n" + DEF,
        "a table is wanted here, and 'orders' was given",
        "target=OrdersBronze",
    ),
    ("@pipeline(target=BronzeTable)\n" + DEF, "BronzeTable declares no table", "has columns"),
    (P + P + DEF, "late has @pipeline twice", "Leave one of the two out"),
    (P + "class late: ...", "stands above a function", "def late_orders(orders)"),
    (P + "async def late(orders): ...", "late is async or yields", "return frame"),
    (P + "def late(orders): yield 1", "late is async or yields", "return frame"),
    (
        P.replace("target", "name='Late Orders', target") + DEF,
        "'Late Orders' is not a pipeline's name",
        "late_orders",
    ),
    (P + "def LateOrders(orders): ...", "'LateOrders' is not a pipeline's name", 'name="late_orders"'),
    (P.replace("target", "resource_profile=3, target") + DEF, "resource_profile is 3", "[profiles.large]"),
    # Sources
    (
        "@pipeline(sources=new(Orders), target=Late)\n" + DEF,
        "sources is a source without a name",
        'sources={"orders"',
    ),
    ("@pipeline(sources=['orders'], target=Late)\n" + DEF, "sources is ['orders']", 'sources={"orders"'),
    (
        "@pipeline(sources={'my orders': new(Orders)}, target=Late)\n" + DEF,
        "'my orders' cannot be",
        '"my_orders": ...',
    ),
    (
        "@pipeline(sources={'orders': 'o/*.csv'}, target=Late)\n" + DEF,
        "and 'o/*.csv' was given",
        'files("o/*.csv")',
    ),
    (
        "@pipeline(sources={'orders': 3}, target=Late)\n" + DEF,
        "A source is a table, new(..) or files(..)",
        "files(",
    ),
    ("new('orders')", "a table is wanted here, and 'orders' was given", "OrdersBronze"),
    ("new(files('x'))", "new() takes a table, and FileSource was given", "files(..) gives new files only"),
    ("new(new(Orders))", "new() takes a table, and NewSource was given", "new(OrdersBronze) is for tables"),
    # Parameters
    (P + "def late(): ...", "parameters: none\n    sources:    orders", "def late(orders):"),
    (P + "def late(order): ...", "are not its sources (did you mean `order`?)", "def late(orders):"),
    (P + "def late(orders, rates): ...", "parameters: orders, rates", "def late(orders):"),
    (P + "def late(orders, /): ...", "the function's parameters are not its sources", "def late(orders):"),
    (P + "def late(*frames): ...", "parameters: *frames", "def late(orders):"),
    (P + "def late(**frames): ...", "parameters: **frames", "def late(orders):"),
    ("@pipeline(target=Late)\n" + DEF, "sources:    none", "def late():"),
    # What a run would do
    (
        "@pipeline(sources={'o': new(Late)}, target=Late)\ndef late(o): ...",
        "reads bronze.late and writes it",
        "own",
    ),
    (
        "@pipeline(sources={'o': Orders}, target=Late)\ndef late(o): ...",
        "add every row to bronze.late again",
        "new(",
    ),
    (
        "@pipeline(sources={'o': Orders}, target=Late)\ndef late(o): ...",
        "only whole tables (o)",
        "primary_key",
    ),
    ("@pipeline(sources={'o': Orders}, target=Late)\ndef late(o): ...", "and appends", "GoldTable"),
    (
        "@pipeline(sources={'o': Orders}, target=Log)\ndef late(o): ...",
        "add every row to silver.log again",
        "new(",
    ),
    (
        "@pipeline(sources={'o': files('x')}, target=Orders)\ndef late(o): return load_to_bronze()",
        "has files(..) among its sources and calls load_to_bronze",
        "load_to_bronze",
    ),
    (
        "@pipeline(target=Revenue)\ndef late(): return load_to_bronze()",
        "each run overwrites gold.revenue: the rows of earlier files would be lost",
        "Load the files into a BronzeTable",
    ),
    (
        "@pipeline(sources={'o': files('x', on_changed='replace')}, target=Orders)\ndef late(o): ...",
        "a Parquet table cannot take rows out again",
        'class Meta: format = "iceberg"',
    ),
    # Schedules and checks
    ("@schedule('0 6 * * ? *')\n@schedule('0 7 * * ? *')\n" + P + DEF, "late has two schedules", "6,18"),
    ("@schedule('0 6 * * ? *')\n" + P + "@schedule('0 7 * * ? *')\n" + DEF, "late has two schedules", "6,18"),
    ("@schedule('0 6 * * *')\n" + P + DEF, "has 5 fields", "0 6 * * ? *"),
    ("schedule('0 6 * * ? *')(3)", "@schedule stands above a function, and 3 was given", "@schedule(...)"),
    ("expect(check_fn=not_empty())(Orders)", "@expect stands above a function", "@expect(...)"),
    ("@expect(not_empty())\n" + P + DEF, "the first argument is the name", "@expect(check_fn=not_empty)"),
    ("@expect('x')\n" + P + DEF, "check_fn is missing", "check_fn=row("),
    ("@expect('x', not_empty())\n" * 2 + P + DEF, "late has two checks named 'x'", "another name"),
    (
        "@expect(check_fn=no_nulls_in_column('oder_id'))\n" + P + DEF,
        "looks at `oder_id`, which bronze.late does not have (did you mean `order_id`?)",
        "Its columns are order_id",
    ),
    (
        P + "@expect(check_fn=unique_key(['order_id', 'line']))\n" + DEF,
        "looks at `line`",
        "Its columns are order_id",
    ),
    # files()
    ("files('')", "'' is not a pattern of paths", 'files("orders/*.csv")'),
    ("files([])", "the list of patterns is empty", 'files("orders/*.csv")'),
    ("files(3)", "3 is not a pattern of paths", 'files("orders/*.csv")'),
    ("files('x', source_system=3)", "source_system is 3, not a text", 'source_system="shop"'),
    ("files('x', contract='orders')", "a table is wanted here", "OrdersBronze"),
    ("files('x', format='excel')", "the format 'excel' is unknown", 'format="csv"'),
    ("files('x', strict='no')", "strict is 'no', not True or False", "strict=False"),
    ("files('x', extra_columns='ignor')", "extra_columns is 'ignor' (did you mean `ignore`?)", '"error" or'),
    ("files('x', on_changed='update')", "on_changed is 'update'", 'on_changed="replace"'),
    ("files('x', same_content=None)", "same_content is None", 'same_content="skip"'),
    ("files('x', reject_limit=5)", "reject_limit is 5, not a share from 0 to 1", "0.05 is five of a hundred"),
    ("files('x', reject_limit=float('nan'))", "reject_limit is nan", "0.05"),
    ("files('x', options='sep=;')", "options is 'sep=;', not a dict", 'options={"nullValue"'),
    ("files('x', options={'seperator': ';'})", "there is no option `seperator`", "The options are sep"),
    ("files('x', options={'nullvalues': ''})", "no option `nullvalues` (did you mean `nullValue`?)", "sep"),
    ("files('x', options={'nullValue': 3})", "the option `nullValue` is 3, not a text", '"nullValue": "3"'),
    ("files('x', options={'inferSchema': 'true'})", "`inferSchema` is not yours to set: the types", "Take"),
    (
        "files('x', options={'mode': 'DROPMALFORMED'})",
        "`mode` is not yours to set: bad rows are always",
        "Take",
    ),
    (
        "files('x', options={'ENFORCESCHEMA': 'true'})",
        "`enforceSchema` is not yours to set",
        "`ENFORCESCHEMA`",
    ),
    ("files('x', options={'dateFormat': 'dd.MM.yy'})", "DateField(format=...)", "Take `dateFormat` out"),
    ("files('x', options={'header': 'maybe'})", "the option `header` is 'maybe'", 'header`="true"'),
]


@pytest.mark.parametrize(("source", "message", "fix"), MISTAKES, ids=[one[0][-70:] for one in MISTAKES])
def test_a_mistake_says_what_is_wrong_and_what_to_write(source: str, message: str, fix: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        declare(source)
    assert fix in (caught.value.fix or "")


def test_declaring_imports_no_pyspark() -> None:
    code = (
        "import sys\n"
        "from alur_nb.runtime.project import current_project\n"
        "from alur_nb.runtime.pipelines import *\n"
        "from alur_nb.runtime.checks import *\n"
        "from alur_nb.runtime.quality import CheckResult\n"
        "from alur_nb.runtime.tables import *\n"
        "from alur_nb.runtime.types import *\n" + TABLES + "\n".join(DECORATORS.values()) + "\n"
        "def ingest(orders): return orders\n"
        "assert Orders.ddl and current_project().order() == ('ingest',) and not current_project().problems()\n"
        "third = {name.partition('.')[0] for name in sys.modules} & {'pyspark', 'py4j', 'pandas', 'boto3', 'IPython'}\n"
        "sys.exit(', '.join(third) or 0)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
