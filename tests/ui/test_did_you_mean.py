"""Whatever name a magic or an option takes: one that nearly fits is answered with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.runtime.errors import AlurError
from alur_nb.ui.help import working_commands
from tests.ui.conftest import Notebook

TABLE = "%%alur_table orders\nid int not null\namount decimal(10,2)\nat timestamp"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
TOML = '[env.staging]\nlanding = "s3://acme/staging"\n[env.production]\nlanding = "s3://acme/production"\n'

NAMES = [
    ("%alur_table ordrs", "orders"),
    ("%alur_table bronz.orders", "bronze.orders"),
    ("%alur_pipeline ingest_ordrs", "ingest_orders"),
    ("%alur_preview ingest_ordrs", "ingest_orders"),
    ("%alur_run ingest_ordrs", "ingest_orders"),
    ("%alur_run ingest_orders ingest_ordrs", "ingest_orders"),
    ("%alur_run ingest_orders --env stagin", "staging"),
    ("%alur_export --env prodction", "production"),
    ("%alur_export --env staging --notebook shp.ipynb", "shop.ipynb"),
    ("%alur hlp", "help"),
    ("%alur_sql select * from ordrs", "orders"),
    ("%%alur_sql\nselect * from new(ordrs)", "orders"),
    ("%%alur_sql\nselect * from bronze.ordrs", "bronze.orders"),
    ("%%alur_sql\nselct * from orders", "select"),
    ("%%alur_pipeline p --target ordrs\nselect * from orders", "orders"),
    ("%%alur_pipeline p --target OrdersBronz\nselect * from orders", "OrdersBronze"),
    ("%%alur_pipeline p --target orders\nselect * from ordrs", "orders"),
    ("%%alur_pipeline p --target orders\nselect amont from orders", "amount"),
    (f"{INGEST} --contract ordrs", "orders"),
    (f"{INGEST} --contract OrderBronze", "OrdersBronze"),
    (f"{INGEST} --schedule '0 6 * * ? *' --timezone Europe/Berln", "Europe/Berlin"),
    (f"{INGEST} --option nulValue=NA", "nullValue"),
    ("%alur_pipeline p --from '{foldr}/*.csv' --target orders", "folder"),
    ("%alur_preview {foldr}", "folder"),
    ("%%alur_table x\nid strng", "string"),
    ("%%alur_table x --primary-key idd\nid string", "id"),
    ("%%alur_table x --partition-by crated_at\ncreated_at date", "created_at"),
    ("%%alur_table x --partition-by 'dya(created_at)'\ncreated_at date", "day"),
    ("%%alur_table x --partition-by 'day(crated_at)'\ncreated_at date", "created_at"),
]

# Every option of every magic, and every value that is one of a few, with a letter too many.
COMMANDS = working_commands()
OPTIONS = [
    (f"{command.name} {flag}x", flag)
    for command in COMMANDS
    for flag in command.options
    if flag.startswith("--") and f"{flag}x" not in command.options
]
VALUES = [
    (f"{command.name} x {one.flags[-1]} {choice}x", choice)
    for command in COMMANDS
    for one in command.arguments
    for choice in one.choices
    if one.flags
]


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A notebook with a table, its ingestion, a name, and two environments."""
    Path("alur.toml").write_text(TOML)
    Path("shop.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    for name, cell in (("a", TABLE), ("b", INGEST), ("c", "folder = 'landing'")):
        notebook.ok(cell, name)
    return notebook


@pytest.mark.parametrize(("cell", "meant"), NAMES, ids=[cell for cell, _ in NAMES])
def test_a_name_that_nearly_fits_is_suggested(shop: Notebook, cell: str, meant: str) -> None:
    shop.run(cell)
    assert isinstance(shop.error, AlurError), shop.error
    assert f"did you mean `{meant}`?" in shop.error.message


def test_an_option_or_a_value_that_nearly_fits_is_suggested(shop: Notebook) -> None:
    assert len(OPTIONS) > 30
    assert len(VALUES) > 15
    for cell, meant in OPTIONS + VALUES:
        shop.run(cell)
        assert isinstance(shop.error, AlurError), cell
        assert f"did you mean `{meant}`?" in shop.error.message, cell


def test_where_nothing_is_near_what_is_there_is_listed(shop: Notebook) -> None:
    for cell, listed in (
        ("%alur_table zzz", "bronze.orders"),
        ("%alur_preview zzz", "ingest_orders"),
        ("%alur_run ingest_orders --env zzz", "staging"),
        ("%alur_export --env zzz", "production"),
        (f"{INGEST} --option zzz=1", "nullValue"),
        (f"{INGEST} --format zzz", "parquet"),
        (f"{INGEST} --target zzz", "OrdersBronze"),
    ):
        shop.run(cell)
        assert isinstance(shop.error, AlurError), cell
        assert listed in str(shop.error), cell
