"""A laid out project in its owner's CI: the workflow's steps pass as they stand, and a wrong row fails the test."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from alur_nb import cli_parser
from alur_nb.authoring.layout import lay_out
from tests.demo_run import ROOT, alur, outside_environment
from tests.integration.iceberg import FOLDER, INSTALL, jar
from tests.require import require_path

BLOCK = re.compile(r"^```(python|bash)\n(?:# (\S+)\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)
DEV = '\n[env.dev]\nregion = "eu-central-1"\nlanding = "s3://acme-landing/"\nbucket = "acme-lake"\n'


@dataclass(frozen=True, slots=True)
class Owned:
    """A project as its owner has it after the page on testing, and the jobs of its workflow."""

    root: Path
    jobs: dict[str, Any]

    def bash(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a step as the runner does: `bash -e` (GitHub, "Workflow syntax", `shell`)."""
        path = f"{Path(sys.executable).parent}:{outside_environment()['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.root,
            env=outside_environment(PATH=path, GITHUB_STEP_SUMMARY="summary.md", NO_COLOR="1"),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Owned:
    """Lay out the project, and write the page's files into it."""
    root = lay_out(tmp_path_factory.mktemp("ci") / "shop").root
    for language, name, text in BLOCK.findall((ROOT / "docs/testing.md").read_text(encoding="utf-8")):
        if language == "python":
            (root / name).write_text(text, encoding="utf-8")
    workflow = yaml.safe_load((root / ".github/workflows/alur.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    return Owned(root, workflow["jobs"])


def test_actions_are_pinned_and_only_deploying_may_ask_for_a_role(owned: Owned) -> None:
    steps = [step for job in owned.jobs.values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", one) for one in used)
    assert {name for name, job in owned.jobs.items() if "permissions" in job} == {"deploy"}
    assert owned.jobs["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "vars.ALUR_DEPLOY_ROLE != ''" in owned.jobs["deploy"]["if"]
    assert owned.jobs["deploy"]["needs"] == "check"


def test_every_command_of_the_workflow_is_understood(owned: Owned) -> None:
    runs = [step["run"] for job in owned.jobs.values() for step in job["steps"] if "run" in step]
    typed = re.findall(r"^\s*alur ([^|\n]+)", "\n".join(runs), re.MULTILINE)
    parsed = [cli_parser.build().parse_args(line.split()) for line in typed]
    assert [one.command for one in parsed] == ["setup", "check", "export", "list", "deploy"]


@pytest.mark.slow
def test_the_steps_of_the_workflow_pass_in_their_order(owned: Owned) -> None:
    require_path(FOLDER / jar().name, INSTALL)
    said = {}
    for step in owned.jobs["check"]["steps"]:
        if "run" in step and step["name"] != "Install":  # what is tested is installed
            done = owned.bash(step["run"])
            assert done.returncode == 0, f"{step['name']}\n{done.stdout}\n{done.stderr}"
            said[step["name"]] = done.stdout
    assert "1 table, 1 pipeline: ok" in said["Names, contracts, the DAG and crons"]
    assert "5 passed" in said["Tests"], "the laid out test, and those of docs/testing.md"
    assert "No bundle is committed" in said["The committed bundle is what the notebook gives"]
    assert "ingest_orders" in (owned.root / "summary.md").read_text(encoding="utf-8")
    assert not (owned.root / ".alur").exists(), "no test has touched the project's own lake"


@pytest.mark.slow
def test_a_wrong_row_fails_the_users_test_and_says_where(owned: Owned) -> None:
    test = owned.root / "tests/test_shop.py"
    right = test.read_text(encoding="utf-8")
    test.write_text(right.replace('Decimal("19.90")', 'Decimal("19.09")'), encoding="utf-8")
    done = owned.bash("python -m pytest -q tests/test_shop.py")
    test.write_text(right, encoding="utf-8")
    assert done.returncode == 1, done.stderr
    assert "bronze.orders: 2 rows expected, 2 found." in done.stdout
    assert "amount: expected Decimal('19.09'), found Decimal('19.90')" in done.stdout
    assert "1 failed" in done.stdout


@pytest.mark.slow
def test_a_committed_bundle_is_held_to_the_notebook(owned: Owned) -> None:
    (step,) = [one["run"] for one in owned.jobs["check"]["steps"] if "export" in one.get("run", "")]
    with (owned.root / "alur.toml").open("a", encoding="utf-8") as out:
        out.write(DEV)
    made = alur(owned.root, "export")
    assert made.returncode == 0, made.stderr
    same = owned.bash(step)
    assert (same.returncode, same.stdout) == (0, "The bundle in bundle is what the notebook gives.\n")
    notebook = owned.root / "notebooks/shop.ipynb"
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace("amount >= 0", "amount >= 1"), encoding="utf-8")
    differs = owned.bash(step)
    assert differs.returncode == 1
    assert '+@alur_nb.expect(check_fn=alur_nb.row("amount >= 1"))' in differs.stdout
    assert "Next: alur export --env dev, and commit what it writes." in differs.stdout
