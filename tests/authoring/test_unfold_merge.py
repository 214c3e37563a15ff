"""What a column body's line says of the merge, and that it becomes the class's Meta."""

from __future__ import annotations

import pytest

from alur_nb.authoring.unfold import unfold
from alur_nb.runtime.errors import NotebookError
from alur_nb.runtime.project import Project
from alur_nb.runtime.write_modes import Publication, publication_of

BODY = "order_id string not null, status string, updated_at timestamp"
LINE = "orders --layer silver --primary-key order_id"


def declared(line: str, project: Project) -> Publication:
    exec(unfold("alur_table", line, BODY, project), {"__name__": "__main__"})
    return publication_of(project.table("silver.orders"))


def test_the_line_says_how_rows_of_a_key_are_merged(project: Project) -> None:
    line = f"{LINE} --sequence-by updated_at --delete-when \"status = 'gone'\""
    expected = Publication("iceberg", "merge", ("order_id",), "updated_at", "status = 'gone'")
    assert declared(line, project) == expected


def test_the_line_asks_for_history(project: Project) -> None:
    assert declared(f"{LINE} --scd-type 2", project).mode == "history"
    assert declared(f"{LINE} --scd-type 1", project).mode == "merge"


def test_the_written_class_has_only_what_the_line_says(project: Project) -> None:
    text = unfold("alur_table", f"{LINE} --scd-type 2", BODY, project)
    assert "        scd_type = 2\n" in text
    assert "sequence_by" not in text and "delete_when" not in text


def test_the_line_says_how_old_the_table_may_become(project: Project) -> None:
    text = unfold("alur_table", f"{LINE} --freshness '26 hours'", BODY, project)
    assert '        freshness = "26 hours"\n' in text
    declared(f"{LINE} --freshness '26 hours'", project)
    assert project.table("silver.orders").freshness == "26 hours"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--sequence-by update_at", "the body declares no column `update_at` (did you mean `updated_at`?)"),
        ("--freshness tomorrow", "`tomorrow` is not an age such as '26 hours'"),
        ("--scd-type 3", "`3` is not one of 1, 2"),
        ("--sequense-by updated_at", "did you mean `--sequence-by`?"),
    ],
)
def test_a_mistake_in_the_line_is_told(options: str, message: str, project: Project) -> None:
    with pytest.raises(NotebookError) as caught:
        unfold("alur_table", f"{LINE} {options}", BODY, project)
    assert message in str(caught.value)
