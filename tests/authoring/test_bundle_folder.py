from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import bundle_folder
from alur_nb.authoring.bundle_folder import building, differing_files, recover, swap_in
from alur_nb.authoring.manifest import write_manifest
from alur_nb.runtime.errors import ExportError, StorageError

EMPTY: Any = {"schema_version": 1, "files": {}}


def fill(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_manifest(folder, EMPTY)


def export(out: Path, **files: str) -> tuple[str, ...]:
    with building(out) as folder:
        fill(folder, **files)
        return swap_in(folder, out)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_a_first_bundle_is_put_in_place(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "bundle"
    assert export(out, jobs__a="1") == ("jobs/a", "manifest.json")
    assert names(out) == ["jobs/a", "manifest.json"]
    assert list(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o055, "others may read it, as any folder that is made here"


def test_only_what_changed_is_named_and_what_is_no_longer_written_goes(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export(out, jobs__a="1", jobs__b="1", jobs__c="1")
    assert export(out, jobs__a="1", jobs__b="2") == ("jobs/b", "jobs/c", "manifest.json")
    assert names(out) == ["jobs/a", "jobs/b", "manifest.json"]
    assert export(out, jobs__a="1", jobs__b="2") == ()


def test_what_others_added_survives(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export(out, terraform__main="1", jobs__a="1")
    (out / "terraform/backend.tf").write_text("theirs", encoding="utf-8")
    (out / "terraform/.terraform/providers").mkdir(parents=True)
    (out / "terraform/.terraform/providers/aws").write_text("binary", encoding="utf-8")
    os.symlink("backend.tf", out / "terraform/link.tf")
    (out / "notes").mkdir()
    (out / "notes/readme.md").write_text("theirs", encoding="utf-8")

    assert export(out, terraform__main="2") == ("jobs/a", "manifest.json", "terraform/main")

    assert (out / "terraform/main").read_text(encoding="utf-8") == "2"
    assert (out / "terraform/link.tf").read_text(encoding="utf-8") == "theirs"
    assert names(out) == [
        "manifest.json",
        "notes/readme.md",
        "terraform/.terraform/providers/aws",
        "terraform/backend.tf",
        "terraform/link.tf",
        "terraform/main",
    ]


def test_a_file_of_others_never_replaces_one_of_ours(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export(out, terraform__main="1")
    (out / "terraform/kms").write_text("theirs", encoding="utf-8")
    export(out, terraform__main="1", terraform__kms="ours")
    assert (out / "terraform/kms").read_text(encoding="utf-8") == "ours"


def test_an_edited_file_of_ours_is_written_again(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export(out, jobs__a="1")
    (out / "jobs/a").write_text("edited", encoding="utf-8")
    assert export(out, jobs__a="1") == ("jobs/a",)
    assert (out / "jobs/a").read_text(encoding="utf-8") == "1"


def test_a_folder_that_is_no_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/orders.csv").write_text("1", encoding="utf-8")
    with pytest.raises(ExportError, match="no bundle") as caught:
        export(tmp_path / "data", jobs__a="1")
    assert "--out" in str(caught.value.fix)
    assert names(tmp_path) == ["data/orders.csv"]


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    export(tmp_path / "bundle", jobs__a="1")
    assert names(tmp_path) == ["bundle/jobs/a", "bundle/manifest.json"]


def test_an_export_that_fails_leaves_the_old_bundle_and_nothing_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export(out, jobs__a="1")
    with pytest.raises(ExportError, match="no"), building(out) as folder:
        raise ExportError(f"no: {fill(folder, jobs__a='2')}")
    assert (out / "jobs/a").read_text(encoding="utf-8") == "1"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No space left") as caught, building(tmp_path / "bundle"):
        raise OSError(28, "No space left on device")
    assert caught.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_swap_that_dies_at_any_step_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    out = tmp_path / "bundle"
    export(out, jobs__a="1")
    (out / "backend.tf").write_text("theirs", encoding="utf-8")
    calls, rename = 0, os.rename

    def dying(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(bundle_folder.os, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            export(out, jobs__a="2")
    recover(out)

    assert (out / "jobs/a").read_text(encoding="utf-8") == ("1" if step < 3 else "2")
    assert (out / "backend.tf").read_text(encoding="utf-8") == "theirs"
    assert list(tmp_path.iterdir()) == [out]


def test_a_missing_bundle_differs_in_every_file(tmp_path: Path) -> None:
    fill(tmp_path / "new", jobs__a="1")
    assert differing_files(tmp_path / "new", tmp_path / "old") == ("jobs/a", "manifest.json")
