"""The module itself: formatted, valid, and looked over by those who look for holes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from alur_nb.authoring.templates import deploy_templates
from tests.terraform.build_schema import OUT, used_types
from tests.terraform.cases import LAKE, SETTINGS
from tests.terraform.rehearsal import HERE, Rehearsal, planned, rehearsal_python

MODULE = deploy_templates() / "terraform"


def test_the_schema_has_the_types_of_the_module_and_no_other() -> None:
    assert sorted(json.loads(OUT.read_text(encoding="utf-8"))["resources"]) == used_types()


@pytest.mark.slow
def test_it_is_formatted_and_valid(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, SETTINGS)
    assert rehearsal.run("fmt", "-check", "-recursive", "-no-color") == ""
    rehearsal.init()
    assert json.loads(rehearsal.run("validate", "-json"))["diagnostics"] == []


@pytest.mark.slow
def test_it_keeps_its_promises_by_terraforms_own_tests(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, SETTINGS)
    shutil.copy(HERE / "module.tftest.hcl", rehearsal.module)
    rehearsal.init()
    assert re.search(r"3 passed, 0 failed", rehearsal.run("test", "-no-color"))


@pytest.mark.slow
def test_it_names_a_place_for_its_state_that_terraform_takes(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, SETTINGS)
    (rehearsal.module / "backend_override.tf.json").unlink()
    rehearsal.run("init", "-backend=false", "-input=false", "-no-color")
    assert json.loads(rehearsal.run("validate", "-json"))["diagnostics"] == []


@pytest.mark.slow
def test_checkov_finds_nothing_but_what_is_skipped_with_a_reason() -> None:
    checkov = rehearsal_python().with_name("checkov")
    options = ["--framework", "terraform", "--skip-download", "--output", "json", "--compact"]
    done = subprocess.run(
        [checkov, "--directory", MODULE, *options], capture_output=True, text=True, check=False, timeout=300
    )
    results = json.loads(done.stdout)["results"]
    assert [(one["check_id"], one["resource"]) for one in results["failed_checks"]] == []
    assert len(results["passed_checks"]) > 100
    skipped = results["skipped_checks"]
    assert all(len(one["check_result"]["suppress_comment"]) > 20 for one in skipped), skipped


# Each policy that the module plans, through parliament, which knows every service's actions.
_PARLIAMENT = """
import json, sys, parliament
for name, text in json.load(sys.stdin).items():
    for finding in parliament.analyze_policy_string(text).findings:
        print(json.dumps([name, finding.issue, str(finding.detail)]))
"""


def policies(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for address, values in planned(plan).items():
        if address.startswith("aws_iam_role_policy.") and "policy" in values:
            yield address, values["policy"]


@pytest.mark.slow
def test_parliament_knows_every_action(lake_plan: dict[str, Any]) -> None:
    found = dict(policies(lake_plan))
    assert len(found) == len(LAKE["pipelines"]) + 1
    statement = {"Effect": "Allow", "Resource": "*", "Action": "dynamodb:TransactWriteItems"}
    wrong = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    told = [json.loads(line) for line in _analysed({**found, "wrong": wrong}).splitlines()]
    assert [name for name, issue, _ in told if issue == "UNKNOWN_ACTION"] == ["wrong"]
    assert not [one for one in told if one[0] != "wrong"], told


def _analysed(found: dict[str, str]) -> str:
    done = subprocess.run(
        [rehearsal_python(), "-W", "ignore", "-c", _PARLIAMENT],
        input=json.dumps(found),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
