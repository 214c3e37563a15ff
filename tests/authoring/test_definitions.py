"""What deployed pipelines are made of, compared: two environments, and a job with the bundle on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alur_nb.authoring.definitions import (
    bundle_facts,
    bundle_of,
    compare_environments,
    differences,
    job_facts,
)
from alur_nb.authoring.jobs import Job
from alur_nb.runtime.settings import Environment
from tests.authoring.clouds import cloud, refused


def definition(environment: str, pipeline: str = "ingest_orders", **more: Any) -> dict[str, Any]:
    argument = {"project": "shop", "environment": environment, "parameters": more.pop("parameters", {})}
    return {
        "Name": f"shop-{environment}-{pipeline}",
        "Command": {
            "ScriptLocation": f"s3://shop-{environment}/jobs/{pipeline}-{more.pop('hash', '0' * 16)}.py"
        },
        "DefaultArguments": {
            "--alur": json.dumps(argument),
            "--extra-py-files": f"s3://shop-{environment}/lib/alur_nb-0.1.0-{'1' * 16}.zip",
        },
        "GlueVersion": "5.1",
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "Timeout": 60,
        "MaxRetries": 0,
        **more,
    }


def opened(tmp_path: Path, name: str, *jobs: dict[str, Any]) -> Any:
    answers = {
        "glue.get_jobs": {"Jobs": list(jobs)},
        "scheduler.list_schedules": refused("ResourceNotFoundException"),
    }
    return cloud(tmp_path, answers, Environment(name, region="eu-central-1"))[0]


def test_the_same_definition_in_other_buckets_is_no_difference(tmp_path: Path) -> None:
    found = compare_environments(
        opened(tmp_path, "dev", definition("dev")), opened(tmp_path, "prod", definition("prod"))
    )
    assert found.ok
    assert str(found) == "dev and prod: 1 pipeline, no difference"


def test_each_fact_that_differs_is_a_row(tmp_path: Path) -> None:
    found = compare_environments(
        opened(
            tmp_path,
            "dev",
            definition("dev", hash="a" * 16, parameters={"limit": 1}),
            definition("dev", "clean"),
        ),
        opened(
            tmp_path, "prod", definition("prod", hash="b" * 16, NumberOfWorkers=10, ExecutionClass="FLEX")
        ),
    )
    assert not found.ok
    assert [(one.pipeline, one.fact, one.left, one.right) for one in found.differences] == [
        ("clean", "job", "deployed", "not deployed"),
        ("ingest_orders", "execution class", "STANDARD", "FLEX"),
        ("ingest_orders", "parameters", '{"limit": 1}', ""),
        ("ingest_orders", "script", "a" * 16, "b" * 16),
        ("ingest_orders", "workers", "2 G.1X", "10 G.1X"),
    ]
    assert found.to_dict()["differences"][0] == {
        "pipeline": "clean",
        "fact": "job",
        "dev": "deployed",
        "prod": "not deployed",
    }


def test_a_bundle_has_the_facts_of_the_job_that_it_became() -> None:
    glue = {
        "number_of_workers": 2,
        "worker_type": "G.1X",
        "execution_class": "STANDARD",
        "timeout_minutes": 60,
        "max_retries": 0,
    }
    manifest: Any = {"pipelines": {"ingest_orders": {"hash": "0" * 64, "glue": glue}}}
    wanted = bundle_facts(manifest)
    job = job_facts(Job("ingest_orders", "shop-dev-ingest_orders", definition("dev")))
    there = {fact: job[fact] for fact in wanted["ingest_orders"]}
    assert differences(wanted, {"ingest_orders": there}) == ()


def test_the_bundle_of_another_environment_is_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"environment": "dev", "files": {}}))
    assert bundle_of(tmp_path, "dev") is not None
    assert bundle_of(tmp_path, "prod") is None
