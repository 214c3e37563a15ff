"""The program that traces scripts: `python -I trace_process.py REQUEST ANSWER`, started by `trace`.

It is run by its path and imports nothing of alur-nb before the bundle's own library is on the path: what is proved
is that the scripts work with the files that are shipped.
"""

from __future__ import annotations

import inspect
import ipaddress
import json
import sys
import traceback
import types
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alur_nb.runtime.context import LoadCall
    from alur_nb.runtime.flow import Pipeline
    from alur_nb.runtime.lineage import PipelineLineage
    from alur_nb.runtime.sources import FileSource, Source
    from alur_nb.runtime.tables import Table

    Called = tuple[list[dict[str, str]] | None, str | None, PipelineLineage]


class Refused(Exception):
    """A script that cannot be exported; `error` is the name of the class that tells it."""

    def __init__(self, message: str, fix: str, line: int | None = None, error: str = "ExportError") -> None:
        super().__init__(message)
        self.message, self.fix, self.line, self.error = message, fix, line, error

    def to_dict(self, pipeline: str) -> dict[str, Any]:
        """Return what the answer holds of it."""
        return {
            "pipeline": pipeline,
            "error": self.error,
            "message": self.message,
            "fix": self.fix,
            "line": self.line,
        }


def main(asked: Path, answered: Path) -> None:
    """Trace every script of the request and write the answer; a script that fails does not stop the others."""
    request = json.loads(asked.read_text(encoding="utf-8"))
    sys.path[:0] = request["libraries"]
    sys.addaudithook(_refuse_network)
    found, failures = [], []
    for name, path in request["scripts"].items():
        sys.argv = [path, "--alur", request["argument"]]
        known = set(sys.modules)
        try:
            found.append(_trace(name, Path(path)))
        except Refused as error:
            failures.append(error.to_dict(name))
        finally:
            _forget_modules(set(sys.modules) - known, request["libraries"])
    together, warnings = _problems([traced for traced, _ in found])
    answer = {
        "traced": [description for _, description in found],
        "failures": failures + together,
        "warnings": warnings,
    }
    answered.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")


def _trace(name: str, path: Path) -> tuple[Pipeline, dict[str, Any]]:
    from alur_nb.runtime.project import Project, use_project
    from alur_nb.runtime.secrets import recording_secrets

    project = Project()
    with use_project(project), recording_secrets() as secrets:
        _import(name, path)
        if name not in project.pipelines:
            raise Refused(
                f"The script declares no pipeline `{name}`, only: {', '.join(project.pipelines) or 'none'}.",
                "Declare it under this name whatever the environment is; a name made at run time must not change.",
            )
        pipeline = project.pipelines[name]
        calls: list[LoadCall] = []
        called = _call(pipeline, calls)
    tables = {table: _table(declared) for table, declared in project.tables.items()}
    described = {**_described(pipeline, calls, called), "secrets": sorted(secrets)}
    return pipeline, {"pipeline": described, "tables": tables}


def _problems(pipelines: list[Pipeline]) -> tuple[list[dict[str, Any]], list[str]]:
    """Hold the rules that no script can break alone: one writer a table, no cycle."""
    from alur_nb.runtime.project import Origin, Project

    project = Project()
    for pipeline in pipelines:
        for table in _tables_of(pipeline):
            project.declare_table(table, Origin(table.qualified_name))
        project.declare_pipeline(pipeline, Origin(f"jobs/{pipeline.name}.py"))
    found = project.problems()
    refused = [Refused(problem.message, problem.fix) for problem in found if problem.severity == "error"]
    return [error.to_dict("") for error in refused], [p.message for p in found if p.severity == "warning"]


def _tables_of(pipeline: Pipeline) -> list[Table]:
    from alur_nb.runtime.sources import FileSource

    sources = [source.table for source in pipeline.sources.values() if not isinstance(source, FileSource)]
    return [pipeline.target, *sources, *pipeline.referenced_tables]


def _import(name: str, path: Path) -> None:
    """Execute the script as a module of its own, so that nothing under `__main__` runs."""
    from alur_nb.runtime.errors import AlurError

    module = types.ModuleType(f"alur_job_{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    except AlurError as error:
        fix = error.fix or "Mend the cell and export again."
        raise Refused(error.message, fix, _line(error, path), type(error).__name__) from error
    except ModuleNotFoundError as error:
        raise Refused(
            f"The script of `{name}` imports `{error.name}`, which is not installed and not in the bundle.",
            f"Write `%pip install {error.name}==VERSION` in a cell and run it, or put the module beside the notebook.",
            _line(error, path),
        ) from error
    # Whatever the user's cells raise is the reason why the script cannot be exported.
    except (Exception, SystemExit) as error:
        raise Refused(
            f"The script of `{name}` cannot be imported without this machine's files, network and credentials: "
            f"{_reason(error)}.",
            "Make the value a parameter, or move what reads it into the pipeline's function.",
            _line(error, path),
        ) from error
    finally:
        # Functions pickle by value, as in a job, where their module is __main__.
        del sys.modules[module.__name__]


def _call(pipeline: Pipeline, calls: list[LoadCall]) -> Called:
    """Call the function with empty frames; where it raises, the reason stands in the place of its columns."""
    from alur_nb.runtime.errors import AlurError, DeclarationError, NotYetSupportedError
    from alur_nb.runtime.lineage import at_table_level
    from alur_nb.runtime.tracing import EmptyCall

    call = EmptyCall(pipeline, calls=calls)
    try:
        result = call.run()
        columns = _columns(pipeline, result)
    except (DeclarationError, NotYetSupportedError) as error:
        raise _refused(pipeline, error) from error
    # Empty frames take ways that data would not: a function that fails on them may be right, it is just unproved.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        reason = error.message if isinstance(error, AlurError) else _reason(error)
        _require_declared_files(pipeline, calls, reason)
        return None, reason, at_table_level(pipeline, f"it was not traced: {reason}", call.loads)
    _require_declared_files(pipeline, calls, "it returned without calling load_to_bronze")
    return columns, None, call.lineage(result)


def _require_declared_files(pipeline: Pipeline, calls: list[LoadCall], reason: str) -> None:
    from alur_nb.runtime.sources import FileSource

    declared = any(isinstance(source, FileSource) for source in pipeline.sources.values())
    if not calls and not declared and "load_to_bronze" in _names(pipeline.function.__code__):
        raise Refused(
            f"`{pipeline.name}` did not reach load_to_bronze when it was traced with empty frames, so what it reads "
            f"is not known: {reason}.",
            'Declare the files instead: @pipeline(sources={"raw": files("orders/*.csv")}, ...).',
            pipeline.function.__code__.co_firstlineno,
        )


def _names(code: types.CodeType) -> set[str]:
    nested = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*(_names(const) for const in nested))


def _columns(pipeline: Pipeline, result: Any) -> list[dict[str, str]]:
    from pyspark.sql import DataFrame

    from alur_nb.runtime.errors import ContractError
    from alur_nb.runtime.result import conform

    if not isinstance(result, DataFrame):
        raise ContractError(
            f"`{pipeline.name}` returned {type(result).__name__}, not a DataFrame.",
            fix="End it with `return df`.",
        )
    conform(result, pipeline.target, datetime.now(UTC))
    return [
        {"name": field.name, "type": field.dataType.simpleString()}
        for field in result.schema.fields
        if field.name in pipeline.target.columns
    ]


def _described(pipeline: Pipeline, calls: list[LoadCall], called: Called) -> dict[str, Any]:
    columns, reason, lineage = called
    declared = [_source(parameter, source) for parameter, source in pipeline.sources.items()]
    # A job may read what its checks look into, and runs after the job that writes it.
    declared += [_table_source("reference", None, table) for table in pipeline.referenced_tables]
    loaded = [_files("load_to_bronze", None, call.source) for call in calls]
    return {
        "name": pipeline.name,
        "description": inspect.getdoc(pipeline.function) or pipeline.target.description,
        "target": pipeline.target.qualified_name,
        "sources": declared + [source for n, source in enumerate(loaded) if source not in loaded[:n]],
        "schedule": asdict(pipeline.schedule) if pipeline.schedule else None,
        "expectations": [
            {
                "name": expectation.name,
                "check": _check(expectation.check),
                "severity": str(expectation.severity),
            }
            for expectation in pipeline.expectations
        ],
        "resource_profile": pipeline.resource_profile,
        "columns": columns,
        "not_traced": reason,
        "lineage": lineage.to_dict(),
    }


def _source(parameter: str, source: Source) -> dict[str, Any]:
    from alur_nb.runtime.sources import FileSource, NewSource

    if isinstance(source, FileSource):
        return _files("files", parameter, source)
    return _table_source("new" if isinstance(source, NewSource) else "table", parameter, source.table)


def _table_source(kind: str, parameter: str | None, table: Table) -> dict[str, Any]:
    return {
        "kind": kind,
        "parameter": parameter,
        "patterns": [],
        "table": table.qualified_name,
        "contract": None,
        "source_system": None,
        "settings": {},
    }


def _files(kind: str, parameter: str | None, source: FileSource) -> dict[str, Any]:
    return {
        "kind": kind,
        "parameter": parameter,
        "patterns": list(source.patterns),
        "table": None,
        "contract": source.contract.qualified_name if source.contract else None,
        "source_system": source.source_system,
        "settings": {
            "format": source.format,
            "options": dict(source.options),
            "strict": source.strict,
            "extra_columns": source.extra_columns,
            "schema_mode": source.schema_mode,
            "on_changed": source.on_changed,
            "same_content": source.same_content,
            "reject_limit": source.reject_limit,
        },
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "description": table.description,
        "format": table.format,
        "columns": [
            {
                "name": name,
                "type": column.ddl,
                "nullable": column.nullable,
                "description": column.description,
                "source": column.source,
            }
            for name, column in table.columns.items()
        ],
        "partition_by": [str(partition) for partition in table.partition_by],
        "primary_key": list(table.primary_key),
    }


def _check(check: Any) -> str:
    # A function's repr holds its address, which differs in every process.
    return str(getattr(check, "__qualname__", check))


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _refused(pipeline: Pipeline, error: Any) -> Refused:
    place = inspect.getsourcefile(pipeline.function) or ""
    line = _line(error, Path(place)) or pipeline.function.__code__.co_firstlineno
    fix = error.fix or "Mend the pipeline's function."
    return Refused(f"`{pipeline.name}`: {error.message}", fix, line, type(error).__name__)


def _line(error: BaseException, script: Path) -> int | None:
    """Return the script's last line that was being executed."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(script)), None)


def _forget_modules(names: set[str], libraries: list[str]) -> None:
    """Drop local modules: the next script imports them for itself, with the tables that they declare."""
    for name in names:
        place = getattr(sys.modules.get(name), "__file__", None) or ""
        if place.startswith(tuple(libraries)) and name.split(".")[0] != "alur_nb":
            del sys.modules[name]


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every address but loopback; an audit hook cannot be taken off again."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) and arguments[1] else arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        raise ConnectionRefusedError(f"there is no network while a script is traced ({host} was asked for)")


def _is_loopback(host: object) -> bool:
    text = host.decode("utf-8", "replace") if isinstance(host, bytes) else host
    # None is "any address of this machine", which is what a server binds to.
    if text in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(text)).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
