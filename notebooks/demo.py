"""The demo: `python notebooks/demo.py` lays a landing zone in `demo/`, runs the quickstart there and sums it up.

`python notebooks/demo.py penguins` does the same with another story, in `demo/penguins/`. With `--no-run` it only lays
the landing zone, the settings and the copy of the notebook.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import landing_zone
import penguins_landing
import three_layers_landing
import weather_landing

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "quickstart.ipynb"
TAG = "iceberg"
CELL_TIMEOUT_SECONDS = 900
REASON_WIDTH = 80
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

TEMPLATE = """\
# The demo's project. Its lake lies in .alur/, its landing zone in data/.
[project]
name = "{name}"

# What `alur export` writes the bundle for. No such account or bucket exists.
[env.dev]
region = "eu-central-1"
account_id = "123456789012"
bucket = "acme-{name}-dev"
landing = "s3://acme-landing-dev/"
"""
SETTINGS = TEMPLATE.format(name="flights")


@dataclass(frozen=True, slots=True)
class Story:
    """A notebook, and what is laid around it."""

    name: str
    """The notebook's, without `.ipynb`."""
    told: str
    """What its landing zone holds, in words."""
    settings: str
    lay: Callable[[Path], list[Path]]
    """Writes the landing files below the project's folder and returns those that were written."""
    iceberg: Literal["", "cells", "all"] = ""
    """What of it needs Iceberg: nothing, the cells that are tagged so, or all of it."""

    @property
    def notebook(self) -> str:
        """The notebook's file."""
        return f"{self.name}.ipynb"

    @property
    def page(self) -> str:
        """The executed notebook."""
        return f"{self.name}.html"

    @property
    def folder(self) -> Path:
        """Where it is laid unless told otherwise."""
        return ROOT / "demo" if self.notebook == NOTEBOOK else ROOT / "demo" / self.name


QUICKSTART = Story(
    "quickstart",
    f"{landing_zone.TOTAL_FLIGHTS:,} flights",
    SETTINGS,
    lambda folder: landing_zone.lay(folder / "data"),
    iceberg="cells",
)
STORIES = {
    story.name: story
    for story in (
        QUICKSTART,
        Story(
            "penguins",
            f"{penguins_landing.TOTAL_PENGUINS} penguins on hand-made sheets",
            TEMPLATE.format(name="penguins"),
            penguins_landing.lay,
        ),
        Story(
            "weather",
            f"{weather_landing.HOURS:,} hours of two cities",
            TEMPLATE.format(name="weather"),
            weather_landing.lay,
        ),
        Story(
            "three_layers",
            f"{three_layers_landing.FLIGHTS:,} flights in a snowstorm",
            TEMPLATE.format(name="storm"),
            three_layers_landing.lay,
            iceberg="all",
        ),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Lay, execute, sum up; the exit code is 1 where a cell of the notebook failed."""
    options = _parse(arguments)
    story = STORIES[options.story]
    folder: Path = (options.folder or story.folder).resolve()
    lay_project(folder, story)
    if options.no_run:
        return 0
    missing = bring_iceberg() if story.iceberg else ""
    if missing and story.iceberg == "all":
        print(f"Iceberg       {missing} The story needs it.")
        return 1
    if missing:
        print(f"Iceberg       {missing} The silver and gold tables are left out.")
    failure = execute(folder, story, without=TAG if missing else None)
    if failure is not None:
        print(f"\n{failure}\n\nThe notebook stopped there; {folder / story.page} shows how far it came.")
        return 1
    print()
    for line in summary(folder, story):
        print(line)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("story", nargs="?", choices=STORIES, default="quickstart", help="default: quickstart")
    parser.add_argument("--no-run", action="store_true", help="lay the files and stop")
    parser.add_argument("--folder", type=Path, help="where (default: demo/, or demo/STORY/)")
    return parser.parse_args(arguments)


def lay_project(folder: Path, story: Story = QUICKSTART) -> None:
    """Make `folder` a project: landing zone, settings, notebook. What is there and right is left alone."""
    started = time.monotonic()
    written = story.lay(folder)
    took = (
        f"{len(written)} files written in {time.monotonic() - started:.1f} s" if written else "already there"
    )
    print(f"Landing zone  {_shown(folder / 'data')}: {story.told}, {took}")
    notebook = (ROOT / "notebooks" / story.notebook).read_bytes()
    offered = {"alur.toml": story.settings.encode(), story.notebook: notebook}
    for name in offer(folder, offered):
        print(f"Kept          {_shown(folder / name)}: it was edited (remove it for a fresh copy)")


def offer(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Write each file unless somebody edited it since it was written here; return the names that were kept."""
    record = folder / ".laid.json"
    laid: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    kept = []
    for name, content in files.items():
        target = folder / name
        there = target.read_bytes() if target.is_file() else None
        if there is None or _digest(there) == laid.get(name):
            if there != content:
                target.write_bytes(content)
            laid[name] = _digest(content)
        elif there != content:
            kept.append(name)
    record.write_text(json.dumps(laid, indent=2, sort_keys=True) + "\n")
    return kept


def bring_iceberg() -> str:
    """Fetch what silver and gold tables need, where it is not there; return why that failed, and what mends it."""
    from alur_nb.authoring.setup import setup
    from alur_nb.runtime.errors import SettingsError

    try:
        setup(tell=lambda text: print(f"Iceberg       {text}"))
    except SettingsError as error:
        command = f"{_shown(Path(sys.executable).with_name('alur'))} setup"
        return f"{error.message} With a network, or a mirror in ALUR_MAVEN_URL: {command}, then this again."
    return ""


def execute(folder: Path, story: Story = QUICKSTART, *, without: str | None = None) -> str | None:
    """Run the notebook from top to bottom in a new kernel and write it as HTML; return a failing cell's words.

    The notebook file itself stays as it is. `without` is the tag of the cells that are left out.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    from alur_nb.runtime.context import java_home

    print(f"Java          {java_home()}")
    notebook = nbformat.read(folder / story.notebook, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if without not in cell.metadata.get("tags", ())]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=_progress(notebook.cells),
    )
    failure = None
    started = time.monotonic()
    # Spark and the kernel talk on stderr; JupyterLab tells its kernels where their notebook lies, so do we.
    environment = {**os.environ, "JPY_SESSION_NAME": str(folder / story.notebook)}
    with (folder / "kernel.log").open("w") as log:
        try:
            client.execute(env=environment, stderr=log)
        except (CellExecutionError, DeadKernelError, TimeoutError) as error:
            failure = COLOURS.sub("", str(error))
    took = f"executed in {time.monotonic() - started:.0f} s"
    print(f"\rNotebook      {_shown(folder / story.notebook)}: {took}{' ' * 20}")
    _write_html(notebook, folder / story.page)
    return failure


def _progress(cells: Sequence[Any]) -> Any:
    code = [index for index, cell in enumerate(cells) if cell.cell_type == "code"]

    def show(cell: Any, cell_index: int) -> None:
        if sys.stdout.isatty() and cell_index in code:
            print(f"\rNotebook      cell {code.index(cell_index) + 1} of {len(code)} ", end="", flush=True)

    return show


def _write_html(notebook: Any, target: Path) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(notebook)
    target.write_text(page, encoding="utf-8")


def summary(folder: Path, story: Story = QUICKSTART) -> list[str]:
    """Return what lies in the lake now, from its ledger, and where to look next."""
    from alur_nb.authoring.held import rows_held
    from alur_nb.runtime.ledger import live
    from alur_nb.runtime.workspace import open_workspace

    workspace = open_workspace(folder)
    lines = [f"{'table':<28}{'rows':>10}{'rejected':>10}{'files':>7}"]
    reasons: dict[str, int] = {}
    for table in _tables(workspace.lake_root):
        batches = live(workspace.ledger.batches(table))
        rejected, files = (_total(batches, name) for name in ("rejected", "files"))
        lines.append(f"{table:<28}{rows_held(workspace, batches) or 0:>10,}{rejected:>10,}{files:>7,}")
        for batch in batches:
            for reason, rows in batch.reject_reasons.items():
                reasons[reason] = reasons.get(reason, 0) + rows
    if reasons:
        counted = sorted(reasons.items())
        lines += [
            "",
            "Rejected, and why:",
            *(f"{rows:>6}  {shorten(why, REASON_WIDTH)}" for why, rows in counted),
        ]
    return [*lines, "", *_where(folder, story)]


def _tables(lake: Path) -> list[str]:
    folders = sorted(path for path in lake.glob("warehouse/*/*") if not path.name.endswith("__rejects"))
    return [f"{path.parent.name}.{path.name}" for path in folders]


def _total(batches: Iterable[Any], name: str) -> int:
    return sum(batch.counts.get(name, 0) for batch in batches)


def _where(folder: Path, story: Story) -> list[str]:
    places = [("The notebook, executed", folder / story.page), ("The lake", folder / ".alur")]
    bundles = [path.parent for path in sorted(folder.glob("[!.]*/**/manifest.json"))]
    # A story in a folder below is a project of its own.
    within = [
        path for path in bundles if not (folder / path.relative_to(folder).parts[0] / "alur.toml").exists()
    ]
    places += [("The bundle for AWS", path) for path in within]
    return [f"{what:<24}{_shown(path)}" for what, path in places] + ["", "Next: make lab"]


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
