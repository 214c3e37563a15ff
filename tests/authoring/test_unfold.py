"""From a cell to the Python that runs: the whole text, its layout, and what a line may not say."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from alur_nb.authoring.parse import body_kind
from alur_nb.authoring.unfold import unfold
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import FileSource, NewSource, TableSource

ORDERS = (
    "alur_table",
    "orders --primary-key id --partition-by 'day(created_at)'",
    "id int\ncreated_at timestamp",
)
REVENUE = ("alur_table", "revenue", "id int\namount decimal(12,2)")

GOLDENS = {
    "columns": (
        (
            "alur_table",
            "orders --layer bronze --partition-by 'day(created_at)' --description \"The shop's orders.\"",
            "order_id string not null comment 'the shop''s number',\n"
            "address struct<street:string,zip:int>\n"
            "lines array<struct<article:string comment 'as printed',pieces:int not null,price:decimal(10,2)>>\n"
            "created_at timestamp -- UTC\n",
        ),
        '''\
        import alur_nb


        class OrdersBronze(alur_nb.BronzeTable):
            """The shop's orders."""

            order_id = alur_nb.StringField(nullable=False, description="the shop's number")
            address = alur_nb.StructField(
                {"street": alur_nb.StringField(), "zip": alur_nb.IntegerField()},
            )
            lines = alur_nb.ArrayField(
                alur_nb.StructField(
                    {
                        "article": alur_nb.StringField(description="as printed"),
                        "pieces": alur_nb.IntegerField(nullable=False),
                        "price": alur_nb.DecimalField(10, 2),
                    },
                ),
            )
            created_at = alur_nb.TimestampField()

            class Meta:
                name = "orders"
                partition_by = [alur_nb.day("created_at")]
        ''',
    ),
    "a description that is no docstring": (
        ("alur_table", "orders --format iceberg --description 'say \"hi\"'", "id int"),
        """\
        import alur_nb


        class OrdersBronze(alur_nb.BronzeTable):
            id = alur_nb.IntegerField()

            class Meta:
                name = "orders"
                description = 'say "hi"'
                format = "iceberg"
        """,
    ),
    "ingestion": (
        (
            "alur_pipeline",
            "ingest_orders --from 'orders/*.csv' --source-system shop --target OrdersBronze --no-strict "
            "--same-content skip --extra-columns ignore --reject-limit 0.1 --option nullValue=NA --option 'sep=;'",
            None,
        ),
        """\
        import alur_nb


        @alur_nb.pipeline(
            sources={
                "orders": alur_nb.files(
                    "orders/*.csv",
                    source_system="shop",
                    options={"nullValue": "NA", "sep": ";"},
                    strict=False,
                    extra_columns="ignore",
                    same_content="skip",
                    reject_limit=0.1,
                ),
            },
            target=OrdersBronze,
        )
        def ingest_orders(orders):
            return orders
        """,
    ),
    "ingestion of another format": (
        (
            "alur_pipeline",
            "ingest_orders --from 'o/*.jsonl' --target OrdersBronze --format jsonl --schema-mode rescue",
            None,
        ),
        """\
        import alur_nb


        @alur_nb.pipeline(
            sources={
                "orders": alur_nb.files("o/*.jsonl", format="jsonl", schema_mode="rescue"),
            },
            target=OrdersBronze,
        )
        def ingest_orders(orders):
            return orders
        """,
    ),
    "ingestion from names": (
        (
            "alur_pipeline",
            "load --from '{folder}/{a,b}*.csv' --from 'x/{{y}}.csv' --target bronze.orders",
            "",
        ),
        """\
        import alur_nb


        @alur_nb.pipeline(
            sources={"orders": alur_nb.files([f"{folder}/{{a,b}}*.csv", "x/{y}.csv"])},
            target=OrdersBronze,
        )
        def load(orders):
            return orders
        """,
    ),
    "sql": (
        (
            "alur_pipeline",
            "daily_revenue --target RevenueBronze --schedule '0 6 * * ? *' --timezone Europe/Berlin "
            "--expect 'amount >= 0' --expect \"id rlike '^[0-9]{3}$'\" --resource-profile large",
            '-- all of them\nselect n.id, \'"""{x}\\\\\' as text, amount\n  from new(orders) n join orders using (id)\n',
        ),
        r'''
        import alur_nb


        @alur_nb.schedule("0 6 * * ? *", timezone="Europe/Berlin")
        @alur_nb.expect(check_fn=alur_nb.row("amount >= 0"))
        @alur_nb.expect(check_fn=alur_nb.row("id rlike '^[0-9]{3}$'"))
        @alur_nb.pipeline(
            sources={"new_orders": alur_nb.new(OrdersBronze), "orders": OrdersBronze},
            target=RevenueBronze,
            resource_profile="large",
        )
        def daily_revenue(new_orders, orders):
            spark = alur_nb.get_spark_session()
            return spark.sql(
                """
        -- all of them
        select n.id, '\"\"\"{{x}}\\\\' as text, amount
          from {new_orders} n join {orders} AS orders using (id)
        """,
                new_orders=new_orders,
                orders=orders,
            )
        ''',
    ),
}


@pytest.fixture
def shop(project: Project) -> dict[str, object]:
    """The names of a notebook that declares two tables."""
    names: dict[str, object] = {"__name__": "__main__", "folder": "orders"}
    for magic, line, body in (ORDERS, REVENUE):
        exec(unfold(magic, line, body, project), names)
    return names


@pytest.mark.parametrize("name", GOLDENS)
def test_the_text_is(name: str, project: Project, shop: dict[str, object]) -> None:
    cell, golden = GOLDENS[name]
    assert unfold(*cell, project) == textwrap.dedent(golden).lstrip("\n")


@pytest.mark.parametrize("name", GOLDENS)
@pytest.mark.parametrize("width", [88, 110, 120])
def test_a_formatter_leaves_the_text_alone(
    name: str, width: int, project: Project, shop: dict[str, object]
) -> None:
    text = unfold(*GOLDENS[name][0], project)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


@pytest.mark.parametrize("name", GOLDENS)
def test_the_text_runs_wherever_it_stands(name: str, project: Project, shop: dict[str, object]) -> None:
    exec(unfold(*GOLDENS[name][0], project), shop)


def test_an_ingestion_declares_its_files(project: Project, shop: dict[str, object]) -> None:
    exec(unfold(*GOLDENS["ingestion from names"][0], project), shop)
    (source,) = project.pipeline("load").sources.values()
    assert isinstance(source, FileSource)
    assert source.patterns == ("orders/{a,b}*.csv", "x/{y}.csv")


def test_a_query_declares_its_tables(project: Project, shop: dict[str, object]) -> None:
    exec(unfold(*GOLDENS["sql"][0], project), shop)
    pipeline = project.pipeline("daily_revenue")
    assert isinstance(pipeline, Pipeline)
    orders = project.table("orders")
    assert pipeline.sources == {"new_orders": NewSource(orders), "orders": TableSource(orders)}
    assert [expected.name for expected in pipeline.expectations]


def test_a_python_body_is_left_as_it_is(project: Project) -> None:
    body = "import   alur_nb\n\nx = [1,2]  # mine\n"
    assert unfold("alur_pipeline", "", body, project) == body


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "empty"),
        ("\n  \n# nothing\n-- here /* */\n", "empty"),
        ("id int", "columns"),
        ("id: int\nname: string", "columns"),
        ("id", "columns"),
        ("`Order` int", "columns"),
        ("-- the key\nid int", "columns"),
        ("class A(B):\n    pass", "python"),
        ("class A(B:\n    pass", "python"),
        ("@pipeline(target=T)\ndef f(x):\n    return x", "python"),
        ("make(3)", "python"),
        ("x = files(", "python"),
        ("%time x", "python"),
        ("with open(x) as f:\n    pass", "python"),
        ("from x import y", "python"),
        ("from x import (", "python"),
        ("select 1", "sql"),
        ("-- note\nSELECT 1", "sql"),
        ("(select 1) union (select 2)", "sql"),
        ("with a as (select 1) select * from a", "sql"),
        ("WITH a (x) AS (select 1) select * from a", "sql"),
        ("from orders select *", "sql"),
        ("values (1)", "sql"),
        ("insert into x select 1", "sql"),
    ],
)
def test_the_kind_of_a_body(body: str, kind: str) -> None:
    assert body_kind(body) == kind


@pytest.mark.parametrize(
    ("magic", "line", "body", "message", "place"),
    [
        ("alur_table", "", "id int", "a name is missing", Place(line=1)),
        ("alur_table", "orders", "", "the cell has no body", Place(line=1)),
        ("alur_table", "orders", "select 1", "columns or Python, not a query", Place(line=2)),
        ("alur_table", "--layer gold", "class A: pass", "--layer does not fit", Place(line=1)),
        ("alur_table", "orders --layer brnze", "id int", "did you mean `bronze`?", Place(line=1)),
        ("alur_table", "orders", "x = 1\nclass A(:", "Python cannot read the body", Place(line=3, column=9)),
        ("alur_table", "", "x = 1\n!ls", "`!ls` cannot stand in the body", Place(line=3, column=1)),
        ("alur_pipeline", "daily", "select * from orders", "--target is missing", Place(line=1)),
        (
            "alur_pipeline",
            "daily --target Orders",
            "select * from orders",
            "No table `Orders` is declared (did",
            None,
        ),
        ("alur_pipeline", "daily --target orders", "select 1 as id", "reads no table", Place(line=2)),
        (
            "alur_pipeline",
            "daily --target orders",
            "select * from ordrs",
            "`ordrs` (did",
            Place(line=2, column=15),
        ),
        (
            "alur_pipeline",
            "Daily-R --target orders",
            "select * from orders",
            "cannot be a pipeline's name",
            None,
        ),
        (
            "alur_pipeline",
            "daily --target orders --no-strict",
            "select * from orders",
            "--no-strict does not",
            None,
        ),
        (
            "alur_pipeline",
            "daily --target orders --from x",
            "select * from orders",
            "--from does not fit",
            None,
        ),
        ("alur_pipeline", "daily --from x", "def f(): pass", "--from does not fit", None),
        ("alur_pipeline", "daily --target orders --option x", "", "`x` is not of the form name=value", None),
        ("alur_pipeline", "daily --targt orders", "", "no option --targt (did you mean `--target`?)", None),
        (
            "alur_pipeline",
            "daily --from '{folder_}/*' --target orders",
            "",
            "no name `folder_` (did you",
            None,
        ),
        ("alur_pipeline", "daily", "", "the cell has no body", None),
        ("alur_run", "daily", "", "declares nothing", None),
    ],
)
def test_a_mistake_has_its_place_and_a_next_step(
    project: Project,
    shop: dict[str, object],
    magic: str,
    line: str,
    body: str,
    message: str,
    place: Place | None,
) -> None:
    with pytest.raises(NotebookError) as caught:
        unfold(magic, line, body, project, names=shop)
    assert message in caught.value.message
    assert caught.value.fix
    if place is not None:
        assert caught.value.place == place


@pytest.mark.parametrize(
    ("magic", "line"),
    [("alur_table", "orders --from 'x/*.csv'"), ("alur_table", "--new"), ("alur_pipeline", "--new")],
)
def test_what_only_shows_declares_nothing(project: Project, magic: str, line: str) -> None:
    assert unfold(magic, line, None, project) == ""
    with pytest.raises(NotebookError) as caught:
        unfold(magic, line, "id int", project)
    assert "in a cell of its own" in (caught.value.fix or "")


def test_two_classes_of_one_name_cannot_be_told_apart(project: Project) -> None:
    for layer in ("Bronze", "Silver"):
        exec(
            f"import alur_nb\nclass Orders(alur_nb.{layer}Table):\n    id = alur_nb.IntegerField()",
            {"__name__": "__main__"},
        )
    with pytest.raises(AlurError, match="both declared by a class `Orders`"):
        unfold("alur_pipeline", "load --from x --target bronze.orders", None, project)
