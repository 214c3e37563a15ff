"""What is large or bad: a preview stays small, says what it leaves out, and never ends in a traceback of ours."""

from __future__ import annotations

import errno
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb import BronzeTable, IntegerField, StringField, TimestampField, expect, files, pipeline
from alur_nb.authoring.preview import preview
from alur_nb.authoring.preview_cells import MAX_BYTES
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ContractColumn,
    FileFact,
    Obstacle,
    Preview,
    RejectedRow,
    ResultColumn,
    SourcePreview,
)
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import SettingsError, StorageError
from alur_nb.runtime.files import Files
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.tables import TableType
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui.preview_card import preview_card
from tests.authoring.test_preview import GOOD, Orders, ingest, look
from tests.conftest import Land

ODD = '<&"😀\u202e' * 10_000
MANY = 2_000


def readings(value: Preview) -> tuple[str, str]:
    """Return text and HTML, both of which must be small."""
    text, markup = str(value), str(preview_card(value))
    assert len(text.encode()) <= MAX_BYTES
    assert len(markup.encode()) <= MAX_BYTES
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "\u202e" not in text + markup
    return " ".join(text.split()), html.unescape(re.sub(r"<[^>]+>", " ", markup))


def crowded() -> Preview:
    """A preview in which everything is as large as it can be, and every character is one to escape."""
    names = tuple(f"c{number}" for number in range(MANY))
    source = SourcePreview(
        "orders",
        "files",
        ODD,
        "new",
        files=tuple(
            FileFact(f"orders/{n}.csv", "bad" if n == 9_999 else "done", n, ODD, ODD) for n in range(10_000)
        ),
        columns=tuple(ContractColumn(name, None, "refused", 1, 3, ODD, ODD) for name in names),
    )
    result = CheckResult(
        ODD, Severity.ERROR, False, ODD, ODD, tuple(dict.fromkeys(names, ODD) for _ in range(5))
    )
    return Preview(
        "ingest_orders",
        "bronze.orders",
        "would fail",
        sources=(source,),
        columns=names,
        types=("string",) * MANY,
        rows=((ODD,) * MANY,) * 20,
        rejected=tuple(RejectedRow(f"orders/{n}.csv", n, "id", ODD, ODD[:500], ODD) for n in range(100)),
        rejected_rows=100,
        reject_reasons={f"{n}{ODD}": 1 for n in range(50)},
        result_columns=tuple(ResultColumn(name, ODD, ODD, "surplus", ODD) for name in names),
        checks=(CheckPreview(result, "failed", False),) * 60,
        problems=tuple(Obstacle(ODD, ODD) for _ in range(100)),
        warnings=(ODD,) * 1_000,
        notes=(ODD,) * 1_000,
        since=(ODD,) * 20,
    )


@pytest.mark.slow  # 200 KB, by way of every card
def test_everything_at_once_stays_small_and_is_counted() -> None:
    for shown in readings(crowded()):
        assert "and 9,990 more files: 9,990 done" in shown or "more files: 9,9" in shown
        assert "more columns: c" in shown
        assert "more warnings" in shown
        assert "more characters)" in shown
        assert "orders/9999.csv" in shown  # the one that needs a look


def test_one_column_of_many_can_be_asked_for() -> None:
    found = crowded().only("c1999", "c0")
    assert (found.columns, len(found.rows[0]), len(found.result_columns)) == (("c1999", "c0"), 2, 2)
    with pytest.raises(SettingsError, match="no column `c2000`"):
        found.only("c2000")


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_file_of_2000_columns(workspace: Workspace, project: Project, land: Land) -> None:
    fields: dict[str, Any] = {f"c{number}": StringField() for number in range(MANY)}
    wide = TableType("WideBronze", (BronzeTable,), fields)

    @pipeline(sources={"wide": files("wide/*")}, target=wide)
    def ingest_wide(wide: DataFrame) -> DataFrame:
        return wide

    line = ",".join(f"v{number}" for number in range(MANY))
    land("wide/1.csv", ",".join(fields) + "\n" + f"{line}\n" * 30)
    found = look(workspace, project, "ingest_wide")
    assert (len(found.columns), len(found.rows[0]), len(found.profiles)) == (MANY, MANY, MANY)
    for shown in readings(found):
        assert 'and 1,940 more columns: c60, c61, c62, c63, c64, ... (.only("c60") shows this one' in shown


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_cell_of_a_megabyte_and_one_with_a_script(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest()
    script = "<script>alert(1)</script>"
    rows = f'1,1,"{"x" * (1 << 20)}"\n2,1,{script}\n3,1,👩\u200d👧 שלום\n4,1,null\n5,1,\n'
    land("orders/1.csv", "id,amount,note\n" + rows)
    found = look(workspace, project)
    assert len(found.rows[0][2]) == 1 << 20
    readings(found)
    markup = str(preview_card(found))
    assert script not in markup
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in markup
    assert "👩\u200d👧 שלום" in markup
    for shown in readings(found):
        assert "'null'" in shown
        assert re.search(r"\bnull\b", shown)


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_file_that_changes_meanwhile_is_told(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest()
    path = land("orders/1.csv", GOOD)
    really = Files.stats

    def stats(self: Files, listed: Any) -> Any:
        path.write_text(GOOD + "3,1,c\n")
        return really(self, listed)

    monkeypatch.setattr(type(workspace.files), "stats", stats)
    found = look_at_changing(workspace, project)
    assert any("orders/1.csv changed while it was looked at" in text for text in found.warnings)


def look_at_changing(workspace: Workspace, project: Project) -> Preview:
    return preview(workspace, project, "ingest_orders")


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_check_that_raises_is_a_failed_check_with_its_message(
    workspace: Workspace, project: Project, land: Land
) -> None:
    def broken(frame: DataFrame) -> tuple[bool, str]:
        raise ZeroDivisionError("mine")

    @expect("own", check_fn=broken)
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", GOOD)
    found = look(workspace, project)
    assert found.verdict == "would fail"
    assert all("ZeroDivisionError: mine" in shown for shown in readings(found))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def write_bytes(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_no_room_for_the_samples_is_said(
    workspace: Workspace, project: Project, land: Land, request: pytest.FixtureRequest
) -> None:
    ingest()
    land("orders/1.csv", GOOD)
    request.getfixturevalue("full_disk")
    with pytest.raises(StorageError, match="No space left on device") as raised:
        preview(workspace, project, "ingest_orders")
    assert "TMPDIR" in str(raised.value.fix)


def test_a_temporary_folder_that_is_not_there_is_said(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest()
    land("orders/1.csv", GOOD)
    monkeypatch.setattr("tempfile.tempdir", str(workspace.settings.root / "gone"))
    with pytest.raises(StorageError, match="No such file or directory"):
        preview(workspace, project, "ingest_orders")


@pytest.mark.slow
def test_rejected_rows_and_columns_show_what_is_wrong(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    class Stamped(BronzeTable):
        id = IntegerField()
        at = TimestampField()

    @pipeline(
        sources={"rows": files("rows/*", strict=False, extra_columns="ignore", reject_limit=1.0)},
        target=Stamped,
    )
    def ingest_rows(rows: DataFrame) -> DataFrame:
        return rows.withColumn("extra", F.lit("x").cast("string"))

    land("rows/1.csv", "id,at,Paid\n1,2024-01-01 10:00:00,1.5\nx,,2\n")
    found = look(workspace, project, "ingest_rows")
    assert [(one.column, one.value) for one in found.rejected] == [("id", "x")]
    assert [(one.name, one.proposed) for one in found.sources[0].columns if one.proposed] == [
        ("Paid", "paid = DecimalField(10, 2)")
    ]
    assert [(one.name, one.fate, one.proposed) for one in found.result_columns if one.fate == "refused"] == [
        ("extra", "refused", "extra = StringField()")
    ]
    assert found.to_dict()["result_columns"][-1]["fate"] == "refused"
    markup = str(preview_card(found))
    assert "<code>paid = DecimalField(10, 2)</code>" in markup
    assert "<code>extra = StringField()</code>" in markup
    assert "<code>x</code>" in markup
