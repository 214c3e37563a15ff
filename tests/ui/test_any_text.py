"""Any text survives a magic's line: what was typed is what the option holds, and names are replaced where it says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alur_nb.authoring.command_line import Command
from alur_nb.runtime.project import Project
from alur_nb.ui import magics
from alur_nb.ui.magics import Magic, all_magics
from alur_nb.ui.session import Session
from tests.ui.conftest import Notebook

# A line of a cell ends at each of these (str.splitlines), so no option's value holds them; surrogates are no text.
ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
ONE_LINE = st.text(st.characters(exclude_characters=ENDS, exclude_categories=["Cs"]))
# What IPython, a shell or Python would make something else of.
WORDS = "{3} {1,2} {x} {{ }} $ $env ${env} ' \" \\ \\d ? ?? ! % %% # ; ` ~ * = - -- --expect ä 価"
SPACED = [" ", "\t", "\N{NO-BREAK SPACE}", "0 6 * * ? *"]
TRICKY = st.lists(st.sampled_from([*WORDS.split(" "), *SPACED])).map("".join)
TEXT = ONE_LINE | TRICKY
NAMES = {"x": "1", "env": "prod", "d": "D"}


@pytest.fixture
def probe(notebook: Notebook, project: Project) -> Iterator[list[object]]:
    """A magic `%probe --value TEXT --replaced TEXT`; what it was given is kept here."""
    command = Command("%probe", "Keeps its options.", "%probe --value x")
    command.add("--value", metavar="TEXT")
    command.add("--replaced", metavar="TEXT", expands=True)
    given_to: list[object] = []

    def answer(session: Session, line: str, body: str | None) -> None:
        options = command.parse(line, session.names)
        given_to.append(options.value if options.replaced is None else options.replaced)

    notebook.shell.user_ns.update(NAMES)
    session = magics._sessions[notebook.shell]
    for kind in ("line", "line_cell"):
        notebook.shell.magics_manager.register_function(
            magics._function(session, Magic(command, answer)), magic_kind=kind, magic_name="probe"
        )
    return given_to


QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)


@QUICK
@given(
    TEXT,
    st.sampled_from(
        ["%probe --value {}", "%probe --value={}", "y = %probe --value {}", "%%probe --value {}\nbody"]
    ),
)
@example("^[A-Z]{3}$", "%probe --value {}")
@example("0 6 * * ? *", "%probe --value {}")
@example("--", "%probe --value {}")
@example("--all", "%probe --value={}")
def test_a_quoted_text_arrives_as_it_was_typed(
    probe: list[object], notebook: Notebook, text: str, form: str
) -> None:
    notebook.ok(form.replace("{}", shlex.quote(text)))
    assert probe[-1] == text


@QUICK
@given(TEXT)
def test_braces_are_names_only_in_an_option_that_replaces_them(
    probe: list[object], notebook: Notebook, text: str
) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    notebook.ok(f"%probe --replaced {shlex.quote(doubled + '{x}')}")
    assert probe[-1] == text + "1"


@QUICK
@given(TEXT.filter(lambda text: not text or text.strip()))  # a blank description is refused
def test_a_text_reaches_the_declared_table(notebook: Notebook, project: Project, text: str) -> None:
    notebook.ok(f"%%alur_table orders --description {shlex.quote(text)}\nid int")
    assert project.table("orders").description == text


REPLACING = {
    "%alur_preview": {"NAME", "-n", "--rows", "--sample", "--files"},
    "%alur_run": {"NAME", "--env", "--since", "--until", "--files", "--max-files"},
    "%alur_sql": {"-n", "--rows"},
    "%alur_history": {"NAME", "-n", "--last"},
    "%alur_rejects": {"NAME", "-n", "--rows", "--csv"},
    "%alur_lineage": {"NAME"},
    "%alur_status": {"--env"},
    "%alur_diff": {"NAME", "-n", "--rows"},
    "%alur_maintain": {"NAME"},
    "%alur_export": {"--env", "--out", "--notebook"},
    "%alur_deploy": {"--env", "--notebook"},
    "%alur_logs": {"NAME", "--run", "--env"},
    "%alur_env": {"ENV"},
}
"""The options that replace `{name}`; in `%alur_table` and `%alur_pipeline` `--from` alone does, as a name in the code."""


@pytest.mark.parametrize("magic", all_magics(), ids=lambda magic: magic.name)
def test_names_are_replaced_in_the_options_that_are_listed_and_in_no_other(magic: Magic) -> None:
    wanted = REPLACING.get(magic.command.name, set())
    for argument in magic.command.arguments:
        if not argument.has_value or argument.choices:
            continue
        for word in argument.flags or (magic.command._positional,):
            replaced = magic.command._expanded(word, "{x}", NAMES)
            assert replaced == ("1" if word in wanted else "{x}"), word
