"""How the project stands, as plain values: freshness, runs, checks over time, cost; the same for every reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from alur_nb.authoring.batch_cost import ASSUMPTIONS, Cost, cost_of
from alur_nb.authoring.dag_graph import whole
from alur_nb.authoring.dag_picture import Graph
from alur_nb.authoring.held import rows_held
from alur_nb.authoring.history import BatchLine, batch_lines
from alur_nb.authoring.lineage import project_lineage
from alur_nb.authoring.lineage_text import pipeline_lines
from alur_nb.runtime.errors import DeclarationError, plural
from alur_nb.runtime.freshness import allowed_age
from alur_nb.runtime.ledger import State
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import LOCAL
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace, open_workspace

Freshness = Literal["fresh", "stale", "never loaded", "no rule"]

BATCHES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check of a table over time: a result a batch, the oldest first; None where it was not judged."""

    name: str
    results: tuple[bool | None, ...]
    message: str
    """What it said last."""

    @property
    def text(self) -> str:
        """How often it failed, and how it came out last."""
        judged = [one for one in self.results if one is not None]
        failed = judged.count(False)
        last = "passed" if judged and judged[-1] else "failed"
        return f"{last}; failed in {failed:,} of {plural(len(judged), 'batch')}" if judged else "not judged"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table: how old it is, how old it may be, its batches, its checks."""

    name: str
    freshness: Freshness
    wanted: str
    """The rule, `26 hours`; an empty text without one."""
    last: str
    """When its last live batch was committed: ISO, UTC; an empty text where there is none."""
    age_seconds: int | None
    rows: int | None
    """What it holds; None where that is not known from here."""
    batches: tuple[BatchLine, ...]
    """The newest first, at most `BATCHES_SHOWN`."""
    total: int
    checks: tuple[CheckLine, ...] = ()
    cost: Cost | None = None

    @property
    def age_text(self) -> str:
        """The age in words, as coarse as it is great."""
        if self.age_seconds is None:
            return ""
        minutes = self.age_seconds // 60
        if minutes < 120:
            return plural(minutes, "minute")
        return plural(minutes // 60, "hour") if minutes < 48 * 60 else plural(minutes // (24 * 60), "day")

    @property
    def rows_text(self) -> str:
        """The rows in words; an empty text where they are not known."""
        return "" if self.rows is None else plural(self.rows, "row")

    @property
    def freshness_text(self) -> str:
        """Freshness in words: the state, the age, the rule."""
        parts: list[str] = [self.freshness]
        parts += [f"{self.age_text} old"] if self.age_text else []
        parts += [f"at most {self.wanted} wanted"] if self.wanted else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Status:
    """How the project stands in one environment, at one moment."""

    project: str = ""
    environment: str = LOCAL
    at: str = ""
    """The moment: ISO, UTC, to the second."""
    tables: tuple[TableStatus, ...] = ()
    lineage: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pipeline -> its lineage in lines."""
    graph: Graph = field(default_factory=Graph, compare=False)
    cost: Cost | None = None

    @property
    def stale(self) -> tuple[TableStatus, ...]:
        """The tables that are older than they may be, those that were never loaded among them."""
        return tuple(one for one in self.tables if one.wanted and one.freshness != "fresh")

    @property
    def aborted(self) -> tuple[TableStatus, ...]:
        """The tables whose last batch was thrown away."""
        return tuple(
            one for one in self.tables if one.batches and one.batches[0].batch.state is State.ABORTED
        )

    @property
    def head(self) -> str:
        """The verdict in a line."""
        parts = [plural(len(self.tables), "table")]
        parts.append(f"{len(self.stale):,} stale" if self.stale else "none stale")
        if self.aborted:
            parts.append(f"the last batch of {len(self.aborted):,} aborted")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "project": self.project,
            "environment": self.environment,
            "at": self.at,
            "ok": not self.stale and not self.aborted,
            "tables": [_plain(one) for one in self.tables],
            "lineage": {name: list(lines) for name, lines in self.lineage},
            "cost": _plain_cost(self.cost),
        }

    def __str__(self) -> str:
        from alur_nb.authoring.report_text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return str(self)


def _plain(one: TableStatus) -> dict[str, Any]:
    return {
        "table": one.name,
        "freshness": one.freshness,
        "wanted": one.wanted or None,
        "last": one.last or None,
        "age_seconds": one.age_seconds,
        "rows": one.rows,
        "batches": [line.to_dict() for line in one.batches],
        "total_batches": one.total,
        "checks": {check.name: list(check.results) for check in one.checks},
        "cost": _plain_cost(one.cost),
    }


def _plain_cost(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {
        "dpu_hours": round(cost.dpu_hours, 4),
        "dollars": round(cost.dollars, 4),
        "assumptions": ASSUMPTIONS,
    }


def status(
    project: Project,
    *,
    env: str = LOCAL,
    workspace: Workspace | None = None,
    now: datetime | None = None,
) -> Status:
    """Look at the ledger of an environment; starts no Spark, and the same ledger gives the same at the same moment.

    Raises SettingsError for an unknown environment, LedgerError where its ledger cannot be read.
    """
    place = workspace or open_workspace(env=env)
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    tables = []
    for name, table in sorted(_tables(project).items()):
        lines = batch_lines(place.ledger.batches(name))
        cost = cost_of(lines, project, place.settings, place.environment)
        tables.append(_table(place, table, lines, moment, cost))
    costs = [one.cost for one in tables if one.cost is not None]
    total = Cost(sum(c.dpu_hours for c in costs), sum(c.dollars for c in costs)) if costs else None
    lineage = project_lineage(project, may_call=False)
    states = {line.batch.pipeline: line.state for one in tables for line in reversed(one.batches)}
    return Status(
        project=place.settings.project_name,
        environment=place.environment.name,
        at=moment.isoformat(),
        tables=tuple(tables),
        lineage=tuple((one.pipeline, tuple(pipeline_lines(one))) for one in lineage.pipelines),
        graph=whole(
            project.pipelines, _order(project), {name: state.lower() for name, state in states.items()}
        ),
        cost=total,
    )


def _tables(project: Project) -> dict[str, Table]:
    """Return every table that is declared, or that a declared pipeline writes."""
    written = {one.target.qualified_name: one.target for one in project.pipelines.values()}
    return written | dict(project.tables)


def _order(project: Project) -> Sequence[str]:
    try:
        return project.order()
    except DeclarationError:
        # A cycle is for `alur check` to tell.
        return tuple(project.pipelines)


def _table(
    place: Workspace, table: Table, lines: tuple[BatchLine, ...], moment: datetime, cost: Cost | None
) -> TableStatus:
    alive = [line.batch for line in lines if line.live]
    last = max((batch.times.get("committed", "") for batch in alive), default="")
    age = moment - datetime.fromisoformat(last) if last else None
    return TableStatus(
        name=table.qualified_name,
        freshness=_freshness(table.freshness, age),
        wanted=table.freshness,
        last=last,
        age_seconds=max(0, int(age.total_seconds())) if age is not None else None,
        rows=rows_held(place, alive),
        batches=lines[:BATCHES_SHOWN],
        total=len(lines),
        checks=_checks(lines[:BATCHES_SHOWN]),
        cost=cost,
    )


def _freshness(wanted: str, age: timedelta | None) -> Freshness:
    if age is None:
        return "never loaded"
    if not wanted:
        return "no rule"
    return "stale" if age > allowed_age(wanted) else "fresh"


def _checks(lines: Sequence[BatchLine]) -> tuple[CheckLine, ...]:
    """Return each check with its result in each batch that was judged by any, the oldest first."""
    judged = [line.batch.checks for line in reversed(lines) if line.batch.checks]
    by_batch = [{str(check["name"]): check for check in checks} for checks in judged]
    names = dict.fromkeys(name for checks in by_batch for name in checks)
    return tuple(CheckLine(name, _results(name, by_batch), _last_message(name, by_batch)) for name in names)


def _results(name: str, by_batch: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[bool | None, ...]:
    return tuple(bool(checks[name].get("passed", True)) if name in checks else None for checks in by_batch)


def _last_message(name: str, by_batch: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    said = [str(checks[name].get("message", "")) for checks in by_batch if name in checks]
    return said[-1] if said else ""
