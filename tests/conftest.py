"""Fixtures that several test files share: one Spark session, an empty project, landing files."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.workspace import Workspace, open_workspace
from tests.integration.servers import dynamo_ledger, dynamodb, dynamodb_endpoint, ledger_table

# Fixtures that are written elsewhere.
__all__ = ["dynamo_ledger", "dynamodb", "dynamodb_endpoint", "ledger_table"]

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Land = Callable[..., Path]


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The session that runs and previews use; started once for all tests."""
    from alur_nb.runtime.context import get_spark_session

    return get_spark_session()


@pytest.fixture
def project() -> Iterator[Project]:
    """An empty registry that is the current one during the test."""
    fresh = Project()
    with use_project(fresh):
        yield fresh


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty project folder with its landing folder `data`; the working directory during the test."""
    (tmp_path / "data").mkdir()
    (tmp_path / "alur.toml").write_text('[project]\nname = "shop"\n')
    monkeypatch.chdir(tmp_path)
    return open_workspace(tmp_path)


@pytest.fixture
def land(workspace: Workspace) -> Land:
    """Write a landing file: `land("orders/1.csv", "id,amount\\n1,2.5\\n")`; `.gz` is compressed."""

    def write(name: str, text: str | bytes) -> Path:
        path = workspace.settings.root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return path

    return write
