"""What is offered in a magic's line: names, options and their values."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.ui import completions_names
from alur_nb.ui.completions_line import cut
from tests.ui.completing import KNOWN, TABLES, at, shop_folder, texts

__all__ = ["shop_folder"]

CLASSES = ["CustomersBronze", "OrdersBronze", "OrdersSilver"]
LINE = [
    ("%alur_p|", "%alur_p", ["%alur_pipeline", "%alur_preview"]),
    ("%%al|", "%%al", ["%%alur_table", "%%alur_pipeline", "%%alur_sql"]),
    ("x = %alur_c|", "%alur_c", ["%alur_check"]),
    ("a, b = %alur_c|", "%alur_c", ["%alur_check"]),
    ("  %alur_c|", "%alur_c", ["%alur_check"]),
    ("1 + 1\n%alur_c|\n2", "%alur_c", ["%alur_check"]),
    ("%alur_preview |", "", ["clean_orders", "ingest_orders", "--rows", "--sample", "--files"]),
    ("%alur_preview in|", "in", ["ingest_orders"]),
    ("%alur_preview IN|", "IN", ["ingest_orders"]),
    ("%alur_preview in|gest --rows 5", "in", ["ingest_orders"]),
    ("p = %alur_preview in|", "in", ["ingest_orders"]),
    ("%alur_preview ingest_orders -|", "-", ["--rows", "--sample", "--files"]),
    ("%alur_preview ingest_orders --|", "--", ["--rows", "--sample", "--files"]),
    ("%alur_preview ingest_orders --rows 5 --|", "--", ["--sample", "--files"]),
    ("%alur_preview ingest_orders -n 5 --|", "--", ["--sample", "--files"]),
    ("%alur_preview ingest_orders --| --rows=5", "--", ["--sample", "--files"]),
    ("%alur_preview ingest_orders --rows |", "", []),
    ("%alur_preview ingest_orders i|", "i", []),
    ("%alur_preview ingest_orders \\\n  --s|", "--s", ["--sample"]),
    ("%alur_run i|", "i", ["ingest_orders"]),
    ("%alur_run ingest_orders c|", "c", ["clean_orders"]),
    ("%alur_run ingest_orders i|", "i", []),
    ("%alur_run --files 'a' --f|", "--f", ["--full", "--files"]),
    ("%alur_run --env |", "", ["local", "dev", "prod"]),
    ("%alur_run --env=d|", "d", ["dev"]),
    ("%alur_run --env='d|'", "d", ["dev"]),
    ('%alur_run --env "d|', "d", ["dev"]),
    ("%alur_run --env d| ingest_orders", "d", ["dev"]),
    ("%alur_export --env |", "", ["dev", "prod"]),
    ("%alur_export --out |", "", ["data/", "notebooks/"]),
    ("%alur_export --notebook notebooks/|", "", ["a.ipynb"]),
    ("%alur |", "", ["help", "--debug"]),
    ("%alur_table cus|", "cus", ["customers"]),
    ("%alur_table ord|", "ord", ["bronze.orders", "silver.orders"]),
    ("%alur_table silver.|", "silver.", ["silver.orders"]),
    ("%%alur_table x --layer |\nid int", "", ["bronze", "silver", "gold"]),
    ("%%alur_table x --layer=s|", "s", ["silver"]),
    ("%%alur_table x --layer=|", "", ["bronze", "silver", "gold"]),
    ("%%alur_table x --format |", "", ["parquet", "iceberg"]),
    ("%%alur_table x --primary-key |\nid int,\nat date", "", ["id", "at"]),
    ("%%alur_table x --sequence-by |\nid int,\nat date", "", ["id", "at"]),
    ("%%alur_table x --scd-type |\nid int", "", ["1", "2"]),
    ("%%alur_table x --primary-key 'id, |'\nid int,\nat date", "", ["at"]),
    ("%%alur_table x --primary-key |\nid int\nnote array<struct<a:int,b:int>>, at", "", ["id", "note"]),
    ("%%alur_table customers --primary-key |", "", ["id", "name"]),
    ("%%alur_table x --partition-by d|\nid int\nat date", "d", ["day("]),
    ("%%alur_table x --partition-by |\nid int", "", ["id", "day(", "month(", "year(", "hour(", "bucket("]),
    ("%%alur_table x --partition-by 'day(|'\nid int\nat date\nseen timestamp", "", ["at)", "seen)"]),
    ("%%alur_table x --partition-by 'day(a|)'\nid int\nat date", "a", ["at"]),
    ("%%alur_table x --partition-by 'day(at),b|'\nid int\nat date", "b", ["bucket("]),
    ("%%alur_table x --partition-by 'bucket(|'\nid int", "", []),
    ("%%alur_table x --partition-by 'bucket(16, |'\nid int", "", ["id)"]),
    ("%%alur_table x --description |", "", []),
    ("%alur_pipeline cl|", "cl", ["clean_orders"]),
    ("%alur_pipeline p --target |", "", [*CLASSES, *TABLES]),
    ("%alur_pipeline p --target Or|", "Or", [*CLASSES[1:], *TABLES[2:]]),
    ("%alur_pipeline p --contract bronze.o|", "bronze.o", ["bronze.orders"]),
    ("%alur_pipeline p --schema-mode |", "", ["contract", "evolve", "rescue"]),
    ("%alur_pipeline p --on-changed |", "", ["error", "ignore", "replace"]),
    ("%alur_pipeline p --same-content s|", "s", ["skip"]),
    ("%alur_pipeline p --extra-columns |", "", ["error", "ignore"]),
    ("%alur_pipeline p --format |", "", ["csv", "jsonl", "parquet"]),
    ("%alur_pipeline p --option n|", "n", ["nullValue="]),
    ("%alur_pipeline p --option nullValue=|", "nullValue=", ["nullValue="]),
    ("%alur_pipeline p --resource-profile |", "", ["large"]),
    ("%alur_pipeline p --schedule |", "", []),
    ("%alur_pipeline p --expect 'am|' --target OrdersBronze", "am", ["amount"]),
    ("%alur_pipeline p --target orders --expect 'am|'", "am", []),
    ("%alur_pipeline p --timezone Europe/Berl|", "Europe/Berl", ["Europe/Berlin"]),
    ("%alur_pipeline p --timezone UT|", "UT", ["UTC"]),
    ("%alur_pipeline p --from |", "", ["'my files/'", "orders/"]),
    ("%alur_pipeline p --from '|'", "", ["my files/", "orders/"]),
    ("%alur_pipeline p --from or|", "or", ["orders/"]),
    ("%alur_pipeline p --from 'orders/|'", "", ["2026/", "1.csv"]),
    ("%alur_pipeline p --from='orders/1|", "1", ["1.csv"]),
    ("%alur_pipeline p --from .|", ".", [".hidden/"]),
    ("%alur_pipeline p --from 'none/|", "", []),
    ("%alur_pipeline p --from '*/|", "", []),
    ("%alur_pipeline p --from s3://|", "", ["acme-landing/"]),
    ("%alur_pipeline p --from 's3://acme-landing/|", "", ["dev/", "prod/"]),
    ("%alur_pipeline p --from 's3://acme-landing/dev/or|", "or", ["orders/"]),
    ("%alur_pipeline p --from 's3://other/|", "", []),
    ("%alur_run --files orders/|", "", ["2026/", "1.csv"]),
    ("%alur_sql --|", "--", ["--out", "--rows"]),
    ("%alur_sql -n 5 select * from cus|", "cus", ["customers"]),
    ("%alur_sql select c.n| from customers c", "n", ["name"]),
    ("%%alur_sql --o|\nselect 1", "--o", ["--out"]),
]


@pytest.mark.parametrize(("cell", "fragment", "wanted"), LINE, ids=[cell for cell, _, _ in LINE])
def test_a_line_is_completed(cell: str, fragment: str, wanted: list[str]) -> None:
    found = at(cell)
    assert found is not None
    assert found.fragment == fragment
    assert [one.text for one in found.offers] == wanted


def test_every_option_of_every_magic_is_offered() -> None:
    for name, command in KNOWN.commands.items():
        wanted = [flag for flag in command.options if flag.startswith("--")]
        assert sorted(texts(f"%{name} --|")) == sorted(wanted)


def test_choices_are_what_the_parser_takes() -> None:
    for name, command in KNOWN.commands.items():
        for one in command.arguments:
            if one.choices and one.flags:
                assert texts(f"%{name} {one.flags[-1]} |") == list(one.choices)
                assert ", ".join(one.choices) in one.help
                for choice in one.choices:
                    command.parse(f"x {one.flags[-1]} {choice}")


def test_a_wrong_alur_toml_offers_no_names_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alur.toml").write_text("[env.dev\n")
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads((tmp_path / "alur.toml").read_text())
    monkeypatch.chdir(tmp_path)
    assert texts("%alur_run --env |") == []
    assert texts("%alur_pipeline p --from |") == []
    assert texts("%alur_pipeline p --resource-profile |") == []


@pytest.mark.parametrize("zones", [True, False])
def test_zones_come_with_or_without_the_systems_own(zones: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not zones:
        monkeypatch.setattr(completions_names.zoneinfo, "TZPATH", ())
    found = texts("%alur_pipeline p --timezone |")
    assert found[0] == "UTC"
    assert "Europe/" in found
    assert not {"posix/", "right/", "zone.tab"} & set(found)


@given(st.lists(st.text("ab '\"=-", min_size=1, max_size=4), max_size=4))
def test_finished_words_are_cut_as_a_shell_cuts_them(words: list[str]) -> None:
    cuts = cut(shlex.join(words) + " ")
    assert [one.value for one in cuts] == [*words, ""]


def test_a_link_that_leads_to_itself_hides_no_other_name(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id\n")
    (tmp_path / "loop").symlink_to("loop")
    assert [one.text for one in completions_names.path_offers(tmp_path, "").offers] == ["1.csv", "loop"]
