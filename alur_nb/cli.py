"""`alur`: the notebook's operations for terminals and CI. Exit codes: 0 ok, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb import cli_deploy, cli_operate, cli_parser
from alur_nb.cli_console import FAILED, OK, USAGE, fetching, is_sure, show, tell
from alur_nb.runtime import owners
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.settings import load_settings

if TYPE_CHECKING:
    from alur_nb.runtime.calling import Event
    from alur_nb.runtime.report import RunReport

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors of ours are told in words on stderr, never as a traceback."""
    options = cli_parser.build().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    owners.work_for(f"`alur {options.command}`")
    try:
        return _COMMANDS[options.command](options)
    except AlurError as error:
        tell(f"error: {error}", stream="stderr")
        return FAILED
    except KeyboardInterrupt:
        deploys = options.command in ("deploy", "destroy")
        kept = (
            "what was made is noted in the state; run again to go on"
            if deploys
            else "nothing more was published"
        )
        tell(f"cancelled: {kept}", stream="stderr")
        return FAILED


def _init(options: argparse.Namespace) -> int:
    from alur_nb.authoring.layout import lay_out

    laid = lay_out(options.folder)
    tell(str(laid))
    here = "" if laid.root == Path.cwd() else f"cd {options.folder} && "
    if laid.notebook is not None:
        tell(f"\nNext: {here}jupyter lab {laid.notebook.as_posix()}   (or: alur run --all; python -m pytest)")
    return OK


def _setup(options: argparse.Namespace) -> int:
    from alur_nb.authoring import setup

    with fetching() as on_progress:
        done = setup.setup(
            options.jar, tell=lambda text: tell(text, stream="stderr"), on_progress=on_progress
        )
    show(options, done.to_dict(), str(done))
    return OK


def _check(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    report = operate.check(project=_declared())
    show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _list(options: argparse.Namespace) -> int:
    from alur_nb.authoring.listing import list_project

    if cli_operate.is_deployed(options):
        return cli_operate.list_deployed(options)
    listing = list_project(_declared())
    show(options, listing.to_dict(), str(listing))
    return OK


def _preview(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    project = _declared()
    with use_project(project):
        preview = operate.preview(options.name, options.rows, options.sample, options.files, project=project)
    show(options, preview.to_dict(), str(preview))
    return OK


def _run(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    if cli_operate.is_deployed(options):
        return cli_operate.run(options)
    if deployed := [name for name in ("no_follow", "stop") if getattr(options, name)]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in deployed)
        tell(f"usage: alur run NAME --env ENV {flags}     (of a deployed environment only)", stream="stderr")
        return USAGE
    if (options.name is None) == (not options.all):
        tell("usage: alur run NAME | --all     (alur list shows the names)", stream="stderr")
        return USAGE
    project = _declared(dict(options.parameter))
    with use_project(project):
        report = operate.run_here(
            all if options.all else options.name,
            upstream=options.upstream,
            downstream=options.downstream,
            since=options.since,
            until=options.until,
            files=options.files,
            max_files=options.max_files,
            full=options.full,
            drop_missing=options.drop_missing,
            project=project,
            on_event=None if options.json else _tell_event,
        )
    return _reported(options, report)


def _retry(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    project, tell = _declared(), None if options.json else _tell_event
    with use_project(project):
        report = operate.run_here(options.name, retry=True, project=project, on_event=tell)
    return _reported(options, report)


def _replay(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    project, tell = _declared(), None if options.json else _tell_event
    with use_project(project):
        report = operate.replay(
            options.name, options.batch, drop_missing=options.drop_missing, project=project, on_event=tell
        )
    return _reported(options, report)


def _reported(options: argparse.Namespace, report: RunReport) -> int:
    show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _plan(options: argparse.Namespace) -> int:
    from alur_nb.authoring import planning

    project = _declared()
    with use_project(project):
        report = planning.plan(project, options.name, shown=options.rows, env=options.env)
    show(options, report.to_dict(), str(report))
    return FAILED if report.refusals else OK


def _history(options: argparse.Namespace) -> int:
    from alur_nb.authoring import history

    report = history.history(_declared(), options.name, last=options.last, env=options.env)
    show(options, report.to_dict(), str(report))
    return OK


def _lineage(options: argparse.Namespace) -> int:
    from alur_nb.authoring import lineage

    project = _declared()
    with use_project(project):
        report = lineage.lineage(project, options.name, may_call=not options.no_call)
    show(options, report.to_dict(), str(report))
    return OK


def _report(options: argparse.Namespace) -> int:
    from alur_nb.authoring.report_facts import status
    from alur_nb.authoring.report_file import write_report

    found = status(_declared(), env=options.env)
    path = write_report(found, options.out)
    show(options, found.to_dict(), f"{found}\n\nwritten: {path}")
    return OK


def _ui(options: argparse.Namespace) -> int:
    from alur_nb.authoring import report_server

    project = _declared()
    with report_server.serving(project, env=options.env, port=options.port) as server:
        tell(f"{server.url}   (Ctrl-C ends)")
        server.serve_until_interrupted()
    return OK


def _rollback(options: argparse.Namespace) -> int:
    from alur_nb.authoring import rolling_back

    report = rolling_back.rollback(
        _declared(), options.name, options.batch, cascade=options.cascade, env=options.env
    )
    show(options, report.to_dict(), str(report))
    return OK


def _fsck(options: argparse.Namespace) -> int:
    from alur_nb.authoring import fsck

    report = fsck.fsck(_declared(), options.name, repair=options.repair, env=options.env)
    show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _maintain(options: argparse.Namespace) -> int:
    from alur_nb.authoring import maintaining

    report = maintaining.maintain(_declared(), options.name, env=options.env)
    show(options, report.to_dict(), str(report))
    return OK


def _diff(options: argparse.Namespace) -> int:
    from alur_nb.authoring import diffing

    report = diffing.diff(
        _declared(), options.name, options.before, options.after, examples=options.rows, env=options.env
    )
    show(options, report.to_dict(), str(report))
    return OK


def _reset(options: argparse.Namespace) -> int:
    from alur_nb.authoring import rolling_back

    project = _declared()
    if not options.yes and not is_sure(
        f"Take everything back that {options.name} holds? Its files stay. [y/N] "
    ):
        tell("Nothing was done. Where nobody can answer, add --yes.", stream="stderr")
        return FAILED
    report = rolling_back.reset(project, options.name, env=options.env, cascade=options.cascade)
    show(options, report.to_dict(), str(report))
    return OK


def _adopt(options: argparse.Namespace) -> int:
    from alur_nb.authoring import adopt

    project = _declared()
    with use_project(project):
        report = adopt.adopt(
            project,
            options.name,
            options.ledger_table,
            key=options.key,
            trust_path=options.trust_path,
            dry_run=options.dry_run,
            env=options.env,
        )
    show(options, report.to_dict(), str(report))
    return OK


def _rejects(options: argparse.Namespace) -> int:
    from alur_nb.authoring import rejects

    report = rejects.rejects(
        _declared(),
        options.name,
        last=options.last,
        rows=0 if options.count else options.rows,
        csv_file=options.csv,
        env=options.env,
    )
    show(options, report.to_dict(), str(report))
    return OK


def _export(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate
    from alur_nb.authoring.bundle_check import check_text

    given = dict(options.parameter)
    if options.check:
        found = operate.export_differences(options.notebook, options.env, options.out, parameters=given)
        differing = found.changed_files
        changes = [change.to_dict() for change in found.changes]
        show(options, {"ok": not differing, "differing": differing, "changes": changes}, check_text(found))
        return FAILED if differing else OK
    bundle = operate.export(options.notebook, options.env, options.out, parameters=given)
    show(options, bundle.to_dict(), str(bundle))
    return OK


def _clean(options: argparse.Namespace) -> int:
    from alur_nb.authoring import clean

    if options.paths:
        changed = clean.clean_files(options.paths, check=options.check)
        if changed:
            verb = "is not clean" if options.check else "cleaned"
            tell("\n".join(f"{verb}: {path}" for path in changed))
        return FAILED if changed and options.check else OK
    if sys.stdin.isatty():
        tell("usage: alur clean [--check] PATH...     (as git's filter it reads stdin)", stream="stderr")
        return USAGE
    before = sys.stdin.buffer.read()
    after = clean.clean_bytes(before)
    if options.check:
        return OK if after == before else FAILED
    sys.stdout.buffer.write(after)
    sys.stdout.buffer.flush()
    return OK


_COMMANDS: dict[str, Command] = {
    "init": _init,
    "setup": _setup,
    "check": _check,
    "list": _list,
    "preview": _preview,
    "run": _run,
    "retry": _retry,
    "replay": _replay,
    "plan": _plan,
    "history": _history,
    "rejects": _rejects,
    "lineage": _lineage,
    "report": _report,
    "ui": _ui,
    "rollback": _rollback,
    "fsck": _fsck,
    "reset": _reset,
    "maintain": _maintain,
    "diff": _diff,
    "adopt": _adopt,
    "export": _export,
    "clean": _clean,
    "build": cli_deploy.build,
    "infra": cli_deploy.infra,
    "deploy": cli_deploy.deploy,
    "destroy": cli_deploy.destroy,
    "logs": cli_operate.logs,
    "status": cli_operate.status,
    "schedules": cli_operate.schedules,
    "cost": cli_operate.cost,
    "compare": cli_operate.compare,
}


def _declared(parameters: Mapping[str, object] | None = None) -> Project:
    """Return what the project's notebooks and modules declare, executed in this process.

    Where they, or the command after them, start Spark, it starts as a notebook's does, from its classes' archive.
    """
    from alur_nb.authoring.loading import load_project
    from alur_nb.authoring.local_spark import launched
    from alur_nb.runtime.context import launch_by

    launch_by(launched)
    return load_project(load_settings(), parameters)


def _tell_event(event: Event) -> None:
    # How a pipeline ended says that it has.
    steps = (event.detail,) if event.step == "ended" and event.detail else (event.step, event.detail)
    tell(f"{event.pipeline}: {', '.join(filter(None, steps))}", stream="stderr")


if __name__ == "__main__":
    sys.exit(main())
