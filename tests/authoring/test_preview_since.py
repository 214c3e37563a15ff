"""What changed since the last preview: of this pipeline, in this process, and nothing the first time."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import preview_since
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ColumnProfile,
    FileFact,
    Outcome,
    Preview,
    ResultColumn,
    SourcePreview,
)
from alur_nb.authoring.preview_since import since_last
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.compare import Status
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import GOOD, ingest, load, look
from tests.conftest import Land

ROOT = Path("shop")


def found(*, files: dict[str, Status] | None = None, size: int = 1, **facts: Any) -> Preview:
    listed = {"a.csv": "new"} if files is None else files
    source = SourcePreview(
        "orders",
        "files",
        "*",
        "new",
        files=tuple(FileFact(p, s, size) for p, s in listed.items()),  # type: ignore[arg-type]
    )
    return Preview("ingest", "bronze.orders", "would load", sources=(source,), **facts)


def check(name: str, outcome: Outcome, metric: str = "1 of 2 rows") -> CheckPreview:
    return CheckPreview(CheckResult(name, Severity.ERROR, outcome == "passed", metric, ""), outcome, False)


def since(project: Project, value: Preview, **options: Any) -> tuple[str, ...]:
    given = {"sample_rows": 10, "files": 3, "capped": False} | options
    return since_last(project, ROOT, value, **given).since


def test_the_first_has_nothing_to_be_compared_with_and_the_second_says_so_if_nothing_changed() -> None:
    project = Project()
    assert since(project, found()) == ()
    assert since(project, found()) == ("no change",)
    assert since(project, dataclasses.replace(found(), pipeline="other")) == ()
    assert since_last(project, Path("else"), found(), sample_rows=1, files=1, capped=False).since == ()
    assert since(Project(), found()) == ()


def test_everything_that_changed_is_said_once() -> None:
    project = Project()
    before = found(
        files={"a.csv": "new", "b.csv": "new", "c.csv": "new"},
        result_columns=(ResultColumn("id", "int", "int", "ok"), ResultColumn("x", None, "int", "surplus")),
        checks=(check("small", "failed"), check("old", "passed")),
        rejected_rows=2,
        sample_rows=1_000,
    )
    now = dataclasses.replace(
        found(
            files={"a.csv": "done", "c.csv": "new", "d.csv": "new"},
            size=7,
            result_columns=(
                ResultColumn("id", "int", "bigint", "differs"),
                ResultColumn("y", None, "int", "surplus"),
            ),
            checks=(check("small", "passed"), check("young", "open")),
        ),
        verdict="would fail",
    )
    assert since(project, before) == ()
    assert since(project, now, sample_rows=20) == (
        "verdict: would load -> would fail",
        "asked for other limits: sample_rows 10 -> 20, files 3 -> 3",
        "1 file more (d.csv)",
        "1 file fewer (b.csv)",
        "2 files of another size (a.csv, c.csv)",
        "1 file loaded (a.csv)",
        "columns added: y int",
        "columns gone: x",
        "columns of another type: id int -> bigint",
        "rejected rows: 2 -> 0",
        "check small: failed -> passed",
        "check young: not there -> open",
        "no longer checked: old",
        "rows of the result: 1,000 -> 0",
    )


def test_other_values_in_as_many_rows_are_a_change_of_their_columns() -> None:
    def held(**greatest: int) -> Preview:
        profiles = [
            ColumnProfile(name, "int", 5, 0, 5, least=0, greatest=one) for name, one in greatest.items()
        ]
        return found(sample_rows=5, profiles=tuple(profiles))

    project = Project()
    since(project, held(id=1, amount=10))
    assert since(project, held(id=1, amount=11)) == ("columns with other values: amount",)
    assert since(project, held(id=1, amount=11)) == ("no change",)
    # Of more rows, of another type and of another column it is no news, and what it was called is said.
    assert since(project, dataclasses.replace(held(id=2, amount=12), sample_rows=6)) == (
        "rows of the result: 5 -> 6",
    )
    other = dataclasses.replace(held(id=2).profiles[0], type="bigint", greatest=3)
    assert since(project, found(sample_rows=6, profiles=(other,))) == ("no change",)


def test_a_file_that_is_judged_otherwise_is_a_change() -> None:
    project = Project()
    since(project, found(files={"a.csv": "new", "b.csv": "new"}))
    assert since(project, found(files={"a.csv": "bad", "b.csv": "new"})) == (
        "1 file judged otherwise (a.csv new -> bad)",
    )


def test_a_metric_that_moves_with_the_clock_is_no_change() -> None:
    project = Project()
    since(project, found(checks=(check("fresh", "passed", "1.0 hours"),)))
    assert since(project, found(checks=(check("fresh", "passed", "1.1 hours"),))) == ("no change",)


def test_a_listing_that_is_cut_short_says_nothing_of_files_that_left_it() -> None:
    project = Project()
    since(project, found(), capped=True)
    many: dict[str, Status] = {f"{n}.csv": "new" for n in range(5)}
    assert since(project, found(files=many), capped=True) == (
        "5 files more (0.csv, 1.csv, 2.csv and 2 more)",
    )


def test_what_is_remembered_goes_with_its_project() -> None:
    project = Project()
    since(project, found())
    assert project in preview_since._last
    kept = len(preview_since._last)
    del project
    gc.collect()
    assert len(preview_since._last) < kept


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_preview_is_compared_with_the_last_one(workspace: Workspace, project: Project, land: Land) -> None:
    ingest(strict=False, reject_limit=0.9)
    land("orders/1.csv", GOOD)
    first = look(workspace, project)
    assert first.since == ()
    assert "since the last preview" not in str(first)
    again = look(workspace, project)
    assert "since the last preview: no change" in str(again)
    land("orders/1.csv", GOOD.replace("1", "4"))
    assert "columns with other values: id" in look(workspace, project).since[0]
    land("orders/1.csv", GOOD)
    look(workspace, project)
    land("orders/2.csv", "id,amount,note\n3,1,c\nx,1,d\n")
    changed = look(workspace, project)
    assert changed.since == (
        "1 file more (orders/2.csv)",
        "rejected rows: 0 -> 1",
        "rows of the result: 2 -> 3",
    )
    assert changed.to_dict()["since"] == list(changed.since)
    load(workspace, project)
    assert "2 files loaded (orders/1.csv, orders/2.csv)" in look(workspace, project).since
