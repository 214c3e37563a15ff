"""Completion as a front end asks a real kernel for it: what is replaced, by what, and of which type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.kernel import Kernel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in a project with an environment, landing files, two tables and an ingestion."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "data" / "orders" / "1.csv").write_text("id,amount\n1,2.50\n")
    (folder / "alur.toml").write_text('[env.dev]\nlanding = "s3://acme-landing/dev"\n')
    made = Kernel(folder)
    try:
        for cell_id, source in (
            ("load", "%load_ext alur_nb"),
            ("orders", "%%alur_table orders\nid int not null\namount decimal(10,2)"),
            ("customers", "%%alur_table customers\nid int\nname string"),
            ("ingest", "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"),
        ):
            ran = made.run(source, cell_id)
            assert ran.status == "ok", ran.error
        yield made
    finally:
        made.close()


FORMS = [
    ("%alu|", "%alu", ("%alur_table", "magic")),
    ("%%alur_p|", "%%alur_p", ("%%alur_pipeline", "magic")),
    ("%alur_preview --s|", "--s", ("--sample", "option")),
    ("%alur_preview in|", "in", ("ingest_orders", "pipeline")),
    ("report = %alur_run in|", "in", ("ingest_orders", "pipeline")),
    ("%alur_run --env=d|", "d", ("dev", "environment")),
    ("%alur_run --env d| ingest_orders", "d", ("dev", "environment")),
    ("%%alur_table x --layer si|\nid int", "si", ("silver", "value")),
    ("%%alur_table x --partition-by 'day(|'\nid int\nat date", "", ("at)", "column")),
    ("%%alur_table x\nid dec|", "dec", ("decimal(", "type")),
    ("%%alur_table x\nid int not n|", "not n", ("not null", "keyword")),
    ("%alur_pipeline p --target Or|", "Or", ("OrdersBronze", "class")),
    ("%alur_pipeline p --target bronze.o|", "bronze.o", ("bronze.orders", "table")),
    ("%alur_pipeline p --from 'or|'", "or", ("orders/", "path")),
    ("%alur_pipeline p --from 's3://acme-landing/d|'", "d", ("dev/", "path")),
    ("%alur_pipeline p --timezone=Europe/Berl|", "Europe/Berl", ("Europe/Berlin", "value")),
    ("%%alur_pipeline p --target orders\nselect a\nfrom new(or|)", "or", ("orders", "table")),
    ("%%alur_sql\nselect o.am| from orders o", "am", ("amount", "column")),
    ("%%alur_sql --rows 5\nselect *\nfrom cus|", "cus", ("customers", "table")),
    ("%alur_sql select na| from customers", "na", ("name", "column")),
    ("x = 1\n%alur_preview in|\ny = 2", "in", ("ingest_orders", "pipeline")),
    ("grün = '😀'\n%alur_preview in|", "in", ("ingest_orders", "pipeline")),
]


def test_the_main_forms_are_completed_in_a_kernel(kernel: Kernel) -> None:
    for cell, replaced, wanted in FORMS:
        fragment, found, _ = kernel.complete(cell)
        assert fragment == replaced, cell
        assert found[0] == wanted, (cell, found[:5])


def test_the_kernel_offers_nothing_but_ours_on_our_lines(kernel: Kernel) -> None:
    assert kernel.complete("%alur_preview in|")[1] == [("ingest_orders", "pipeline")]
    assert kernel.complete("%%alur_sql\nselect o.| from orders o")[1] == [
        ("id", "column"),
        ("amount", "column"),
    ]
    assert kernel.complete("%alur_export --env=|")[1] == [("dev", "environment")]


def test_python_is_completed_as_before(kernel: Kernel) -> None:
    assert "OrdersBronze" in [text for text, _ in kernel.complete("OrdersB|")[1]]
    assert "OrdersBronze" in [
        text for text, _ in kernel.complete("%%alur_pipeline p\nimport os\nOrdersB|")[1]
    ]


def test_an_answer_comes_long_before_a_front_end_gives_up(kernel: Kernel) -> None:
    # JupyterLab waits 1,000 ms for a provider (completer-extension, schema/manager.json, `providerTimeout`).
    kernel.complete("%alur_run --env=|")
    assert min(kernel.complete("%alur_run --env=|")[2] for _ in range(3)) < 1
