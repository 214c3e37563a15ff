"""`alur deploy`, `run`, `status` and `destroy` with the real program, its state in S3, and a server in place of AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.definitions import compare_environments
from alur_nb.authoring.deploy import Deployment
from alur_nb.authoring.destroy import destroy, plan_destroy
from alur_nb.authoring.job_runs import run_job
from alur_nb.authoring.manifest import Manifest, write_manifest
from alur_nb.authoring.schedule_times import deployed_schedules
from alur_nb.authoring.status import status
from alur_nb.runtime.aws import client
from alur_nb.runtime.errors import DeployError
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment, Settings
from tests.authoring.terraform_cases import at, manifest, pipeline, source
from tests.integration.aws import ACCOUNT, use_aws
from tests.terraform.rehearsal import Rehearsal

pytestmark = pytest.mark.slow

# The server is on one address, where a bucket is a folder; and it knows no account of these keys.
BACKEND = {"use_path_style": True, "skip_credentials_validation": True, "skip_requesting_account_id": True}
DEV = Environment(
    "dev",
    landing="s3://acme-landing-dev/",
    create_landing=True,
    region="eu-central-1",
    account_id=ACCOUNT,
    bucket="acme",
    backend=BACKEND,
)
SMALL = manifest(
    ingest_orders=pipeline(
        "ingest_orders",
        "bronze.orders",
        source(patterns=["orders/*.csv"]),
        schedule=at("0 6 * * ? *", timezone="Europe/Berlin"),
    ),
)
STATE = f"acme-dev-tfstate-{ACCOUNT}"


@pytest.fixture
def deployment(
    provider_settings: Path, tmp_path: Path, glue_server: str, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """A deploy of a small lake whose bundle is on disk; nothing is there yet."""
    use_aws(glue_server, monkeypatch)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(provider_settings))
    monkeypatch.setenv("TF_DISABLE_PLUGIN_TLS", "1")
    monkeypatch.setenv("STAND_IN_ENDPOINT", glue_server)
    lay(tmp_path, provider_settings, SMALL)
    settings = Settings(tmp_path, "Shop", environments={"dev": DEV})
    return Deployment(Cloud(settings, DEV))


def lay(folder: Path, provider_settings: Path, lake: Manifest) -> None:
    rehearsal = Rehearsal(folder / "bundle", provider_settings)
    rehearsal.write(lake, DEV)
    # The state goes where a deploy puts it.
    (rehearsal.module / "backend_override.tf.json").unlink()
    write_manifest(rehearsal.folder, lake)


def make_state_bucket() -> None:
    """Make the state's bucket without its policy: the server reads no conditions, and would let nobody in."""
    s3 = client("s3")
    s3.create_bucket(Bucket=STATE, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket=STATE, VersioningConfiguration={"Status": "Enabled"})


def buckets() -> set[str]:
    return {one["Name"] for one in client("s3").list_buckets()["Buckets"]}


def test_an_environment_from_its_first_plan_to_its_end(deployment: Deployment) -> None:
    deployment.look()
    first = deployment.plan(is_last=True)
    assert first.count("create") == len(first.changes) > 40
    assert [job.runs_a_month for job in first.estimate.jobs] == [30]
    assert buckets() == set()

    make_state_bucket()
    assert deployment.plan().count("create") == len(first.changes)
    report = deployment.apply()
    assert dict(report.jobs) == {"ingest_orders": "shop-dev-ingest_orders"}
    assert report.changes == len(first.changes)
    assert {STATE, "acme-landing-dev", f"acme-dev-bronze-{ACCOUNT}"} <= buckets()
    keys = [one["Key"] for one in client("s3").list_objects_v2(Bucket=STATE)["Contents"]]
    assert keys == ["shop-dev/terraform.tfstate"]

    # The next one has nothing to do.
    assert deployment.plan().changes == ()
    watch(deployment)
    take_down(deployment)


def watch(deployment: Deployment) -> None:
    """What operates an environment finds what the module has made, by the same names."""
    cloud = deployment.cloud
    assert run_job(cloud, "ingest_orders").ok
    (line,) = deployed_schedules(cloud).lines
    assert (line.pipeline, line.timezone, len(line.times)) == ("ingest_orders", "Europe/Berlin", 3)
    found = status(cloud, Project(), deployment.bundle)
    (job,) = found.pipelines
    assert job.last is not None and job.last.state == "SUCCEEDED"
    # The case's manifest has a hash of its own, which is not that of the script beside it.
    assert job.drift == ("other script",)
    assert compare_environments(cloud, cloud).ok


def take_down(deployment: Deployment) -> None:
    client("s3").put_object(Bucket="acme-landing-dev", Key="orders/1.csv", Body=b"id\n1\n")
    plan, held = plan_destroy(deployment)
    assert [one.place for one in held] == ["bucket acme-landing-dev"]
    assert "DATA AT RISK" in str(plan)
    client("s3").delete_object(Bucket="acme-landing-dev", Key="orders/1.csv")
    report = destroy(deployment, plan)
    assert report.destroyed == len(plan.changes)
    assert STATE in str(report)
    assert deployment.plan(destroy=True).changes == ()


def test_an_apply_that_dies_in_the_middle_goes_on_where_it_stopped(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_state_bucket()
    planned = len(deployment.plan().changes)
    monkeypatch.setenv("STAND_IN_FAILS", "aws_glue_job")
    with pytest.raises(DeployError, match=r"The apply stopped after \d+ of \d+ steps") as caught:
        deployment.apply()
    assert "the rehearsal fails here" in str(caught.value)
    monkeypatch.delenv("STAND_IN_FAILS")
    rest = deployment.plan()
    assert 0 < len(rest.changes) < planned
    assert dict(deployment.apply().jobs) == {"ingest_orders": "shop-dev-ingest_orders"}


def test_a_state_that_somebody_holds_is_told(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    from alur_nb.authoring import terraform_run

    monkeypatch.setattr(terraform_run, "_LOCK_WAIT", "0s")
    make_state_bucket()
    deployment.plan()
    info: Any = '{"ID": "11111111-2222", "Operation": "OperationTypeApply", "Who": "ada@laptop", "Created": "2026-03-01T12:00:00Z"}'
    client("s3").put_object(Bucket=STATE, Key="shop-dev/terraform.tfstate.tflock", Body=info.encode())
    with pytest.raises(DeployError, match="locked by ada@laptop") as caught:
        deployment.plan()
    assert "force-unlock 11111111-2222" in str(caught.value)


def test_a_changed_size_is_a_change_and_a_dropped_pipeline_loses_no_data(
    deployment: Deployment, provider_settings: Path
) -> None:
    make_state_bucket()
    deployment.plan()
    deployment.apply()
    grown = manifest(
        ingest_orders=pipeline(
            "ingest_orders", "bronze.orders", source(patterns=["orders/*.csv"]), glue={"number_of_workers": 5}
        )
    )
    lay(deployment.cloud.settings.root, provider_settings, grown)
    plan = deployment.plan()
    changed = {one.kind: one for one in plan.changes if one.action == "change"}
    assert "number_of_workers" in changed["aws_glue_job"].attributes
    assert plan.count("destroy") > 0
    assert plan.risks == ()
