"""The values of a notebook's `parameters` cell in a job: the cell's literals, unless the job's argument says else."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from alur_nb.runtime.errors import SettingsError

ARGUMENT = "--alur"
"""The one argument that a job gets from its environment: JSON with landing, lake, ledger and parameters."""

T = TypeVar("T")


def job_argument(argv: Sequence[str] | None = None) -> Mapping[str, Any]:
    """Return the job's JSON argument, `{}` where the script was started without one.

    Raises SettingsError where it is no JSON object.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    text = _value_of(arguments)
    if text is None:
        return {}
    try:
        argument = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{ARGUMENT} is not JSON: {error}.", fix=_FIX) from error
    if not isinstance(argument, dict) or not isinstance(argument.get("parameters", {}), dict):
        raise SettingsError(f"{ARGUMENT} and its `parameters` must be JSON objects.", fix=_FIX)
    return argument


def parameter(name: str, default: T) -> T:
    """Return the value that the job's argument gives this parameter, else `default`, in the type of `default`.

    A whole number serves for a float and a list for a tuple; with the default None any value does.
    Raises SettingsError for a value of another type.
    """
    given = job_argument().get("parameters", {})
    if name not in given:
        return default
    return cast(T, _as_type_of(default, given[name], name))


_FIX = f"""Give {ARGUMENT} '{{"parameters": {{"limit": 10}}}}', or leave it out to use the defaults."""


def _value_of(arguments: Sequence[str]) -> str | None:
    for position, word in enumerate(arguments):
        if word == ARGUMENT:
            if position + 1 == len(arguments):
                raise SettingsError(f"{ARGUMENT} has no value.", fix=_FIX)
            return arguments[position + 1]
        if word.startswith(f"{ARGUMENT}="):
            return word.removeprefix(f"{ARGUMENT}=")
    return None


def _as_type_of(default: object, value: object, name: str) -> object:
    wanted = type(default)
    if default is None or type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return float(value)
    # JSON does not tell 10.0 from 10, and what passes it on may write the shorter form.
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if wanted is tuple and isinstance(value, list):
        return tuple(value)
    raise SettingsError(
        f"The parameter `{name}` is a {wanted.__name__} in the notebook, but the job was given {value!r}.",
        fix=f"Give `{name}` a {wanted.__name__}, in [env.NAME.parameters] or with -p.",
    )
