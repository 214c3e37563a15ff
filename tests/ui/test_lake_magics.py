"""The magics that read and write the lake: preview, run, query, export; and each example of the help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.preview_facts import Preview
from alur_nb.authoring.query import QueryResult
from alur_nb.runtime.errors import AlurError, DeployError, NotebookError
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import RunReport
from alur_nb.ui.help import help_page
from tests.conftest import Land
from tests.ui.conftest import Notebook

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

ORDERS = "%%alur_table orders\nid int not null\namount decimal(10,2)"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --source-system shop --target OrdersBronze"
LATE = "%%alur_table large_orders\nid int\namount decimal(10,2)"
FIND = (
    "%%alur_pipeline find_large --target LargeOrdersBronze --expect 'amount > 3'\n"
    "-- {everything} above three\n"
    "select o.id, orders.amount from new(orders) o join orders using (id) where o.amount > 3"
)


@pytest.fixture
def shop(notebook: Notebook, land: Land) -> Notebook:
    """A notebook with two tables, an ingestion and a query over it; two rows have landed."""
    land("orders/1.csv", "id,amount\n1,2.50\n2,3.50\n")
    for name, cell in (("orders", ORDERS), ("large", LATE), ("ingest", INGEST), ("find", FIND)):
        notebook.ok(cell, name)
    return notebook


def test_from_landing_files_to_a_query(shop: Notebook, land: Land) -> None:
    report = shop.ok("%alur_run --all")
    assert isinstance(report, RunReport)
    assert [(run.name, run.state, run.rows) for run in report.runs] == [
        ("ingest_orders", "loaded", 2),
        ("find_large", "loaded", 1),
    ]
    assert [run.state for run in shop.ok("%alur_run ingest_orders --downstream").runs] == ["nothing new"] * 2
    land("orders/2.csv", "id,amount\n3,9.00\n")
    assert [run.rows for run in shop.ok("%alur_run --all").runs] == [1, 1]
    found = shop.ok("%%alur_sql --out large\nselect id, amount, '{x}' as text from large_orders order by id")
    assert isinstance(found, QueryResult)
    assert str(found).splitlines() == [
        "id  amount  text",
        "--  ------  ----",
        "2   3.50    {x}",
        "3   9.00    {x}",
        "2 rows",
    ]
    assert shop.shell.user_ns["large"].count() == 2
    assert "bronze.large_orders: 2 columns, 2 rows in 2 batches" in str(shop.ok("%alur"))


def test_a_query_keeps_its_quotes_on_a_line_and_says_what_it_left_out(shop: Notebook) -> None:
    shop.ok("%alur_run ingest_orders")
    found = shop.ok("%alur_sql -n 1 select id, 'a \"b\"' as text from orders order by id")
    assert found.rows == ((1, 'a "b"'),)
    assert not found.is_complete
    assert str(found).endswith("the first 1 row; there are more (-n shows more)")
    assert shop.ok("%alur_sql select '{x}' as text").rows == (("{x}",),)


def test_rejected_rows_are_queried_beside_their_table(shop: Notebook, land: Land) -> None:
    land("orders/2.csv", "id,amount\n3,9.99999\n")
    shop.run("%alur_run ingest_orders")
    assert shop.ok("%alur_sql select * from orders__rejects").rows == ()  # strict: nothing was published
    shop.ok(f"{INGEST} --no-strict --reject-limit 0.5", "ingest")
    shop.ok("%alur_run ingest_orders")
    found = shop.ok("%alur_sql select source_file, line_number, `column` from bronze.orders__rejects")
    assert found.rows == (("orders/2.csv", 2, "amount"),)


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        ("select id,\n amunt from orders", "bronze.orders has no column `amunt`", "line 3"),
        ("select * from new(orders)", "a query has no target", "line 2"),
        ("select count(*) from orders, (select nothing())", "nothing", "line 2"),
    ],
)
def test_a_query_that_spark_refuses_is_an_error_of_the_cell(
    shop: Notebook, query: str, message: str, place: str
) -> None:
    shop.run(f"%%alur_sql\n{query}")
    assert isinstance(shop.error, NotebookError)
    assert message in shop.error_lines[0]
    assert place in shop.error_lines[1]
    assert len(shop.error_lines) <= 6


def test_a_preview_writes_nothing(shop: Notebook) -> None:
    preview = shop.ok("%alur_preview find_large -n 5")
    assert isinstance(preview, Preview)
    assert preview.verdict == "would load"
    assert len(preview.rows) == 1
    assert not Path(".alur").exists()
    formats = shop.formatted(preview)
    assert "preview of find_large" in formats["text/plain"]
    assert "preview of find_large" in formats["text/html"]


def test_a_declaration_may_be_previewed_at_once(shop: Notebook) -> None:
    preview = shop.ok(f"{INGEST} --preview 1", "ingest")
    assert isinstance(preview, Preview)
    assert len(preview.rows) == 1


def test_a_failed_run_shows_its_report_and_stops(shop: Notebook, land: Land) -> None:
    land("orders/2.csv", "id,amount\nthree,9.00\n")
    shop.run("%alur_run --all")
    assert isinstance(shop.error, AlurError)
    assert len(shop.error_lines) <= 6
    (report,) = [text for text in shop.shown() if "-> bronze.orders" in text]
    assert "x ingest_orders -> bronze.orders: failed" in report
    assert "- find_large -> bronze.large_orders: skipped" in report


def test_a_users_error_in_a_run_keeps_the_users_frames(shop: Notebook) -> None:
    shop.ok(
        "%%alur_pipeline\n"
        "import alur_nb\n"
        "@alur_nb.pipeline(sources={'orders': alur_nb.new(OrdersBronze)}, target=LargeOrdersBronze)\n"
        "def find_large(orders):\n"
        "    return orders.select(1 / 0)\n",
        "find",
    )
    shop.ok("%alur_run ingest_orders")
    for cell in ("%alur_run find_large", "%alur_preview find_large"):
        shop.run(cell)
        assert isinstance(shop.error, ZeroDivisionError)
        text = "\n".join(shop.error_lines)
        assert "line 5, in find_large" in text
        assert "alur_nb/" not in text
        assert "threading.py" not in text


def test_a_check_of_ours_in_a_users_function_is_told_in_lines(shop: Notebook) -> None:
    shop.ok(
        "%%alur_pipeline\n"
        "import alur_nb\n"
        "@alur_nb.pipeline(sources={'orders': alur_nb.new(OrdersBronze)}, target=LargeOrdersBronze)\n"
        "def find_large(orders):\n"
        "    return 3\n",
        "find",
    )
    shop.ok("%alur_run ingest_orders")
    shop.run("%alur_run find_large")
    assert shop.error_lines[0].startswith("ContractError: Pipeline `find_large` returned int")
    assert len(shop.error_lines) <= 6


def _saved(cells: list[str]) -> None:
    """Save cells as the project's one notebook."""
    nb = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    Path("shop.ipynb").write_text(json.dumps(nb))


# What goes to AWS: there are no credentials in the tests, and that is all that may be missing.
ON_AWS = ("%alur_status", "%alur_deploy", "%alur_logs")


@pytest.mark.usefixtures("iceberg")
@pytest.mark.parametrize("name", [entry.name for entry in help_page().entries])
def test_each_example_of_the_help_runs(notebook: Notebook, land: Land, name: str, project: Project) -> None:
    land("orders/1.csv", "id,amount\n1,2.50\n")
    Path("alur.toml").write_text('[project]\nname = "shop"\n[env.dev]\nlanding = "s3://acme-landing/"\n')
    if name != "%alur_table":
        orders = (
            ORDERS.replace("orders", "orders --format iceberg", 1) if name == "%alur_maintain" else ORDERS
        )
        notebook.ok(orders, "table")
        notebook.ok(INGEST, "ingest")
    _saved(["%load_ext alur_nb", ORDERS, INGEST])
    # Only now: examples speak of what is declared.
    example = next(entry.example for entry in help_page().entries if entry.name == name)
    if name == "%alur_diff":
        (run,) = notebook.ok("%alur_run --all").runs
        example = example.replace(" 12 ", f" {run.batch_id} ")
    result = notebook.run(example, "ingest" if name == "%alur_pipeline" else "example")
    if name in ON_AWS:
        assert isinstance(notebook.error, DeployError)
        assert "there are no AWS credentials" in str(notebook.error)
    else:
        assert notebook.error is None, notebook.error_lines
        assert result is not None
        assert str(result)


def test_an_export_returns_its_bundle(shop: Notebook) -> None:
    Path("alur.toml").write_text('[project]\nname = "shop"\n[env.dev]\nlanding = "s3://acme-landing/"\n')
    _saved(["%load_ext alur_nb", ORDERS, LATE, INGEST, FIND])
    bundle = shop.ok("%alur_export --env dev")
    assert isinstance(bundle, Bundle)
    assert bundle.pipelines == ("find_large", "ingest_orders")
    assert (bundle.path / "jobs" / "find_large.py").is_file()
    script = (bundle.path / "jobs" / "find_large.py").read_text()
    assert "from {new_orders} o join {orders} AS orders using (id)" in script


def test_a_renamed_notebook_among_others_is_exported(shop: Notebook) -> None:
    Path("alur.toml").write_text('[project]\nname = "shop"\n[env.dev]\nlanding = "s3://acme-landing/"\n')
    _saved(["%load_ext alur_nb", ORDERS, LATE, INGEST, FIND])
    Path("other.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    shop.run("%alur_export", "cell-unsaved")
    assert "not clear which notebook is meant" in shop.error_lines[0]
    shop.ok("1", "cell-1")
    bundle = shop.ok("%alur_export --env dev", "cell-unsaved")
    assert isinstance(bundle, Bundle)
    assert bundle.pipelines == ("find_large", "ingest_orders")


REFUSED = [
    (
        "%%alur_sql\nselect amont from orders",
        "no column `amont` (did you mean `amount`?)",
        "line 2, column 8",
    ),
    (
        "%%alur_sql --rows 5\nselect o.id,\n       o.amont\nfrom orders o",
        "no column `amont`",
        "line 3, column 10",
    ),
    ("%%alur_sql\nselect id\nfrom ordrs", "no table `ordrs` (did you mean `orders`?)", "line 3, column 6"),
    (
        "%%alur_sql\nselect id\nfrom orders\nwhere summ(id) > 1",
        "Cannot resolve function `summ`",
        "line 4, column 7",
    ),
    ("%%alur_sql\nselect id\nfrom orders limit amount", "`amount` cannot be used here", "line 3, column 19"),
    ("%%alur_sql\nselect id\n  frm orders", "The SQL cannot be read near `orders`", "line 3, column 7"),
    ("1\n%alur_sql -n 5 select amont from orders", "no column `amont`", "line 2, column 23"),
    ("%alur_sql select id from ordrs", "no table `ordrs`", "line 1, column 26"),
    ("%%alur_sql\nselect amont from large_orders", "no column `amont`", "line 2, column 8"),
    (
        "%%alur_pipeline p --target orders\nselect id,\n  amont from large_orders",
        "no column `amont`",
        "line 3, column 3",
    ),
]


def test_a_wrong_query_is_shown_where_it_is_wrong(shop: Notebook) -> None:
    for cell, message, place in REFUSED:
        shop.run(cell)
        assert isinstance(shop.error, NotebookError), cell
        assert message in shop.error_lines[0], shop.error_lines
        where = next(line for line in shop.error_lines if line.startswith("  where: "))
        assert where.endswith(place), shop.error_lines


def test_a_column_that_only_spark_misses_is_shown_in_its_line(shop: Notebook) -> None:
    shop.ok("%%alur_table visits\nid int", "visits")
    shop.run("%%alur_sql\nselect id,\n  v.idd\nfrom visits v")
    assert (
        shop.error_lines[0] == "NotebookError: The query's tables have no column `idd` (did you mean `id`?)."
    )
    assert shop.error_lines[1].endswith("line 3, column 3")
    assert shop.error_lines[2:4] == ["      v.idd", "      ^"]
