"""What a Terraform plan would do, told in words: created, changed, destroyed, the data at risk, and the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alur_nb.authoring.deploy_cost import Estimate, estimate
from alur_nb.authoring.sheet import Grid, Sheet

Action = Literal["create", "change", "replace", "destroy"]
_VERBS: dict[Action, str] = {
    "create": "created",
    "change": "changed",
    "replace": "replaced",
    "destroy": "destroyed",
}
_ACTIONS: dict[tuple[str, ...], Action] = {
    ("create",): "create",
    ("update",): "change",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}
_HOLDS_DATA = {
    "aws_s3_bucket": "the files in it",
    "aws_dynamodb_table": "which file is loaded, and the state of each batch",
    "aws_glue_catalog_database": "the tables in it, for every engine that reads them",
    "aws_glue_catalog_table": "the table, for every engine that reads it",
    "aws_kms_key": "everything that is encrypted with it",
    "aws_cloudwatch_log_group": "the logs in it",
    "aws_secretsmanager_secret": "the secret",
}
# What protects data, and the value that takes the protection away (attribute references of hashicorp/aws 6).
_PROTECTS = {
    ("aws_s3_bucket", "force_destroy"): (True, "its files may be deleted with it"),
    ("aws_dynamodb_table", "deletion_protection_enabled"): (False, "it may be deleted"),
}
_KEPT_ANYWAY = ("aws_cloudwatch_log_group",)
"""Of which the loss is told, and needs no word of its own: their content ends by its retention anyway."""
_ATTRIBUTES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a plan touches."""

    address: str
    kind: str
    name: str
    action: Action
    attributes: tuple[str, ...] = ()
    """Of a change or replacement, the attributes that differ."""
    risk: str = ""
    """What data is lost, or no longer protected; empty where none is."""

    @property
    def is_risky(self) -> bool:
        """Whether it needs a word of its own."""
        return bool(self.risk) and self.kind not in _KEPT_ANYWAY

    @property
    def kind_words(self) -> str:
        """The kind as one reads it: `glue job`."""
        # Versioning, encryption and the like are resources of their own to Terraform, six to a bucket.
        kind = "s3 bucket settings" if self.kind.startswith("aws_s3_bucket_") else self.kind
        return kind.removeprefix("aws_").replace("_", " ")

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "address": self.address,
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "attributes": list(self.attributes),
            "data_at_risk": self.risk,
        }


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What an apply would do to an environment."""

    environment: str = ""
    account: str = ""
    region: str = ""
    changes: tuple[Change, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)
    notes: tuple[str, ...] = ()

    @property
    def risks(self) -> tuple[Change, ...]:
        """The changes that lose data, or its protection."""
        return tuple(one for one in self.changes if one.is_risky)

    def count(self, action: Action) -> int:
        """Return how many resources meet this end."""
        return sum(one.action == action for one in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "environment": self.environment,
            "account": self.account,
            "region": self.region,
            **{_VERBS[action]: self.count(action) for action in _VERBS},
            "changes": [one.to_dict() for one in self.changes],
            "data_at_risk": [one.address for one in self.risks],
            "cost": self.estimate.to_dict(),
            "notes": list(self.notes),
        }

    @property
    def head(self) -> str:
        """The plan in one line."""
        where = f"{self.environment} (account {self.account}, {self.region})"
        counts = [f"{self.count(action):,} {verb}" for action, verb in _VERBS.items() if self.count(action)]
        return f"Plan for {where}: {', '.join(counts)}" if counts else f"Plan for {where}: nothing to change"

    @property
    def sheet(self) -> Sheet:
        """The report's parts: a row for what is created or destroyed of a kind, one for each change."""
        lines = [f"DATA AT RISK: {one.address} is {_VERBS[one.action]}: {one.risk}" for one in self.risks]
        lines += [
            f"lost with it: {one.address}: {one.risk}"
            for one in self.changes
            if one.risk and not one.is_risky
        ]
        if self.changes and not self.risks:
            lines.append("no data is at risk")
        grid = Grid("resources", ("what", "is", "which"), tuple(self._rows()))
        grids = (grid, *self.estimate.grids) if self.changes else ()
        return Sheet(
            self.head,
            tuple(lines),
            grids,
            (*self.estimate.notes, *self.notes) if self.changes else self.notes,
        )

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        whole: dict[tuple[str, Action], list[str]] = {}
        for one in self.changes:
            if one.action in ("create", "destroy"):
                whole.setdefault((one.kind_words, one.action), []).append(one.name)
        for (kind, action), names in sorted(whole.items()):
            yield kind, f"{_VERBS[action]}: {len(names):,}", _listed(tuple(dict.fromkeys(names)))
        for one in self.changes:
            if one.action in ("change", "replace"):
                which = "; ".join(filter(None, (one.name, _listed(one.attributes))))
                yield one.kind_words, _VERBS[one.action], which

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def read_plan(
    told: Mapping[str, Any], *, environment: str, account: str, region: str, notes: Sequence[str] = ()
) -> DeployPlan:
    """Return the plan that `terraform show -json` has told (internals, "JSON Output Format")."""
    resources = told.get("resource_changes", ())
    changes = [change for one in resources if (change := _change(one)) is not None]
    return DeployPlan(
        environment,
        account,
        region,
        tuple(sorted(changes, key=lambda one: one.address)),
        estimate(told),
        tuple(notes),
    )


def _change(told: Mapping[str, Any]) -> Change | None:
    change = told["change"]
    action = _ACTIONS.get(tuple(change["actions"]))
    if action is None or told.get("mode") == "data":
        return None
    before, after = change.get("before") or {}, change.get("after") or {}
    return Change(
        address=str(told["address"]),
        kind=str(told["type"]),
        name=_name(told, before, after),
        action=action,
        attributes=_differing(before, after, change.get("after_unknown") or {})
        if action in ("change", "replace")
        else (),
        risk=_risk(str(told["type"]), action, before, after),
    )


def _name(told: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what a person calls the resource: its own name, else its key in the module."""
    for values in (after, before):
        for key in ("name", "key", "bucket", "id"):
            if isinstance(values.get(key), str) and values[key]:
                return str(values[key])
    return str(told.get("index") or told.get("name") or told["address"])


def _differing(
    before: Mapping[str, Any], after: Mapping[str, Any], unknown: Mapping[str, Any]
) -> tuple[str, ...]:
    names = sorted({*before, *after})
    return tuple(
        name
        for name in names
        if before.get(name) != after.get(name)
        and not (name in unknown and name not in after and name in ("id", "arn"))
    )


def _risk(kind: str, action: Action, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if action in ("destroy", "replace"):
        return _HOLDS_DATA.get(kind, "")
    for (protected, attribute), (opened, said) in _PROTECTS.items():
        is_taken = after.get(attribute) is opened and before.get(attribute) is not opened
        if kind == protected and action == "change" and is_taken:
            return said
    return ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_ATTRIBUTES_SHOWN])
    return f"{shown} and {len(names) - _ATTRIBUTES_SHOWN:,} more" if len(names) > _ATTRIBUTES_SHOWN else shown
