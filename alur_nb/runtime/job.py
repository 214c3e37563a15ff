"""The entry of a written job script: one pipeline, one run, one exit code, one line of JSON per event."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alur_nb.runtime.calling import Event
from alur_nb.runtime.context import join_session
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.owners import glue_owner, glue_run
from alur_nb.runtime.parameters import ARGUMENT, job_argument
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import current_project
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.settings import LOCAL
from alur_nb.runtime.summary import write_summary
from alur_nb.runtime.workspace import Workspace, open_job, open_workspace

log = logging.getLogger("alur")

# Of a reason; the whole of it is in the log and in the summary.
_REASON_LENGTH = 2000


def main(pipeline: Pipeline, argv: Sequence[str] | None = None) -> None:
    """Run the pipeline; return where it succeeded, exit with 1 where it failed, with 2 for wrong arguments.

    With `--alur JSON` in the environment that it names; without it on the embedded lake of `--project DIR`.
    Arguments that are not ours (Glue adds `--JOB_NAME`, `--TempDir`, `--enable-*`) are left alone.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        report = run_job(pipeline, sys.argv[1:] if argv is None else argv)
    except AlurError as error:
        _log("failed", pipeline=pipeline.name, error=str(error))
        raise _failure(str(error)) from error
    for run in report.runs:
        _log("finished", **run.to_dict())
    if not report.ok:
        raise _failure("; ".join(run.error_text or run.state for run in report.runs))


def _failure(reason: str) -> SystemExit:
    """Return the end of a failed job: code 1, and the reason, which Glue shows as the run's error message."""
    failure = SystemExit(reason[:_REASON_LENGTH])
    failure.code = 1
    return failure


def run_job(pipeline: Pipeline, argv: Sequence[str]) -> RunReport:
    """Run the pipeline as the arguments say, and leave a summary where they say so.

    Raises AlurError for an environment that cannot be opened.
    """
    parser = argparse.ArgumentParser(description=f"Run the pipeline {pipeline.name}.", allow_abbrev=False)
    parser.add_argument(ARGUMENT, help="JSON: environment, parameters, run_id")
    parser.add_argument("--project", type=Path, default=Path(), help="folder whose embedded lake is used")
    # Glue adds it to every script's arguments (awsglue.utils resolves it unasked).
    parser.add_argument("--JOB_RUN_ID", dest="glue_run", help="Glue's id of this run")
    options, _ = parser.parse_known_args(list(argv))
    argument = job_argument(argv)
    by_glue = glue_run(options.glue_run) if options.glue_run else None
    run_id = str(argument.get("run_id") or by_glue or uuid.uuid4().hex)
    started = datetime.now(UTC).isoformat()
    try:
        report = run_pipelines(
            _opened(argument, options.project),
            current_project(),
            [pipeline.name],
            run_id=run_id,
            on_event=_log_event,
            # A retry of the same Glue run takes the lease over at once: the attempt before it is over.
            owner=glue_owner(options.glue_run) if options.glue_run else None,
        )
    except AlurError as error:
        write_summary(argument, run_id, started_at=started, ok=False, error=str(error), runs=[])
        raise
    write_summary(argument, run_id, started_at=started, ok=report.ok, runs=report.to_dict()["runs"])
    return report


def _opened(argument: Mapping[str, Any], folder: Path) -> Workspace:
    if argument.get("environment", LOCAL) == LOCAL:
        return open_workspace(folder)
    workspace = open_job(argument)
    join_session(workspace.environment)
    return workspace


def _log_event(event: Event) -> None:
    # What a step does not tell is left out of its line.
    _log("event", **{name: value for name, value in asdict(event).items() if value is not None})


def _log(what: str, **fields: object) -> None:
    log.info(what, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One line of JSON a record: `time`, `what`, and the event's own fields; other loggers' words as `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        fields = getattr(record, "fields", None)
        moment = datetime.fromtimestamp(record.created, UTC).isoformat()
        words = {"message": record.getMessage()} if fields is None else {}
        what = "log" if fields is None else record.getMessage()
        return json.dumps({"time": moment, "what": what, **words, **(fields or {})}, default=str)
