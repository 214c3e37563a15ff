"""A deployed run's log: CloudWatch's pages read to their end, each line with the stream that it comes from."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.authoring.jobs import Job, JobRun, deployed_job, get_run, runs_of
from alur_nb.authoring.sheet import Sheet
from alur_nb.runtime.errors import DeployError, plural

Channel = Literal["output", "error"]
CHANNELS: tuple[Channel, ...] = ("output", "error")

_POLL_SECONDS = 5.0
# CloudWatch shows a line some seconds after it was written: what ended has lines to come, and old pages grow.
_LAG_POLLS = 2
_OVERLAP_MS = 60_000
_ERRORS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when, from which process of the run, on which channel."""

    time: datetime
    stream: str
    """`driver`, or `executor` with Glue's number of it."""
    channel: Channel
    message: str
    event_id: str = ""

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """What one of our own lines tells (a job logs one object of JSON per event); None for any other line."""
        if not self.message.startswith("{"):
            return None
        try:
            told = json.loads(self.message)
        except ValueError:
            return None
        return told if isinstance(told, dict) and "what" in told else None

    @property
    def is_failure(self) -> bool:
        """Whether the line says that something failed."""
        fields = self.fields
        if fields is not None:
            return fields["what"] == "failed" or bool(fields.get("error"))
        return any(mark in self.message for mark in (" ERROR ", "Exception:", "Error: ", "Traceback"))

    @property
    def text(self) -> str:
        """The message as one reads it: of our own lines step, detail and numbers, of others themselves."""
        fields = self.fields
        if fields is None:
            return self.message
        hidden = ("time", "what", "pipeline", "step", "detail", "message")
        words = [str(fields[name]) for name in ("step", "detail", "message") if fields.get(name)]
        numbers = [
            f"{name}={value}"
            for name, value in fields.items()
            if name not in hidden and value not in (None, [], {}, "")
        ]
        what = "" if fields["what"] in ("event", "log") else f"{fields['what']}: "
        return f"{fields.get('pipeline', '')} {what}{', '.join([*words, *numbers])}".strip()

    def __str__(self) -> str:
        return f"{self.time:%H:%M:%S} {self.stream} {self.channel}: {self.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "time": self.time.isoformat(),
            "stream": self.stream,
            "channel": self.channel,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Logs:
    """The log of one run."""

    run: JobRun | None = None
    lines: tuple[LogLine, ...] = ()
    earlier: int = 0
    """Lines in front of these, which are left out."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        run = self.run.to_dict() if self.run else None
        return {"run": run, "lines": [line.to_dict() for line in self.lines]}

    def tail(self, count: int) -> Logs:
        """Return the log with its last lines only."""
        return replace(
            self, lines=self.lines[-count:], earlier=self.earlier + max(0, len(self.lines) - count)
        )

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        if self.run is None:
            return Sheet("No run yet.")
        begun = f", begun {self.run.started:%Y-%m-%d %H:%M:%S} UTC" if self.run.started else ""
        head = f"{self.run.pipeline}, run {self.run.id}{begun}: {self.run.words}, {plural(len(self.lines), 'line')}"
        before = (f"{self.earlier:,} earlier lines: alur logs {self.run.pipeline}",) if self.earlier else ()
        return Sheet(head, (*before, *(str(line) for line in self.lines)))

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def logs(cloud: Cloud, pipeline: str, *, run_id: str | None = None) -> Logs:
    """Return the whole log of a run, by default of the last one; raises DeployError for an unknown job or run."""
    job = deployed_job(cloud, pipeline)
    run = run_named(cloud, job, run_id)
    return Logs(run, tuple(read(cloud, pipeline, run.id)) if run else ())


def run_named(cloud: Cloud, job: Job, run_id: str | None) -> JobRun | None:
    """Return a run by its id, or the last one; None where the job has never run."""
    if run_id is not None:
        return get_run(cloud, job, run_id)
    return next(runs_of(cloud, job, last=1), None)


def read(cloud: Cloud, pipeline: str, run_id: str, *, since_ms: int = 0) -> list[LogLine]:
    """Return the lines of a run since a time, both channels in the order of their times."""
    found = [line for channel in CHANNELS for line in _channel(cloud, pipeline, run_id, channel, since_ms)]
    return sorted(found, key=lambda line: line.time)


def _channel(cloud: Cloud, pipeline: str, run_id: str, channel: Channel, since_ms: int) -> Iterator[LogLine]:
    group, client = cloud.names.log_group(pipeline, channel), cloud.client("logs")

    def page(**token: str) -> Mapping[str, Any]:
        # The driver's stream bears the run's id, an executor's that and a number (Glue guide, "Logging").
        answer: Mapping[str, Any] = client.filter_log_events(
            logGroupName=group, logStreamNamePrefix=run_id, startTime=since_ms, **token
        )
        return answer

    try:
        for event in cloud.pages(f"Reading the log group {group}", page, "events", token="nextToken"):
            yield _line(event, run_id, channel)
    except DeployError as error:
        # Before its first run, a job that was deployed by other means may have no group.
        if code_of(error) != "ResourceNotFoundException":
            raise


def _line(event: Mapping[str, Any], run_id: str, channel: Channel) -> LogLine:
    rest = str(event.get("logStreamName", "")).removeprefix(run_id).strip("_-")
    stream = f"executor {rest}" if rest and not rest.startswith("attempt") else "driver"
    return LogLine(
        time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        stream=stream,
        channel=channel,
        message=str(event["message"]).rstrip("\n"),
        event_id=str(event.get("eventId", "")),
    )


def follow(
    cloud: Cloud,
    pipeline: str,
    *,
    run_id: str | None = None,
    wait: Callable[[float], bool] | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a run as they come, until some time after it has ended; `wait` says whether to stop.

    A line that CloudWatch shows late, with an earlier time, comes late here too, and once.
    """
    pause = wait or threading.Event().wait
    job = deployed_job(cloud, pipeline)
    run = run_named(cloud, job, run_id)
    if run is None:
        return
    seen: set[tuple[str, ...]] = set()
    latest, after_end = 0, 0
    while after_end <= _LAG_POLLS:
        run = get_run(cloud, job, run.id)
        after_end = after_end + 1 if run.has_ended else 0
        for line in read(cloud, pipeline, run.id, since_ms=max(0, latest - _OVERLAP_MS)):
            key = _identity(line)
            if key not in seen:
                seen.add(key)
                latest = max(latest, round(line.time.timestamp() * 1000))
                yield line
        if after_end <= _LAG_POLLS and pause(_POLL_SECONDS):
            return


def _identity(line: LogLine) -> tuple[str, ...]:
    return (line.event_id or line.time.isoformat(), line.stream, line.channel, line.message)


def last_errors(cloud: Cloud, run: JobRun) -> tuple[str, ...]:
    """Return the last lines of a failed run that say why; without such lines the last lines of its error channel."""
    lines = [line for line in read(cloud, run.pipeline, run.id) if line.channel == "error"]
    failures = [line for line in lines if line.is_failure] or lines
    ours = [line for line in failures if line.fields is not None]
    return tuple(str(line) for line in (ours or failures)[-_ERRORS_SHOWN:])
