"""A plan shows what it will do to an Iceberg table before it does it; from the table's files alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb.authoring.planning import plan
from alur_nb.runtime import context
from alur_nb.runtime.iceberg_schema import stored_fields, wanted_properties
from alur_nb.runtime.pipelines import new, pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import BronzeTable, SilverTable, Table, table_of
from alur_nb.runtime.types import LongField, StringField
from alur_nb.runtime.workspace import Workspace

ICEBERG = {"bigint": "long", "timestamp": "timestamptz"}


@pytest.fixture(autouse=True)
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "get_spark_session", lambda: pytest.fail("Spark was started"))


def declared(project: Project, **columns: Any) -> Table:
    """A silver table with these columns beside its key, and the pipeline that fills it."""
    fields = {"id": LongField(), **columns}
    raw = type("RawBronze", (BronzeTable,), fields)
    clean = type("CleanSilver", (SilverTable,), {**fields, "Meta": type("Meta", (), {"primary_key": "id"})})

    def clean_rows(raw: Any) -> Any:
        return raw

    pipeline(sources={"raw": new(raw)}, target=clean)(clean_rows)
    return table_of(clean)


def store(workspace: Workspace, table: Table) -> None:
    """Write the metadata of a table that was made from this contract."""
    fields = [
        {
            "id": index,
            "name": name,
            "required": not field.nullable or name in table.primary_key,
            "type": ICEBERG.get(field.ddl, field.ddl),
            **({"doc": field.description} if field.description else {}),
        }
        for index, (name, field) in enumerate(stored_fields(table).items(), 1)
    ]
    metadata = {
        "schema": {"fields": fields},
        "properties": wanted_properties(table),
        "current-snapshot-id": -1,
    }
    folder = workspace.settings.warehouse / "silver" / table.name / "metadata"
    folder.mkdir(parents=True)
    (folder / "v1.metadata.json").write_text(json.dumps(metadata))


def test_a_table_that_is_not_there_is_told_to_be_made(workspace: Workspace, project: Project) -> None:
    declared(project)
    report = plan(project, "clean_rows", workspace=workspace)
    assert "changes the table: creates it as an Iceberg table" in str(report)
    assert report.to_dict()["table_changes"][0]["statement"].startswith(
        "CREATE TABLE IF NOT EXISTS `alur`.`silver`."
    )


def test_a_table_that_fits_is_not_spoken_of(workspace: Workspace, project: Project) -> None:
    store(workspace, declared(project))
    report = plan(project, "clean_rows", workspace=workspace)
    assert report.to_dict()["table_changes"] == [] and not report.refusals


def test_what_will_be_changed_is_shown_with_its_statement(workspace: Workspace, project: Project) -> None:
    store(workspace, declared(project))
    declared(project, note=StringField())
    report = plan(project, "clean_rows", workspace=workspace)
    assert "changes the table: adds `note` string" in str(report)
    (change,) = report.to_dict()["table_changes"]
    assert change["statement"].endswith("ADD COLUMN `note` string AFTER `id`")


def test_what_cannot_be_changed_is_a_refusal(workspace: Workspace, project: Project) -> None:
    store(workspace, declared(project, note=StringField()))
    declared(project)
    report = plan(project, "clean_rows", workspace=workspace)
    assert report.verdict == "a run would refuse this and load nothing"
    assert "refused: silver.clean cannot follow its contract: `note` string is in the table" in str(report)
    assert "DROP COLUMN `note`" in str(report)
