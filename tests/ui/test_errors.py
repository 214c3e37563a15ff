"""How an error is told: its lines, its mark under the column, and whose frames are shown."""

from __future__ import annotations

import json

import pytest

from alur_nb.runtime.errors import AlurError, AuditError, NotebookError, Place
from alur_nb.ui import errors
from alur_nb.ui.errors import error_card, error_lines, located, users_frames

SOURCE = "%%alur_table orders\nid int\namount strng"


def test_the_lines_say_what_where_and_what_next() -> None:
    error = NotebookError(
        "Unknown type.", place=Place(notebook="cell [3]", line=3, column=8), fix="Write string."
    )
    assert error_lines(error, SOURCE) == [
        "NotebookError: Unknown type.",
        "  where: cell [3], line 3, column 8",
        "    amount strng",
        "           ^",
        "  next:  Write string.",
    ]


def test_a_long_error_is_cut_and_says_so() -> None:
    error = NotebookError("One\ntwo\nthree", place=Place(line=1), fix="a\nb\nc\nd")
    lines = error_lines(error)
    assert len(lines) == errors.MAX_LINES
    assert lines[-1] == "  ... `%alur --debug` and the same cell again show all of it"
    assert "a\nb\nc\nd" in error_card(error).text


@pytest.mark.parametrize(
    ("fix", "shown"),
    [
        ("Known types: int, string.", "Known types: int, string."),
        ("`%alur help` shows what works.", "<code>%alur help</code> shows what works."),
        ("name each column once", "name each column once"),
        ("orders: id, amount", "orders: id, amount"),
        ("%alur_run --all", "<code>%alur_run --all</code>"),
        ("alur history orders", "<code>alur history orders</code>"),
        ('files("orders/*.csv")', "<code>files(&quot;orders/*.csv&quot;)</code>"),
        ("amount = DoubleField()", "<code>amount = DoubleField()</code>"),
        ("Add it:\na = 1", "<pre><code>Add it:\na = 1</code></pre>"),
    ],
)
def test_the_next_step_is_code_only_where_it_is_code(fix: str, shown: str) -> None:
    assert f"<dt>next</dt><dd>{shown}</dd>" in error_card(AlurError("x", fix=fix)).text


def test_a_long_message_leaves_room_for_the_next_step() -> None:
    error = AuditError("3 rows do not fit:\n1\n2\n3\n4\n5\n6", fix="Mend them.\nOr not.")
    assert error_lines(error) == [
        "AuditError: 3 rows do not fit:",
        "1",
        "2",
        "3",
        "  ... `%alur --debug` and the same cell again show all of it",
        "  next:  Mend them.",
    ]


def test_a_place_beyond_the_cell_has_no_mark() -> None:
    assert error_lines(NotebookError("x", place=Place(line=9, column=1)), SOURCE) == [
        "NotebookError: x",
        "  where: line 9, column 1",
    ]


def test_an_error_without_place_and_fix_is_one_line() -> None:
    assert error_lines(AlurError("x")) == ["AlurError: x"]
    assert (
        error_card(AlurError("<x>")).text == "<section><p><strong>AlurError: &lt;x&gt;</strong></p></section>"
    )


def test_a_place_in_a_file_stays() -> None:
    error = AlurError("x", place=Place(file="alur.toml", line=2))
    located(error, "cell [3]", 1)
    assert str(error.place) == "alur.toml, line 2"


def test_a_cell_is_added_to_a_place_in_it() -> None:
    error = AlurError("x", place=Place(line=2))
    located(error, "cell [3]", 1)
    assert str(error.place) == "cell [3], line 2"


def test_frames_of_ours_and_of_the_library_are_left_out() -> None:
    def users() -> None:
        json.loads("{")

    try:
        errors.render_ours_no_more()
        users()
    except json.JSONDecodeError as error:
        kept = users_frames(error.__traceback__)
    names = [frame.f_code.co_name for frame, _ in errors.traceback_frames(kept)]
    assert names == ["test_frames_of_ours_and_of_the_library_are_left_out", "users"]
