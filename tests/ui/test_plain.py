"""Text on a page of 100 columns: nothing is lost, and a number stays beside what it counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alur_nb.ui.plain import COLUMNS, page

words = st.text("abc,é .-", min_size=1, max_size=400).filter(str.strip)


@given(st.lists(words, max_size=5), st.integers(0, 8))
def test_no_line_is_too_long_and_no_word_is_lost(lines: list[str], indent: int) -> None:
    text = page(" " * indent + line for line in lines)
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    assert "".join(text.split()) == "".join("".join(lines).split())


def test_what_fits_stays_as_it_is() -> None:
    assert page(["  a   b", "", "x" * 100]) == "  a   b\n\n" + "x" * 100


def test_a_list_is_cut_between_its_parts() -> None:
    text = page(["  " + ", ".join(f"{number},000 rows" for number in range(12))])
    first, second = text.splitlines()
    assert first.endswith("7,000 rows,")
    assert second == "      8,000 rows, 9,000 rows, 10,000 rows, 11,000 rows"


def test_prose_goes_on_further_in() -> None:
    assert page([f"  {'word ' * 30}".rstrip()]).splitlines()[1].startswith("      word")
