"""A plan shows what it will do to an Iceberg table before it does it; from the table's files alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb.authoring.planning import plan
from alur_nb.runtime import context
from alur_nb.runtime.aws import client
from alur_nb.runtime.iceberg_schema import stored_fields, wanted_properties
from alur_nb.runtime.pipelines import new, pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import BronzeTable, SilverTable, Table, table_of
from alur_nb.runtime.types import LongField, StringField
from alur_nb.runtime.workspace import Workspace, open_workspace
from tests.integration.aws import ACCOUNT, REGION, use_aws
from tests.integration.test_operate import make_ledger

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


def metadata_of(table: Table) -> str:
    """The metadata of a table that was made from this contract."""
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
    return json.dumps(metadata)


def store(workspace: Workspace, table: Table) -> None:
    """Write it into the embedded lake."""
    folder = workspace.settings.warehouse / "silver" / table.name / "metadata"
    folder.mkdir(parents=True)
    (folder / "v1.metadata.json").write_text(metadata_of(table))


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


BUCKET = f"shop-dev-silver-{ACCOUNT}"
DEPLOYED = f'[project]\nname = "shop"\n[env.dev]\nregion = "{REGION}"\naccount_id = "{ACCOUNT}"\n'


@pytest.fixture
def dev(workspace: Workspace, glue_server: str, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The project's environment `dev`, where nothing has run yet."""
    (workspace.settings.root / "alur.toml").write_text(DEPLOYED)
    use_aws(glue_server, monkeypatch)
    make_ledger("shop-dev-ledger")
    client("glue").create_database(DatabaseInput={"Name": "shop_dev_silver"})
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return open_workspace(workspace.settings.root, "dev")


def register(**parameters: str) -> None:
    """Name the table in Glue's catalog."""
    made = {"Name": "clean", "Parameters": parameters, "StorageDescriptor": {"Columns": []}}
    client("glue").create_table(DatabaseName="shop_dev_silver", TableInput=made)


@pytest.mark.slow
def test_a_deployed_table_is_looked_up_in_glues_catalog(dev: Workspace, project: Project) -> None:
    table = declared(project)
    made = plan(project, "clean_rows", workspace=dev)
    (change,) = made.to_dict()["table_changes"]
    assert "`alur`.`shop_dev_silver`.`clean`" in change["statement"]
    assert f"LOCATION 's3://{BUCKET}/clean'" in change["statement"]

    client("s3").put_object(Bucket=BUCKET, Key="clean/metadata/1.json", Body=metadata_of(table))
    register(metadata_location=f"s3://{BUCKET}/clean/metadata/1.json")
    assert plan(project, "clean_rows", workspace=dev).to_dict()["table_changes"] == []
    declared(project, note=StringField())
    (change,) = plan(project, "clean_rows", workspace=dev).to_dict()["table_changes"]
    assert change["text"] == "adds `note` string"
    assert change["statement"].startswith("ALTER TABLE `alur`.`shop_dev_silver`.`clean` ADD COLUMN")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "is in the catalog, and is no Iceberg table"),
        ({"metadata_location": f"s3://{BUCKET}/gone.json"}, f"Reading s3://{BUCKET}/gone.json: "),
    ],
)
def test_a_table_that_cannot_be_read_is_a_note_of_the_plan(
    dev: Workspace, project: Project, parameters: dict[str, str], said: str
) -> None:
    declared(project)
    register(**parameters)
    report = plan(project, "clean_rows", workspace=dev)
    assert "note: What would change in silver.clean is not known: " in str(report) and said in str(report)
    assert report.verdict == "nothing new"
