"""A shop to complete names of, and the `|` that marks the cursor in a cell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alur_nb
from alur_nb.runtime.project import Project, use_project
from alur_nb.ui.completions import complete
from alur_nb.ui.completions_names import Known, Offers
from alur_nb.ui.magics import all_magics

__all__ = ["KNOWN", "TABLES", "at", "shop_folder", "texts"]

TABLES = ["customers", "bronze.customers", "bronze.orders", "silver.orders"]
TOML = """
[env.dev]
landing = "s3://acme-landing/dev"
[env.prod]
landing = "s3://acme-landing/prod"
[profiles.large]
worker_type = "G.2X"
"""


def shop() -> Known:
    """Return what a kernel knows that has declared four tables, two of one name, and two pipelines."""
    project = Project()
    with use_project(project):

        class OrdersBronze(alur_nb.BronzeTable):
            id = alur_nb.IntegerField()
            amount = alur_nb.DecimalField(10, 2)
            placed_at = alur_nb.TimestampField()

        class CustomersBronze(alur_nb.BronzeTable):
            id = alur_nb.IntegerField()
            name = alur_nb.StringField()

        class OrdersSilver(alur_nb.SilverTable):
            id = alur_nb.IntegerField()
            total = alur_nb.DecimalField(10, 2)

            class Meta:
                primary_key = "id"

        @alur_nb.pipeline(
            sources={"orders": alur_nb.files("s3://acme-landing/dev/orders/*.csv")}, target=OrdersBronze
        )
        def ingest_orders(orders: Any) -> Any:
            return orders

        @alur_nb.pipeline(sources={"orders": alur_nb.new(OrdersBronze)}, target=OrdersSilver)
        def clean_orders(orders: Any) -> Any:
            return orders

    working = all_magics()
    commands = {magic.name: magic.command for magic in working}
    return Known(commands, [magic.name for magic in working if magic.kind != "line"], project)


KNOWN = shop()


@pytest.fixture(autouse=True, scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project's folder with landing files, the working directory of these tests."""
    made, before = tmp_path_factory.mktemp("shop"), Path.cwd()
    for name in ("data/orders/2026", "data/my files", "notebooks", "data/.hidden"):
        (made / name).mkdir(parents=True)
    (made / "data/orders/1.csv").write_text("id\n1\n")
    (made / "notebooks/a.ipynb").write_text("{}")
    (made / "notebooks/notes.txt").write_text("")
    (made / "alur.toml").write_text(TOML)
    os.chdir(made)
    yield made
    os.chdir(before)


def at(marked: str, known: Known = KNOWN) -> Offers | None:
    """Complete at the `|` of a cell."""
    before, _, after = marked.partition("|")
    return complete(before + after, before.count("\n"), len(before.rpartition("\n")[2]), known)


def texts(marked: str, known: Known = KNOWN) -> list[str]:
    """Return the texts that are offered at the `|`."""
    found = at(marked, known)
    return [one.text for one in found.offers] if found is not None else []
