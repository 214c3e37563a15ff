"""Bad input: a clear error with the next step, nothing lost, never a traceback of ours; one test each."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, DoubleField, IntegerField, StringField, files, new, pipeline, read
from alur_nb.runtime.errors import DeclarationError, NotebookError
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land
from tests.told import assert_told

pytestmark = pytest.mark.slow

GOOD = "id,amount\n1,2.5\n"


@pytest.fixture
def orders(project: Project, spark: object) -> type:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        amount = DoubleField()

    @pipeline(sources={"orders": files("orders/*")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return OrdersBronze


def go(workspace: Workspace, project: Project) -> PipelineRun:
    (run,) = run_pipelines(workspace, project, ["ingest_orders"]).runs
    return run


def loaded_after(workspace: Workspace, project: Project, table: type) -> list[int]:
    assert go(workspace, project).state == "loaded"
    return sorted(row["id"] for row in read(table).collect())


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (b"amount\n2.5\n", ("orders/bad.csv", "id")),
        (b"id,amount,colour\n1,2.5,red\n", ("orders/bad.csv", "colour", "extra_columns")),
        (b"", ("orders/bad.csv", "0 bytes")),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", ("orders/bad.csv",)),
        (b'id,amount\n1,"2.5\n2,3\n', ("orders/bad.csv", "quote", "line 2")),
        ("id,amount\n1,2\né,3\n".encode("latin-1"), ("orders/bad.csv", "utf-8", "line 3")),
        (b"id,ID,amount\n1,1,2\n", ("orders/bad.csv", "`id` and `ID`", "letters' case", "Rename one")),
    ],
    ids=["column missing", "column unknown", "empty", "binary", "open quote", "not UTF-8", "column twice"],
)
def test_a_bad_file_holds_the_batch_back_and_is_named(
    workspace: Workspace,
    project: Project,
    land: Land,
    orders: type,
    content: bytes,
    fragments: tuple[str, ...],
) -> None:
    land("orders/good.csv", GOOD)
    bad = land("orders/bad.csv", content)
    assert_told(go(workspace, project), *fragments)
    bad.unlink()
    assert loaded_after(workspace, project, orders) == [1]


def test_a_wrong_type_names_line_column_and_value(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    bad = land("orders/bad.csv", "id,amount\n1,2.5\n517.0,3\n")
    assert_told(go(workspace, project), "orders/bad.csv, line 3, column id", "517.0")
    bad.write_text(GOOD)
    assert loaded_after(workspace, project, orders) == [1]


def test_a_damaged_gzip_is_named(workspace: Workspace, project: Project, land: Land, orders: type) -> None:
    path = land("orders/bad.csv.gz", GOOD * 50)
    path.write_bytes(path.read_bytes()[:-12])
    assert_told(go(workspace, project), "orders/bad.csv.gz")
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert loaded_after(workspace, project, orders) == [1]


def test_a_header_alone_is_no_rows(workspace: Workspace, project: Project, land: Land, orders: type) -> None:
    land("orders/none.csv", "id,amount\n")
    run = go(workspace, project)
    assert (run.state, run.rows, run.files) == ("loaded", 0, 1)


def test_an_empty_folder_is_nothing_new_with_a_warning(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    (workspace.settings.root / "data/orders").mkdir()
    run = go(workspace, project)
    assert run.state == "nothing new"
    assert any("No file matches" in warning for warning in run.warnings)


def test_a_folder_that_does_not_exist_is_an_error(
    workspace: Workspace, project: Project, orders: type
) -> None:
    assert_told(go(workspace, project), "data/orders does not exist", "Create it")


def test_a_row_of_20_mb_is_a_row(workspace: Workspace, project: Project, land: Land, spark: object) -> None:
    class NotesBronze(BronzeTable):
        id = IntegerField()
        note = StringField()

    for name, source in (("csv", files("notes/*.csv")), ("jsonl", files("notes/*.jsonl", format="jsonl"))):

        @pipeline(name=f"ingest_{name}", sources={"notes": source}, target=NotesBronze)
        def ingest(notes: DataFrame) -> DataFrame:
            return notes

    text = "x" * (20 << 20)
    land("notes/1.csv", f"id,note\n1,{text}\n2,y\n")
    land("notes/1.jsonl", f'{{"id": 3, "note": "{text}"}}\n')
    for name in ("ingest_csv", "ingest_jsonl"):
        (run,) = run_pipelines(workspace, project, [name]).runs
        assert run.state == "loaded", run.error_text
    found = read(NotesBronze).selectExpr("id", "length(note)").collect()
    assert sorted(map(tuple, found)) == [(1, 20 << 20), (2, 1), (3, 20 << 20)]


def test_a_row_without_end_is_named(workspace: Workspace, project: Project, land: Land, orders: type) -> None:
    land("orders/bad.csv", b"id,amount\n1," + b"2" * (65 << 20))
    assert_told(go(workspace, project), "orders/bad.csv", "line 2", "longer than 64 MB")


def test_10_000_columns_are_named_by_the_first_few(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    header = ",".join(f"c{index}" for index in range(10_000))
    land("orders/wide.csv", f"id,amount,{header}\n1,2.5{',x' * 10_000}\n")
    run = go(workspace, project)
    assert_told(run, "orders/wide.csv", "`c0`", "9,991 more", "extra_columns")
    assert len(str(run.error_text)) < 1_000


@pytest.mark.parametrize("mode", [{"extra_columns": "ignore"}, {"schema_mode": "rescue"}])
def test_10_000_columns_are_read_where_that_is_asked_for(
    workspace: Workspace, project: Project, land: Land, spark: object, mode: dict[str, Any]
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*", **mode)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land(
        "orders/wide.csv",
        "id," + ",".join(f"c{i}" for i in range(10_000)) + "\n" + "1" + ",x" * 10_000 + "\n",
    )
    assert loaded_after(workspace, project, OrdersBronze) == [1]


def test_more_columns_than_spark_can_hold(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    land("orders/bad.csv", "id,amount" + ",x" * 30_000 + "\n")
    assert_told(go(workspace, project), "orders/bad.csv", "more than 20,480 values")


@pytest.mark.parametrize(
    "name", ["a b", "[1]", "50%20", "it's", 'say "x"', "Zürich-東京-😀", "{a,b}", "a*b?"]
)
def test_any_name_of_a_file_and_its_folder(
    workspace: Workspace, project: Project, land: Land, orders: type, name: str
) -> None:
    land(f"orders/{name}.csv", "id,amount\n1,2.5\nx,1\n")
    assert_told(go(workspace, project), f"orders/{name}.csv, line 3, column id")
    land(f"orders/{name}.csv", GOOD)
    assert loaded_after(workspace, project, orders) == [1]
    row = read(orders, metadata=True).first()
    assert row is not None and row["_source_file"] == f"orders/{name}.csv"


def test_utf_16_is_named_with_the_option_to_give(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    land("orders/bad.csv", GOOD.encode("utf-16"))
    assert_told(go(workspace, project), "orders/bad.csv", "UTF-16", 'options={"encoding": "UTF-16"}')


def test_a_parquet_file_damaged_inside_is_named(
    workspace: Workspace, project: Project, spark: object
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    class OrdersBronze(BronzeTable):
        id = StringField()

    @pipeline(sources={"orders": files("orders/*", format="parquet")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    path = workspace.settings.root / "data/orders/a b.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"id": [f"{index:064d}" for index in range(5_000)]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\xff" * 400 + whole[440:])
    assert_told(go(workspace, project), "damaged", "parquet")
    path.write_bytes(whole)
    assert go(workspace, project).rows == 5_000


class Faulty:
    """Passes every call on; before the named one it does something else first."""

    def __init__(self, inner: object, **faults: Callable[..., None]) -> None:
        self._inner, self._faults = inner, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._faults:
            return found

        def call(*args: object, **kwargs: object) -> object:
            self._faults[name](*args, **kwargs)
            return found(*args, **kwargs)

        return call


def test_a_file_deleted_between_plan_and_read(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    path = land("orders/1.csv", GOOD)

    def delete(*_: object, **__: object) -> None:
        path.unlink(missing_ok=True)

    broken: Any = replace(workspace, ledger=Faulty(workspace.ledger, plan=delete))
    assert_told(go(broken, project), "Run again")
    assert read(orders).count() == 0
    land("orders/1.csv", GOOD)
    assert loaded_after(workspace, project, orders) == [1]


def test_a_file_changed_while_it_is_read(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    path = land("orders/1.csv", GOOD)

    def rewrite(_planned: list[SourceFile]) -> None:
        path.write_text(GOOD + "2,3\n")

    broken: Any = replace(workspace, files=Faulty(workspace.files, stats=rewrite))
    assert_told(go(broken, project), "orders/1.csv changed while it was read")
    assert loaded_after(workspace, project, orders) == [1, 2]


@pytest.mark.parametrize(
    ("error", "fragment"),
    [
        (OSError(28, "No space left on device"), "no space left"),
        (PermissionError(13, "Permission denied"), "may not write"),
    ],
)
@pytest.mark.parametrize("step", ["staged_files", "publish"])
def test_no_space_and_no_permission(
    workspace: Workspace, project: Project, land: Land, orders: type, step: str, error: OSError, fragment: str
) -> None:
    from alur_nb.runtime.lake import storage_errors

    land("orders/1.csv", GOOD)

    def fail(*_: object) -> None:
        with storage_errors("the lake"):
            raise error

    broken: Any = replace(workspace, lake=Faulty(workspace.lake, **{step: fail}))
    assert_told(go(broken, project), fragment)
    again = go(workspace, project)
    assert again.state in ("loaded", "nothing new")
    assert [row["id"] for row in read(orders).collect()] == [1]


def test_an_unreadable_ledger_refuses_to_run(
    workspace: Workspace, project: Project, land: Land, orders: type
) -> None:
    land("orders/1.csv", GOOD)
    workspace.lake_root.mkdir()
    (workspace.lake_root / "state.db").write_bytes(b"not a database, and long enough to be read as one" * 30)
    assert_told(go(workspace, project), "state.db", "never delete")


def test_a_cycle_is_named(workspace: Workspace, project: Project) -> None:
    class ABronze(BronzeTable):
        id = IntegerField()

    class BBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"a": new(ABronze)}, target=BBronze)
    def to_b(a: DataFrame) -> DataFrame:
        return a

    @pipeline(sources={"b": new(BBronze)}, target=ABronze)
    def to_a(b: DataFrame) -> DataFrame:
        return b

    with pytest.raises(DeclarationError, match="to_a -> to_b -> to_a") as caught:
        run_pipelines(workspace, project)
    assert caught.value.fix


def test_only_plain_reads_into_an_append_target(project: Project) -> None:
    class ABronze(BronzeTable):
        id = IntegerField()

    class BBronze(BronzeTable):
        id = IntegerField()

    with pytest.raises(DeclarationError) as caught:

        @pipeline(sources={"a": ABronze}, target=BBronze)
        def copy_a(a: DataFrame) -> DataFrame:
            return a

    assert "new(" in str(caught.value)
    assert "primary_key" in str(caught.value)


def test_sql_over_an_undeclared_table_suggests(project: Project) -> None:
    from alur_nb.authoring.unfold import unfold

    class OrdersBronze(BronzeTable):
        id = IntegerField()
        note = StringField()

    class CopyBronze(BronzeTable):
        id = IntegerField()

    with pytest.raises((NotebookError, DeclarationError), match="did you mean") as caught:
        unfold("alur_pipeline", "copy_orders --target CopyBronze", "SELECT id FROM new(ordres)", project)
    assert "orders" in str(caught.value)


def test_a_name_bound_in_two_cells_names_both(tmp_path: Path) -> None:
    import nbformat

    from alur_nb.authoring.notebook import read_notebook
    from alur_nb.authoring.slicing import slice_pipelines

    table = "from alur_nb import *\nclass OrdersBronze(BronzeTable):\n    id = IntegerField()"
    cells = [
        "limit = 1",
        "limit = 2",
        table.replace("import *", "import BronzeTable, IntegerField, files, pipeline"),
    ]
    cells.append(
        "@pipeline(sources={'orders': files('o/*')}, target=OrdersBronze)\n"
        "def ingest(orders):\n    return orders.limit(limit)"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    (tmp_path / "x.ipynb").write_text(nbformat.writes(book))
    with pytest.raises(NotebookError) as caught:
        slice_pipelines(
            read_notebook(tmp_path / "x.ipynb"), {"ingest": "ingest"}, lambda magic: magic.body or ""
        )
    assert "limit" in str(caught.value)
    assert "cell 1" in str(caught.value)
    assert "cell 2" in str(caught.value)
