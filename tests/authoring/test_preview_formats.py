"""A preview of formats other than CSV: what would happen, by the reading that a run uses."""

from __future__ import annotations

import bz2
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, StringField, files, pipeline
from alur_nb.authoring.preview import Preview, preview
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.zstd import packed
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]


Previewed = Callable[..., Preview]


@pytest.fixture
def previewed(workspace: Workspace, project: Project) -> Previewed:
    def of(**source: object) -> Preview:
        return previewed_in(workspace, project, **source)

    return of


def previewed_in(workspace: Workspace, project: Project, **source: object) -> Preview:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        note = StringField()

    @pipeline(sources={"orders": files("orders/*", strict=False, **source)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return preview(workspace, project, "ingest_orders", sample_rows=100)


def test_json_lines_are_cut_at_a_line_s_end(land: Land, previewed: Previewed) -> None:
    lines = [f'{{"id": {number}, "note": "\\"x, y"}}' for number in range(1_000)]
    lines[5] = '{"id": 1.5}'
    land("orders/1.jsonl", "\n".join(lines))
    found = previewed(format="jsonl")
    assert (found.rejected_rows, found.sample_rows) == (1, 99)
    assert (found.rejected[0].line, found.rejected[0].column) == (6, "id")
    assert found.rejected[0].reason == "`1.5` is not written as a whole number: declare double"


def test_rescued_keys_are_shown(land: Land, previewed: Previewed) -> None:
    land("orders/1.jsonl", '{"id": 1, "colour": "red"}\n')
    text = str(previewed(format="jsonl", schema_mode="rescue"))
    assert "column colour: extra, rescued, in 1 of 1 opened file" in text
    assert "kept in _rescued" in text or "rescued" in text


@pytest.mark.parametrize(("suffix", "pack"), [("bz2", bz2.compress), ("zst", packed), ("zstd", packed)])
def test_a_packed_head_is_a_packed_file(
    land: Land, previewed: Previewed, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    land(f"orders/1.csv.{suffix}", pack(("id,note\n1,x\nbad,y\n" + "1,x\n" * 5_000).encode()))
    found = previewed()
    assert (found.sample_rows, found.rejected_rows, found.exact) == (99, 1, False)
    assert (found.rejected[0].source_file, found.rejected[0].line) == (f"orders/1.csv.{suffix}", 3)


def test_the_first_rows_of_parquet_are_read_in_place(workspace: Workspace, previewed: Previewed) -> None:
    folder = workspace.settings.root / "data/orders"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": pa.array(range(5_000), pa.int32())}), folder / "1.parquet")
    pq.write_table(pa.table({"id": ["x"]}), folder / "2.parquet")
    found = previewed(format="parquet")
    assert (found.sample_rows, found.exact) == (100, False)
    assert "`id` is string, declared int" in str(found)
