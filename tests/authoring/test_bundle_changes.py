"""What an export changed: the state of each file, and the lines of its scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alur_nb.authoring.bundle_changes import DIFF_LINES, FileChange, changes_between
from alur_nb.authoring.manifest import write_manifest

EMPTY: Any = {"schema_version": 1, "files": {}}


def bundle(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_manifest(folder, EMPTY)
    return folder


def by_name(changes: tuple[FileChange, ...]) -> dict[str, FileChange]:
    return {change.name: change for change in changes}


def test_a_first_bundle_is_all_added(tmp_path: Path) -> None:
    new = bundle(tmp_path / "new", jobs__a="1")
    assert [str(change) for change in changes_between(new, tmp_path / "old")] == [
        "added: jobs/a.py",
        "added: manifest.json",
    ]


def test_each_file_has_its_state_and_a_script_its_lines(tmp_path: Path) -> None:
    old = bundle(tmp_path / "old", jobs__a="x = 1\ny = 2\n", jobs__gone="1", jobs__same="1")
    new = bundle(tmp_path / "new", jobs__a="x = 1\ny = 3\n", jobs__more="1", jobs__same="1")
    changes = by_name(changes_between(new, old))
    assert {name: change.state for name, change in changes.items()} == {
        "jobs/a.py": "changed",
        "jobs/gone.py": "removed",
        "jobs/more.py": "added",
        "manifest.json": "changed",
    }
    assert changes["jobs/a.py"].diff_text().splitlines() == [
        "--- jobs/a.py (before)",
        "+++ jobs/a.py (now)",
        "@@ -1,2 +1,2 @@",
        " x = 1",
        "-y = 2",
        "+y = 3",
    ]
    assert not changes["manifest.json"].diff_text()
    assert json.loads(json.dumps(changes["jobs/a.py"].to_dict()))["state"] == "changed"


def test_a_long_difference_is_cut_and_says_by_how_much(tmp_path: Path) -> None:
    old = bundle(tmp_path / "old", jobs__a="\n".join(f"a{n}" for n in range(1000)))
    new = bundle(tmp_path / "new", jobs__a="\n".join(f"b{n}" for n in range(1000)) + "\n" + "x" * 500)
    change = by_name(changes_between(new, old))["jobs/a.py"]
    assert len(change.diff) == DIFF_LINES
    assert change.left_out == 3 + 1000 + 1001 - DIFF_LINES
    assert change.diff_text().endswith("... and 1,944 more lines")


def test_a_script_that_is_no_utf8_any_more_is_compared_all_the_same(tmp_path: Path) -> None:
    old = bundle(tmp_path / "old", jobs__a="x = 1")
    (old / "jobs/a.py").write_bytes(b"x = '\xff'")
    new = bundle(tmp_path / "new", jobs__a="x = 1")
    assert "+x = 1" in by_name(changes_between(new, old))["jobs/a.py"].diff
