"""`alur destroy`: what would be lost is counted and told first; data is only deleted where that was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.authoring.deploy import Deployment
from alur_nb.authoring.deploy_plan import DeployPlan
from alur_nb.authoring.sheet import Sheet
from alur_nb.runtime.aws import ClientError, error_code
from alur_nb.runtime.errors import DeployError, plural

_UNPROTECTED = "-var=protect_data=false"
_GUARDED = ("aws_s3_bucket", "aws_dynamodb_table")
_ARTIFACTS = "-artifacts-"
"""In the name of the one bucket whose content is made anew by any deploy (`locals.tf`)."""


@dataclass(frozen=True, slots=True)
class Held:
    """One place that holds data now."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class DestroyReport:
    """What was taken down."""

    environment: str = ""
    destroyed: int = 0
    left: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"environment": self.environment, "destroyed": self.destroyed, "left": list(self.left)}

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        head = f"Destroyed {self.environment}: {plural(self.destroyed, 'resource')}"
        return Sheet(head, tuple(f"left: {one}" for one in self.left))

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def plan_destroy(deployment: Deployment) -> tuple[DeployPlan, tuple[Held, ...]]:
    """Return what a destroy would take down, and which of it holds data now; nothing is changed."""
    plan = deployment.plan(destroy=True)
    return plan, tuple(held_data(deployment.cloud, plan))


def held_data(cloud: Cloud, plan: DeployPlan) -> Iterator[Held]:
    """Yield each bucket and each ledger of a plan that is not empty."""
    for one in plan.changes:
        if one.action != "destroy":
            continue
        if (
            one.kind == "aws_s3_bucket"
            and _ARTIFACTS not in one.name
            and (what := _files_in(cloud, one.name))
        ):
            yield Held(f"bucket {one.name}", what)
        if one.kind == "aws_dynamodb_table" and (what := _items_in(cloud, one.name)):
            yield Held(f"ledger {one.name}", what)


def _files_in(cloud: Cloud, bucket: str) -> str:
    """Say what a bucket holds, older versions too: they can be brought back for as long as the bucket is there."""
    s3 = cloud.client("s3")
    try:
        told = cloud.patience.call(lambda: s3.list_object_versions(Bucket=bucket, MaxKeys=1000))
    except ClientError as error:
        if error_code(error) in ("NoSuchBucket", "404"):
            return ""
        told = cloud.ask(f"Looking into bucket {bucket}", lambda: s3.list_objects_v2(Bucket=bucket))
    files = [one for one in told.get("Versions", told.get("Contents", ())) if one.get("IsLatest", True)]
    others = len(told.get("Versions", ())) - len(files) + len(told.get("DeleteMarkers", ()))
    more = " at least" if told.get("IsTruncated") else ""
    parts = [plural(len(files), "file")] if files else []
    parts += [plural(others, "older version")] if others > 0 else []
    return f"{' and '.join(parts)}{more}" if parts else ""


def _items_in(cloud: Cloud, table: str) -> str:
    dynamodb = cloud.client("dynamodb")
    try:
        told = cloud.ask(f"Looking into the ledger {table}", lambda: dynamodb.scan(TableName=table, Limit=1))
    except DeployError as error:
        if code_of(error) == "ResourceNotFoundException":
            return ""
        raise
    return "which file is in which batch" if told.get("Items") else ""


def refuse_data(held: tuple[Held, ...], environment: str) -> None:
    """Raise DeployError where there is data, with how to keep it and how to give it up."""
    if held:
        listed = "\n".join(f"  {one.place}: {one.what}" for one in held)
        raise DeployError(
            f"`{environment}` holds data, so nothing is destroyed:\n{listed}",
            fix="Copy what is to be kept (aws s3 sync, a table export), then: "
            f"alur destroy --env {environment} --delete-data. What is deleted so cannot be brought back.",
        )


def destroy(deployment: Deployment, plan: DeployPlan) -> DestroyReport:
    """Take everything down: first the protection of what is empty or given up, then the resources themselves.

    Both parts can be repeated: an interrupted destroy goes on where it stopped. Raises DeployError.
    """
    guarded = [one.address for one in plan.changes if one.kind in _GUARDED]
    if guarded:
        deployment.apply_part((_UNPROTECTED, *(f"-target={address}" for address in guarded)))
    last = deployment.plan(destroy=True, options=(_UNPROTECTED,))
    done = deployment.apply_planned()
    state = deployment.state
    left = (f"the state, {state.where}: delete it by hand once nobody needs its history",)
    return DestroyReport(deployment.environment, done.changes or last.count("destroy"), left)
