"""What terraform refuses, in our words: a lock, a name that is taken, credentials, a permission, half an apply."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alur_nb.runtime.errors import DeployError

_DETAIL_LINES = 6
_LOGIN = (
    "Log in again (`aws sso login`, or new keys), then run the same command: it goes on where it stopped."
)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning, as the program tells it."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Diagnostic:
        """Read a diagnostic of the JSON stream."""
        return cls(
            str(told.get("severity", "error")),
            str(told.get("summary", "")),
            str(told.get("detail", "")),
            str(told.get("address", "")),
        )

    @property
    def text(self) -> str:
        """Summary and detail, for a search."""
        return f"{self.summary}\n{self.detail}"


def refusal_of(
    errors: Sequence[Diagnostic],
    command: str,
    where: str,
    *,
    made: int = 0,
    planned: int = 0,
    log: Path | None = None,
) -> DeployError:
    """Return the error for a command that failed; `where` is how to run the program by hand in the same folder."""
    first = errors[0] if errors else Diagnostic("error", "It told no reason: it was killed, or has crashed.")
    message, fix = _explained(errors or [first], first, where)
    if command == "apply":
        message = (
            f"The apply stopped after {made:,} of {planned:,} steps. {message}\n"
            "What was made is noted in the state, and stays."
        )
    fix = fix or _after(command)
    if log is not None:
        fix += f"\nEvery word of it: {log}"
    return DeployError(message, fix=fix)


def _after(command: str) -> str:
    if command == "apply":
        return "Remove the cause, then run the same command again: it makes what is missing."
    return "Remove the cause, then run the same command again."


def _explained(errors: Sequence[Diagnostic], first: Diagnostic, where: str) -> tuple[str, str]:
    text = "\n".join(error.text for error in errors)
    if "Error acquiring the state lock" in text:
        return _locked(text, where)
    for pattern, said, fix in _KNOWN:
        if found := re.search(pattern, text, re.IGNORECASE):
            place = next((error.address for error in errors if error.address), "")
            told = said.format(*found.groups(), place=place or "a resource")
            return told, fix
    at = f" ({first.address})" if first.address else ""
    detail = [line for line in first.detail.splitlines() if line.strip()][:_DETAIL_LINES]
    more = f" ({len(errors) - 1:,} more errors)" if len(errors) > 1 else ""
    return "\n".join([f"{first.summary}{at}{more}", *detail]), ""


def _locked(text: str, where: str) -> tuple[str, str]:
    """Say who holds the state's lock, since when, and how it is taken away where its holder is dead."""
    facts = dict(re.findall(r"^\s*(ID|Who|Created|Operation):\s*(.+?)\s*$", text, re.MULTILINE))
    who = facts.get("Who", "somebody")
    since = f" since {facts['Created']}" if "Created" in facts else ""
    doing = (
        f", for {facts['Operation'].removeprefix('OperationType').lower()}" if "Operation" in facts else ""
    )
    return (
        f"The state is locked by {who}{since}{doing}.",
        "Wait until that run has ended, then run again. Only if it is dead (its machine was switched off, it was "
        f"killed): {where} force-unlock {facts.get('ID', 'ID')}",
    )


_KNOWN = (
    (
        r"BucketAlreadyExists|bucket name is not available",
        "A bucket's name is taken by another account ({place}).",
        'Choose another prefix: bucket = "..." under the environment in alur.toml, then run again.',
    ),
    (
        r"BucketAlreadyOwnedByYou",
        "A bucket is there already and not in this environment's state ({place}).",
        "Import it (terraform import), or choose another prefix: bucket = ... under the environment in alur.toml.",
    ),
    (
        r"ExpiredToken|token (?:included in the request )?(?:is|has) expired|security token .* expired",
        "The credentials have expired.",
        _LOGIN,
    ),
    (
        r"No valid credential sources found|failed to refresh cached credentials",
        "There are no AWS credentials.",
        "Log in (`aws sso login`) or set AWS_PROFILE, then run again.",
    ),
    (
        r"AWS account ID not allowed: (\d+)",
        "These credentials are of account {0}, and alur.toml names another one.",
        "Set AWS_PROFILE to a profile of the right account, or correct account_id in alur.toml.",
    ),
    (
        r"not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?",
        "Access is denied: {0} on {1} ({place}).",
        "Give this role or user that permission, then run the same command again: it goes on where it stopped.",
    ),
    (
        r"Saved plan is stale",
        "The state has changed since the plan was made: somebody else has deployed.",
        "Run the same command again: it plans anew.",
    ),
)
