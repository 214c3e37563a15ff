"""Export: a notebook becomes a bundle of job scripts, their library, a manifest and Terraform."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alur_nb.authoring import registry
from alur_nb.authoring.bundle_changes import FileChange, changes_between
from alur_nb.authoring.bundle_folder import building, swap_in
from alur_nb.authoring.cell_labels import cell_labels
from alur_nb.authoring.declarations import declaration_cells
from alur_nb.authoring.execute import execute, star_resolver
from alur_nb.authoring.following import Following
from alur_nb.authoring.library import write_modules, write_runtime_wheel
from alur_nb.authoring.manifest import Manifest, build_manifest, write_manifest
from alur_nb.authoring.notebook import MagicCell, Notebook, Unfold, read_notebook
from alur_nb.authoring.parameters import parameter_defaults, typed_parameters
from alur_nb.authoring.registry import Registry
from alur_nb.authoring.script import JobSource, write_scripts
from alur_nb.authoring.slicing import Slice, slice_pipelines
from alur_nb.authoring.terraform import write_terraform
from alur_nb.authoring.trace import Trace, trace_scripts
from alur_nb.authoring.unfold import unfold
from alur_nb.runtime.errors import ExportError, Place, SettingsError, plural, suggest
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment, Settings, load_settings

FOLDER = "bundle"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What an export wrote, or would write; `changed_files` are those that differ from the bundle before."""

    path: Path = field(default_factory=Path)
    environment: str = ""
    scripts: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    changed_files: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()
    """How each changed file differs."""
    root: Path = field(default_factory=Path)
    """The project's folder."""

    @property
    def head(self) -> str:
        """What was written, and where: by its path in the project, so that an output is the same in every place."""
        inside = self.path.is_relative_to(self.root)
        where = self.path.relative_to(self.root).as_posix() if inside else self.path
        return f"{self.written}, in {where}"

    @property
    def written(self) -> str:
        """What was written, counted."""
        counted = f"{plural(len(self.scripts), 'job')}, {plural(len(self.tables), 'table')}"
        return f"Bundle for {self.environment}: {counted}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "path": str(self.path),
            "environment": self.environment,
            "scripts": list(self.scripts),
            "tables": list(self.tables),
            "pipelines": list(self.pipelines),
            "warnings": list(self.warnings),
            "changed_files": list(self.changed_files),
            "changes": [change.to_dict() for change in self.changes],
        }

    def __str__(self) -> str:
        changed = [f"  {change}" for change in self.changes]
        changed = changed or [f"  changed: {name}" for name in self.changed_files] or ["  nothing changed"]
        return "\n".join([self.head, *changed, *(f"  warning: {text}" for text in self.warnings)])

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be exported: which notebook, for which environment, to where, with which parameters."""

    settings: Settings
    environment: Environment
    notebook: Notebook
    label: str
    out: Path
    parameters: Mapping[str, Any]
    warnings: tuple[str, ...]


def export(
    notebook: Path | str,
    *,
    env: str | None = None,
    out: Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    following: Following | None = None,
) -> Bundle:
    """Write the notebook's pipelines as job scripts with all that deploys them, by default to `bundle/`.

    The saved notebook is what counts. The bundle is replaced as a whole or not at all; the same input gives the
    same bytes. Raises ExportError, NotebookError, SettingsError and NotYetSupportedError with the next step, and
    RunCancelledError where `following` is cancelled before the bundle is replaced.
    """
    following = following or Following()
    order = _ordered(notebook, env, out, parameters or {})
    with _built(order, following) as (folder, bundle):
        changes = changes_between(folder, order.out)
        following.stage("replaces the bundle")
        return replace(bundle, changed_files=swap_in(folder, order.out), changes=changes)


def check_bundle(
    notebook: Path | str,
    *,
    env: str | None = None,
    out: Path | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Bundle:
    """Export beside the bundle on disk and throw it away; `changed_files` is empty where the two are equal."""
    order = _ordered(notebook, env, out, parameters or {})
    with _built(order, Following()) as (folder, bundle):
        changes = changes_between(folder, order.out)
        return replace(bundle, changed_files=tuple(change.name for change in changes), changes=changes)


@contextmanager
def _built(order: _Order, following: Following) -> Iterator[tuple[Path, Bundle]]:
    """Build the whole bundle in a folder beside its place."""
    slices = _sliced(order, following)
    following.stage(f"writes {plural(len(slices), 'job')}")
    jobs = [job_source(order.label, part) for part in slices.values()]
    with building(order.out) as folder:
        scripts = write_scripts(folder / "jobs", jobs, glue_version=order.environment.glue_version)
        libraries = _write_libraries(folder, order, slices.values())
        following.stage("calls each job once with empty frames")
        trace = trace_scripts(
            {path.stem: path for path in scripts},
            libraries,
            parameters=order.parameters,
            following=following,
        )
        _refuse_errors(trace, folder, jobs)
        following.stage("writes the manifest and the Terraform")
        manifest = build_manifest(
            trace,
            order.settings,
            order.environment,
            folder=folder,
            notebook=order.label,
            parameters=order.parameters,
            python_modules={name: part.pip for name, part in slices.items()},
        )
        with _told_at_its_cell(order.label, slices):
            write_terraform(folder / "terraform", manifest, order.environment)
        write_manifest(folder, manifest)
        notices = [notice for part in slices.values() for notice in part.notices]
        yield folder, _described(order, manifest, [*order.warnings, *notices, *trace.warnings])


def _ordered(notebook: Path | str, env: str | None, out: Path | None, given: Mapping[str, Any]) -> _Order:
    path = Path(notebook).resolve()
    settings = load_settings(path.parent)
    environment = settings.environment(env)
    if environment.is_local:
        raise SettingsError(
            "The environment `local` is this machine; there is nothing to export for it.",
            fix="Name an environment of alur.toml: --env dev. Pipelines run here without a bundle: alur run NAME.",
        )
    opened = read_notebook(path)
    known = parameter_defaults(opened)
    set_there = {name: value for name, value in environment.parameters.items() if name in known}
    unknown = [name for name in environment.parameters if name not in known]
    return _Order(
        settings=settings,
        environment=environment,
        notebook=opened,
        label=path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else path.name,
        out=(out or settings.root / FOLDER).resolve(),
        parameters=typed_parameters(opened, {**set_there, **given}),
        warnings=tuple(
            f"[env.{environment.name}.parameters] {name}: the notebook has no such parameter{suggest(name, known)}"
            for name in unknown
        ),
    )


def _sliced(order: _Order, following: Following) -> dict[str, Slice]:
    """Execute the declaration cells in a clean kernel, and cut out what each declared pipeline needs."""
    cells = declaration_cells(order.notebook, unfolding(Project()))
    with tempfile.TemporaryDirectory(prefix="alur-declared-") as folder:
        saved = Path(folder) / "registry"
        last = max((cell.number for cell in order.notebook.cells), default=0)
        following.stage("starts a clean kernel")
        execute(
            order.notebook,
            [*cells, registry.saving_cell(saved, last)],
            root=order.settings.root.resolve(),
            parameters=order.parameters,
            following=following,
            labels={**cell_labels(order.notebook, cells), last + 1: "hands over what is declared"},
        )
        declared = registry.load(saved)
    _refuse_problems(order, declared)
    following.stage("cuts out what each pipeline needs")
    resolved = unfolding(declared.project())
    return slice_pipelines(
        order.notebook, declared.pipelines, resolved, star_resolver(order.notebook, resolved)
    )


def unfolding(project: Project) -> Unfold:
    """Return what turns a declaring magic into Python, its queries resolved against the project's tables."""

    def unfolded(magic: MagicCell) -> str:
        return unfold(magic.name, magic.line, magic.body, project)

    return unfolded


def _refuse_problems(order: _Order, declared: Registry) -> None:
    place = Place(notebook=order.label)
    if not declared.pipelines:
        raise ExportError(
            "The notebook declares no pipeline, so there is no job to write.",
            place=place,
            fix="Declare one with %%alur_pipeline, save the notebook, and export again.",
        )
    for problem in declared.problems:
        if problem.severity == "error":
            raise ExportError(f"{problem.message} ({problem.place})", place=place, fix=problem.fix)


def job_source(label: str, part: Slice) -> JobSource:
    """Return a slice of the notebook `label` as it is handed to the job's template."""
    lines = {line.strip(): piece.cell for piece in part.pieces for line in piece.text.splitlines()}
    return JobSource(
        pipeline=part.pipeline,
        # Without the cells' numbers: a new paragraph in the notebook must not change every job.
        source=part.source("plain"),
        notebook=label,
        parameters=tuple(part.parameters),
        cells=lines,
    )


def _write_libraries(folder: Path, order: _Order, slices: Iterable[Slice]) -> list[Path]:
    beside = order.notebook.path.parent
    modules = sorted({beside / name for part in slices for name in part.modules})
    archive = write_modules(folder / "lib", beside, modules)
    return [write_runtime_wheel(folder / "lib"), *([archive] if archive else [])]


def _refuse_errors(trace: Trace, folder: Path, jobs: Sequence[JobSource]) -> None:
    """Raise the first error of the trace, at the cell that the script's line comes from."""
    for error in trace.errors:
        place = error.place
        job = next((job for job in jobs if place and place.file == f"jobs/{job.file_name}"), None)
        if job and place and place.file and place.line:
            lines = (folder / place.file).read_text(encoding="utf-8").split("\n")
            error.place = job.place_of(lines[place.line - 1])
        raise error


@contextmanager
def _told_at_its_cell(label: str, slices: Mapping[str, Slice]) -> Iterator[None]:
    """Tell an error about a script at the cell that declares its pipeline: where nothing is written is no script."""
    try:
        yield
    except ExportError as error:
        part = next(
            (one for one in slices.values() if error.place == Place(file=f"jobs/{one.pipeline}.py")), None
        )
        if part is not None:
            error.place = Place(notebook=label, cell=part.cells[-1])
        raise


def _described(order: _Order, manifest: Manifest, warnings: Sequence[str]) -> Bundle:
    return Bundle(
        path=order.out,
        environment=order.environment.name,
        scripts=tuple(entry["script"] for entry in manifest["pipelines"].values()),
        tables=tuple(manifest["tables"]),
        pipelines=tuple(manifest["pipelines"]),
        warnings=tuple(dict.fromkeys(warnings)),
        root=order.settings.root.resolve(),
    )
