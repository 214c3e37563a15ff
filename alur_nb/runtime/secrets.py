"""Secrets by reference: a name in the notebook, the value from Secrets Manager in a job, from a variable on the laptop."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from alur_nb.runtime.aws import aws_errors, client
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.parameters import job_argument
from alur_nb.runtime.settings import LOCAL

# Secrets Manager API reference, CreateSecret.
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")

_recorded: list[set[str]] = []


def secret(name: str, key: str | None = None) -> str:
    """Return the text of a secret; with `key` one text of a secret that is a JSON object, as those of databases are.

    A deployed job asks AWS Secrets Manager, and its role may read the secrets that its pipeline names, no other. On
    the laptop the value comes from an environment variable (`shop/db`: `ALUR_SECRET_SHOP_DB`), never from AWS. An
    export gets a placeholder. Keep the value out of tables, names and messages: nothing here can.

    Parameters
    ----------
    name
        The secret's name, as in `secret("shop/db")`; not its ARN.
    key
        The key inside of the secret, as in `secret("shop/db", "password")`.

    Raises
    ------
    SettingsError
        There is no such secret, it has no such key, or it may not be read.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(
            f"secret: {name!r} is no secret's name.",
            fix='Give the name that it has in Secrets Manager, as in secret("shop/db"); not an ARN.',
        )
    for names in _recorded:
        names.add(name)
    if _recorded or is_export_mode():
        return f"<{name}>"
    argument = job_argument()
    is_deployed = argument.get("environment", LOCAL) != LOCAL
    text = _from_aws(name, argument.get("region")) if is_deployed else _from_variable(name)
    return text if key is None else _value(name, text, key)


@contextmanager
def recording_secrets() -> Iterator[set[str]]:
    """Note the names that are asked for inside the block, and answer each with a placeholder."""
    names: set[str] = set()
    _recorded.append(names)
    try:
        yield names
    finally:
        _recorded.remove(names)


def variable_of(name: str) -> str:
    """Return the environment variable that holds a secret on the laptop."""
    return f"ALUR_SECRET_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"


def _from_variable(name: str) -> str:
    variable = variable_of(name)
    if variable not in os.environ:
        raise SettingsError(
            f"The secret {name!r} is not known on this machine: the variable {variable} is not set.",
            fix=f"Set it where Jupyter is started, or for this kernel alone, so that it is saved nowhere: "
            f'import getpass, os; os.environ["{variable}"] = getpass.getpass()',
        )
    return os.environ[variable]


def _from_aws(name: str, region: str | None) -> str:
    with aws_errors(SettingsError, f"Reading the secret {name!r}"):
        answer = client("secretsmanager", region).get_secret_value(SecretId=name)
    if "SecretString" not in answer:
        raise SettingsError(f"The secret {name!r} is binary; only texts are read.", fix="Store it as a text.")
    return str(answer["SecretString"])


def _value(name: str, text: str, key: str) -> str:
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        values = None  # the message of the parser would show a part of the secret
    if not isinstance(values, dict) or key not in values:
        raise SettingsError(
            f"The secret {name!r} has no key {key!r}.",
            fix=f'Store it as JSON, {{"{key}": "..."}}, or leave the key out: secret("{name}").',
        )
    return str(values[key])
