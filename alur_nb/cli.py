"""`alur`: the notebook's operations for terminals and CI. Exit codes: 0 ok, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb import __version__
from alur_nb.authoring import rejects
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.settings import LOCAL, load_settings

if TYPE_CHECKING:
    from alur_nb.runtime.calling import Event

OK, FAILED, USAGE = 0, 1, 2

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors of ours are told in words on stderr, never as a traceback."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    command: Command = options.command
    try:
        return command(options)
    except AlurError as error:
        _tell(f"error: {error}", stream="stderr")
        return FAILED
    except KeyboardInterrupt:
        _tell("cancelled: nothing more was published", stream="stderr")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alur", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"alur-nb {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    init = _command(commands, "init", _init, "lay out a new project in a folder of its own")
    init.add_argument("name", metavar="NAME")
    check = _command(
        commands, "check", _check, "check names, contracts, the DAG and crons", aliases=["validate"]
    )
    listing = _command(commands, "list", _list, "list the tables and the pipelines")
    preview = _command(
        commands, "preview", _preview, "show what a run would do, from samples; writes nothing"
    )
    preview.add_argument("name", metavar="NAME")
    preview.add_argument("-n", "--rows", type=int, default=20, help="rows to show (20)")
    preview.add_argument("--sample", type=int, default=10_000, metavar="ROWS", help="rows to read (10,000)")
    preview.add_argument("--files", type=int, default=3, metavar="N", help="files to read the head of (3)")
    run = _command(commands, "run", _run, "run a pipeline, or all, on the embedded lake")
    run.add_argument("name", metavar="NAME", nargs="?")
    run.add_argument("--all", action="store_true", help="every pipeline, in the DAG's order")
    run.add_argument("--upstream", action="store_true", help="with the pipelines that it depends on")
    run.add_argument("--downstream", action="store_true", help="with the pipelines that depend on it")
    run.add_argument("--env", default=LOCAL, help="environment (local)")
    rejected = _command(commands, "rejects", _rejects, "show the rejected rows of a table, and why")
    rejects.add_arguments(rejected)
    export = _command(commands, "export", _export, "write Glue job scripts and Terraform")
    export.add_argument("notebook", metavar="NOTEBOOK", nargs="?", type=Path)
    export.add_argument("--env", help="environment (the only one, or the project's default)")
    export.add_argument("--out", type=Path, help="folder of the bundle (./bundle)")
    export.add_argument(
        "--check", action="store_true", help="compare with what is on disk; 1 where it differs"
    )
    for reading in (check, listing, preview, run, rejected, export):
        reading.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _command(
    commands: Any, name: str, function: Command, text: str, aliases: Sequence[str] = ()
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, aliases=aliases, allow_abbrev=False
    )
    parser.set_defaults(command=function)
    return parser


def _init(options: argparse.Namespace) -> int:
    from alur_nb.authoring.layout import lay_out

    written = lay_out(Path.cwd(), options.name)
    _tell("\n".join(f"  {path.as_posix()}" for path in written))
    _tell(f"\nNext: cd {options.name} && jupyter lab notebooks/{options.name}.ipynb   (or: alur run --all)")
    return OK


def _check(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    report = operate.check(project=_declared())
    _show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _list(options: argparse.Namespace) -> int:
    from alur_nb.authoring.listing import list_project

    listing = list_project(_declared())
    _show(options, listing.to_dict(), str(listing))
    return OK


def _preview(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    project = _declared()
    with use_project(project):
        preview = operate.preview(options.name, options.rows, options.sample, options.files, project=project)
    _show(options, preview.to_dict(), str(preview))
    return OK


def _run(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    if (options.name is None) == (not options.all):
        _tell("usage: alur run NAME | --all     (alur list shows the names)", stream="stderr")
        return USAGE
    project = _declared()
    with use_project(project):
        report = operate.run(
            all if options.all else options.name,
            options.env,
            upstream=options.upstream,
            downstream=options.downstream,
            project=project,
            on_event=None if options.json else _tell_event,
        )
    _show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _rejects(options: argparse.Namespace) -> int:
    report = rejects.rejects(
        _declared(),
        options.name,
        last=options.last,
        rows=0 if options.count else options.rows,
        csv_file=options.csv,
    )
    _show(options, report.to_dict(), str(report))
    return OK


def _export(options: argparse.Namespace) -> int:
    from alur_nb.authoring import operate

    if options.check:
        differing = operate.export_differences(options.notebook, options.env, options.out)
        _show(options, {"ok": not differing, "differing": differing}, _differences(differing))
        return FAILED if differing else OK
    bundle = operate.export(options.notebook, options.env, options.out)
    _show(options, bundle.to_dict(), str(bundle))
    return OK


def _differences(differing: Sequence[str]) -> str:
    if not differing:
        return "The bundle on disk is what the notebook gives."
    lines = "\n".join(f"  {name}" for name in differing)
    return f"The bundle on disk differs from what the notebook gives:\n{lines}\nNext: alur export"


def _declared() -> Project:
    """Return what the project's notebooks and modules declare, executed in this process."""
    from alur_nb.authoring.loading import load_project

    return load_project(load_settings())


def _tell_event(event: Event) -> None:
    _tell(f"{event.pipeline}: {event.step}" + (f", {event.detail}" if event.detail else ""), stream="stderr")


def _show(options: argparse.Namespace, values: object, text: str) -> None:
    _tell(json.dumps(values, indent=2, default=str) if options.json else text)


def _tell(text: str, *, stream: str = "stdout") -> None:
    """The command line's one voice."""
    target = sys.stderr if stream == "stderr" else sys.stdout
    target.write(text + "\n")
    target.flush()


if __name__ == "__main__":
    sys.exit(main())
