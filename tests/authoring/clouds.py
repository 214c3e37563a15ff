"""AWS for tests that take milliseconds: clients that answer what a test says, behind the seam that `Cloud` has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from alur_nb.authoring.aws import Cloud
from alur_nb.runtime.aws import Patience
from alur_nb.runtime.settings import Environment, Settings

ACCOUNT = "123456789012"
Answer = Any
"""A value, an error to raise, a function of the request, or a list of these: one a request, the last for ever."""


def refused(
    code: str, message: str = "", operation: str = "Operation", status: int = 400, **headers: str
) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },  # type: ignore[arg-type]
        operation,
    )


@dataclass
class Clients:
    """Makes the clients; `answers` is by `service.operation`, and `asked` is what was asked, in order."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, service: str, region: str | None) -> Any:
        return _Client(self, service, region or "eu-central-1")

    def requests(self, name: str) -> list[dict[str, Any]]:
        return [request for asked, request in self.asked if asked == name]

    def answer(self, name: str, request: dict[str, Any]) -> Any:
        self.asked.append((name, request))
        if name not in self.answers:
            raise AssertionError(f"{name} was not expected: {request}")
        told = self.answers[name]
        if isinstance(told, list):
            told = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(told, Exception):
            raise told
        return told(**request) if callable(told) else told


class _Client:
    def __init__(self, clients: Clients, service: str, region: str) -> None:
        self._clients, self._service = clients, service
        self.meta = SimpleNamespace(region_name=region)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **request: self._clients.answer(f"{self._service}.{operation}", request)


def settings(root: Path, **environments: Environment) -> Settings:
    named = environments or {"dev": Environment("dev", region="eu-central-1", landing="s3://acme-landing/")}
    return Settings(root, "shop", environments={"local": Environment("local"), **named})


@dataclass
class Slept:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def wait(self, seconds: float) -> bool:
        self.sleep(seconds)
        return False


def cloud(
    root: Path,
    answers: Mapping[str, Answer] | None = None,
    environment: Environment | None = None,
    clock: Slept | None = None,
) -> tuple[Cloud, Clients]:
    """An environment `dev` of the project `shop`, in account 123456789012."""
    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada"}
    clients = Clients({"sts.get_caller_identity": identity, **(answers or {})})
    time = clock or Slept()
    known = settings(root, **({environment.name: environment} if environment else {}))
    patience = Patience(sleep=time.sleep, clock=lambda: time.now)
    chosen = environment or known.environments["dev"]
    return Cloud(known, chosen, make=clients, patience=patience), clients
