"""What every landing zone does alike, on a disk and on S3; then what only a disk does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import LocalFiles, content_of
from tests.landing_place import Bucket, Folder, LandingPlace


@pytest.fixture(params=["disk", "S3"])
def landing(request: pytest.FixtureRequest, tmp_path: Path) -> LandingPlace:
    if request.param == "disk":
        return Folder(tmp_path)
    request.getfixturevalue("s3")
    return Bucket()


def fill(landing: LandingPlace, *names: str) -> None:
    for name in names:
        landing.put(name, name.encode())


NAMES = ["orders/1.csv", "orders/2.csv", "orders/2024/3.csv", "orders/2024/01/4.csv", "odd [x]/1.csv"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("orders/*.csv", ["orders/1.csv", "orders/2.csv"]),
        ("./orders/*.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/**/*.csv", ["orders/1.csv", "orders/2.csv", "orders/2024/3.csv", "orders/2024/01/4.csv"]),
        ("orders/{1,2}.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/[!1].csv", ["orders/2.csv"]),
        ("orders/?.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/1.csv", ["orders/1.csv"]),
        ("*/1.csv", ["odd [x]/1.csv", "orders/1.csv"]),
        ("orders/9*.csv", []),
    ],
)
def test_globs_match_as_users_know_them(landing: LandingPlace, pattern: str, found: list[str]) -> None:
    fill(landing, *NAMES, "orders/.hidden.csv", "orders/_tmp.csv", "orders/_old/1.csv", "orders/note.txt")
    assert [file.path for file in landing.files.list(pattern)] == sorted(found)


def test_an_absolute_pattern_outside_the_landing_keeps_absolute_paths(landing: LandingPlace) -> None:
    landing.put(f"{landing.elsewhere}a.csv", b"a")
    landing.put("b.csv", b"b")
    (found,) = landing.files.list(f"{landing.elsewhere.replace('[1]', '?1?')}*.csv")
    assert found.path == f"{landing.elsewhere}a.csv"


def test_a_folder_without_matching_files_is_empty(landing: LandingPlace) -> None:
    landing.put("orders/x.txt", b"")
    assert landing.files.list("orders/*.csv") == []


def test_a_name_is_taken_literally_whatever_its_letters(landing: LandingPlace) -> None:
    names = [
        "a b.csv",
        "a[1].csv",
        "50%.csv",
        "%41.csv",
        "q'\".csv",
        "a+b.csv",
        "ä/ü.csv",
        "{x}*?.csv",
        "a&b=c;d,e@~.csv",
    ]
    fill(landing, *names)
    found = landing.files.list("**/*.csv")
    assert [file.path for file in found] == sorted(names)
    for file in found:
        with landing.files.open(file) as stream:
            assert stream.read() == file.path.encode()
        assert landing.files.stat(file).pin == file.pin
        assert file.uri.endswith(file.path)
    assert [one.pin for one in landing.files.stats(found)] == [file.pin for file in found]


def test_a_file_is_described_by_its_listing_alone(landing: LandingPlace) -> None:
    landing.put("a.csv", b"id\n1\n")
    (file,) = landing.files.list("a.csv")
    assert file.size == 5
    assert landing.files.stat(file) == file


def test_of_several_files_one_that_is_gone_is_named(landing: LandingPlace) -> None:
    names = [f"{n:02}.csv" for n in range(20)]
    fill(landing, *names)
    found = landing.files.list("*.csv")
    landing.remove("07.csv")
    looked_at = landing.files.stats(found)
    assert [next(looked_at).path for _ in range(7)] == names[:7]
    with pytest.raises(SourceError, match=r"07\.csv is gone"):
        next(looked_at)


def test_another_content_is_another_version(landing: LandingPlace) -> None:
    landing.put("a.csv", b"id\n1\n")
    (before,) = landing.files.list("a.csv")
    landing.put("a.csv", b"id\n22\n")
    after = landing.files.stat(before)
    assert after.version != before.version
    assert after.pin != before.pin
    assert landing.files.list("a.csv") == [after]


def test_the_hash_is_that_of_the_bytes(landing: LandingPlace) -> None:
    content = os.urandom(3_000_000)
    landing.put("a.csv", content)
    (file,) = landing.files.list("a.csv")
    assert landing.files.hash(file) == hashlib.sha256(content).hexdigest()


def test_the_head_of_a_file_has_at_least_the_bytes_that_are_wanted(landing: LandingPlace) -> None:
    landing.put("a.csv", bytes(range(100)))
    landing.put("empty.csv", b"")
    file, empty = landing.files.list("*.csv")
    for wanted in (1, 10, 100, 1000):
        with landing.files.open(file, head=wanted) as stream:
            assert stream.read(wanted) == bytes(range(100))[:wanted]
    with landing.files.open(empty, head=10) as stream:
        assert stream.read() == b""


def test_a_file_that_is_gone_names_the_next_step(landing: LandingPlace) -> None:
    fill(landing, "a.csv")
    (file,) = landing.files.list("a.csv")
    landing.remove("a.csv")
    for look in (landing.files.open, landing.files.stat, landing.files.hash):
        with pytest.raises(SourceError, match=r"a\.csv is gone") as caught:
            look(file)
        assert "Run again" in str(caught.value)


def test_a_pattern_may_climb_out_of_a_landing_folder(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.put(f"{place.elsewhere}a.csv", b"a")
    (tmp_path / "landing").mkdir()
    (found,) = place.files.list("../elsewhere/*.csv")
    assert found.path == f"{tmp_path}/elsewhere/a.csv"


def test_a_landing_folder_with_special_characters_is_taken_literally(tmp_path: Path) -> None:
    root = tmp_path / "in [1] {x} * ü"
    root.mkdir()
    (root / "a b.csv").write_text("a")
    (found,) = LocalFiles(root).list("*.csv")
    assert found.path == "a b.csv"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist") as caught:
        LocalFiles(tmp_path).list("ordres/*.csv")
    assert "relative patterns start at" in str(caught.value)


def test_a_file_that_was_replaced_by_its_like_has_another_pin(tmp_path: Path) -> None:
    path, replacement = tmp_path / "a.csv", tmp_path / "new"
    path.write_text("a.csv")
    files = LocalFiles(tmp_path)
    (before,) = files.list("a.csv")
    replacement.write_text("a.csv")
    os.utime(replacement, ns=(0, int(before.version.split("-")[1])))
    replacement.rename(path)
    after = files.stat(before)
    assert after.version == before.version
    assert after.pin != before.pin


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e-0", True),
        ("d41d8cd98f00b204e9800998ecf8427e-2-10485760", False),
        ("6-1700000000000000000", False),
    ],
    ids=["an upload in one part", "an upload in parts", "a file of a disk"],
)
def test_an_etag_tells_the_content_where_it_is_an_md5(version: str, known: bool) -> None:
    assert content_of(version, None) == ((version,) if known else ())
    assert content_of(version, "hash") == (("hash", version) if known else ("hash",))


@pytest.mark.parametrize("target", ["loop", "."])
def test_a_link_that_leads_back_is_told(tmp_path: Path, target: str) -> None:
    (tmp_path / "1.csv").write_text("id\n")
    (tmp_path / "loop").symlink_to(target)
    with pytest.raises(SourceError, match="Too many levels of symbolic links") as caught:
        list(LocalFiles(tmp_path).scan("**/*.csv"))
    assert caught.value.message.startswith(f"{tmp_path}/loop cannot be looked at")


def test_a_folder_whose_name_is_too_long_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        list(LocalFiles(tmp_path).scan(f"{'a' * 300}/*.csv"))
