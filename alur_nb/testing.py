"""For tests of your own notebooks with pytest: an empty lake, a notebook's declarations, runs, and rows compared.

Import the fixtures where pytest finds them, in `tests/conftest.py`: `from alur_nb.testing import lake, spark`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.authoring.expected_rows import Columns, Expected, difference
from alur_nb.authoring.given_rows import Given, give
from alur_nb.runtime.errors import SettingsError, plural, suggest
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project, current_project, use_project
from alur_nb.runtime.settings import SETTINGS_FILE, find_root, load_settings
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from alur_nb.runtime.report import PipelineRun

__all__ = ["NotebookNames", "TestLake", "assert_rows", "lake", "load_notebook", "run_pipeline", "spark"]

MOST_ROWS = 10_000
"""What `assert_rows` compares; a test of more rows asserts counts and sums."""

# Where boto3 looks for credentials (its guide, "Credentials"); files that are empty hold none.
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True, repr=False)
class TestLake:
    """An empty lake with its landing folder `data`; `project` is the folder whose `alur.toml` holds for it."""

    __test__ = False  # pytest takes classes that are named so for tests

    workspace: Workspace
    project: Path

    @property
    def root(self) -> Path:
        """The lake's folder, in which the test runs."""
        return self.workspace.settings.root

    def __repr__(self) -> str:
        return f"<lake in {self.root}>"

    def land(self, name: str, content: str | bytes) -> Path:
        """Write a landing file, such as `orders/monday.csv`, and return its path."""
        path = Path(str(self.workspace.environment.landing)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


_lake: ContextVar[TestLake | None] = ContextVar("alur_test_lake", default=None)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The Spark session that runs and previews use, started once for all tests."""
    from alur_nb.authoring.local_spark import launched
    from alur_nb.runtime.context import get_spark_session, launch_by

    launch_by(launched)
    return get_spark_session()


@pytest.fixture
def lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[TestLake]:
    """An empty lake in a folder of the test's own, the project's settings in it, and nothing of AWS in reach.

    The test runs in that folder, with an empty registry: `read`, `run` and `preview` use this lake, too.
    """
    project = find_root(request.path.parent)
    if not (project / SETTINGS_FILE).is_file():
        project = find_root(request.config.rootpath)
    _lay(tmp_path, project)
    monkeypatch.chdir(tmp_path)
    for name in _CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    for name, value in _NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made = TestLake(open_workspace(tmp_path), project)
    token = _lake.set(made)
    try:
        with use_project(Project()):
            yield made
    finally:
        _lake.reset(token)


def _lay(folder: Path, project: Path) -> None:
    """Write what a local run takes from the project's settings; its landing folder and listeners stay out of tests."""
    settings = load_settings(project)
    days = settings.environment("local").rejects_retention_days
    (folder / "data").mkdir(exist_ok=True)
    (folder / SETTINGS_FILE).write_text(
        # JSON's texts are TOML's basic strings, too (toml.io, "String").
        f"[project]\nname = {json.dumps(settings.project_name)}\n"
        f"class_archive = {json.dumps(settings.class_archive)}\n"
        f"[defaults]\nrejects_retention_days = {days}\n",
        encoding="utf-8",
    )


class NotebookNames:
    """What a notebook's declaration cells bind: `shop.OrdersBronze`; setting a name changes what its functions see."""

    def __init__(self, label: str, names: dict[str, Any]) -> None:
        vars(self).update(_label=label, _names=names)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError:
            known = suggest(name, self._names)
            raise AttributeError(f"No declaration cell of {self._label} binds `{name}`{known}.") from None

    def __setattr__(self, name: str, value: object) -> None:
        self._names[name] = value

    def __dir__(self) -> list[str]:
        return sorted(name for name in self._names if not name.startswith("_"))

    def __repr__(self) -> str:
        return f"<{self._label}: {', '.join(dir(self))}>"


def load_notebook(path: str | Path, parameters: Mapping[str, object] | None = None) -> NotebookNames:
    """Declare what a saved notebook declares, and return the names that its cells bind.

    Only declaration cells run, as in an export: nothing is previewed, run or queried. `path` is relative to the
    project's folder; `parameters` take the place of defaults in the cell that is tagged so.
    Raises NotebookError with the cell that failed, SettingsError for an unknown parameter or a missing file.
    """
    from alur_nb.authoring.loading import declare_notebook
    from alur_nb.authoring.notebook import read_notebook
    from alur_nb.authoring.operate import find_notebook
    from alur_nb.authoring.parameters import typed_parameters

    active = _lake.get()
    root = active.project if active else find_root()
    found = find_notebook(load_settings(root), root / path)
    given = typed_parameters(read_notebook(found), parameters or {})
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # modules beside the notebooks are imported as in Jupyter
    with contextlib.chdir(found.parent):
        return NotebookNames(found.name, declare_notebook(found, current_project(), root, given))


def run_pipeline(
    pipeline: str | Callable[..., object], sources: Mapping[str, Given] | None = None
) -> PipelineRun:
    """Run one pipeline on the fixture `lake` by the whole protocol, and return its part of the report.

    `sources` gives each source what it reads: rows, which become a landing file or a batch of the table that is read,
    or a landing file's text. What stops the run, a failed check or an error of the function's own, is raised.

    Examples
    --------
    >>> run_pipeline("ingest_orders", {"orders": [{"order_id": 1, "customer": "Ada"}]}).rows
    1
    """
    from alur_nb.authoring import operate

    active, project = _needed("run_pipeline"), current_project()
    if isinstance(pipeline, Pipeline) and pipeline.name not in project.pipelines:
        _declare(project, pipeline)
    name = operate.selected(project, pipeline)[0]
    for parameter, given in (sources or {}).items():
        give(active.workspace, project.pipeline(name), parameter, given)
    done = operate.run(name, project=project, workspace=active.workspace).runs[0]
    if done.error is not None:
        raise done.error
    return done


def _declare(project: Project, pipeline: Pipeline) -> None:
    """Declare what was declared elsewhere, in an imported module or before the lake was there."""
    read = [source.table for source in pipeline.sources.values() if hasattr(source, "table")]
    for table in (pipeline.target, *read, *pipeline.referenced_tables):
        if table.qualified_name not in project.tables:
            project.declare_table(table)
    project.declare_pipeline(pipeline)


def assert_rows(table: object, expected: Iterable[Expected], *, columns: Sequence[str] | None = None) -> None:
    """Assert that a table, or a frame, has exactly these rows, in any order.

    A row is a mapping by column, or its values in the columns' order; a moment without a zone is UTC. Values are
    compared by type: `1` is not `"1"`. `columns` compares only these. Raises AssertionError with the rows that are
    missing, unexpected, or differ, and in which column.
    """
    __tracebackhide__ = True
    frame, subject, keys = _frame(table)
    if columns is not None:
        frame = frame.select(*columns)
    from alur_nb.authoring.rows import first_rows

    fields = frame.schema.fields
    found = first_rows(frame, MOST_ROWS + 1)
    if len(found) > MOST_ROWS:
        raise AssertionError(f"{subject} has more than {plural(MOST_ROWS, 'row')}: assert a count or a sum.")
    compared = Columns(
        tuple(field.name for field in fields), tuple(field.dataType.typeName() for field in fields), keys
    )
    if text := difference(subject, compared, expected, found):
        raise AssertionError(text)


def _frame(table: object) -> tuple[DataFrame, str, tuple[str, ...]]:
    """Return the rows, what they are called, and the columns that tell them apart."""
    from pyspark.sql import DataFrame

    from alur_nb.runtime.reading import read
    from alur_nb.runtime.tables import table_of

    if isinstance(table, DataFrame):
        return table, "the frame", ()
    active = _needed("assert_rows")
    known = current_project().table(table) if isinstance(table, str) else table_of(table)
    return read(known, workspace=active.workspace), known.qualified_name, known.primary_key


def _needed(caller: str) -> TestLake:
    active = _lake.get()
    if active is None:
        raise SettingsError(
            f"{caller} works on a lake of the test's own, and this test has none.",
            fix="Ask for the fixture: def test_orders(lake): ...   (from alur_nb.testing import lake)",
        )
    return active
