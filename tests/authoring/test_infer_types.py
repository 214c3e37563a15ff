"""From texts to a type: what each column is taken for, what speaks against it, and that nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.infer_types import MISFIT_SHARE, choose, quoted
from alur_nb.authoring.infer_values import accepted_by, is_empty
from alur_nb.runtime.types import StringField

NUMBERS = [str(number) for number in range(1000)]


def kind(values: Iterable[str], name: str = "") -> str:
    """Return the type as one reads it, with its pattern."""
    wanted = choose(Counter(values), name).wanted
    pattern = getattr(wanted, "format", None)
    return f"{wanted.ddl} {pattern}" if pattern else wanted.ddl


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["true", "FALSE", " True "], "boolean"),
        (["0", "1"], "int"),
        (["-5", "999999999"], "int"),
        (["1000000000"], "bigint"),
        (["-1000000000"], "bigint"),
        (["9" * 18], "bigint"),
        (["9" * 19], "string"),
        (["007", "12"], "string"),
        (["0", "-0"], "int"),
        (["00.5"], "string"),
        (["+49123"], "string"),
        (["1.50", "12", "0.25"], "decimal(10,2)"),
        (["1234567.25"], "decimal(18,2)"),
        (["1.5", "2.25"], "double"),
        (["52.5200", "13.4050"], "double"),
        (["517.0", "3.0"], "double"),
        (["1e3", "2.50"], "double"),
        (["NaN", "2.50"], "double"),
        ([f"{'9' * 36}.25"], "double"),
        (["1e400"], "string"),
        (["2024-01-31"], "date"),
        (["2024-01-31 10:00", "2024-01-31T10:00:00Z"], "timestamp"),
        (["2024-01-31", "2024-01-31 10:00"], "string"),
        (["31.01.2024", "01.02.2024"], "date dd.MM.yyyy"),
        (["01/31/2024"], "date MM/dd/yyyy"),
        (["1/31/2024", "12/1/2024"], "date M/d/yyyy"),
        (["01.02.2024"], "string"),
        (["13/02/2024", "02/13/2024"], "string"),
        (["2024/01/31"], "date yyyy/MM/dd"),
        (["2024-1-31"], "date yyyy-M-d"),
        (["31-Jan-2024"], "date dd-MMM-yyyy"),
        (["31.01.2024 10:15"], "timestamp dd.MM.yyyy HH:mm"),
        (["31.01.2024 9:15"], "timestamp dd.MM.yyyy H:mm"),
        (["1/31/2024 1:05 PM"], "timestamp M/d/yyyy h:mm a"),
        (["30.02.2024"], "string"),
        (["31.01.24"], "string"),
        (["1706696130"], "bigint"),
        (["yes", "no"], "string"),
        (["1,5", "2,75"], "string"),
        (["12:30"], "string"),
        (["a1b2"], "string"),
        ([], "string"),
    ],
)
def test_a_column_is_what_its_values_are(values: list[str], expected: str) -> None:
    assert kind(values) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("unit_price", ["1.5", "2"], "decimal(10,2)"),
        ("total_amount", ["1.123"], "decimal(10,3)"),
        ("price", ["1.123456"], "double"),
        ("latitude", ["1.5", "2"], "double"),
        ("order_date", ["20240131"], "date yyyyMMdd"),
        ("number", ["20240131"], "int"),
        ("number", [f"202401{day:02d}" for day in range(1, 25)], "date yyyyMMdd"),
        ("order_date", ["20240132"], "int"),
        ("order_date", ["30240131"], "int"),
    ],
)
def test_a_name_speaks_where_values_do_not_decide(name: str, values: list[str], expected: str) -> None:
    assert kind(values, name) == expected


def test_a_few_values_that_are_none_of_the_type_are_named() -> None:
    found = choose(Counter([*NUMBERS, "n/a", "-"]))
    assert (found.wanted.ddl, found.misfits) == ("int", {"n/a": 1, "-": 1})
    assert kind([*NUMBERS[:99], "x"]) == "string"
    assert kind([*NUMBERS[:101], "x"]) == "int"


def test_one_slip_does_not_undo_the_order_of_day_and_month() -> None:
    days = [f"{day:02d}/01/2024" for day in range(13, 32)]
    found = choose(Counter({**dict.fromkeys(days, 10), "01/13/2024": 1}))
    assert found.misfits == {"01/13/2024": 1}
    assert "rules the other order out" in found.notes[0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["007"], "leading zeros, as in `007`: kept as text"),
        (["01/02/2024"], "may be dd/MM/yyyy or MM/dd/yyyy: no value rules one of them out"),
        (["13/02/2024", "02/13/2024"], "two orders"),
        ([*NUMBERS[:10], "NA", "NA"], "all but `NA` (2 of 12) are int: with --option nullValue=NA it can be"),
        ([*NUMBERS[:10], "NA", "-"], "one word for null in the files"),
        (["yes", "no"], "boolean reads true and false only"),
        (["1", "0"], "boolean reads true and false only"),
        (["1,5"], "numbers with a comma, as in `1,5`"),
        (["31.01.24"], "years of two digits"),
        ([], "no value in the sample"),
    ],
)
def test_what_was_not_guessed_is_said(values: list[str], said: str) -> None:
    found = choose(Counter(values))
    assert any(said in text for text in (*found.notes, *found.doubts))


TEXTS = st.one_of(
    st.sampled_from(
        ["n/a", "-", "true", "07", "1.50", "2024-01-31", "31.01.2024", "02/03/2024", "1e5", "NaN"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 99).map(str),
    st.decimals(-(10**6), 10**6, places=2).map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.dates().map(lambda day: f"{day.day:02d}/{day.month:02d}/{day.year:04d}"),
    st.text(max_size=8),
)
COLUMNS = st.one_of(
    *(
        st.dictionaries(text, st.integers(1, 200), min_size=1, max_size=30)
        for text in [TEXTS, st.integers().map(str)]
    ),
    st.dictionaries(
        st.decimals(places=2, allow_nan=False, allow_infinity=False).map(str), st.integers(1, 3), min_size=1
    ),
    st.dictionaries(
        st.datetimes().map(lambda at: f"{at:%d.%m.}{at.year:04d} {at:%H:%M}"), st.integers(1, 3), min_size=1
    ),
)


@settings(deadline=None)
@given(COLUMNS, st.sampled_from(["", "amount", "day"]))
def test_a_type_accepts_every_value_but_those_that_are_named(texts: dict[str, int], name: str) -> None:
    values = {text: count for text, count in texts.items() if not is_empty(text)}
    found = choose(values, name)
    accepts = accepted_by(found.wanted)
    refused = {text.strip() for text in values if not accepts(text)}
    if not isinstance(found.wanted, StringField):
        assert refused == {text.strip() for text in found.misfits}
        # The weaker of two orders of day and month may add as many again.
        assert sum(found.misfits.values()) < 2 * MISFIT_SHARE * max(sum(values.values()), 1)


def test_a_long_value_is_shown_short() -> None:
    assert quoted("a`b\n" + "c" * 99) == f"`a'b {'c' * 26}...`"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [*NUMBERS[:40], "Summe"],
            "all but `Summe` (1 of 41) are int: declared so, these rows are rejected",
        ),
        (["2024-02-28"] * 20 + ["2024-02-30"], "all but `2024-02-30` (1 of 21) are date: declared so"),
        (["28.02.2024"] * 20 + ["30.02.2024"], "all but `30.02.2024` (1 of 21) are date"),
        (["00123"] * 20 + ["Summe"], "all but `Summe` (1 of 21): leading zeros, as in `00123`: kept as text"),
        (["1,5"] * 20 + ["-.-"], "all but `-.-` (1 of 21): numbers with a comma, as in `1,5`"),
        ([*NUMBERS, *"abcdefghijklmnop"], "all but `a`, `b`, `c`, .. (16 of 1,016) are int"),
    ],
)
def test_text_that_is_nearly_something_else_says_what_and_which_values(values: list[str], said: str) -> None:
    choice = choose(Counter(values))
    assert isinstance(choice.wanted, StringField)
    assert said in " ".join((*choice.notes, *choice.doubts))


@pytest.mark.parametrize(
    ("values", "way"),
    [
        (["1,5", "12"], "CAST(replace(price, ',', '.') AS decimal(18,2))"),
        (["1.234,50", "12,00"], "CAST(replace(replace(price, '.', ''), ',', '.') AS decimal(18,2))"),
        (["1,234.50", "12,00"], ""),
    ],
)
def test_a_decimal_comma_comes_with_the_query_that_reads_it(values: list[str], way: str) -> None:
    (note,) = choose(Counter(values), "price").notes
    assert note.partition("decimal comma: ")[2] == way
