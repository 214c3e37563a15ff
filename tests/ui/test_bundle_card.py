"""What an export wrote: files with their state, links, differences, and the next step, in text and as a card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.bundle_changes import FileChange, with_diff
from alur_nb.ui.bundle_card import bundle_card, bundle_text, next_command

BUNDLE = Bundle(
    Path("/shop/bundle"),
    "dev",
    ("jobs/a b.py", "jobs/c.py"),
    ("bronze.orders",),
    ("a b", "c"),
    ("<notice>",),
    ("jobs/a b.py", "jobs/c.py", "jobs/gone.py"),
    (
        with_diff("jobs/a b.py", ["x = 1 < 2"], ["x = 1 > 2"]),
        FileChange("jobs/c.py", "added"),
        FileChange("jobs/gone.py", "removed"),
    ),
)
BESIDE = Path("/shop/notebooks")


def test_files_are_links_from_the_notebooks_folder() -> None:
    html = str(bundle_card(BUNDLE, BESIDE))
    assert '<a href="../bundle/jobs/a%20b.py" target="_blank"><code>jobs/a b.py</code></a>' in html
    assert "<li>removed: <code>jobs/gone.py</code></li>" in html
    assert "/shop" not in html


def test_without_a_notebook_there_are_no_links() -> None:
    html = str(bundle_card(BUNDLE))
    assert "<a " not in html
    assert "added: <code>jobs/c.py</code>" in html


def test_the_scripts_lines_are_shown_and_escaped() -> None:
    html = str(bundle_card(BUNDLE, BESIDE))
    assert "<summary>what changed in jobs/a b.py</summary>" in html
    assert "-x = 1 &lt; 2\n+x = 1 &gt; 2" in html
    assert "&lt;notice&gt;" in html
    assert "<notice>" not in html


def test_the_text_has_the_same_facts() -> None:
    assert bundle_text(BUNDLE, BESIDE).splitlines() == [
        "Bundle for dev: 2 jobs, 1 table, in ../bundle",
        "  jobs/a b.py",
        "  jobs/c.py",
        "  changed: jobs/a b.py",
        "  added: jobs/c.py",
        "  removed: jobs/gone.py",
        "    --- jobs/a b.py (before)",
        "    +++ jobs/a b.py (now)",
        "    @@ -1 +1 @@",
        "    -x = 1 < 2",
        "    +x = 1 > 2",
        "  warning: <notice>",
        "  next: alur deploy --env dev --plan",
    ]
    assert next_command(BUNDLE) in str(bundle_card(BUNDLE, BESIDE))


def test_a_bundle_that_is_as_it_was_says_so() -> None:
    same = replace(BUNDLE, changed_files=(), changes=())
    assert "nothing changed" in str(bundle_card(same, BESIDE))
    assert "  nothing changed" in bundle_text(same, BESIDE)


def test_a_check_names_the_files_that_differ() -> None:
    html = str(bundle_card(replace(BUNDLE, changes=())))
    assert "changed: 3 files" in html
    assert "<code>jobs/gone.py</code>" in html


def test_an_empty_bundle_has_a_card() -> None:
    assert "Nothing was exported." in str(bundle_card(Bundle()))
