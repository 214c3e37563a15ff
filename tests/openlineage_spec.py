"""Events held against the classes that `openlineage-python` generates from the spec, key by key."""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.generated import base

# A facet may stand where its base says; the checks' facet is documented among the dataset's own (docs, "Dataset Facets").
_HOMES: Mapping[str, tuple[type, ...]] = {
    "run": (base.RunFacet,),
    "job": (base.JobFacet,),
    "dataset": (base.DatasetFacet, base.InputDatasetFacet),
    "inputFacets": (base.InputDatasetFacet,),
    "outputFacets": (base.OutputDatasetFacet,),
}


@cache
def facet_classes() -> dict[str, type]:
    """Return every facet's class by the schema that it is of."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(generated.__path__):
        for value in vars(importlib.import_module(f"{generated.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, base.BaseFacet):
                found[value._get_schema()] = value
    return found


def check_event(event: Mapping[str, Any]) -> RunEvent:
    """Make the library's own event of a plain one; fails for a key, a type or a facet that the spec does not have."""
    plain = {key: value for key, value in event.items() if key != "schemaURL"}
    made = _made(RunEvent, plain)
    assert made.schemaURL == event["schemaURL"]
    for facet in event["run"]["facets"].values():
        _check_facet(facet, "run")
    for facet in event["job"]["facets"].values():
        _check_facet(facet, "job")
    for dataset in (*event["inputs"], *event["outputs"]):
        for facet in dataset["facets"].values():
            _check_facet(facet, "dataset")
        for home in ("inputFacets", "outputFacets"):
            for facet in dataset.get(home, {}).values():
                _check_facet(facet, home)
    return made  # type: ignore[no-any-return]


def _check_facet(facet: Mapping[str, Any], home: str) -> None:
    kind = facet_classes()[facet["_schemaURL"]]
    assert issubclass(kind, _HOMES[home]), f"{kind.__name__} in {home}"
    _made(kind, {key: value for key, value in facet.items() if key != "_schemaURL"})


def _made(kind: Any, plain: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {field.name.lstrip("_"): hints[field.name] for field in attr.fields(kind)}
    given = {name.lstrip("_"): value for name, value in plain.items()}
    unknown = given.keys() - fields.keys()
    assert not unknown, f"{kind.__name__} has no {unknown}"
    return kind(**{name: _value(fields[name], value) for name, value in given.items()})


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        return None if value is None else _value(kinds[0], value)
    if typing.get_origin(kind) is list:
        return [_value(typing.get_args(kind)[0], one) for one in value]
    if typing.get_origin(kind) is dict:
        inner = typing.get_args(kind)[1]
        # Facets are looked at by their own schemas.
        is_facet = isinstance(inner, type) and issubclass(inner, base.BaseFacet)
        return value if is_facet else {key: _value(inner, one) for key, one in value.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if attr.has(kind):
        return _made(kind, value)
    if kind is not Any:
        assert isinstance(value, kind), f"{value!r} is no {kind}"
    return value
