"""What the forms write: the text of a cell, and in words what the parser has against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alur_nb.runtime.project import Project
from alur_nb.ui.form_text import (
    EXAMPLE_COLUMNS,
    KINDS,
    PipelineValues,
    TableValues,
    pipeline_draft,
    table_draft,
)
from tests.ui.conftest import Notebook

TABLE = TableValues("orders", columns=EXAMPLE_COLUMNS)
INGEST = PipelineValues(name="ingest_orders", target="bronze.orders", sources="orders/*.csv")


@pytest.fixture
def shop(notebook: Notebook, project: Project) -> Project:
    """A project with one table."""
    notebook.ok("%%alur_table orders\nid int not null, amount decimal(10,2)")
    return project


def test_a_table_is_a_cell_of_columns(project: Project) -> None:
    values = replace(
        TABLE,
        layer="silver",
        primary_key="order_id",
        partition_by="day(created_at)",
        description="Sold\nhere",
    )
    draft = table_draft(values, project)
    assert draft.cell == (
        "%%alur_table orders --layer silver --primary-key order_id --partition-by 'day(created_at)' "
        f"--description 'Sold here'\n{EXAMPLE_COLUMNS}"
    )
    assert not draft.problem


def test_only_a_table_that_merges_says_how(project: Project) -> None:
    values = replace(
        TABLE,
        primary_key="order_id",
        sequence_by="created_at",
        delete_when="amount = 0",
        history=True,
        freshness="26 hours",
    )
    line, _, _ = table_draft(values, project).cell.partition("\n")
    assert line == "%%alur_table orders --layer bronze --primary-key order_id --freshness '26 hours'"
    draft = table_draft(replace(values, layer="silver"), project)
    assert "--sequence-by created_at --delete-when 'amount = 0' --scd-type 2 --freshness" in draft.cell
    assert not draft.problem
    wrong = table_draft(replace(values, layer="silver", sequence_by="creatd_at", freshness="soon"), project)
    assert "`soon` is not an age such as '26 hours'" in wrong.problem


def test_a_class_says_the_rest_itself(project: Project) -> None:
    source = "import alur_nb\n\nclass OrdersBronze(alur_nb.BronzeTable):\n    id = alur_nb.IntegerField()\n"
    draft = table_draft(replace(TABLE, columns=source, primary_key="id"), project)
    assert draft.cell == f"%%alur_table orders\n{source}"
    assert not draft.problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "a name is missing"),
        ({"name": "Orders"}, "cannot be a table's name"),
        ({"columns": ""}, "the cell has no body"),
        ({"columns": "id strng"}, "line 2, column 4: Unknown type `strng` (did you mean `string`?)"),
        ({"primary_key": "no"}, "declares no column `no`"),
        ({"partition_by": "week(created_at)"}, "is not a column or a transform"),
    ],
)
def test_the_parser_says_what_is_wrong_with_a_table(
    project: Project, changes: dict[str, str], problem: str
) -> None:
    draft = table_draft(replace(TABLE, **changes), project)  # type: ignore[arg-type]
    assert problem in draft.problem
    assert draft.fix


def test_an_ingestion_is_a_line(shop: Project) -> None:
    values = replace(
        INGEST,
        sources="orders/*.csv\nold orders/*.csv",
        source_system="shop",
        strict=False,
        schedule="0 6 * * ? *",
        timezone="Europe/Berlin",
        expectations="amount >= 0\n\nid > 0\n",
    )
    draft = pipeline_draft(values, shop)
    assert draft.cell == (
        "%alur_pipeline ingest_orders --from 'orders/*.csv' --from 'old orders/*.csv' --source-system shop --no-strict "
        "--target bronze.orders --schedule '0 6 * * ? *' --timezone Europe/Berlin --expect 'amount >= 0' --expect 'id > 0'"
    )
    assert not draft.problem


def test_the_format_is_told_by_the_names_of_the_files(shop: Project) -> None:
    line = pipeline_draft(replace(INGEST, sources="orders/*.jsonl.gz"), shop)
    assert "--from 'orders/*.jsonl.gz' --format jsonl --target" in line.cell
    function = pipeline_draft(replace(INGEST, kind=KINDS[2], sources="orders = orders/*.parquet"), shop)
    assert 'alur_nb.files("orders/*.parquet", format="parquet")' in function.cell
    assert not line.problem + function.problem


def test_a_query_is_a_cell(shop: Project, notebook: Notebook) -> None:
    notebook.ok("%%alur_table revenue --layer gold\nday date", "gold")
    draft = pipeline_draft(
        PipelineValues(KINDS[1], "daily", "gold.revenue", query="select current_date as day from orders"),
        shop,
    )
    assert (
        draft.cell == "%%alur_pipeline daily --target gold.revenue\nselect current_date as day from orders\n"
    )
    assert not draft.problem


def test_a_function_is_a_cell_that_declares(shop: Project, notebook: Notebook) -> None:
    values = PipelineValues(
        KINDS[2],
        "load_orders",
        "bronze.orders",
        sources="orders = orders/*.csv\nknown = new(orders)",
        schedule="0 6 * * ? *",
        expectations="amount >= 0",
    )
    draft = pipeline_draft(values, shop)
    assert not draft.problem
    assert '"orders": alur_nb.files("orders/*.csv"),' in draft.cell
    assert '"known": alur_nb.new(OrdersBronze),' in draft.cell
    notebook.run(draft.cell, "load")
    # What is left to the run of the cell: a table may not feed itself.
    assert "load_orders" in "".join(notebook.error_lines)
    notebook.ok(pipeline_draft(replace(values, sources="orders = orders/*.csv"), shop).cell, "load")
    assert list(shop.pipelines) == ["load_orders"]
    extract = pipeline_draft(replace(values, sources=""), shop)
    assert 'return spark.sql("...")' in extract.cell
    assert not extract.problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "a name is missing"),
        ({"target": ""}, "--target is missing"),
        ({"target": "bronze.order"}, "No table `bronze.order` is declared (did you mean `bronze.orders`?)"),
        ({"sources": ""}, "the cell has no body"),
        ({"schedule": "0 6 * *"}, "0 6 * *"),
        ({"schedule": "0 6 * * ? *", "timezone": "Berlin"}, "Berlin"),
        ({"kind": KINDS[1], "query": ""}, "the cell has no body"),
        ({"kind": KINDS[1], "query": "select * from order"}, "order"),
        ({"kind": KINDS[2], "sources": "orders"}, "`orders` is no source"),
        ({"kind": KINDS[2], "sources": "x = nothing"}, "No table `nothing` is declared"),
        ({"kind": KINDS[2], "sources": "x = orders", "name": "class"}, "cannot be a pipeline's name"),
    ],
)
def test_the_parser_says_what_is_wrong_with_a_pipeline(
    shop: Project, changes: dict[str, str], problem: str
) -> None:
    draft = pipeline_draft(replace(INGEST, **changes), shop)  # type: ignore[arg-type]
    assert problem in draft.problem
    assert draft.fix
