"""`alur clean`: what differs from run to run goes, everything else stays; as a command, a check and git's filter."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.authoring.clean import WIDGET_VIEW, clean_files, clean_text
from alur_nb.cli import main
from alur_nb.runtime.errors import NotebookError
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.progress import Shown, State

KERNEL = {"name": "python3", "display_name": "Python 3"}


def displayed(data: dict[str, Any], **more: Any) -> Any:
    return nbformat.v4.new_output("display_data", data=data, **more)


def notebook(*outputs: Any, count: int | None = 7, **metadata: Any) -> str:
    cell = nbformat.v4.new_code_cell("1 + 1", id="one", outputs=list(outputs), execution_count=count)
    cell.metadata.update({"tags": ["keep"], "execution": {"iopub.status.busy": "2026-01-02"}})
    book = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("# Ä <b>", id="two")])
    book.metadata.update(metadata)
    return str(nbformat.writes(book)) + "\n"


def outputs_of(text: str) -> list[Any]:
    outputs: list[Any] = json.loads(text)["cells"][0]["outputs"]
    return outputs


def report(*seconds: float) -> RunReport:
    name = "a_pipeline_with_quite_a_long_name_indeed"
    runs = (
        PipelineRun(f"{name}_{n}", "bronze.t", "loaded", duration_seconds=s) for n, s in enumerate(seconds)
    )
    return RunReport("run", tuple(runs))


def test_counts_and_times_go_and_ids_tags_and_sources_stay() -> None:
    result = nbformat.v4.new_output("execute_result", data={"text/plain": "2"}, execution_count=7)
    text = notebook(result, papermill={"duration": 1.5}, kernelspec=KERNEL, widgets={"state": {}})
    content = json.loads(clean_text(text))
    code, prose = content["cells"]
    assert content["metadata"] == {"kernelspec": KERNEL}
    assert (code["id"], code["metadata"], code["execution_count"]) == ("one", {"tags": ["keep"]}, None)
    assert (code["outputs"][0]["execution_count"], code["outputs"][0]["data"]) == (
        None,
        {"text/plain": ["2"]},
    )
    assert prose["source"] == ["# Ä <b>"]
    nbformat.validate(nbformat.reads(clean_text(text), as_version=4))


@pytest.mark.parametrize("value", [report(1.25), report(0.4, 12.5, 3.0)], ids=["one", "many"])
def test_two_runs_of_the_same_work_are_the_same_when_cleaned(value: RunReport) -> None:
    slower = report(*(one.duration_seconds + 5 for one in value.runs))
    first, second = (
        clean_text(notebook(displayed({"text/plain": to_text(one), "text/html": str(to_html(one))})))
        for one in (value, slower)
    )
    assert first == second
    assert " s" not in "".join(outputs_of(first)[0]["data"]["text/plain"])
    assert "loaded" in first


def test_the_progress_loses_its_clock_alone() -> None:
    shown = Shown("run of orders: done", ("orders: ended: loaded",))
    text = notebook(displayed({"text/plain": shown.text(2.5), "text/html": str(shown.html(2.5))}))
    data = outputs_of(clean_text(text))[0]["data"]
    assert "".join(data["text/plain"]) == "run of orders: done\n  orders: ended: loaded"
    assert "elapsed" not in "".join(data["text/html"])
    assert "orders: ended: loaded" in "".join(data["text/html"])


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
@pytest.mark.parametrize(
    "title", ["run of orders", f"run of {', '.join(['orders'] * 20)}"], ids=["short", "long"]
)
def test_the_progress_of_what_is_over_loses_its_clock_alone(title: str, state: State) -> None:
    shown = Shown(f"{title}: {state}", ("orders: loaded",), state=state)
    quick, slow = (
        clean_text(notebook(displayed({"text/plain": shown.text(one), "text/html": str(shown.html(one))})))
        for one in (2.5, 100.25)
    )
    assert quick == slow
    for reading in outputs_of(quick)[0]["data"].values():
        assert f": {state}" in "".join(reading)
        assert "orders: loaded" in "".join(reading)
        assert "elapsed" not in "".join(reading)


@pytest.mark.parametrize(
    "step",
    ["next, to see its rows: %alur_sql select * from t", "next, to see its rows:\n  %alur_sql select 1"],
)
def test_the_elapsed_time_goes_where_a_next_step_stands_below_it(step: str) -> None:
    one, other = (
        clean_text(notebook(displayed({"text/plain": f"+ p -> t: loaded\nelapsed: {seconds} s\n{step}"})))
        for seconds in ("1.0", "22.5")
    )
    assert one == other
    assert "".join(outputs_of(one)[0]["data"]["text/plain"]) == f"+ p -> t: loaded\n{step}"


def test_what_the_user_printed_or_computed_is_not_touched() -> None:
    printed = nbformat.v4.new_output("stream", name="stdout", text="elapsed: 1.0 s\n")
    other = displayed({"text/plain": "elapsed: 1.0 s and more\nelapsed: 2.0 s\nthe end"})
    text = notebook(printed, other, count=None)
    assert outputs_of(clean_text(text)) == outputs_of(text)


def test_a_widget_goes_and_what_stands_beside_it_stays() -> None:
    view = {"model_id": "x", "version_major": 2, "version_minor": 0}
    alone = displayed({WIDGET_VIEW: view, "text/plain": "VBox(children=())"})
    beside = displayed({WIDGET_VIEW: view, "text/plain": "a table", "text/html": "<p>a table</p>"})
    (left,) = outputs_of(clean_text(notebook(alone, beside)))
    assert set(left["data"]) == {"text/plain", "text/html"}


LINES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(LINES, max_size=5), st.integers(0, 99))
def test_cleaning_twice_is_cleaning_once_and_keeps_every_text(texts: list[str], count: int) -> None:
    text = notebook(*(displayed({"text/plain": one, "text/html": one}) for one in texts), count=count)
    once = clean_text(text)
    assert clean_text(once) == once
    assert ["".join(one["data"]["text/plain"]) for one in outputs_of(once)] == texts


def test_a_clean_notebook_is_as_jupyter_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(clean_text(notebook(displayed({"text/plain": "a\nb"}))), encoding="utf-8")
    before = path.read_bytes()
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == before
    assert clean_files([path]) == []


def test_notebooks_without_ids_keep_none() -> None:
    book = json.loads(notebook())
    del book["cells"][0]["id"]
    assert "id" not in json.loads(clean_text(json.dumps(book)))["cells"][0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not a Jupyter notebook"),
        ("[]", "it is not a Jupyter notebook"),
        ('{"nbformat": 4, "metadata": {}, "cells": [1]}', "it is not a Jupyter notebook"),
        ('{"nbformat": 3, "worksheets": []}', "its format is 3, not 4"),
    ],
)
def test_what_is_no_notebook_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotebookError, match=reason) as refused:
        clean_text(text)
    assert refused.value.fix


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a notebook that is not clean, a checkpoint of it, and one that is clean."""
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("dirty.ipynb", ".ipynb_checkpoints/dirty-checkpoint.ipynb"):
        (tmp_path / name).write_text(notebook())
    (tmp_path / "tidy.ipynb").write_text(clean_text(notebook()))
    return tmp_path


def test_the_check_names_what_is_not_clean_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "dirty.ipynb").read_bytes()
    assert main(["clean", "--check", str(folder)]) == 1
    assert capsys.readouterr().out == f"is not clean: {folder / 'dirty.ipynb'}\n"
    assert (folder / "dirty.ipynb").read_bytes() == before


def test_the_command_cleans_in_place_and_then_has_nothing_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chmod(folder / "dirty.ipynb", 0o640)
    (folder / "link.ipynb").symlink_to("dirty.ipynb")
    assert main(["clean", str(folder / "link.ipynb")]) == 0
    assert (folder / "link.ipynb").is_symlink()
    assert (folder / "dirty.ipynb").stat().st_mode & 0o777 == 0o640
    assert main(["clean", "--check", str(folder)]) == 0
    assert capsys.readouterr().out == f"cleaned: {folder / 'link.ipynb'}\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".ipynb_checkpoints",
        "dirty.ipynb",
        "link.ipynb",
        "tidy.ipynb",
    ]


def test_what_is_no_text_is_refused_as_a_file_and_in_the_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.ipynb").write_bytes(b"\xff")
    assert main(["clean", str(tmp_path / "bad.ipynb")]) == 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    assert main(["clean"]) == 1
    told = capsys.readouterr()
    assert told.err.count("it is not a Jupyter notebook") == 2
    assert not told.out


def test_a_missing_notebook_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", str(tmp_path / "none.ipynb")]) == 1
    assert "cannot be cleaned: No such file" in capsys.readouterr().err


def test_without_paths_a_terminal_is_told_the_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(["clean"]) == 2
    assert "usage: alur clean" in capsys.readouterr().err


def test_as_gits_filter_what_is_committed_is_clean_and_the_file_stays(folder: Path) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        done = subprocess.run(
            ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    git("init", "--quiet")
    git("config", "filter.alur.clean", f"{sys.executable} -m alur_nb clean")
    (folder / ".gitattributes").write_text("*.ipynb filter=alur\n")
    git("add", "dirty.ipynb")
    assert git("show", ":dirty.ipynb") == clean_text(notebook())
    assert (folder / "dirty.ipynb").read_text() == notebook()
    (folder / "dirty.ipynb").write_text(notebook(count=8))
    assert git("diff") == ""
