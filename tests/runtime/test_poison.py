"""One file that cannot be read never stops the others where the source is not strict."""

from __future__ import annotations

import gzip

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, DoubleField, IntegerField, files, pipeline, read
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.usefixtures("spark"), pytest.mark.slow]

GOOD = "id,amount\n1,2.5\n"
CUT_OFF = gzip.compress(("id,amount\n" + "1,2.5\n" * 5_000).encode(), mtime=0)[:-12]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bad.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"),
        ("bad.csv.gz", CUT_OFF),
        ("bad.csv.gz", b"no gzip at all"),
        (
            "bad.csv.zst",
            b"\x28\xb5\x2f\xfd\0\x58\x51\0\0id,amo",
        ),  # 6 of the 10 bytes that its block should have
        ("bad.csv", b'id,amount\n1,"2.5\n2,3\n'),
        ("bad.csv", b""),
        ("bad.csv", b"colour\nred\n"),
    ],
    ids=["binary", "gz cut off", "no gz", "zst cut off", "quote left open", "0 bytes", "other columns"],
)
def test_a_poison_file_is_skipped_by_name_and_the_good_one_loaded(
    workspace: Workspace, project: Project, land: Land, name: str, content: bytes
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        amount = DoubleField()

    @pipeline(sources={"orders": files("orders/*", strict=False)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/good.csv", GOOD)
    (workspace.settings.root / "data/orders" / name).write_bytes(content)
    (run,) = run_pipelines(workspace, project).runs
    assert (run.state, run.rows, run.files) == ("loaded", 1, 1), run.error_text
    assert [text.partition(":")[0] for text in run.skipped_files] == [f"orders/{name}"]
    assert [row["id"] for row in read(OrdersBronze).collect()] == [1]
    (again,) = run_pipelines(workspace, project).runs
    assert (again.state, again.skipped_files) == ("nothing new", ())
