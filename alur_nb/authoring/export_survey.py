"""Gathers what is known of an export from the kernel's declarations and the saved notebook; no cell is executed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alur_nb.authoring.bundle import FOLDER, job_source, unfolding
from alur_nb.authoring.execute import star_resolver
from alur_nb.authoring.export_facts import EnvironmentFact, ExportFacts, Hindrance, JobFact, ParameterFact
from alur_nb.authoring.manifest import Manifest, glue_settings, read_manifest, sha256
from alur_nb.authoring.needs import StarResolver
from alur_nb.authoring.notebook import Notebook, Unfold, read_notebook
from alur_nb.authoring.parameters import parameter_defaults, typed_parameters
from alur_nb.authoring.saved import RanCell, not_run, unsaved_cells
from alur_nb.authoring.script import write_scripts
from alur_nb.authoring.slicing import Slice, slice_pipelines
from alur_nb.authoring.terraform import checked_names, source_folder
from alur_nb.runtime.deployed import landing_root
from alur_nb.runtime.errors import AlurError, plural, suggest
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import GLUE_VERSIONS, LOCAL, SETTINGS_FILE, Environment, Settings, load_settings
from alur_nb.runtime.sources import FileSource

_NAMED = 3
"""How many files a line names before it counts the rest."""


def survey(path: Path, project: Project, ran: Sequence[RanCell] | None) -> ExportFacts:
    """Look at what an export of the notebook would do, from `project`, which holds what its cells declared here.

    `ran` are the cells that declared it; None where the front end does not tell cells apart. What is wrong with the
    declarations, the notebook's cells or an environment is among the facts. Raises NotebookError where the file
    cannot be read, SettingsError where `alur.toml` cannot.
    """
    settings, notebook = load_settings(path.parent), read_notebook(path)
    look = _Look(settings, notebook, project)
    unsaved = unsaved_cells(notebook.code, ran or ())
    found = look.found()
    environments = tuple(look.environment(one, found) for one in look.deployed)
    facts = ExportFacts(
        notebook=look.label,
        path=path,
        folder=FOLDER,
        environments=environments,
        chosen=look.chosen,
        parameters=tuple(look.parameters()),
        jobs=tuple(_job(pipeline) for pipeline in project.pipelines.values()),
        tables=tuple(project.tables),
        problems=tuple(dict.fromkeys(found.problems)),
        notes=(*(not_run(notebook, ran) if ran is not None else ()), *found.notices, *look.warnings()),
        saved=_saved_text(ran, unsaved),
        unsaved=unsaved,
    )
    return _with_next_step(facts)


def _saved_text(ran: Sequence[RanCell] | None, unsaved: Sequence[str]) -> str:
    if ran is None:
        return "not known: this front end does not tell cells apart; the export reads the file on disk"
    return "no; save the notebook first" if unsaved else "yes, the file holds every declaration as it ran"


def _with_next_step(facts: ExportFacts) -> ExportFacts:
    if not facts.environments:
        step = f'add [env.dev] with landing = "s3://..." to {SETTINGS_FILE}'
    elif facts.unsaved:
        step = "save the notebook, then run this cell again"
    elif facts.problems:
        step = "mend what is named above, save, then run this cell again"
    else:
        step = facts.command
    return replace(facts, next_step=step)


@dataclass(frozen=True, slots=True)
class _Found:
    """The scripts by name where every one can be written, and what stands in the way of the others."""

    scripts: Mapping[str, bytes] | None
    problems: tuple[Hindrance, ...]
    notices: tuple[str, ...]


class _Look:
    """One look at a project's notebook."""

    def __init__(self, settings: Settings, notebook: Notebook, project: Project) -> None:
        self.settings, self.notebook, self.project = settings, notebook, project
        path = notebook.path.resolve()
        inside = path.is_relative_to(settings.root)
        self.label = path.relative_to(settings.root).as_posix() if inside else path.name
        self.deployed = [one for name, one in settings.environments.items() if name != LOCAL]
        self._defaults, self._wrong_parameters = self._read_parameters()

    @property
    def chosen(self) -> str | None:
        """The environment that is meant where none is named."""
        name = self.settings.default_env or (self.deployed[0].name if len(self.deployed) == 1 else None)
        return name if name in [one.name for one in self.deployed] else None

    def parameters(self) -> Iterator[ParameterFact]:
        """Yield each parameter with the values that environments give it."""
        for name, default in self._defaults.items():
            values = {one.name: one.parameters[name] for one in self.deployed if name in one.parameters}
            yield ParameterFact(name, default, values)

    def warnings(self) -> Iterator[str]:
        """Yield what an environment says of a parameter that the notebook does not have."""
        for one in self.deployed:
            for name in one.parameters:
                if name not in self._defaults:
                    known = suggest(name, self._defaults)
                    yield f"[env.{one.name}.parameters] {name}: the notebook has no such parameter{known}"

    def found(self) -> _Found:
        """Return what the jobs' scripts would be, and everything that stands in the way of one."""
        problems = [*self._wrong_parameters, *self._declared_problems()]
        slices, wrong = self._slices()
        problems += wrong
        scripts: dict[str, bytes] | None = None
        if not problems:
            try:
                scripts = self._scripts(slices)
            except AlurError as error:
                problems.append(hindrance(error))
        notices = tuple(dict.fromkeys(notice for part in slices for notice in part.notices))
        return _Found(scripts, tuple(problems), notices)

    def environment(self, environment: Environment, found: _Found) -> EnvironmentFact:
        """Return the state of one environment."""
        last, differs = self._last(environment, found)
        return EnvironmentFact(
            name=environment.name,
            landing=environment.landing or "",
            region=environment.region or "",
            problems=tuple(dict.fromkeys(self._lacking(environment))),
            last=last,
            differs=differs,
        )

    def _read_parameters(self) -> tuple[dict[str, object], list[Hindrance]]:
        try:
            return parameter_defaults(self.notebook), []
        except AlurError as error:
            return {}, [hindrance(error)]

    def _declared_problems(self) -> Iterator[Hindrance]:
        if not self.project.pipelines:
            yield Hindrance(
                "No pipeline is declared in this kernel.",
                fix="Run the notebook's cells, then this one again.",
            )
        for problem in self.project.problems():
            if problem.severity == "error":
                yield Hindrance(problem.message, problem.place, problem.fix)

    def _slices(self) -> tuple[list[Slice], list[Hindrance]]:
        """Cut out what each pipeline needs; where one cannot be cut out, look at each alone to name them all."""
        functions = {name: one.__name__ for name, one in self.project.pipelines.items()}
        unfold = unfolding(self.project)
        resolve = _star_resolver(self.notebook, unfold)
        try:
            return [*slice_pipelines(self.notebook, functions, unfold, resolve).values()], []
        except AlurError:
            slices, problems = list[Slice](), list[Hindrance]()
        for name, function in functions.items():
            try:
                slices += slice_pipelines(self.notebook, {name: function}, unfold, resolve).values()
            except AlurError as error:
                problems.append(hindrance(error))
        return slices, problems

    def _scripts(self, slices: Sequence[Slice]) -> dict[str, bytes]:
        known = self.settings.environments.get(self.chosen or "")
        version = known.glue_version if known else GLUE_VERSIONS[0]
        with tempfile.TemporaryDirectory(prefix="alur-survey-") as folder:
            jobs = [job_source(self.label, part) for part in slices]
            paths = write_scripts(Path(folder), jobs, glue_version=version)
            return {f"jobs/{path.name}": path.read_bytes() for path in paths}

    def _lacking(self, environment: Environment) -> Iterator[Hindrance]:
        """Yield what the environment lacks for a bundle."""
        steps: list[Callable[[], object]] = [
            lambda: checked_names(self.settings.project_name, environment),
            lambda: typed_parameters(
                self.notebook, {k: v for k, v in environment.parameters.items() if k in self._defaults}
            ),
        ]
        steps += [
            lambda one=pipeline: self._reachable(one, environment)  # type: ignore[misc] # mypy sees no default
            for pipeline in self.project.pipelines.values()
        ]
        for step in steps:
            try:
                step()
            except AlurError as error:
                yield hindrance(error)

    def _reachable(self, pipeline: Pipeline, environment: Environment) -> None:
        """Raise for a profile that does not exist, and for a source that a job of the environment cannot reach."""
        glue_settings(environment, self.settings, pipeline.resource_profile)
        for source in pipeline.sources.values():
            for pattern in source.patterns if isinstance(source, FileSource) else ():
                source_folder(pattern, landing_root(environment), pipeline=pipeline.name)

    def _last(self, environment: Environment, found: _Found) -> tuple[str, tuple[str, ...] | None]:
        folder = self.settings.root / FOLDER
        manifest = read_manifest(folder)
        if manifest is None:
            return "none", None
        other = [
            text
            for text, is_other in (
                (f"of {manifest['notebook']}", manifest["notebook"] != self.label),
                (f"for {manifest['environment']}", manifest["environment"] != environment.name),
            )
            if is_other
        ]
        if other:
            return f"{FOLDER}/ holds the one {' '.join(other)}; an export takes its place", None
        text = _last_text(folder, manifest)
        if found.scripts is None:
            return f"{text}; it can be compared once the problems are mended", None
        return text, tuple(_differences(folder, manifest, found.scripts))


def hindrance(error: AlurError) -> Hindrance:
    """Return an error as a fact."""
    return Hindrance(error.message, str(error.place or ""), error.fix or "")


def _job(pipeline: Pipeline) -> JobFact:
    schedule = f"{pipeline.schedule.cron} {pipeline.schedule.timezone}" if pipeline.schedule else ""
    return JobFact(pipeline.name, f"jobs/{pipeline.name}.py", pipeline.target.qualified_name, schedule)


def _last_text(folder: Path, manifest: Manifest) -> str:
    given = ", ".join(f"{name} = {value!r}" for name, value in manifest["parameters"].items())
    text = f"{plural(len(manifest['pipelines']), 'job')} in {FOLDER}/" + (f", with {given}" if given else "")
    edited = sorted(
        name
        for name, known in manifest["files"].items()
        if not (folder / name).is_file() or sha256(folder / name) != known
    )
    return text + (f"; edited since: {_listed(edited)}" if edited else "")


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _NAMED:,} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])


def _differences(folder: Path, manifest: Manifest, scripts: Mapping[str, bytes]) -> Iterator[str]:
    before = {entry["script"] for entry in manifest["pipelines"].values()}
    for name in sorted(before | set(scripts)):
        if name not in scripts:
            yield f"removed: {name}"
        elif name not in before or not (folder / name).is_file():
            yield f"added: {name}"
        elif (folder / name).read_bytes() != scripts[name]:
            yield f"changed: {name}"


def _star_resolver(notebook: Notebook, unfold: Unfold) -> StarResolver:
    """Look into the modules that this kernel has imported already; of the others a clean process tells."""
    other: list[StarResolver] = []

    def resolve(module: str) -> Mapping[str, str]:
        loaded: Any = sys.modules.get(module)
        if loaded is not None:
            names = getattr(loaded, "__all__", None) or [n for n in vars(loaded) if not n.startswith("_")]
            return {name: str(id(getattr(loaded, name, None))) for name in names}
        if not other:
            other.append(star_resolver(notebook, unfold))
        return other[0](module)

    return resolve
