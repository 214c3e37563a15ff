"""What looks for faults finds them: a test of a page that has none proves nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.lab import Notebook
from tests.browser.test_looks import CONTRAST, grave_faults

GREY = '<p class="ours" style="color: #888; background: #fff">too pale</p>'
SEE_THROUGH = (
    '<div style="background: #000"><p class="ours" style="color: rgba(255, 255, 255, 0.3)">pale</p></div>'
)
BLACK = '<p class="ours" style="color: #000; background: #fff">plain</p>'
HIDDEN = '<details class="ours"><summary>plain</summary><p style="color: #fff">folded</p></details>'


@pytest.fixture
def blank(open_page: OpenPage) -> Iterator[Notebook]:
    made = open_page()
    yield made
    made.page.context.close()


def test_a_request_that_leaves_is_seen(blank: Notebook) -> None:
    blank.ask("() => fetch('http://localhost:9/news').catch(() => {})")
    with pytest.raises(AssertionError, match="localhost:9/news"):
        blank.watch.check()


def test_a_script_that_ends_with_an_error_is_seen(blank: Notebook) -> None:
    with blank.page.expect_event("pageerror"):
        blank.ask("() => { setTimeout(() => { throw new Error('of mine') }) }")
    with pytest.raises(AssertionError, match="of mine"):
        blank.watch.check()


# Black on white is the formula's end, 21; #888 is 3.54 by WebAIM's checker; white at 0.3 on black is #4d4d4d, 2.46.
@pytest.mark.parametrize(
    ("page", "expected"),
    [(GREY, [3.54]), (SEE_THROUGH, [2.46]), (BLACK, [21.0]), (HIDDEN, [21.0])],
)
def test_contrast_is_measured_as_it_is_seen(blank: Notebook, page: str, expected: list[float]) -> None:
    blank.page.set_content(page)
    assert [round(one["ratio"], 2) for one in blank.ask(CONTRAST, ".ours")] == expected


def test_axe_finds_what_is_wrong(blank: Notebook) -> None:
    blank.page.set_content(f"<main class='ours'>{GREY}<button></button></main>")
    assert {name for name, _ in grave_faults(blank, ".ours")} == {"color-contrast", "button-name"}
