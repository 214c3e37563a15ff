"""What a CI's log says where the committed bundle is not what the notebook gives."""

from __future__ import annotations

from pathlib import Path

from alur_nb import __version__
from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.bundle_changes import FileChange
from alur_nb.authoring.bundle_check import check_text


def checked(*changes: FileChange) -> str:
    return check_text(Bundle(Path("/p/bundle"), "dev", changes=changes, root=Path("/p")))


def test_an_equal_bundle_is_said_to_be() -> None:
    assert checked() == "The bundle in bundle is what the notebook gives."


def test_the_lines_that_differ_are_there_and_the_next_step() -> None:
    script = FileChange("jobs/load.py", "changed", ("-amount >= 0", "+amount >= 1"), 3)
    assert checked(script, FileChange("manifest.json", "changed")) == (
        "The bundle in bundle is not what the notebook gives:\n"
        "  changed: jobs/load.py\n"
        "    -amount >= 0\n"
        "    +amount >= 1\n"
        "    ... and 3 more lines\n"
        "  changed: manifest.json\n"
        "Next: alur export --env dev, and commit what it writes."
    )


def test_a_bundle_that_is_not_there_lists_no_files() -> None:
    said = checked(FileChange("jobs/load.py", "added"), FileChange("manifest.json", "added"))
    assert said == (
        "There is no bundle in bundle, or one without its manifest.json.\n"
        "Next: alur export --env dev, and commit it."
    )


def test_another_version_of_the_library_is_named_as_the_reason() -> None:
    said = checked(FileChange("lib/alur_nb_runtime-0.0.9-py3-none-any.whl", "removed"))
    assert f"It was made with another alur-nb; this is {__version__}." in said
