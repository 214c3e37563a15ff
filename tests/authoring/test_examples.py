"""Examples speak of what the project has declared, and of `orders` where there is nothing yet."""

from __future__ import annotations

import alur_nb
from alur_nb.authoring.commands import pipeline_command, table_command
from alur_nb.authoring.examples import in_own_names
from alur_nb.authoring.unfold import unfold
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import StringField
from alur_nb.runtime.workspace import Workspace

ALL = "$table $target $ingestion $pattern $pipeline $free $environment"


def table(name: str, layer: str = "bronze") -> Table:
    return Table(layer, name, f"{name.title()}{layer.title()}", {"id": StringField()})  # type: ignore[arg-type]


def load(project: Project, target: Table, pattern: str) -> None:
    alur_nb.pipeline(sources={"rows": alur_nb.files(pattern)}, target=target, name=f"load_{target.name}")(
        _loaded
    )


def _loaded(rows: object) -> object:
    return rows


def test_an_empty_project_is_spoken_to_of_orders(workspace: Workspace, project: Project) -> None:
    assert in_own_names(ALL) == "orders OrdersBronze ingest_orders 'orders/*.csv' ingest_orders orders dev"


def test_a_table_that_nobody_fills_is_what_an_ingestion_is_shown_for(
    workspace: Workspace, project: Project
) -> None:
    project.declare_table(table("orders"))
    project.declare_table(table("visits"))
    load(project, project.table("orders"), "o/{2024,2025}*.csv")
    project.declare_table(table("late"))
    (workspace.settings.root / "alur.toml").write_text('[env.prod]\nlanding = "s3://acme/"\n')
    words = "orders OrdersBronze load_orders 'o/{{2024,2025}}*.csv' load_orders customers prod"
    assert in_own_names(ALL) == words


def test_a_table_waits_for_its_ingestion(workspace: Workspace, project: Project) -> None:
    project.declare_table(table("visits"))
    assert in_own_names(ALL) == "visits VisitsBronze ingest_visits 'visits/*.csv' ingest_visits orders dev"


def test_a_name_of_two_tables_is_said_with_its_layer(workspace: Workspace, project: Project) -> None:
    project.declare_table(table("visits"))
    project.declare_table(table("visits", "silver"))
    assert in_own_names("$table") == "bronze.visits"


def test_a_wrong_settings_file_is_not_told_by_an_example(workspace: Workspace, project: Project) -> None:
    (workspace.settings.root / "alur.toml").write_text("[envv]\n")
    assert in_own_names("$environment") == "dev"


def test_the_examples_of_declaring_declare(workspace: Workspace, project: Project) -> None:
    project.declare_table(table("visits"))
    load(project, project.table("visits"), "it's {one}/*.csv")
    for magic, command in (("alur_table", table_command()), ("alur_pipeline", pipeline_command())):
        line, _, body = command.example.partition("\n")
        text = unfold(magic, line.partition(" ")[2], body or None, project, names=())
        assert "OrdersBronze" in text if magic == "alur_table" else "it's {one}/*.csv" in text
