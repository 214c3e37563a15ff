"""The provider's schema as the protocol's messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_sources import CONSTANTS, POLICY_DOCUMENT
from tf.gen import tfplugin_pb2 as pb

_FILE = Path(__file__).resolve().parent.parent / "aws_schema.json"
RESOURCES: dict[str, dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))["resources"]

_NESTING = {
    "list": pb.Schema.NestedBlock.LIST,
    "set": pb.Schema.NestedBlock.SET,
    "single": pb.Schema.NestedBlock.SINGLE,
}
_TEXTS = ["set", "string"]

# Of the provider's own settings, those that the module and its users' files may give.
_PROVIDER: dict[str, Any] = {
    **{name: [False, "string"] for name in ("region", "profile", "access_key", "secret_key", "token")},
    "max_retries": [False, "number"],
    "skip_credentials_validation": [False, "bool"],
    "allowed_account_ids": [False, _TEXTS],
    "default_tags": [False, {"nest": "list", "max": 1, "block": {"tags": [False, ["map", "string"]]}}],
}


def resource_schemas() -> dict[str, Any]:
    """Return the schema of each resource type."""
    return {name: _schema(block) for name, block in RESOURCES.items()}


def data_schemas() -> dict[str, Any]:
    """Return the schema of each data source."""
    constants = {name: {key: [False, "string"] for key in values} for name, values in CONSTANTS.items()}
    return {name: _schema(block) for name, block in {**constants, **POLICY_DOCUMENT}.items()}


def provider_schema() -> Any:
    """Return the schema of the `provider` block; AWS decides none of it."""
    return _schema(_PROVIDER, computed=False)


def _schema(block: dict[str, Any], *, computed: bool = True) -> Any:
    return pb.Schema(version=0, block=_block(block, computed))


def _block(block: dict[str, Any], computed: bool) -> Any:
    found = pb.Schema.Block(version=0)
    for name, (required, kind) in ((n, v) for n, v in block.items() if n != "__computed__"):
        if isinstance(kind, dict):
            found.block_types.append(_nested(name, required, kind, computed))
        else:
            found.attributes.append(_attribute(name, kind, required, computed))
    for name in block.get("__computed__", []):
        found.attributes.append(pb.Schema.Attribute(name=name, type=b'"string"', computed=True))
    return found


def _nested(name: str, required: bool, kind: dict[str, Any], computed: bool) -> Any:
    return pb.Schema.NestedBlock(
        type_name=name,
        block=_block(kind["block"], computed),
        nesting=_NESTING[kind["nest"]],
        min_items=1 if required and kind["nest"] != "single" else 0,
        max_items=kind["max"],
    )


def _attribute(name: str, kind: Any, required: bool, computed: bool) -> Any:
    return pb.Schema.Attribute(
        name=name,
        type=json.dumps(kind).encode(),
        required=required,
        optional=not required,
        # What is left out may be filled in by AWS.
        computed=computed and not required,
    )
