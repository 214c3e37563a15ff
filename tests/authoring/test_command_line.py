"""A magic's line: any text survives it, and a wrong use teaches the right one."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.command_line import Command, key_value, named_parts, one_of
from alur_nb.runtime.errors import NotebookError

OPTIONS = {"--expect", "--rows", "-n", "--layer", "--option", "--env", "--all"}


def command() -> Command:
    """Return a command with an option of each kind."""
    made = Command("%alur_x", "Does x.", "%alur_x orders --expect 'a > 0'")
    made.add("name", nargs="?", metavar="NAME", expands=True)
    made.add("--expect", action="append", default=[], metavar="SQL")
    made.add("--rows", "-n", type=int, default=20, expands=True)
    made.add("--layer", type=one_of("bronze", "silver"))
    made.add("--option", type=key_value)
    made.add("--env", expands=True)
    made.add("--all", action="store_true")
    return made


@settings(max_examples=300)
@given(st.text(max_size=20))
def test_any_text_survives(text: str) -> None:
    assert command().parse(f"--expect={shlex.quote(text)} --all").expect == [text]
    if text not in OPTIONS:  # behind a blank these are options, and the value is missing
        assert command().parse(f"--expect {shlex.quote(text)}").expect == [text]


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("\"code rlike '^[A-Z]{3}$'\"", "code rlike '^[A-Z]{3}$'"),
        ("'0 6 * * ? *'", "0 6 * * ? *"),
        ("'price > ${env}'", "price > ${env}"),
        ("'-x > 0'", "-x > 0"),
        ("'{name}'", "{name}"),
        ("größe", "größe"),
    ],
)
def test_what_ipython_would_mangle_survives(typed: str, value: str) -> None:
    assert command().parse(f"--expect {typed}", {"name": "x", "env": "y"}).expect == [value]


def test_names_are_expanded_where_an_option_says_so() -> None:
    names = {"table": "orders", "rows": 5, "env": "dev"}
    found = command().parse("{table}_{{x}} -n {rows} --env={env}", names)
    assert (found.name, found.rows, found.env) == ("orders_{x}", 5, "dev")


def test_without_names_nothing_is_expanded() -> None:
    assert command().parse("{table}").name == "{table}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--expct x", "there is no option --expct (did you mean `--expect`?)"),
        ("--exp x", "there is no option --exp"),
        ("--layer brnze", "`brnze` is not one of bronze, silver (did you mean `bronze`?)"),
        ("--rows x", "`x` is not a whole number"),
        ("--env", "--env: a value is missing"),
        ("--env --all", "--env: a value is missing"),
        ("--option x", "`x` is not of the form name=value"),
        ("orders more", "`more` is one word too many"),
        ("--expect 'open", "a quote in the line is never closed"),
    ],
)
def test_a_mistake_shows_usage_and_example(line: str, message: str) -> None:
    with pytest.raises(NotebookError) as caught:
        command().parse(line)
    assert message in caught.value.message
    assert "usage: %alur_x [NAME] [--expect SQL]" in (caught.value.fix or "")
    assert "%alur_x orders --expect 'a > 0'" in (caught.value.fix or "")


def test_an_unknown_name_names_the_option() -> None:
    with pytest.raises(
        NotebookError, match=r"--env: the notebook has no name `enw` \(did you mean `env`\?\)"
    ):
        command().parse("--env {enw}", {"env": "dev"})


def test_the_help_says_everything() -> None:
    text = command().help_text
    for word in ("Does x.", "--expect SQL", "-n ROWS", "Example", "%alur_x orders"):
        assert word in text


def test_what_does_not_fit_into_a_line_of_usage_is_in_the_help() -> None:
    wide = command()
    for number in range(9):
        wide.add(f"--option-{number}", metavar="VALUE")
    assert wide.usage.startswith("%alur_x [NAME] [--expect SQL]")
    assert wide.usage.endswith("] ... all of it: %alur_x?")
    with pytest.raises(NotebookError) as caught:
        wide.parse("--unknown")
    assert max(map(len, f"  next:  {caught.value.fix}".splitlines())) <= 100
    lines = wide.help_text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "          [--option-8 VALUE]" in "\n".join(lines)
    assert " ".join(" ".join(lines).split()).count("[--option-4 VALUE]") == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{folder}/*.csv", [("folder", True), ("/*.csv", False)]),
        ("x/{a,b}/{1}", [("x/{a,b}/{1}", False)]),
        ("{{a}}{b}", [("{a}", False), ("b", True)]),
        ("", []),
    ],
)
def test_names_in_braces_are_found(text: str, parts: list[tuple[str, bool]]) -> None:
    found = named_parts(text)
    assert "".join(part for part, is_name in found if not is_name) == "".join(p for p, n in parts if not n)
    assert [part for part, is_name in found if is_name] == [p for p, n in parts if n]
