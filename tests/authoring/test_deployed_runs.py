"""`run(name, env=...)`: the job of a deployed environment, started and followed as `alur run --env` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import alur_nb
from alur_nb.authoring import deployed_runs
from alur_nb.authoring.deployed_runs import run_deployed, still_runs
from alur_nb.authoring.job_runs import DeployedRun
from alur_nb.runtime.calling import Event
from alur_nb.runtime.errors import DeployError, NotYetSupportedError, SettingsError
from tests.authoring.clouds import Clients, cloud
from tests.authoring.test_jobs import answers

TOML = '[project]\nname = "shop"\n[env.dev]\nregion = "eu-central-1"\n'


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """A project in the working directory, and what its environment `dev` answers."""
    (tmp_path / "alur.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    there, clients = cloud(tmp_path, answers("SUCCEEDED"))
    monkeypatch.setattr(deployed_runs, "open_cloud", lambda settings, env: there)
    return clients


def ingest_orders(orders: Any) -> Any:
    return orders


@pytest.mark.parametrize("name", ["ingest_orders", ["ingest_orders"], ingest_orders])
def test_it_starts_the_job_and_tells_each_state(aws: Clients, name: Any) -> None:
    events: list[Event] = []
    report = alur_nb.run(name, env="dev", on_event=events.append)
    assert isinstance(report, DeployedRun)
    assert (report.ok, [run.state for run in report.runs]) == (True, ["SUCCEEDED"])
    assert [(one.pipeline, one.step) for one in events] == [
        ("ingest_orders", "started, run jr_1"),
        ("ingest_orders", "SUCCEEDED: succeeded"),
    ]


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"])
def test_a_bad_end_is_in_the_report(aws: Clients, state: str) -> None:
    aws.answers |= answers(state)
    report = alur_nb.run("ingest_orders", env="dev")
    assert not report.ok
    assert str(report).startswith("run on dev: failed\n")
    assert f"jr_1  {state}" in str(report)


def test_without_following_it_is_only_started(aws: Clients) -> None:
    report = alur_nb.run("ingest_orders", env="dev", follow=False)
    assert "follow: alur logs ingest_orders --env dev --follow" in str(report)
    assert not aws.requests("glue.get_job_run")


def test_downstream_starts_the_workflow(aws: Clients) -> None:
    aws.answers["glue.start_workflow_run"] = {"RunId": "wr_1"}
    alur_nb.run("ingest_orders", env="dev", downstream=True, follow=False)
    assert aws.requests("glue.start_workflow_run") == [{"Name": "shop-dev-ingest_orders"}]
    assert not aws.requests("glue.start_job_run")


def test_an_interrupt_leaves_the_job_running_and_says_so(aws: Clients) -> None:
    aws.answers["glue.get_job_run"] = interrupted
    with pytest.raises(KeyboardInterrupt) as caught:
        alur_nb.run("ingest_orders", env="dev")
    assert caught.value.__notes__ == [still_runs("ingest_orders", "dev")]
    assert "alur run ingest_orders --env dev --stop" in caught.value.__notes__[0]


def interrupted(**request: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("a", {"full": True, "since": "2026-01-01"}, NotYetSupportedError, "run(): full, since works on"),
        ("a", {"upstream": True}, NotYetSupportedError, "run(): upstream works on"),
        (all, {}, DeployError, "takes one pipeline"),
        ("all", {}, DeployError, "takes one pipeline"),
        (["a", "b"], {}, DeployError, "takes one pipeline"),
    ],
)
def test_what_a_job_cannot_do_is_refused_before_anything_is_asked(
    aws: Clients, name: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        alur_nb.run(name, env="dev", **options)
    assert message in str(caught.value)
    assert caught.value.fix  # type: ignore[attr-defined]
    assert aws.asked == []


def test_an_environment_that_is_not_there_is_named(aws: Clients) -> None:
    with pytest.raises(SettingsError, match="There is no environment `staging`"):
        alur_nb.run("ingest_orders", env="staging")


def test_parameters_do_not_go_with_a_workflow_and_the_way_round_is_told(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path)
    with pytest.raises(DeployError, match="-p has no effect with --downstream") as caught:
        run_deployed(there, "ingest_orders", {"limit": 5}, downstream=True)
    assert "alur run ingest_orders --env dev -p limit=5" in str(caught.value.fix)
    assert "[env.dev.parameters]" in str(caught.value.fix)
    assert clients.asked == []
