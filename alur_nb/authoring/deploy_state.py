"""Where an environment's Terraform state is: an S3 bucket of ours, made once, or what `backend` in alur.toml says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.runtime.aws import ClientError, error_code
from alur_nb.runtime.errors import DeployError, SettingsError

OVERRIDE = "backend_override.tf"
"""Terraform reads files of this ending last; no export writes or removes it."""
_BACKEND = re.compile(r'^\s*backend\s+"(\w+)"', re.MULTILINE)
_TYPE = "type"


@dataclass(frozen=True, slots=True)
class State:
    """The backend and its settings, all of them texts as `-backend-config` takes them."""

    kind: str
    settings: dict[str, str]
    bucket: str | None = None
    """The bucket that has to be there; None for a state on this machine."""
    is_ours: bool = False
    """Whether the bucket is one that `alur deploy` makes."""

    @property
    def where(self) -> str:
        """The place in words."""
        if self.kind == "local":
            return self.settings["path"]
        return f"s3://{self.settings.get('bucket', '?')}/{self.settings.get('key', '?')}"


def state_of(cloud: Cloud) -> State:
    """Return where the state is; raises SettingsError for a backend that is neither `s3` nor `local`."""
    given = {key: str(value) for key, value in cloud.environment.backend.items()}
    kind = given.pop(_TYPE, "s3")
    names = cloud.names
    if kind == "local":
        default = cloud.settings.root / ".alur" / "terraform" / f"{names.environment}.tfstate"
        return State(
            "local", {"path": str((cloud.settings.root / given.get("path", str(default))).resolve())}
        )
    if kind != "s3":
        raise SettingsError(
            f"[env.{cloud.environment.name}] backend: type = {kind!r} is neither `s3` nor `local`.",
            fix='Leave backend out (a bucket is made for the state), or write backend = { bucket = "...", key = "..." }.',
        )
    own = {
        "bucket": names.state_bucket(cloud.identity.account),
        "key": f"{names.prefix}/terraform.tfstate",
        "region": cloud.region,
        "encrypt": "true",
        # A lock in the bucket itself (S3 backend, "State Locking"); no table of DynamoDB.
        "use_lockfile": "true",
    }
    settings = {**own, **_lowered(given)}
    return State("s3", settings, settings["bucket"], is_ours="bucket" not in given)


def _lowered(given: dict[str, str]) -> dict[str, str]:
    return {key: value.lower() if value in ("True", "False") else value for key, value in given.items()}


def is_there(cloud: Cloud, bucket: str) -> bool:
    """Return whether the state's bucket exists; raises DeployError where it belongs to somebody else."""
    s3 = cloud.client("s3")
    try:
        cloud.patience.call(lambda: s3.head_bucket(Bucket=bucket))
    except ClientError as error:
        # A HEAD has no body, so the code is the bare status.
        if error_code(error) in ("404", "NoSuchBucket", "NotFound"):
            return False
        if error_code(error) in ("403", "AccessDenied", "Forbidden"):
            raise DeployError(
                f"The bucket of the state, {bucket}, belongs to somebody else, or may not be read by "
                f"{cloud.identity.arn}.",
                fix="Give this role s3:ListBucket on it, or name another one: backend = { bucket = ... } in alur.toml.",
            ) from error
        cloud.ask(f"Looking at bucket {bucket}", lambda: s3.head_bucket(Bucket=bucket))
    return True


def bootstrap(cloud: Cloud, state: State, tell: Callable[[str], None]) -> bool:
    """Make the state's bucket where it is missing: private, versioned, encrypted, TLS only; whether it was made.

    May be cut short and repeated. Raises DeployError where the name is taken, SettingsError where `backend` names a
    bucket that is not there.
    """
    if state.bucket is None:
        return False
    bucket, exists = state.bucket, is_there(cloud, state.bucket)
    if not state.is_ours:
        if not exists:
            raise SettingsError(
                f"[env.{cloud.environment.name}] backend names the bucket {bucket}, which does not exist.",
                fix="Make it, or leave backend out: alur deploy makes a bucket for the state.",
            )
        return False
    s3 = cloud.client("s3")
    if not exists:
        tell(f"makes the bucket of the state, {bucket}")
        _create(cloud, s3, bucket)
    elif _is_versioned(cloud, s3, bucket):
        return False
    # Versioning comes last: where it is on, everything before it has been done.
    for doing, request in _protections(s3, bucket):
        cloud.ask(f"Protecting bucket {bucket} ({doing})", request)
    return True


def _create(cloud: Cloud, s3: Any, bucket: str) -> None:
    # us-east-1 is the one region that may not be named (API reference, CreateBucket).
    place = {} if cloud.region == "us-east-1" else {"LocationConstraint": cloud.region}
    more = {"CreateBucketConfiguration": place} if place else {}
    try:
        cloud.ask(f"Making bucket {bucket}", lambda: s3.create_bucket(Bucket=bucket, **more))
    except DeployError as error:
        if code_of(error) == "BucketAlreadyExists":
            raise DeployError(
                f"The name of the state's bucket, {bucket}, is taken by another account.",
                fix='Choose another prefix: bucket = "..." under the environment in alur.toml.',
            ) from error
        raise


def _is_versioned(cloud: Cloud, s3: Any, bucket: str) -> bool:
    told = cloud.ask(f"Looking at bucket {bucket}", lambda: s3.get_bucket_versioning(Bucket=bucket))
    return bool(told.get("Status") == "Enabled")


def _protections(s3: Any, bucket: str) -> list[tuple[str, Callable[[], Any]]]:
    arn = f"arn:aws:s3:::{bucket}"
    closed = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    return [
        (
            "no public access",
            lambda: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed),
        ),
        (
            "encryption",
            lambda: s3.put_bucket_encryption(
                Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
            ),
        ),
        ("TLS only", lambda: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))),
        (
            "versioning",
            lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        ),
    ]


def write_backend(folder: Path, state: State) -> None:
    """Let the module in `folder` use the state's kind of backend, where its own files say another, or none."""
    override = folder / OVERRIDE
    if state.kind in _backends(folder):
        override.unlink(missing_ok=True)
        return
    override.write_text(f'terraform {{\n  backend "{state.kind}" {{}}\n}}\n', encoding="utf-8", newline="\n")


def _backends(folder: Path) -> set[str]:
    """Return the kinds of backend that the module's own files name, in either of Terraform's two spellings."""
    found: set[str] = set()
    for path in folder.glob("*.tf"):
        if path.name != OVERRIDE:
            found |= set(_BACKEND.findall(path.read_text(encoding="utf-8")))
    for path in folder.glob("*.tf.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        found |= set(told.get("terraform", {}).get("backend", {}))
    return found
