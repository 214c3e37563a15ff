"""The preview of an ingestion: what a run would do, from samples, with nothing written."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from alur_nb import (
    BronzeTable,
    DecimalField,
    IntegerField,
    StringField,
    files,
    get_spark_session,
    load_to_bronze,
    pipeline,
    read,
)
from alur_nb.authoring import preview_sources
from alur_nb.authoring.preview import Preview, preview
from alur_nb.runtime.errors import DeclarationError, SettingsError, SourceError
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

GOOD = "id,amount,note\n1,2.50,a\n2,3.50,b\n"
BAD_ROWS = "id,amount,note\n1,2.5,a\nx,1,b\n3,1.005,c\n"

Tree = dict[str, tuple[int, int]]


def tree(root: Path) -> Tree:
    """Return each file and folder below `root` with its size and time of change."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


class Orders(BronzeTable):
    id = IntegerField(nullable=False)
    amount = DecimalField(10, 2)
    note = StringField()

    class Meta:
        name = "orders"


def ingest(**arguments: Any) -> None:
    @pipeline(sources={"orders": files("orders/*", source_system="shop", **arguments)}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders


@contextmanager
def own_temporary_folder() -> Iterator[Path]:
    """Let `tempfile` write where no other process does."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def look(workspace: Workspace, project: Project, name: str = "ingest_orders", **limits: int) -> Preview:
    """Preview, and check that the project folder is as it was and that nothing is left behind."""
    root = workspace.settings.root
    before = tree(root)
    with own_temporary_folder() as temporary:
        found = preview(workspace, project, name, **limits)
        assert list(temporary.iterdir()) == []
    assert tree(root) == before
    assert all(len(line) <= 100 for line in str(found).splitlines())
    json.dumps(found.to_dict(), allow_nan=False)
    return found


def load(workspace: Workspace, project: Project, *names: str) -> None:
    assert run_pipelines(workspace, project, names or None).ok


def test_new_files_are_shown_as_they_would_be_loaded(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest()
    land("orders/1.csv", GOOD)
    land("orders/2.csv.gz", "note,id,amount\nc,3,4.5\n")
    found = look(workspace, project)
    assert (found.pipeline, found.target, found.verdict) == ("ingest_orders", "bronze.orders", "would load")
    assert found.columns == ("id", "amount", "note")
    assert found.types == ("int", "decimal(10,2)", "string")
    assert sorted(found.rows) == [
        (1, Decimal("2.50"), "a"),
        (2, Decimal("3.50"), "b"),
        (3, Decimal("4.50"), "c"),
    ]
    assert (found.sample_rows, found.exact, found.notes) == (3, True, ())
    (source,) = found.sources
    assert dict(source.counts) == {
        "new": 2,
        "changed": 0,
        "done": 0,
        "skipped": 0,
        "same_content": 0,
        "bad": 0,
        "left_out": 0,
    }
    assert source.sampled is not None
    assert (source.sampled.files_read, source.sampled.rows, source.sampled.complete) == (2, 3, True)
    assert not workspace.lake_root.exists()


def test_the_previewed_rows_are_the_rows_that_a_run_loads(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest(strict=False, reject_limit=0.9)
    land("orders/a b+c%20[1].csv", "﻿note;id\n".replace(";", ",") + '"x\ny",1\n"say ""hi""",2\n,x\n')
    found = look(workspace, project)
    load(workspace, project)
    assert sorted(found.rows) == sorted(tuple(row) for row in read(Orders).collect())
    (rejected,) = found.rejected
    assert (rejected.source_file, rejected.column) == ("orders/a b+c%20[1].csv", "id")


def test_a_strict_source_with_a_rejected_row_would_fail_and_every_reject_has_its_place(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest()
    land("orders/1.csv", GOOD)
    land("orders/2.csv", BAD_ROWS)
    found = look(workspace, project)
    assert found.verdict == "would fail"
    assert "2 of 5 rows do not fit bronze.orders" in found.problems[0].message
    assert [(r.source_file, r.line, r.column, r.raw) for r in found.rejected] == [
        ("orders/2.csv", 3, "id", "x,1,b"),
        ("orders/2.csv", 4, "amount", "3,1.005,c"),
    ]
    assert found.reject_reasons == {
        "amount: has more than 2 decimal places": 1,
        "id: is not a whole number": 1,
    }
    assert found.rejected_rows == 2
    assert sorted(row[0] for row in found.rows) == [1, 1, 2]
    assert "orders/2.csv, line 3, column id" in str(found)


@pytest.mark.parametrize(("limit", "verdict"), [(0.5, "would load"), (0.1, "would fail")])
def test_the_reject_limit_decides_where_not_strict(
    workspace: Workspace, project: Project, land: Land, limit: float, verdict: str
) -> None:
    ingest(strict=False, reject_limit=limit)
    land("orders/1.csv", GOOD + "x,1,b\n")
    assert look(workspace, project).verdict == verdict


@pytest.mark.parametrize(("strict", "verdict"), [(True, "would fail"), (False, "would load")])
def test_a_bad_file_is_shown_with_its_reason(
    workspace: Workspace, project: Project, land: Land, strict: bool, verdict: str
) -> None:
    ingest(strict=strict)
    land("orders/1.csv", GOOD)
    land("orders/2.csv", "")
    land("orders/3:4.csv", GOOD)
    found = look(workspace, project)
    assert found.verdict == verdict
    reasons = {file.path: (file.status, str(file.reason)) for file in found.sources[0].files}
    assert reasons["orders/1.csv"] == ("new", "None")
    assert reasons["orders/2.csv"] == ("bad", "the file has 0 bytes")
    assert reasons["orders/3:4.csv"][0] == "bad"
    assert "`:` in its name" in reasons["orders/3:4.csv"][1]
    assert len(found.rows) == 2
    said = " ".join([*found.warnings, *(problem.message for problem in found.problems)])
    assert "orders/2.csv: the file has 0 bytes" in said


def test_only_bad_files_leave_nothing_to_show_and_the_function_is_not_called(
    workspace: Workspace, project: Project, land: Land
) -> None:
    @pipeline(sources={"orders": files("orders/*", strict=False)}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        raise AssertionError("called without a row")

    land("orders/1.csv", "")
    found = look(workspace, project)
    assert (found.verdict, found.rows, found.columns) == ("nothing new", (), ())


def test_headers_are_compared_with_the_contract(workspace: Workspace, project: Project, land: Land) -> None:
    ingest(extra_columns="ignore")
    land("orders/1.csv", "ID ,amount,note\n1,1,a\n")
    land("orders/2.csv", "id,note,colour\n2,b,red\n")
    columns = {one.name: one for one in look(workspace, project).sources[0].columns}
    assert {name: (one.state, one.found, one.files) for name, one in columns.items()} == {
        "id": ("in files", 2, 2),
        "amount": ("read as null", 1, 2),
        "note": ("in files", 2, 2),
        "colour": ("extra, ignored", 1, 2),
    }
    assert columns["id"].header == "ID "


def test_large_files_are_sampled_by_their_heads_and_the_preview_says_so(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest()
    for number in range(9):
        rows = "".join(f'{number * 1_000 + index},1,"line\n{index}"\n' for index in range(1_000))
        land(f"orders/{number}.csv", "id,amount,note\n" + rows)
    found = look(workspace, project, rows=5, sample_rows=30, files=3)
    (source,) = found.sources
    sampled = source.sampled
    assert sampled is not None
    assert [file.path for file in source.files if file.opened] == [
        "orders/0.csv",
        "orders/4.csv",
        "orders/8.csv",
    ]
    assert (sampled.files_read, sampled.files_found, sampled.rows, sampled.rejected) == (3, 9, 30, 0)
    assert sampled.bytes_read < sampled.bytes_found
    assert sampled.estimated_rows == pytest.approx(9_000, rel=0.2)
    assert (found.exact, len(found.rows), found.sample_rows) == (False, 5, 30)
    text = " ".join(str(found).split())
    assert "3 of 9 files were opened" in text
    assert "the first 5 of a sample of 30 rows" in text
    assert "about 9" in text


def test_the_cost_does_not_grow_with_the_file(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest()
    monkeypatch.setattr(preview_sources, "HEAD_BYTES", 1_000)
    land("orders/1.csv", "id,amount,note\n" + "1,2.5,abcdef\n" * 100_000)
    sampled = look(workspace, project).sources[0].sampled
    assert sampled is not None
    assert (sampled.bytes_read, sampled.rows) == (
        1_001,
        (1_000 - len("id,amount,note\n")) // len("1,2.5,abcdef\n"),
    )


def test_what_was_loaded_is_done_and_what_was_changed_is_not_read(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest()
    land("orders/1.csv", GOOD)
    changed = land("orders/2.csv", "id,amount,note\n3,1,c\n")
    load(workspace, project)
    changed.write_text("id,amount,note\n3,1,c\n4,1,d\n")
    land("orders/3.csv", "id,amount,note\n5,1,e\n")
    found = look(workspace, project)
    assert {file.path: file.status for file in found.sources[0].files} == {
        "orders/1.csv": "done",
        "orders/2.csv": "changed",
        "orders/3.csv": "new",
    }
    assert (found.verdict, [row[0] for row in found.rows]) == ("would load", [5])
    assert any("may have changed (orders/2.csv)" in text for text in found.warnings)


def test_where_nothing_is_new_loaded_files_are_shown_and_marked(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest(strict=False, reject_limit=0.9)
    land("orders/1.csv", BAD_ROWS)
    load(workspace, project)
    found = look(workspace, project)
    assert (found.verdict, found.sources[0].state, found.problems) == ("nothing new", "nothing new", ())
    assert [row[0] for row in found.rows] == [1]
    assert "ingest_orders -> bronze.orders: nothing new" in str(found)


def test_the_same_content_under_another_name_is_found_where_files_are_read_whole(
    workspace: Workspace, project: Project, land: Land
) -> None:
    ingest(same_content="skip")
    land("orders/1.csv", GOOD)
    load(workspace, project)
    land("orders/2.csv", GOOD)
    (source,) = look(workspace, project).sources
    assert source.counts["same_content"] == 1
    assert source.files[1].reason == "same content as orders/1.csv"


def test_a_listing_is_capped_at_its_newest_files(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest()
    monkeypatch.setattr(preview_sources, "LISTING_CAP", 2)
    for number in (3, 2, 1):
        land(f"orders/{number}.csv", f"id,amount,note\n{number},1,a\n")
        time.sleep(0.01)
    found = look(workspace, project)
    assert [file.path for file in found.sources[0].files] == ["orders/1.csv", "orders/2.csv"]
    assert "`orders/*` matches 3 files; the 2 newest were compared with the ledger." in found.notes
    assert not found.exact


def test_no_file_at_all(workspace: Workspace, project: Project, land: Land) -> None:
    ingest()
    with pytest.raises(SourceError, match="does not exist"):
        look(workspace, project)
    land("orders/.hidden", "")
    found = look(workspace, project)
    assert found.verdict == "nothing new"
    assert any("No file matches orders/*, and" in text for text in found.warnings)
    land("order/1.csv", "id\n1\n")
    near = look(workspace, project).warnings
    assert any("No file matches orders/* (did you mean `order/*.csv`?)" in text for text in near)


def test_load_to_bronze_is_previewed_like_files(workspace: Workspace, project: Project, land: Land) -> None:
    class Tagged(Orders):
        region = StringField()

    @pipeline(target=Tagged)
    def ingest_tagged() -> DataFrame:
        loaded = load_to_bronze(
            get_spark_session(),
            "orders/*.csv",
            source_system="shop",
            target=Tagged,
            custom_metadata={"region": "eu"},
            exclude_metadata=["_source_system"],
        )
        assert "_source_system" not in loaded.columns
        return loaded.where("id > 1")

    land("orders/1.csv", GOOD)
    found = look(workspace, project, "ingest_tagged")
    assert (found.verdict, found.rows) == ("would load", ((2, Decimal("3.50"), "b", "eu"),))
    assert [(source.parameter, source.reads) for source in found.sources] == [
        ("load_to_bronze", "orders/*.csv")
    ]
    assert found.lineage[0].reads == ("orders/*.csv",)
    load(workspace, project)
    again = look(workspace, project, "ingest_tagged")
    assert (again.verdict, again.rows) == ("nothing new", found.rows)


def test_what_a_preview_refuses(workspace: Workspace, project: Project, land: Land) -> None:
    ingest()
    with pytest.raises(DeclarationError, match="did you mean `ingest_orders`"):
        look(workspace, project, "ingest_ordres")
    with pytest.raises(SettingsError, match="files=0"):
        look(workspace, project, files=0)
