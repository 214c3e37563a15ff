"""`alur fsck`: the ledger against the files against the catalog; the proof that nothing is missing or doubled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.batch_names import table_named
from alur_nb.authoring.fsck_iceberg import iceberg_findings
from alur_nb.runtime import publish
from alur_nb.runtime.errors import plural
from alur_nb.runtime.lake import Survey
from alur_nb.runtime.ledger import Batch, Input, State, inputs_by_batch, live
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import REJECTS_SUFFIX, Table
from alur_nb.runtime.workspace import Workspace, open_workspace

_SHOWN = 20
_NAMED = 3

RowCount = Callable[[str, Sequence[str]], int]
"""A batch's place and its files -> the rows in their footers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree."""

    what: str
    fix: str
    repairable: bool = False
    """Whether `--repair` mends it, without touching live rows."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"what": self.what, "fix": self.fix, "repairable": self.repairable}


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was compared, and what does not agree."""

    table: str
    batches: int
    inputs: int
    rows: int
    rejected: int
    findings: tuple[Finding, ...] = ()
    repaired: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "ok": self.ok,
            "live_batches": self.batches,
            "inputs": self.inputs,
            "rows": self.rows,
            "rejected": self.rejected,
            "findings": [finding.to_dict() for finding in self.findings],
            "repaired": list(self.repaired),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.table}: {plural(self.batches, 'live batch')} of {plural(self.inputs, 'input')}, each in one batch "
            f"only; {plural(self.rows, 'row')}, {self.rejected:,} rejected"
        ]
        lines += [f"repaired: {text}" for text in self.repaired]
        if self.ok:
            lines.append("ok: ledger, files and catalog agree; nothing is missing, nothing is doubled")
            return "\n".join(lines)
        lines[0] = f"{self.table}: {plural(len(self.findings), 'finding')}"
        for finding in self.findings[:_SHOWN]:
            lines += [f"  {finding.what}", f"    next: {finding.fix}"]
        if len(self.findings) > _SHOWN:
            lines.append(f"  ... and {len(self.findings) - _SHOWN:,} more (--json shows all)")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def fsck(
    project: Project,
    name: str,
    *,
    repair: bool = False,
    env: str = "local",
    workspace: Workspace | None = None,
    row_count: RowCount | None = None,
) -> FsckReport:
    """Compare a table's ledger with its files and the catalog; `repair` ends what died and shows what is hidden.

    Spark reads the Parquet footers (`row_count` may do it instead). Raises DeclarationError, LedgerError,
    StorageError; with `repair` LeaseBusyError while a run is under way.
    """
    place, table = workspace or open_workspace(env=env), table_named(project, name)
    repaired = _repair(place, table) if repair else []
    batches = place.ledger.batches(table.qualified_name)
    alive = live(batches)
    # Read after the batches: what is sealed has its inputs.
    inputs = inputs_by_batch(place.ledger, table.qualified_name)
    findings = [
        *_unfinished(batches),
        *_doubled(alive, inputs),
        *_not_conserved(alive, inputs),
        *_orphans(batches, inputs),
    ]
    if table.format == "iceberg":
        findings += [Finding(*found) for found in iceberg_findings(place.lake, table, batches, alive)]
    for kind in _kinds(table):
        findings += _files(place, kind, batches, alive, row_count or _footer_rows)
    return FsckReport(
        table.qualified_name,
        len(alive),
        sum(len(inputs.get(batch.id, ())) for batch in alive),
        sum(batch.counts.get("rows", 0) for batch in alive),
        sum(batch.counts.get("rejected", 0) for batch in alive),
        tuple(findings),
        tuple(repaired),
    )


def _unfinished(batches: Sequence[Batch]) -> Iterator[Finding]:
    for batch in batches:
        if batch.state in (State.PLANNED, State.SEALED):
            yield Finding(
                f"batch {batch.id} is {batch.state}: its run is under way, or has died",
                "Run its pipeline again, which ends it; or --repair.",
                repairable=True,
            )


def _doubled(alive: Sequence[Batch], inputs: dict[str, list[Input]]) -> Iterator[Finding]:
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for batch in alive:
        for item in inputs.get(batch.id, ()):
            if item.outcome == "loaded":
                # A path is loaded once whatever its version; an upstream batch is known by its id.
                holders[item.kind, item.version if item.kind == "batch" else item.key].append(batch.id)
    for (kind, key), ids in holders.items():
        if len(ids) > 1:
            yield Finding(
                f"{kind} {key} was taken in by {plural(len(ids), 'live batch')}: {', '.join(ids)}",
                "Take one of them back: alur rollback; and please report this.",
            )


def _not_conserved(alive: Sequence[Batch], inputs: dict[str, list[Input]]) -> Iterator[Finding]:
    for batch in alive:
        for item in inputs.get(batch.id, ()):
            if item.kind == "file" and item.parsed != item.accepted + item.rejected:
                yield Finding(
                    f"{item.key} in batch {batch.id}: {item.parsed:,} rows were read, {item.accepted:,} accepted and "
                    f"{item.rejected:,} rejected",
                    "Load it again: alur replay; and please report this.",
                )


def _orphans(batches: Sequence[Batch], inputs: dict[str, list[Input]]) -> Iterator[Finding]:
    orphans = set(inputs) - {batch.id for batch in batches}
    if orphans:
        yield Finding(
            f"inputs of {plural(len(orphans), 'batch')} that was never planned: {', '.join(sorted(orphans))}",
            "They harm nothing; --repair deletes them.",
            repairable=True,
        )


def _files(
    place: Workspace, kind: str, batches: Sequence[Batch], alive: Sequence[Batch], row_count: RowCount
) -> Iterator[Finding]:
    """Compare one table, or its rejects, with what lies in its place."""
    rejects = kind.endswith(REJECTS_SUFFIX)
    shown = _shown(alive, rejects=rejects)
    survey = place.lake.survey(kind, shown)
    for batch in shown:
        found, wanted = survey.files[batch.id], frozenset(batch.files)
        if not found or (not rejects and wanted - found):
            lost = f"{len(wanted - found):,} of {len(wanted):,} files" if found else "all files"
            yield Finding(
                f"batch {batch.id} of {kind} has lost {lost}",
                "Restore them (S3 keeps deleted versions for a time); or load its inputs again: alur replay.",
            )
            continue
        if not rejects and found - wanted:
            yield Finding(
                f"batch {batch.id} of {kind} has files that are not its own: {_some(found - wanted)}",
                "Somebody wrote them; readers see their rows. Move them away.",
            )
            continue
        rows = row_count(place.lake.batch_uris(kind, [batch])[0], sorted(found))
        counted = batch.counts.get("rejected" if rejects else "rows", 0)
        if rows != counted:
            yield Finding(
                f"batch {batch.id} of {kind} holds {rows:,} rows, the ledger says {counted:,}",
                "Load its inputs again: alur replay.",
            )
    yield from _not_live(kind, survey, batches, shown)


def _shown(alive: Iterable[Batch], *, rejects: bool) -> list[Batch]:
    """Return the live batches that have rows of this kind, less the rejects that have expired."""
    if rejects:
        return [batch for batch in alive if batch.rejects_prefix is not None and not batch.rejects_expired]
    return [batch for batch in alive if batch.data_prefix is not None]


def _not_live(
    kind: str, survey: Survey, batches: Sequence[Batch], shown: Sequence[Batch]
) -> Iterator[Finding]:
    """Tell what lies there, or is shown, of batches that are not live, and what of live ones is not shown."""
    known = {batch.id: batch for batch in batches}
    own = {batch.id for batch in shown}
    for name in survey.strays:
        batch = next((known[id] for id in known if name.startswith(f"batch_id={id}")), None)
        if batch is None:
            yield Finding(
                f"{name} lies in {kind}, and the ledger knows no such batch",
                "A ledger was restored, or somebody copied it: look at it, then move it away.",
            )
        elif batch.state in (State.PLANNED, State.SEALED):
            continue  # told as unfinished
        else:
            fate = "live, but not under this name" if batch.id in own else f"dead ({batch.state})"
            yield Finding(
                f"{name} is left in {kind}: the batch is {fate}", "--repair deletes it.", repairable=True
            )
    for batch_id in survey.hidden:
        yield Finding(
            f"batch {batch_id} is not in the catalog: other engines do not see it",
            "--repair names it there.",
            repairable=True,
        )
    for batch_id, count in sorted(Counter(survey.ghosts).items()):
        if batch_id in known and known[batch_id].state is not State.SEALED:
            yield Finding(
                f"the catalog still names batch {batch_id} of {kind}, which is not live ({count:,} partition)",
                "Nothing is seen through it; --repair drops it.",
                repairable=True,
            )
        elif batch_id not in known:
            yield Finding(
                f"the catalog names batch {batch_id} of {kind}, which the ledger does not know",
                "Somebody made it, or a ledger was restored: look where it points, then drop it.",
            )


def _repair(place: Workspace, table: Table) -> list[str]:
    """Recover and clean under the table's lease; live rows are never touched."""
    ledger, name = place.ledger, table.qualified_name
    lease = ledger.acquire(name, local_owner())
    try:
        place.lake.prepare(table)
        done = publish.recover(place, name)
        orphans = ledger.forget_inputs(lease)
        if orphans:
            done.append(f"{plural(orphans, 'item')} of inputs that no batch has were deleted")
        return done + _repair_files(place, table)
    finally:
        ledger.release(lease)


def _kinds(table: Table) -> list[str]:
    """Return what of the table is Parquet: its rows, or only its rejects."""
    kinds = [table.qualified_name, table.qualified_name + REJECTS_SUFFIX]
    return kinds if table.format == "parquet" else kinds[1:]


def _repair_files(place: Workspace, table: Table) -> list[str]:
    batches = place.ledger.batches(table.qualified_name)
    alive = {batch.id: batch for batch in live(batches)}
    done = []
    for kind in _kinds(table):
        rejects = kind.endswith(REJECTS_SUFFIX)
        shown = _shown(alive.values(), rejects=rejects)
        survey = place.lake.survey(kind, shown)
        for batch_id in survey.hidden:
            place.lake.publish(alive[batch_id])
            done.append(f"batch {batch_id} of {kind} was named in the catalog again")
        for batch in batches:
            left = any(stray.startswith(f"batch_id={batch.id}") for stray in survey.strays)
            if batch.id not in alive and (left or batch.id in survey.ghosts):
                place.lake.clean(batch)
                done.append(f"what was left of batch {batch.id} in {kind} was deleted")
            elif left:
                place.lake.discard(batch)
                done.append(f"what batch {batch.id} had not sealed was deleted from {kind}")
    return done


def _some(files: AbstractSet[str]) -> str:
    names = sorted(files)
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _footer_rows(uri: str, files: Sequence[str]) -> int:
    from alur_nb.runtime.context import get_spark_session
    from alur_nb.runtime.lake import footer_rows

    return footer_rows(get_spark_session(), uri, files)
