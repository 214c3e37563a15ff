"""Where a deployed job's OpenLineage events go: the setting, the job's argument, its role."""

from __future__ import annotations

import dataclasses

import pytest

from alur_nb.authoring.terraform import tfvars
from alur_nb.runtime.errors import SettingsError
from tests.authoring.test_terraform import DEV, MODULE, SHOP


def test_the_place_is_a_variable_of_the_module() -> None:
    assert "openlineage" not in tfvars(SHOP, DEV)
    place = "s3://acme-lineage/events/"
    assert tfvars(SHOP, dataclasses.replace(DEV, openlineage=place))["openlineage"] == place


def test_a_file_of_the_job_is_refused() -> None:
    with pytest.raises(SettingsError, match="gone when it ends"):
        tfvars(SHOP, dataclasses.replace(DEV, openlineage="file:events.jsonl"))


def test_the_job_is_told_and_may_write_below_its_own_name_only() -> None:
    assert "openlineage            = var.openlineage" in (MODULE / "glue_jobs.tf").read_text()
    policy = (MODULE / "iam.tf").read_text()
    assert '"arn:${local.partition}:s3:::${statement.value}/${each.key}/*"' in policy
