"""The panel's facts as values: the words for each state, and the command that does the same."""

from __future__ import annotations

import pytest

from alur_nb.authoring.export_facts import (
    COLUMNS,
    EnvironmentFact,
    ExportFacts,
    Hindrance,
    ParameterFact,
    last_text,
    verdict,
)

READY = EnvironmentFact("dev")
LACKING = EnvironmentFact("prod", problems=(Hindrance("No landing."),))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"environments": (READY, LACKING)}, "ready"),
        ({"environments": (LACKING,)}, "no environment is ready"),
        ({}, "no environment is ready"),
        ({"environments": (READY,), "problems": (Hindrance("x"),)}, "cannot be exported yet"),
        ({"environments": (READY,), "unsaved": ("cell 4",)}, "cannot be exported yet"),
    ],
)
def test_the_verdict(given: dict[str, object], expected: str) -> None:
    assert verdict(ExportFacts(notebook="x", **given)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "typed"),
    [(7, "7"), ("2026-01-01", "2026-01-01"), ("two words", "'two words'"), ("", "''"), (True, "True")],
)
def test_the_command_can_be_typed_as_it_stands(value: object, typed: str) -> None:
    facts = ExportFacts(environments=(READY,), parameters=(ParameterFact("p", value),))
    assert facts.command == f"%alur_export --env dev -p p={typed}"


def test_a_list_is_not_an_example_to_type() -> None:
    assert ExportFacts(parameters=(ParameterFact("p", [1]),)).command == "%alur_export --env dev"


def test_the_command_takes_the_environments_value() -> None:
    facts = ExportFacts(chosen="prod", parameters=(ParameterFact("p", 1, {"prod": 2}),))
    assert facts.command == "%alur_export --env prod -p p=2"


@pytest.mark.parametrize(
    ("differs", "text"),
    [
        (None, "none"),
        ((), "none; its scripts are what the saved notebook gives"),
        (("added: jobs/a.py", "removed: jobs/b.py"), "none; added: jobs/a.py, removed: jobs/b.py"),
    ],
)
def test_what_differs_from_the_last_export(differs: tuple[str, ...] | None, text: str) -> None:
    assert last_text(EnvironmentFact("dev", last="none", differs=differs)) == text


def test_long_lines_are_wrapped_and_fixes_keep_their_lines() -> None:
    problem = Hindrance("word " * 40, "cell 3", "first line\nsecond line")
    lines = str(ExportFacts(notebook="x", problems=(problem,))).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert [line for line in lines if "line" in line] == ["    next:  first line", "           second line"]
