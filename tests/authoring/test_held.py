"""How many rows a table holds: its batches' sum where they add up, else Iceberg's count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb.authoring.held import rows_held
from alur_nb.authoring.report_facts import status
from alur_nb.runtime.ledger import Batch, live
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.write_modes import Publication
from alur_nb.ui.last_batches import table_states
from tests.ui.ledgers import note_batch

MERGE = Publication("iceberg", "merge", ("id",))
TABLE = "silver.orders"


def note(workspace: Workspace, how: Publication, *rows: int) -> list[Batch]:
    for count in rows:
        note_batch(workspace.ledger, TABLE, counts={"rows": count}, publication=how)
    return live(workspace.ledger.batches(TABLE))


def write_metadata(workspace: Workspace, **summary: str) -> None:
    """Lay what Iceberg writes beside a table's files, as far as it is read here."""
    folder = workspace.settings.warehouse / "silver" / "orders" / "metadata"
    folder.mkdir(parents=True)
    snapshot = {"snapshot-id": 7, "timestamp-ms": 0, "summary": {"operation": "overwrite", **summary}}
    metadata: dict[str, Any] = {
        "schemas": [{"schema-id": 0, "fields": []}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "current-snapshot-id": 7,
        "snapshots": [snapshot],
    }
    (folder / "v2.metadata.json").write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    "how", [Publication(), Publication("iceberg"), Publication("iceberg", "overwrite")], ids=str
)
def test_batches_that_stand_side_by_side_add_up(workspace: Workspace, how: Publication) -> None:
    assert rows_held(workspace, note(workspace, how, 3, 4)) == 7
    assert rows_held(workspace, []) == 0


@pytest.mark.parametrize(
    "how", [MERGE, Publication("iceberg", "overwrite", partitions=("country",))], ids=str
)
def test_where_batches_replace_rows_iceberg_has_counted(workspace: Workspace, how: Publication) -> None:
    alive = note(workspace, how, 3, 4)
    assert rows_held(workspace, alive) is None
    write_metadata(workspace, **{"total-records": "5", "total-position-deletes": "0"})
    assert rows_held(workspace, alive) == 5


def test_what_is_not_known_is_not_guessed(workspace: Workspace) -> None:
    alive = note(workspace, MERGE, 3)
    write_metadata(workspace, **{"total-records": "5", "total-equality-deletes": "1"})
    assert rows_held(workspace, alive) is None
    (workspace.settings.warehouse / "silver" / "orders" / "metadata" / "v3.metadata.json").write_text("{")
    assert rows_held(workspace, alive) is None


def test_of_a_deployed_table_it_is_not_known(workspace: Workspace) -> None:
    from dataclasses import replace

    alive = note(workspace, MERGE, 3)
    write_metadata(workspace, **{"total-records": "5"})
    assert rows_held(replace(workspace, environment=Environment("dev")), alive) is None


def test_the_glance_and_the_report_say_it(workspace: Workspace, project: Project) -> None:
    from tests.authoring.test_preview_merged import things

    things(1)
    note_batch(workspace.ledger, "silver.things", counts={"rows": 3}, publication=MERGE)
    assert table_states(["silver.things"])["silver.things"].holds == "an unknown number of rows in 1 batch"
    (found,) = status(project, workspace=workspace).tables
    assert (found.rows, found.rows_text) == (None, "")
    assert "silver.things: no rule, 0 minutes old\n" in str(status(project, workspace=workspace))
