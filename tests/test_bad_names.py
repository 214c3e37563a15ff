"""Names and texts that Python takes and AWS, HCL or a file name would not: refused with the next step, or carried over."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from alur_nb import BronzeTable, IntegerField, files, pipeline
from alur_nb.authoring.terraform import tfvars, write_terraform
from alur_nb.runtime.errors import DeclarationError, SettingsError
from alur_nb.runtime.project import Project
from tests.authoring.terraform_cases import DEV, NASTY, SHOP

BAD = {
    "quote": 'or"ders',
    "template": "or${x}",
    "directive": "or%{ if true }",
    "newline": "or\nders",
    "emoji": "or🎉ders",
    "300 letters": "o" * 300,
}


def declare(**meta: str) -> type:
    body: dict[str, Any] = {"id": IntegerField(), "Meta": type("Meta", (), meta), "__module__": "__main__"}
    return type("OrdersBronze", (BronzeTable,), body)


@pytest.mark.parametrize("case", BAD)
def test_a_tables_name_is_refused_with_one_that_fits(project: Project, case: str) -> None:
    with pytest.raises(DeclarationError, match=r"OrdersBronze: .* is not a table's name") as caught:
        declare(name=BAD[case])
    better = str(caught.value.fix).partition('"')[2].rstrip('"')
    assert len(caught.value.message) < 250
    declare(name=better)
    assert list(project.tables) == [f"bronze.{better}"]


@pytest.mark.parametrize("case", BAD)
def test_a_pipelines_name_is_refused_with_one_that_fits(project: Project, case: str) -> None:
    table = declare()

    def ingest(name: str) -> None:
        @pipeline(sources={"orders": files("orders/*.csv")}, target=table, name=name)
        def ingest_orders(orders: Any) -> Any:
            return orders

    with pytest.raises(DeclarationError, match="is not a pipeline's name") as caught:
        ingest(BAD[case])
    better = str(caught.value.fix).partition('name="')[2].rstrip('")')
    assert len(caught.value.message) < 250
    ingest(better)
    assert list(project.pipelines) == [better]


@pytest.mark.parametrize("case", BAD)
def test_a_tag_that_aws_refuses_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    # AWS takes 256 letters in a tag's value and 128 in its name (IAM user guide, "Rules for tagging").
    for tags in ({"Team": BAD[case]}, {BAD[case]: "shop"}):
        with pytest.raises(SettingsError, match=r"\[env.dev.tags\] .* is no tag that AWS takes") as caught:
            write_terraform(tmp_path / "terraform", SHOP, dataclasses.replace(DEV, tags=tags))
        assert "at most 128 for the name, 256 for the value" in str(caught.value.fix)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("case", BAD)
def test_a_projects_name_is_made_fit_or_refused(case: str) -> None:
    lake = {**SHOP, "project": BAD[case]}
    if case == "300 letters":
        with pytest.raises(SettingsError, match="cannot name AWS resources") as caught:
            tfvars(lake, DEV)  # type: ignore[arg-type]
        assert "project.name" in str(caught.value.fix)
    else:
        assert set(tfvars(lake, DEV)["project"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")  # type: ignore[arg-type]


def test_a_description_arrives_whole_whatever_is_in_it() -> None:
    told = json.loads(json.dumps(tfvars(SHOP, DEV)))["pipelines"]["ingest_orders"]["description"]
    assert told.split() == NASTY.split()
