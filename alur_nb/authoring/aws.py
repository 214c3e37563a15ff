"""One environment on AWS as the laptop asks it: its clients, the account behind the credentials, its names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from alur_nb.runtime import aws, deployed
from alur_nb.runtime.errors import DeployError, SettingsError
from alur_nb.runtime.settings import Environment, Settings

T = TypeVar("T")

Make = Callable[[str, str | None], Any]
"""What makes a client of a service in a region."""


class Names(deployed.Names):
    """An environment's names as those who ask it need them: from a pipeline to its parts, and back."""

    def job(self, pipeline: str) -> str:
        """Return the Glue job of a pipeline."""
        return f"{self.prefix}-{pipeline}"

    def pipeline(self, job: str) -> str | None:
        """Return the pipeline of a Glue job; None for a job that is not of this environment."""
        start = f"{self.prefix}-"
        return job.removeprefix(start) if job.startswith(start) else None

    def workflow(self, root: str) -> str:
        """Return the workflow that starts with a pipeline."""
        return f"{self.prefix}-{root}"

    @property
    def schedule_group(self) -> str:
        """The group that holds the environment's schedules."""
        return self.prefix

    def log_group(self, pipeline: str, stream: str) -> str:
        """Return the log group of a pipeline's `output` or `error`."""
        return f"/aws-glue/{self.prefix}/{pipeline}/{stream}"


def names_of(settings: Settings, environment: Environment) -> Names:
    """Return an environment's names; raises SettingsError for one that cannot name AWS resources."""
    found = deployed.names_of(settings.project_name, environment)
    return Names(found.project, found.environment, found.bucket)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the credentials are."""

    account: str
    arn: str


def make_client(service: str, region: str | None) -> Any:
    """Return a client that asks once: `Cloud.ask` repeats, with jitter, what is worth another try."""
    return aws.client(service, region, attempts=1)


@dataclass
class Cloud:
    """The clients of one environment, each made when it is first needed."""

    settings: Settings
    environment: Environment
    make: Make = make_client
    patience: aws.Patience = field(default_factory=aws.Patience)
    _clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def names(self) -> Names:
        """The names of the environment's parts."""
        return names_of(self.settings, self.environment)

    @cached_property
    def identity(self) -> Identity:
        """Who asks; raises DeployError without credentials, or with expired ones."""
        told = self.ask("Asking AWS who this is", lambda: self.client("sts").get_caller_identity())
        return Identity(str(told["Account"]), str(told["Arn"]))

    @property
    def region(self) -> str:
        """The region that requests go to."""
        return str(self.client("sts").meta.region_name)

    def client(self, service: str) -> Any:
        """Return the client of a service; raises SettingsError where no region is known."""
        if service not in self._clients:
            self._clients[service] = self.make(service, self.environment.region)
        return self._clients[service]

    def ask(self, doing: str, request: Callable[[], T], *, is_repeatable: bool = True) -> T:
        """Return an answer, after as many tries as help; raises DeployError in words, saying what was being done.

        What is not repeatable is asked again only where AWS has refused to do it: without an answer it may be done.
        """
        patience = self.patience if is_repeatable else replace(self.patience, unanswered=0.0)
        with aws.aws_errors(DeployError, doing):
            return patience.call(request)

    def pages(
        self, doing: str, page: Callable[..., Mapping[str, Any]], key: str, *, token: str = "NextToken"
    ) -> Iterator[Any]:
        """Yield the items of every page: an empty page with a token is not the last one.

        `page` is called with the request's token as a keyword, if there is one.
        """
        given: dict[str, str] = {}
        while True:
            answer = self.ask(doing, lambda: page(**given))  # noqa: B023 - called before `given` changes
            yield from answer.get(key, ())
            following = answer.get(token)
            # CloudWatch Logs gives the same token again at its end (API reference, GetLogEvents).
            if not following or given.get(token) == following:
                return
            given = {token: str(following)}

    def check_account(self) -> Identity:
        """Return who asks; raises DeployError where these are credentials of another account than alur.toml names."""
        wanted = self.environment.account_id
        if wanted and self.identity.account != wanted:
            raise DeployError(
                f"These credentials are of account {self.identity.account} ({self.identity.arn}), and "
                f"[env.{self.environment.name}] is in account {wanted}.",
                fix="Set AWS_PROFILE to a profile of that account, or correct account_id in alur.toml.",
            )
        return self.identity


def code_of(error: DeployError) -> str:
    """Return the service's own word for the refusal behind an error; an empty text where AWS did not refuse."""
    return aws.error_code(error.__cause__) if isinstance(error.__cause__, aws.ClientError) else ""


def open_cloud(settings: Settings, env: str | None, make: Make = make_client) -> Cloud:
    """Return the named environment on AWS, once its account is the right one.

    Raises SettingsError for `local`, which is this machine, and DeployError for another account.
    """
    cloud = Cloud(settings, deployed_environment(settings, env), make)
    cloud.check_account()
    return cloud


def deployed_environment(settings: Settings, env: str | None) -> Environment:
    """Return an environment of alur.toml that is on AWS; raises SettingsError for `local`."""
    environment = settings.environment(env)
    if environment.is_local:
        raise SettingsError(
            "The environment `local` is this machine; it is not on AWS.",
            fix="Name an environment of alur.toml: --env dev.",
        )
    return environment
