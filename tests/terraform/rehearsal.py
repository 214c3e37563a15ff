"""Terraform without AWS: the written module, a stand-in for its provider, and a server that takes what is made.

`Rehearsal` holds one bundle in a folder of the test's. Only ever there: `init` writes a lock file with the stand-in's
hash.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alur_nb.authoring.manifest import Manifest
from alur_nb.authoring.terraform import write_terraform
from alur_nb.runtime.settings import Environment
from tests.require import require_any_program, require_path

HERE = Path(__file__).resolve().parent
VENV = HERE.parents[1] / ".tools" / "rehearsal"
VERSION = json.loads((HERE / "aws_schema.json").read_text(encoding="utf-8"))["version"]
TERRAFORM = ("terraform", "tofu")
# OpenTofu asks its own registry for what Terraform has in HashiCorp's.
_REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
# The state stays in the folder: an override file takes the place of the module's own backend.
_LOCAL_STATE = {"terraform": {"backend": {"local": {}}}}
_SECONDS = 300


def rehearsal_python() -> Path:
    """Return the interpreter of the rehearsal's own environment."""
    return require_path(VENV / "bin" / "python", "make rehearsal")


def terraform_program() -> Path:
    """Return terraform, or tofu."""
    return require_any_program(TERRAFORM, "see https://developer.hashicorp.com/terraform/install")


def make_mirror(folder: Path) -> Path:
    """Lay the stand-in out as a mirror of the registries; return the settings file that leads Terraform to it."""
    machine = f"{os.uname().sysname.lower()}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(os.uname().machine, os.uname().machine) }"
    for registry in _REGISTRIES:
        place = folder / registry / "hashicorp" / "aws" / VERSION / machine
        place.mkdir(parents=True)
        program = place / f"terraform-provider-aws_v{VERSION}"
        program.write_text(
            f'#!/bin/sh\nexec "{rehearsal_python()}" "{HERE / "stand_in"}" "$@"\n', encoding="utf-8"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    settings = folder / "terraformrc"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n',
        encoding="utf-8",
    )
    return settings


@dataclass
class Rehearsal:
    """One bundle's Terraform; `endpoint` is the server on which an apply makes things, None for none."""

    folder: Path
    settings: Path
    endpoint: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, manifest: Manifest, environment: Environment) -> None:
        """Write the bundle's files as an export does, scripts and libraries with a line each."""
        for name in [*manifest["libraries"], *(one["script"] for one in manifest["pipelines"].values())]:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(f"# {name}\n", encoding="utf-8")
        write_terraform(self.module, manifest, environment)
        override = self.module / "backend_override.tf.json"
        override.write_text(json.dumps(_LOCAL_STATE), encoding="utf-8")

    @property
    def module(self) -> Path:
        """The folder of the `.tf` files."""
        return self.folder / "terraform"

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """Run Terraform in the module and return what it said; it must end with this code."""
        done = subprocess.run(
            [terraform_program(), *arguments],
            cwd=self.module,
            env=self._environment(variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{' '.join(arguments)} ended with {done.returncode}:\n{said[-4000:]}"
        return done.stdout if code == 0 else said

    def init(self) -> None:
        """Find the provider."""
        self.run("init", "-input=false", "-no-color")

    def plan(self, **variables: str) -> dict[str, Any]:
        """Return the plan as Terraform's own JSON."""
        self.run("plan", "-input=false", "-no-color", "-out=plan", **variables)
        planned: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return planned

    def apply(self, **variables: str) -> str:
        """Make everything."""
        return self.run("apply", "-auto-approve", "-input=false", "-no-color", **variables)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs' values, as the CLI reads them."""
        told = json.loads(self.run("output", "-json"))
        return {name: one["value"] for name, one in told.items()}

    def state(self) -> dict[str, dict[str, Any]]:
        """Return what was made, by address."""
        return by_address(json.loads(self.run("show", "-json"))["values"])

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        own = {
            "TF_CLI_CONFIG_FILE": str(self.settings),
            # The stand-in speaks on the loopback; a certificate would cost it a second of every start.
            "TF_DISABLE_PLUGIN_TLS": "1",
            "CHECKPOINT_DISABLE": "1",
            **({"STAND_IN_ENDPOINT": self.endpoint} if self.endpoint else {}),
        }
        return {**os.environ, **own, **self.variables, **variables}


def by_address(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resources of a plan's or a state's root module."""
    resources = values["root_module"].get("resources", [])
    return {one["address"]: one["values"] for one in resources if one["mode"] == "managed"}


def planned(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a plan is going to make, by address."""
    return by_address(plan["planned_values"])
