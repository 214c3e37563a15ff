"""`alur deploy`: look, check, export, plan, confirm, apply; each step is a call, and what it found is an object."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from alur_nb.authoring import bundle as bundles
from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.authoring.definitions import bundle_of
from alur_nb.authoring.deploy_doctor import Diagnosis, diagnose
from alur_nb.authoring.deploy_plan import DeployPlan, read_plan
from alur_nb.authoring.deploy_state import OVERRIDE, State, bootstrap, is_there, state_of, write_backend
from alur_nb.authoring.following import Following
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.authoring.terraform_run import Done, Program, Terraform, find_program
from alur_nb.runtime.deployed import deployment_in
from alur_nb.runtime.errors import DeployError, ExportError, plural
from alur_nb.runtime.project import Project

Tell = Callable[[str], None]

_LOCAL = 'terraform {\n  backend "local" {}\n}\n'
_TABLES = "existing_tables"


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What was deployed, by the names that AWS has for it."""

    environment: str = ""
    changes: int = 0
    jobs: tuple[tuple[str, str], ...] = ()
    workflows: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "environment": self.environment,
            "changes": self.changes,
            "jobs": dict(self.jobs),
            "workflows": list(self.workflows),
            "warnings": list(self.warnings),
            "outputs": dict(self.outputs),
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        lines = [f"warning: {text}" for text in self.warnings]
        grids = [
            Grid("jobs", ("pipeline", "job"), self.jobs),
            Grid("places", ("what", "name"), self.outputs),
        ]
        notes = []
        if self.jobs:
            name = self.jobs[0][0]
            notes = [
                f"next: alur run {name} --env {self.environment}   (or: alur status --env {self.environment})"
            ]
        head = f"Deployed to {self.environment}: {plural(self.changes, 'change')} made, {plural(len(self.jobs), 'job')}"
        return Sheet(head, tuple(lines), tuple(grids), tuple(notes))

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


@dataclass
class Deployment:
    """One deploy under way: what it stands on, and where its bundle is."""

    cloud: Cloud
    tell: Tell = lambda line: None
    cancelled: threading.Event = field(default_factory=threading.Event)
    following: Following | None = None
    """Is told how far the export is."""
    _planned: tuple[Terraform, Path] | None = None

    @property
    def environment(self) -> str:
        """The environment's name."""
        return self.cloud.environment.name

    @property
    def bundle(self) -> Path:
        """The folder of the bundle."""
        return self.cloud.settings.root / bundles.FOLDER

    @property
    def _data(self) -> Path:
        return self.cloud.settings.root / ".alur" / "terraform" / self.environment

    def look(self) -> Diagnosis:
        """Look at everything that the deploy stands on; raises DeployError for what would stop it."""
        self.tell("looks at credentials, account, region, names and Lake Formation")
        found = diagnose(self.cloud, self._program, self.state)
        found.refuse_errors()
        return found

    def check(self, project: Project) -> None:
        """Check what is declared; raises DeployError for an error among the findings."""
        from alur_nb.authoring.operate import check

        self.tell("checks names, contracts, the DAG and crons")
        wrong = [problem for problem in check(project=project).problems if problem.severity == "error"]
        if wrong:
            more = f" (and {len(wrong) - 1:,} more: alur check)" if len(wrong) > 1 else ""
            raise DeployError(wrong[0].message + more, fix=wrong[0].fix)

    def build(self, notebook: Path, *, only_check: bool = False) -> bundles.Bundle:
        """Write the bundle of a notebook, or see that the one on disk is what the notebook gives.

        Raises ExportError where it is not, and whatever an export raises.
        """
        if not only_check:
            self.tell(f"exports {notebook.name}")
            return bundles.export(notebook, env=self.environment, following=self.following)
        self.tell(f"compares the bundle on disk with {notebook.name}")
        found = bundles.check_bundle(notebook, env=self.environment)
        if found.changed_files:
            listed = ", ".join(found.changed_files[:5])
            raise ExportError(
                f"The bundle on disk is not what the notebook gives: {listed}.",
                fix="Leave --skip-build out, or export first: alur export.",
            )
        return found

    def plan(
        self, *, is_last: bool = False, destroy: bool = False, options: Sequence[str] = ()
    ) -> DeployPlan:
        """Plan the apply; where it is the last step nothing is made, not even the state's bucket."""
        folder, state = self._module(), self.state
        if is_last and state.bucket and state.is_ours and not is_there(self.cloud, state.bucket):
            with tempfile.TemporaryDirectory(prefix="alur-plan-") as holder:
                return self._first_plan(Path(holder))
        return self._plan(self._opened(folder), destroy=destroy, options=options)

    def apply(self) -> DeployReport:
        """Make the changes of the last plan; raises DeployError that says how far it came."""
        done = self.apply_planned()
        return self._report(self._terraform(self._module(), self._data).output(), done)

    def apply_planned(self) -> Done:
        """Make the changes of the last plan, once."""
        if self._planned is None:
            raise DeployError("Nothing was planned that could be applied.", fix="Plan first.")
        (terraform, plan), self._planned = self._planned, None
        # Whoever planned may be another one than who applies: in a notebook these are two pieces of work.
        terraform.tell, terraform.cancelled = self.tell, self.cancelled
        try:
            return terraform.apply(plan)
        finally:
            # It holds every value in plain text, and can be applied once only.
            plan.unlink(missing_ok=True)

    def apply_part(self, options: Sequence[str]) -> Done:
        """Plan and apply by these options, such as `-target`."""
        self._plan(self._opened(self._module()), options=options)
        return self.apply_planned()

    def _opened(self, folder: Path) -> Terraform:
        """Return the program with the state opened, once its bucket is there."""
        bootstrap(self.cloud, self.state, self.tell)
        write_backend(folder, self.state)
        terraform = self._terraform(folder, self._data)
        terraform.init(self.state.settings)
        return terraform

    def _first_plan(self, holder: Path) -> DeployPlan:
        """Plan without a state, in a copy: its bucket is not there yet, and looking makes nothing."""
        shutil.copytree(self.bundle, holder / "bundle", ignore=shutil.ignore_patterns(OVERRIDE, ".terraform"))
        folder = holder / "bundle" / "terraform"
        (folder / OVERRIDE).write_text(_LOCAL, encoding="utf-8")
        # The providers, which are large, are fetched once: to where the deploy looks for them.
        terraform = self._terraform(folder, self._data)
        terraform.init({"path": str(holder / "state")})
        plan = self._plan(
            terraform, notes=("Nothing was deployed before: the first deploy makes the state's bucket.",)
        )
        # The copy is gone after this: there is nothing to apply.
        self._planned = None
        return plan

    def _plan(
        self,
        terraform: Terraform,
        *,
        destroy: bool = False,
        options: Sequence[str] = (),
        notes: tuple[str, ...] = (),
    ) -> DeployPlan:
        out = (terraform.data / "plan").resolve()
        terraform.plan(out, destroy=destroy, options=(*self._options(terraform.folder), *options))
        told = terraform.show(out)
        self._planned = (terraform, out)
        identity, region = self.cloud.identity, self.cloud.region
        return read_plan(
            told, environment=self.environment, account=identity.account, region=region, notes=notes
        )

    def _options(self, folder: Path) -> tuple[str, ...]:
        """Return what the module is told of what the runtime has made since: the tables that the catalog has."""
        declared = any(
            f'variable "{_TABLES}"' in path.read_text(encoding="utf-8") for path in folder.glob("*.tf")
        )
        if not declared:
            return ()
        return (f"-var={_TABLES}={json.dumps(existing_tables(self.cloud))}",)

    def _report(self, outputs: Mapping[str, Any], done: Done) -> DeployReport:
        jobs = tuple(sorted((str(name), str(job)) for name, job in (outputs.get("jobs") or {}).items()))
        places = {f"{kind} bucket": name for kind, name in (outputs.get("buckets") or {}).items()}
        places |= {"ledger": outputs.get("ledger_table"), "alarms": outputs.get("sns_topic")}
        return DeployReport(
            self.environment,
            done.changes,
            jobs,
            tuple(sorted(map(str, (outputs.get("workflows") or {}).values()))),
            tuple(one.summary for one in done.diagnostics),
            tuple((what, str(name)) for what, name in sorted(places.items()) if name),
        )

    def _module(self) -> Path:
        """Return the root module of the bundle on disk; raises DeployError where it is another environment's."""
        if bundle_of(self.bundle, self.environment) is None:
            raise DeployError(
                f"There is no bundle of `{self.environment}` in {self.bundle}.",
                fix=f"alur build --env {self.environment}",
            )
        return self.bundle / "terraform"

    def _terraform(self, folder: Path, data: Path) -> Terraform:
        return Terraform(self._program, folder, data, self.tell, self.cancelled)

    @cached_property
    def _program(self) -> Program:
        return find_program()

    @cached_property
    def state(self) -> State:
        """Where the state is."""
        return state_of(self.cloud)


def existing_tables(cloud: Cloud) -> list[str]:
    """Return the tables that the environment's databases have by now, as `layer.table`."""
    glue, found = cloud.client("glue"), []
    for layer, place in deployment_in(cloud.settings, cloud.environment).layers.items():
        page = partial(glue.get_tables, DatabaseName=place.database)
        try:
            listed = list(cloud.pages(f"Listing the tables of {place.database}", page, "TableList"))
        except DeployError as error:
            # Before the first deploy there is no database.
            if code_of(error) != "EntityNotFoundException":
                raise
            continue
        found += [f"{layer}.{one['Name']}" for one in listed]
    return sorted(found)
