"""Where Terraform keeps its state: in an S3 bucket of its own that locks itself, or where `backend` says."""

from __future__ import annotations

from typing import Any

from alur_nb.runtime.deployed import Names
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.settings import SETTINGS_FILE, Environment

BACKEND_FILE = "backend.tf.json"


def backend(names: Names, environment: Environment) -> dict[str, Any]:
    """Return the `terraform` block that names the state's place.

    Without an `account_id` in alur.toml the bucket's name is not known here: `terraform init` is then given it with
    `-backend-config=bucket=...`. Raises SettingsError for another kind of backend than `s3` and `local`.
    """
    given = dict(environment.backend)
    kind = given.pop("type", "s3")
    if kind not in ("s3", "local"):
        raise SettingsError(
            f"[env.{environment.name}] backend: type = {kind!r} is neither `s3` nor `local`.",
            fix=f"Leave backend out of {SETTINGS_FILE} (a bucket is made for the state), or write "
            'backend = { bucket = "...", key = "..." }.',
        )
    # Where on this machine a local state lies is no business of a bundle: `alur deploy` says it.
    options = {**_s3_options(names, environment), **given} if kind == "s3" else {}
    return {"terraform": {"backend": {kind: {name: _literal(value) for name, value in options.items()}}}}


def _s3_options(names: Names, environment: Environment) -> dict[str, Any]:
    options: dict[str, Any] = {
        "key": f"{names.prefix}/terraform.tfstate",
        "encrypt": True,
        # A lock is an object beside the state, put there only if it is not: no DynamoDB table.
        "use_lockfile": True,
    }
    if environment.region:
        options["region"] = environment.region
    if environment.account_id:
        options["bucket"] = names.state_bucket(environment.account_id)
    return options


def _literal(value: Any) -> Any:
    """Keep Terraform from reading templates in a text (its JSON syntax does)."""
    return value.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else value
