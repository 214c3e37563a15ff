"""Fixtures that several test files share: one Spark session, an empty project, landing files."""

from __future__ import annotations

import gzip
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.runtime.aws import client
from alur_nb.runtime.iceberg_catalog import is_available
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.workspace import Workspace, open_workspace
from tests.integration.iceberg import FOLDER, INSTALL, jar, lay_into_cache
from tests.integration.ledgers import dynamo_ledger, dynamodb, dynamodb_endpoint, ledger_table

# Fixtures that are written elsewhere.
__all__ = ["dynamo_ledger", "dynamodb", "dynamodb_endpoint", "ledger_table"]

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from tests.integration.moto import moto
from tests.integration.s3a import open_s3, put_on_class_path
from tests.integration.seaweedfs import S3Server, seaweedfs
from tests.require import require_path

put_on_class_path()
# Kernels that load the extension make an archive of Spark's classes: one for all tests, and none in the user's home.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parents[1] / "build" / "cache")
lay_into_cache()
# No test fetches a jar that is not there; those of the fetching have a repository of their own.
os.environ["ALUR_MAVEN_URL"] = "file:///nothing-is-fetched-in-tests"

Land = Callable[..., Path]
BROWSER_TESTS = Path(__file__).resolve().parent / "browser"


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The session that runs and previews use; started once for all tests."""
    from alur_nb.runtime.context import get_spark_session

    session = get_spark_session()
    # Glue 6.0's sessions are so by default, whatever a job asks for: `make test-spark4` reads under it.
    session.conf.set("spark.sql.ansi.enabled", os.environ.get("ALUR_ANSI", "false"))
    return session


@pytest.fixture(scope="session")
def iceberg(spark: SparkSession) -> SparkSession:
    """The session of all tests, with Iceberg; a project's own catalog is opened by `open_catalog`."""
    require_path(FOLDER / jar().name, INSTALL)
    assert is_available(spark)
    return spark


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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the browser's tests to a process of their own, where they are named: `make test-browser`.

    Playwright keeps an event loop running in the main thread, in which nothing else can run one.
    """
    if collection_path != BROWSER_TESTS:
        return None
    named = (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)
    is_named = any(path.resolve().is_relative_to(BROWSER_TESTS) for path in named)
    return None if is_named else True


@pytest.hookimpl(tryfirst=True)  # before `-m` takes its choice
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what wants a Spark session as slow, what is long as slow too, and begin with the kill tests.

    Spark takes seconds to start, in each process of tests anew. The kill tests last minutes; begun last they would
    leave the other process idle.
    """
    for item in items:
        is_long = item.get_closest_marker("long") is not None
        if is_long or (isinstance(item, pytest.Function) and "spark" in item.fixturenames):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: "kill" not in item.path.name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests in one process, and the files that look at one demo."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0].replace("test_parity.py", "test_demo.py")

    return Together(config, log)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server on the loopback, for all tests."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The S3 server is where boto3 goes, with the server's keys."""
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def glue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Glue catalog on the loopback, for all tests."""
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def glue(s3: None, glue_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an empty Glue catalog with the databases of the environment `dev` of the project `shop`."""
    urllib.request.urlopen(f"{glue_server}/moto-api/reset", data=b"", timeout=30).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", glue_server)
    made = client("glue")
    made.create_database(DatabaseInput={"Name": "shop_dev_bronze"})
    return made


@pytest.fixture
def spark_on_s3(spark: SparkSession, s3: None) -> SparkSession:
    """The session of all tests, with the S3 server behind `s3://`."""
    open_s3(spark)
    return spark


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: the processes must name tests alike, and gzip writes the clock into its header."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
