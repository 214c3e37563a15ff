"""What has to be right before anything is planned: the program, credentials, account, region, names, Lake Formation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.deploy_state import State
from alur_nb.authoring.sheet import Sheet
from alur_nb.authoring.terraform_run import Program
from alur_nb.runtime.aws import ClientError, error_code
from alur_nb.runtime.deployed import landing_root
from alur_nb.runtime.errors import DeployError, plural

Verdict = Literal["ok", "warning", "error"]
_KINDS = ("bronze", "silver", "gold", "artifacts")
_EVERYBODY = "IAM_ALLOWED_PRINCIPALS"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.verdict}: {self.subject}: {self.message}"
        return f"{text}\n    next: {self.fix}" if self.fix else text


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was looked at; only an error stops a deploy."""

    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a deploy."""
        return tuple(one for one in self.findings if one.verdict == "error")

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        head = f"Looked at {plural(len(self.findings), 'thing')}: {plural(len(self.errors), 'error')}"
        return Sheet(head, tuple(str(one) for one in self.findings))

    def __str__(self) -> str:
        return str(self.sheet)

    def refuse_errors(self) -> None:
        """Raise DeployError for what stops a deploy, all of it at once."""
        if self.errors:
            raise DeployError(
                "\n".join(f"{one.subject}: {one.message}" for one in self.errors),
                fix="\n".join(dict.fromkeys(one.fix for one in self.errors if one.fix)) or None,
            )


def diagnose(cloud: Cloud, program: Program, state: State) -> Diagnosis:
    """Look at everything that a deploy stands on; raises DeployError without credentials or with the wrong account."""
    identity = cloud.check_account()
    found = [
        Finding(program.name, "ok", program.version),
        Finding("credentials", "ok", identity.arn),
        _account(cloud),
        Finding("region", "ok", cloud.region),
        Finding("state", "ok", state.where),
    ]
    return Diagnosis((*found, *_buckets(cloud), *_landing(cloud), _lake_formation(cloud)))


def _account(cloud: Cloud) -> Finding:
    account = cloud.identity.account
    if cloud.environment.account_id:
        return Finding("account", "ok", f"{account}, as alur.toml says")
    return Finding(
        "account",
        "warning",
        f"{account}; alur.toml names none, so any other would do as well",
        f'Write account_id = "{account}" under [env.{cloud.environment.name}].',
    )


def bucket_names(cloud: Cloud) -> dict[str, str]:
    """Return the buckets that a deploy makes, by their kind."""
    kept, account = cloud.environment.existing_buckets, cloud.identity.account
    return {kind: cloud.names.layer_bucket(kind, account) for kind in _KINDS if kind not in kept}


def _buckets(cloud: Cloud) -> Iterator[Finding]:
    fix = f'Choose another prefix: bucket = "..." under [env.{cloud.environment.name}] in alur.toml.'
    for kind, bucket in bucket_names(cloud).items():
        status, region = _look(cloud, bucket)
        if status == "elsewhere":
            yield Finding(f"bucket {bucket}", "error", "the name is taken by another account", fix)
        elif region and region != cloud.region:
            yield Finding(f"bucket {bucket}", "error", f"is there already, in region {region}", fix)
        else:
            said = "the name is free" if status == "free" else "is there, in this account"
            yield Finding(f"bucket {bucket}", "ok", f"{said} ({kind})")


def _landing(cloud: Cloud) -> Iterator[Finding]:
    root = landing_root(cloud.environment)
    if root is None:
        return
    bucket = root.split("/")[2]
    status, region = _look(cloud, bucket)
    section = f"[env.{cloud.environment.name}]"
    if cloud.environment.create_landing:
        taken = status == "elsewhere"
        message = "the name is taken by another account" if taken else f"the name is {status}"
        fix = f"Choose another one: landing = ... under {section}." if taken else ""
        yield Finding(f"landing bucket {bucket}", "error" if taken else "ok", message, fix)
    elif status == "free":
        yield Finding(
            f"landing bucket {bucket}",
            "error",
            "does not exist",
            f"Correct landing under {section}, or let it be made: create_landing = true.",
        )
    else:
        note = f", in region {region}" if region and region != cloud.region else ""
        message = (
            f"is there{note}"
            if status == "ours"
            else "is there, of another account: its policy has to let the jobs read"
        )
        yield Finding(f"landing bucket {bucket}", "ok" if status == "ours" else "warning", message)


def _look(cloud: Cloud, bucket: str) -> tuple[str, str]:
    """Return `free`, `ours` or `elsewhere`, and the bucket's region where S3 tells it.

    The owner is part of the question: without it a bucket of another account that may be listed would pass as ours.
    """
    s3 = cloud.client("s3")
    account = cloud.identity.account
    try:
        told = cloud.patience.call(lambda: s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account))
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NoSuchBucket", "NotFound"):
            return "free", ""
        if code in ("403", "AccessDenied", "Forbidden"):
            return "elsewhere", ""
        if code in ("301", "PermanentRedirect"):
            return "ours", _region_in(error.response)
        cloud.ask(f"Looking at bucket {bucket}", lambda: s3.head_bucket(Bucket=bucket))
        raise
    return "ours", str(told.get("BucketRegion") or _region_in(told))


def _region_in(answer: Any) -> str:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(headers.get("x-amz-bucket-region", ""))


def _lake_formation(cloud: Cloud) -> Finding:
    """Tell whether IAM alone decides on new databases and tables, as the jobs' roles need it."""
    try:
        told = cloud.ask(
            "Asking Lake Formation", lambda: cloud.client("lakeformation").get_data_lake_settings()
        )
    except DeployError as error:
        return Finding("Lake Formation", "warning", f"could not be asked: {error.message}")
    settings = told.get("DataLakeSettings", {})
    kinds = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
    closed = [kind for kind in kinds if kind in settings and not _open_to_iam(settings[kind])]
    if not closed:
        return Finding("Lake Formation", "ok", "IAM decides")
    return Finding(
        "Lake Formation",
        "warning",
        "decides itself on new databases and tables: the jobs' roles are refused until it grants them access",
        "Turn on `Use only IAM access control` for new databases and tables in its settings, or grant each job's role "
        "what it reads and writes.",
    )


def _open_to_iam(permissions: Any) -> bool:
    return any(
        one.get("Principal", {}).get("DataLakePrincipalIdentifier") == _EVERYBODY for one in permissions
    )
