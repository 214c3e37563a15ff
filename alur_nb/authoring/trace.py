"""What the written scripts declare, found by importing them in one clean interpreter and calling each pipeline.

Every pipeline function is called once with empty frames that have its sources' columns. What it asks
`load_to_bronze` for is recorded, and the columns that it returns are held against its target. The interpreter sees
the bundle's own library, an empty folder, no credentials, and no network but loopback.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from alur_nb.authoring.following import Following
from alur_nb.runtime.errors import AlurError, ExportError, NotYetSupportedError, Place
from alur_nb.runtime.lineage import PlainLineage

TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 0.2

# What Spark and the user's own code may see of this machine; credentials, proxies and projects are not among it.
_KEPT_VARIABLES = (
    "PATH",
    "JAVA_HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SPARK_HOME",
)
_JAVA_OPTIONS = (
    # A Java socket that would leave the machine is sent to a proxy that nobody runs.
    "-DsocksProxyHost=127.0.0.1 -DsocksProxyPort=1 "
    # Empty frames are planned, not computed: what counts is how soon the JVM is there.
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
)


class TracedColumn(TypedDict):
    """A column and its type, in the spelling of Spark and the catalog."""

    name: str
    type: str


class TableColumn(TracedColumn):
    """A column as its table declares it; `source` is its name in the files."""

    nullable: bool
    description: str | None
    source: str | None


class TracedTable(TypedDict):
    """A declared table."""

    description: str
    format: str
    columns: list[TableColumn]
    partition_by: list[str]
    primary_key: list[str]


class TracedSource(TypedDict):
    """One source: `files` and `load_to_bronze` have patterns, `table`, `new` and `reference` have a table."""

    kind: str
    parameter: str | None
    patterns: list[str]
    table: str | None
    contract: str | None
    source_system: str | None
    settings: dict[str, Any]


class TracedPipeline(TypedDict):
    """A pipeline as its script declares it, with the columns that it returned, or why it was not traced."""

    name: str
    description: str
    target: str
    sources: list[TracedSource]
    schedule: dict[str, Any] | None
    lineage: PlainLineage
    expectations: list[dict[str, str]]
    resource_profile: str | None
    columns: list[TracedColumn] | None
    not_traced: str | None
    secrets: list[str]


class Failure(TypedDict):
    """Why a script cannot be exported; `error` names the class, and the line is the script's."""

    pipeline: str
    error: str
    message: str
    fix: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Trace:
    """What all scripts of a bundle declare together."""

    pipelines: Mapping[str, TracedPipeline]
    tables: Mapping[str, TracedTable]
    errors: tuple[AlurError, ...] = ()
    warnings: tuple[str, ...] = ()


def trace_scripts(
    scripts: Mapping[str, Path],
    libraries: Sequence[Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT_SECONDS,
    following: Following | None = None,
) -> Trace:
    """Trace each pipeline's script with the archives of `lib/` on its path; one interpreter and one JVM for all.

    What is wrong with a script (it cannot be imported, does not declare its pipeline, or returns other columns than
    its target's), or with all of them together, is in `errors`, with the script's line.
    Raises ExportError where the interpreter itself ends without an answer, RunCancelledError where `following` is
    cancelled.
    """
    request = {
        "scripts": {name: str(path.resolve()) for name, path in sorted(scripts.items())},
        "libraries": [str(path.resolve()) for path in libraries],
        "argument": json.dumps({"parameters": dict(parameters or {})}),
    }
    with tempfile.TemporaryDirectory(prefix="alur-trace-") as folder:
        answer = _traced(request, Path(folder), timeout, following or Following())
    pipelines: dict[str, TracedPipeline] = {
        found["pipeline"]["name"]: found["pipeline"] for found in answer["traced"]
    }
    untraced = [
        f"{name} was not traced, its columns are unverified: {traced['not_traced']}"
        for name, traced in pipelines.items()
        if traced["not_traced"]
    ]
    tables, differing = _merged_tables(answer["traced"])
    found = [_error(failure) for failure in answer["failures"]]
    return Trace(pipelines, tables, (*found, *differing), (*untraced, *answer["warnings"]))


def _error(failure: Failure) -> AlurError:
    kinds: dict[str, type[AlurError]] = {"NotYetSupportedError": NotYetSupportedError}
    return kinds.get(failure["error"], ExportError)(
        failure["message"],
        place=Place(file=f"jobs/{failure['pipeline']}.py", line=failure["line"])
        if failure["pipeline"]
        else None,
        fix=failure["fix"],
    )


def _traced(request: Mapping[str, Any], folder: Path, timeout: float, following: Following) -> dict[str, Any]:
    """Run the tracing interpreter in an empty folder and return its answer."""
    home = folder / "home"
    home.mkdir()
    asked, answered = folder / "request.json", folder / "answer.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    program = Path(__file__).with_name("trace_process.py")
    # -I: no variables, no user packages, and neither the working directory nor this one on the path.
    command = [sys.executable, "-I", str(program), str(asked), str(answered)]
    process = subprocess.Popen(
        command,
        cwd=home,
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output = _output(process, timeout, following)
    except subprocess.TimeoutExpired as error:
        raise ExportError(
            f"The written scripts were still being traced after {timeout:.0f} seconds.",
            fix="Look for a cell or a pipeline function that waits: a loop, an input, a server.",
        ) from error
    finally:
        _end(process)
    if not answered.is_file():
        tail = "\n".join(output.strip().splitlines()[-15:])
        raise ExportError(
            f"The interpreter that traces the scripts ended with code {process.returncode}:\n{tail}",
            fix="A script that ends the process (sys.exit, os._exit) cannot be traced; else report this as a bug.",
        )
    answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return answer


def _output(process: subprocess.Popen[str], timeout: float, following: Following) -> str:
    """Wait for the interpreter's end, as long as somebody wants it; what it printed is not lost in between."""
    deadline = time.monotonic() + timeout
    while True:
        following.stop_if_asked()
        try:
            return process.communicate(timeout=_POLL_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "HOME": str(home),
        "ALUR_MODE": "export",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "JDK_JAVA_OPTIONS": _JAVA_OPTIONS,
        "PYTHONHASHSEED": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }


def _end(process: subprocess.Popen[str]) -> None:
    """End the interpreter with the JVM that it may have left: both are in a process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _merged_tables(traced: Sequence[Mapping[str, Any]]) -> tuple[dict[str, TracedTable], list[AlurError]]:
    tables: dict[str, TracedTable] = {}
    owners: dict[str, str] = {}
    differing: list[AlurError] = []
    for found in traced:
        name = found["pipeline"]["name"]
        for table, declared in found["tables"].items():
            if tables.setdefault(table, declared) != declared:
                differing.append(
                    ExportError(
                        f"The jobs `{owners[table]}` and `{name}` declare {table} differently.",
                        fix="Declare the table in one cell only, without conditions, and export again.",
                    )
                )
            owners.setdefault(table, name)
    return tables, differing
