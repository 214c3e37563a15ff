"""A laptop's landing files: its own folder, and whatever bucket a pattern names."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from subprocess import run

import pytest

from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import Files, LocalFiles
from alur_nb.runtime.landing import LaptopFiles
from alur_nb.runtime.workspace import Workspace
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "1.csv").write_text("here")
    return LaptopFiles(LocalFiles(tmp_path), None)


def test_a_bucket_is_read_where_a_pattern_names_it(files: Files, s3: None) -> None:
    bucket = Bucket()
    bucket.put("a b.csv", b"there, and more")
    root = f"s3://{BUCKET}/{bucket.prefix}"
    (found,) = files.list(f"{root}*.csv".replace("[1]", "?1?"))
    assert found.path == found.uri == f"{root}a b.csv"
    with files.open(found) as stream:
        assert stream.read() == b"there, and more"
    with files.open(found, head=5) as stream:
        assert stream.read() == b"there"
    assert files.stat(found).pin == found.pin
    assert files.hash(found) == hashlib.sha256(b"there, and more").hexdigest()


def test_the_folder_is_read_without_a_word_to_aws(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    (found,) = files.list("*.csv")
    assert found.path == "1.csv"
    with files.open(found) as stream:
        assert stream.read() == b"here"
    assert files.stat(found).pin == found.pin
    assert files.hash(found) == hashlib.sha256(b"here").hexdigest()
    with pytest.raises(SourceError, match="does not exist"):
        files.list("none/*.csv")


def test_the_local_environment_has_them(workspace: Workspace) -> None:
    assert isinstance(workspace.files, LaptopFiles)


def test_boto3_is_not_imported_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "alur.toml").write_text('[project]\nname = "shop"\n')
    (tmp_path / "data").mkdir()
    code = (
        "import sys; from alur_nb.runtime.workspace import open_workspace; open_workspace().files.list('*'); "
    )
    code += "sys.exit('boto3' in sys.modules)"
    assert run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
