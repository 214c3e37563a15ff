"""An environment on AWS: what its parts are called, and how they are opened.

The names are those that `deploy_templates/terraform/` gives. A job is told them in its argument; the laptop, which
only reads, derives them from `alur.toml` by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from alur_nb.runtime.aws import aws_errors, client
from alur_nb.runtime.dynamo import DynamoTable
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.files import Files
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.glue_catalog import GlueCatalog
from alur_nb.runtime.lake import Lake
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger import Ledger
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.settings import SETTINGS_FILE, Environment, Settings
from alur_nb.runtime.tables import Layer

_LAYERS: tuple[Layer, ...] = get_args(Layer)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed environment, by the names of its resources."""

    project: str
    environment: str
    region: str | None
    landing: str | None
    ledger_table: str
    layers: Mapping[str, LayerPlace]


@dataclass(frozen=True, slots=True)
class Names:
    """What an environment's resources are called, as the Terraform module calls them."""

    project: str
    environment: str
    bucket: str
    """How the names of the buckets begin."""

    @property
    def prefix(self) -> str:
        """How the names of all other resources begin."""
        return f"{self.project}-{self.environment}"

    @property
    def ledger_table(self) -> str:
        """The DynamoDB table."""
        return f"{self.prefix}-ledger"

    def database(self, layer: str) -> str:
        """Return a layer's Glue database."""
        return f"{self.prefix}_{layer}".replace("-", "_")

    def layer_bucket(self, layer: str, account: str) -> str:
        """Return a layer's bucket; all of AWS shares these names, so the account is in them."""
        return f"{self.bucket}-{self.environment}-{layer}-{account}"

    def state_bucket(self, account: str) -> str:
        """Return the bucket of Terraform's state, which is there before Terraform is."""
        return f"{self.bucket}-{self.environment}-tfstate-{account}"


def names_of(project: str, environment: Environment) -> Names:
    """Return the names of an environment's resources.

    Raises SettingsError for a project, environment or bucket whose name AWS does not take.
    """
    name = slug(project, "project.name", 32)
    return Names(
        project=name,
        environment=slug(environment.name, f"env.{environment.name}", 16),
        bucket=slug(environment.bucket or name, f"env.{environment.name}.bucket", 22),
    )


def deployment_of(argument: Mapping[str, Any]) -> Deployment:
    """Read what a job's `--alur` argument tells of its environment.

    Raises SettingsError where a part of it is missing.
    """
    try:
        return Deployment(
            project=str(argument["project"]),
            environment=str(argument["environment"]),
            region=argument.get("region"),
            landing=argument.get("landing"),
            ledger_table=str(argument["ledger"]["table"]),
            layers={
                layer: LayerPlace(str(place["database"]), str(place["location"]))
                for layer, place in argument["lake"].items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"The job's --alur argument does not describe its environment: {error} is missing or of another kind.",
            fix="Start the job that `alur deploy` made: Terraform writes the argument.",
        ) from error


def deployment_in(settings: Settings, environment: Environment) -> Deployment:
    """Derive an environment's names from the settings, asking STS for the account where they do not tell it.

    Raises SettingsError for a name that cannot name AWS resources, and without credentials.
    """
    names = names_of(settings.project_name, environment)
    buckets, databases = environment.existing_buckets, environment.existing_databases
    made = [layer for layer in _LAYERS if layer not in buckets]
    account = environment.account_id or (_account(environment.region) if made else "")
    return Deployment(
        project=names.project,
        environment=names.environment,
        region=environment.region,
        landing=landing_root(environment),
        ledger_table=names.ledger_table,
        layers={
            layer: LayerPlace(
                str(databases.get(layer) or names.database(layer)),
                f"s3://{buckets.get(layer) or names.layer_bucket(layer, account)}/",
            )
            for layer in _LAYERS
        },
    )


def open_parts(deployment: Deployment) -> tuple[Files, Lake, Ledger]:
    """Open the landing zone, the lake and the ledger of a deployed environment; nothing is asked of AWS yet."""
    s3 = client("s3", deployment.region)
    catalog = GlueCatalog(client("glue", deployment.region))
    ledger = DynamoLedger(
        DynamoTable(deployment.ledger_table, deployment.region),
        project=deployment.project,
        environment=deployment.environment,
    )
    return S3Files(deployment.landing, s3), GlueLake(deployment.layers, s3, catalog), ledger


def _account(region: str | None) -> str:
    with aws_errors(SettingsError, "Asking which AWS account this is"):
        return str(client("sts", region).get_caller_identity()["Account"])


def landing_root(environment: Environment) -> str | None:
    """Return the environment's landing zone as `s3://bucket/prefix/`; None where it names none.

    Raises SettingsError where it is no S3 address.
    """
    if environment.landing is None:
        return None
    landing = environment.landing if environment.landing.endswith("/") else environment.landing + "/"
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([^*?]+/)*", landing):
        raise SettingsError(
            f"[env.{environment.name}] landing = {environment.landing!r} is no place that a Glue job can read.",
            fix=f'Write landing = "s3://BUCKET/" or "s3://BUCKET/PREFIX/" in {SETTINGS_FILE}.',
        )
    return landing


def slug(text: str, setting: str, longest: int) -> str:
    """Return a name that AWS takes: lower case, digits and `-`, starting with a letter.

    Raises SettingsError where nothing is left of it, or more than `longest` characters.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name) or len(name) > longest:
        raise SettingsError(
            f"{setting} = {text!r} cannot name AWS resources.",
            fix=f"Set {setting} in {SETTINGS_FILE}: 2 to {longest} of a-z, 0-9 and -, starting with a letter.",
        )
    return name
