"""The panel's card: everything that its text says, as markup that a sanitizer leaves."""

from __future__ import annotations

from dataclasses import replace

from alur_nb.authoring.export_facts import EnvironmentFact, ExportFacts, Hindrance, JobFact, ParameterFact
from alur_nb.ui.export_panel_card import facts_card
from tests.ui.test_cards import facts, read

DEV = EnvironmentFact(
    "dev",
    "s3://acme-landing/",
    "eu-central-1",
    (Hindrance("No <landing>.", "shop.ipynb, cell 3", "Write one.\nSo."),),
    "1 job in bundle/",
    ("added: jobs/b.py",),
)
FACTS = ExportFacts(
    notebook="shop.ipynb",
    folder="bundle",
    environments=(DEV, EnvironmentFact("prod")),
    chosen="dev",
    parameters=(ParameterFact("limit", 10, {"dev": 7}), ParameterFact("text", "<b>")),
    jobs=(JobFact("b", "jobs/b.py", "bronze.orders", "0 6 * * ? * UTC"),),
    tables=("bronze.orders",),
    problems=(Hindrance("`b` asks.", "shop.ipynb, cell 4", "Ask not."),),
    notes=("a <note>",),
    saved="no; save it",
    unsaved=("cell 4 was run but is not saved as it ran; it declares b",),
    next_step="%alur_export --env dev",
)


def test_every_fact_of_the_text_is_in_the_card() -> None:
    shown = read(str(facts_card(FACTS)))
    # Words that a table's heads say in place of the line's own.
    joining = {"where", "next", "in", "problem", "parameter", "at", "last", "export", "table"}
    missing = {fact for fact in facts(str(FACTS).lower()) if fact not in shown.lower()} - joining
    assert not missing


def test_what_the_project_says_is_escaped() -> None:
    markup = str(facts_card(FACTS))
    assert "<b>" not in markup
    assert "&lt;landing&gt;" in markup
    assert "a &lt;note&gt;" in markup


def test_a_fix_of_several_lines_keeps_them() -> None:
    assert "<pre><code>Write one.\nSo.</code></pre>" in str(facts_card(FACTS))


def test_what_is_not_there_takes_no_room() -> None:
    bare = replace(
        FACTS, environments=(), parameters=(), jobs=(), tables=(), problems=(), notes=(), unsaved=()
    )
    markup = str(facts_card(bare))
    assert "<table>" not in markup
    assert "<li>" not in markup
    assert "0 job scripts" in markup


def test_nothing_has_a_card_too() -> None:
    assert read(str(facts_card(ExportFacts()))) == "Nothing was looked at."
