"""The decorators that make a pipeline of a function: `@pipeline`, `@schedule` and `@expect`, in any order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.checks import Check, CheckFunction, Expectation, Severity, expectation
from alur_nb.runtime.errors import DeclarationError, cut
from alur_nb.runtime.flow import Pipeline, PipelineFunction, check_pipeline
from alur_nb.runtime.schedules import Schedule
from alur_nb.runtime.sources import FileSource, NewSource, Source, TableSource, files, new, source_of
from alur_nb.runtime.tables import Table, TableType, snake_case, table_of
from alur_nb.runtime.types import FrozenMap

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from alur_nb.runtime.tables import BaseTable

__all__ = [
    "Expectation",
    "FileSource",
    "NewSource",
    "Pipeline",
    "PipelineFunction",
    "Schedule",
    "Source",
    "TableSource",
    "Undeclared",
    "check_pipeline",
    "expect",
    "files",
    "new",
    "pipeline",
    "schedule",
    "source_of",
    "subscribe",
]

MAX_NAME = 100

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_listeners: list[Callable[[Pipeline], None]] = []


def subscribe(listener: Callable[[Pipeline], None]) -> None:
    """Call `listener` with every pipeline that is declared, and again where a decorator above changes it."""
    _listeners.append(listener)


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A function with `@schedule` or `@expect` on it that waits for its `@pipeline`."""

    function: PipelineFunction
    schedule: Schedule | None = None
    expectations: tuple[Expectation, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> DataFrame:
        """Call the function."""
        return self.function(*args, **kwargs)


def pipeline(
    sources: Mapping[str, type[BaseTable] | Table | Source] | None = None,
    target: type[BaseTable] | Table | None = None,
    name: str | None = None,
    resource_profile: str | None = None,
) -> Callable[[PipelineFunction | Undeclared], Pipeline]:
    """Declare the function below as a pipeline that fills `target`.

    Parameters
    ----------
    sources
        What each parameter of the function gets: a table (read whole), `new(Table)`, or `files("orders/*.csv")`.
    target
        The table that the function's result goes into.
    name
        The pipeline's name; the function's by default.
    resource_profile
        A `[profiles.NAME]` of alur.toml.

    Raises
    ------
    DeclarationError
        The parameters are not the sources, the target is read, or rows would be appended again by each run.

    Examples
    --------
    >>> @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    ... def ingest_orders(orders):
    ...     return orders
    """
    if target is None:
        raise DeclarationError(
            "pipeline: target is missing.",
            fix='@pipeline(sources={"orders": new(Orders)}, target=LateOrders)',
        )
    wanted = table_of(target)
    found = _sources(sources)

    def declare(function: PipelineFunction | Undeclared) -> Pipeline:
        waiting = _undeclared(function, "pipeline")
        made = Pipeline(
            name=_name(name, waiting.function),
            function=waiting.function,
            sources=found,
            target=wanted,
            schedule=waiting.schedule,
            expectations=waiting.expectations,
            resource_profile=_profile(resource_profile),
        )
        return _declared(made)

    return declare


def schedule(
    cron: str,
    timezone: str = "UTC",
    enabled: bool = True,
    description: str | None = None,
    max_concurrent_runs: int = 1,
) -> Callable[[Any], Any]:
    """Run the pipeline at the times of a six-field AWS cron expression, above or below `@pipeline`.

    Raises
    ------
    DeclarationError
        The expression or the time zone is wrong, or the pipeline has a schedule already.

    Examples
    --------
    >>> @schedule("0 6 * * ? *", timezone="Europe/Berlin")
    ... @pipeline(sources={"orders": new(Orders)}, target=LateOrders)
    ... def late_orders(orders):
    ...     return orders.filter("days > 7")
    """
    made = Schedule(cron, timezone, enabled, description, max_concurrent_runs)

    def decorate(function: object) -> Pipeline | Undeclared:
        waiting = function if isinstance(function, Pipeline) else _undeclared(function, "schedule")
        if waiting.schedule is not None:
            raise DeclarationError(
                f"{_title(waiting)} has two schedules, {waiting.schedule.cron!r} and {made.cron!r}.",
                fix="One expression may hold several times: 0 6,18 * * ? *",
            )
        changed = replace(waiting, schedule=made)
        return _declared(changed) if isinstance(changed, Pipeline) else changed

    return decorate


def expect(
    name: str | None = None,
    check_fn: Check | CheckFunction | None = None,
    severity: Severity | str = Severity.ERROR,
) -> Callable[[Any], Any]:
    """Check the result before it is published, above or below `@pipeline`; checks run in the order they are written.

    Parameters
    ----------
    name
        The check's name in reports; made from the check by default.
    check_fn
        A built-in check such as `row("amount > 0")`, or a function of one's own: `(df) -> (bool, message)`.
    severity
        `Severity.ERROR` publishes nothing when the check fails, `Severity.WARN` only reports; `Severity.DROP`, for
        rules that each row keeps or breaks by itself, moves the rows that break it into the rejects.

    Raises
    ------
    DeclarationError
        There is no such check, severity, or column; or the name is taken.

    Examples
    --------
    >>> @expect(check_fn=no_nulls_in_column("order_id"))
    ... @expect("positive", check_fn=row("amount > 0"), severity=Severity.WARN)
    ... @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    ... def ingest_orders(orders):
    ...     return orders
    """
    if isinstance(name, Check):
        raise DeclarationError("expect: the first argument is the name.", fix=f"@expect(check_fn={name})")
    made = expectation(name, check_fn, severity)

    def decorate(function: object) -> Pipeline | Undeclared:
        waiting = function if isinstance(function, Pipeline) else _undeclared(function, "expect")
        if made.name in {known.name for known in waiting.expectations}:
            raise DeclarationError(
                f"{_title(waiting)} has two checks named {made.name!r}.",
                fix='@expect("another name", check_fn=...)',
            )
        # Decorators run from the bottom up, so the one that comes later stands above.
        changed = replace(waiting, expectations=(made, *waiting.expectations))
        return _declared(changed) if isinstance(changed, Pipeline) else changed

    return decorate


def _declared(made: Pipeline) -> Pipeline:
    check_pipeline(made)
    for listener in _listeners:
        listener(made)
    return made


def _undeclared(function: object, decorator: str) -> Undeclared:
    """Return the function with what was decorated on it so far."""
    if isinstance(function, Undeclared):
        return function
    if isinstance(function, Pipeline):
        raise DeclarationError(f"{function.name} has @pipeline twice.", fix="Leave one of the two out.")
    if not inspect.isfunction(function):
        raise DeclarationError(
            f"@{decorator} stands above a function, and {function!r} was given.",
            fix=f"@{decorator}(...)\ndef late_orders(orders):\n    ...",
        )
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise DeclarationError(
            f"{function.__name__} is async or yields; a pipeline returns one frame.",
            fix="def ...: return frame",
        )
    return Undeclared(function)


def _title(made: Pipeline | Undeclared) -> str:
    return made.name if isinstance(made, Pipeline) else made.function.__name__


def _sources(given: object) -> FrozenMap[str, Source]:
    if given is None:
        return FrozenMap()
    if not isinstance(given, Mapping):
        one = isinstance(given, Table | TableType | FileSource | NewSource | TableSource)
        what = "a source without a name" if one else repr(given)
        raise DeclarationError(
            f"pipeline: sources is {what}; it is a dict that names the function's parameters.",
            fix='sources={"orders": new(OrdersBronze)}',
        )
    for name in given:
        if not isinstance(name, str) or not name.isidentifier():
            raise DeclarationError(
                f"pipeline: the source's name {name!r} cannot be a parameter.",
                fix=f'"{re.sub(r"[^a-z0-9_]", "_", str(name).lower())}": ...',
            )
    return FrozenMap({name: source_of(source) for name, source in given.items()})


def _name(name: object, function: PipelineFunction) -> str:
    given = function.__name__ if name is None else name
    if isinstance(given, str) and _NAME.fullmatch(given) and len(given) <= MAX_NAME:
        return given
    better = (
        re.sub(r"[^a-z0-9_]+", "_", snake_case(str(given))).strip("_0123456789")[:MAX_NAME] or "late_orders"
    )
    raise DeclarationError(
        f"{cut(repr(given), 60)} is not a pipeline's name: lower-case letters, digits and _, a letter first, "
        f"at most {MAX_NAME}.",
        fix=f'@pipeline(..., name="{better}")',
    )


def _profile(profile: object) -> str | None:
    if profile is None or (isinstance(profile, str) and profile.strip()):
        return profile
    raise DeclarationError(
        f"pipeline: resource_profile is {profile!r}, not a name.",
        fix='resource_profile="large", with [profiles.large] in alur.toml',
    )
