"""The plan: which files and upstream batches a run would take in, and why; made without writing anything."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO

from alur_nb.runtime import evolution, readers
from alur_nb.runtime.compare import Comparison, PlannedFile, Status, compared, scan
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import SourceFile, content_of
from alur_nb.runtime.globs import nearest
from alur_nb.runtime.header import listed
from alur_nb.runtime.input_history import InputHistory, read_history
from alur_nb.runtime.lake import added_by
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.ledger import Batch, Ledger, State, live
from alur_nb.runtime.pipelines import FileSource, NewSource, TableSource
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.supersede import NOTHING, SAME_CONTENT, Superseded
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

# For S3, where each file is waited for, and for the hashes of large files, which Python takes several at once.
_INSPECT_THREADS = 8
# Of small local files threads only get in each other's way: Python looks at one at a time (10,000: 0.4 s, or 1.1 s).
_SMALL_BYTES = 64 << 10
# Handed out in parts: of 10,000 small files each would else be a task of its own.
_PARTS_PER_THREAD = 32
# Landing files among which a pattern that matches none is looked for.
_NEAR_CAP = 1_000


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What one `files(..)` source holds for one table."""

    parameter: str
    source: FileSource
    contract: Table
    files: tuple[PlannedFile, ...]
    warnings: tuple[str, ...] = ()

    def with_status(self, *statuses: Status) -> tuple[PlannedFile, ...]:
        """Return the files of these statuses, by path."""
        return tuple(planned for planned in self.files if planned.status in statuses)

    @property
    def new(self) -> tuple[PlannedFile, ...]:
        """The files that a run would load."""
        return self.with_status("new")

    @property
    def bytes(self) -> int:
        """Size of the files that a run would load."""
        return sum(planned.file.size for planned in self.new)


def list_source(
    workspace: Workspace,
    target: Table,
    parameter: str,
    source: FileSource,
    *,
    history: InputHistory | None = None,
) -> SourcePlan:
    """List the source and compare it with the table's history, without opening a file; changed files stay `changed`.

    The history is read where it is not given. Raises SourceError where a folder does not exist, LedgerError where the
    ledger cannot be read.
    """
    if history is None:
        history = read_history(workspace.ledger, target.qualified_name)
    listed = sorted(scan(workspace.files, source), key=lambda file: file.path)
    files = tuple(compared(file, known, retry=False) for file, known in history.of_each(listed))
    warnings = () if files or len(history) else (_nothing_found(workspace, target, source),)
    return SourcePlan(parameter, source, source.contract or target, files, warnings)


def plan_source(
    workspace: Workspace,
    target: Table,
    parameter: str,
    source: FileSource,
    *,
    use_history: bool = True,
    selection: Selection = ALL_NEW,
    superseded: Superseded = NOTHING,
) -> SourcePlan:
    """Return the plan of a run: listed, compared, changed files hashed, new files inspected and bound.

    Of the files that it does not take in it has only those that are to be told: its size grows with what is new.

    Raises SourceError for a changed file under `on_changed="error"`, and for a bad file under `strict`.
    """
    plan = survey_source(
        workspace,
        target,
        parameter,
        source,
        use_history=use_history,
        selection=selection,
        superseded=superseded,
        every=False,
    )
    for refusal in refusals(plan):
        raise refusal
    return plan


def survey_source(
    workspace: Workspace,
    target: Table,
    parameter: str,
    source: FileSource,
    *,
    use_history: bool = True,
    selection: Selection = ALL_NEW,
    superseded: Superseded = NOTHING,
    every: bool = True,
) -> SourcePlan:
    """Return what `plan_source` does, with every file's fate and reason, also where a run would refuse it."""
    ledger, table = workspace.ledger, target.qualified_name
    history = read_history(ledger, table, without=superseded.ids) if use_history else InputHistory()
    first_batch = use_history and not len(history) and not superseded.ids
    comparison = Comparison(selection, superseded, first_batch=first_batch, every=every)
    for file, known in history.of_each(scan(workspace.files, source)):
        comparison.add(compared(file, known, retry=selection.retry))
    files = [_settle_change(workspace, planned, history, source) for planned in comparison.files()]
    contract = source.contract or target
    files = inspect_files(workspace, files, contract, source)
    contract, files = grown(contract, files, source)
    if contract.added:
        added_by(contract, live(ledger.batches(table)))  # refuses another type than before
    files, warnings = _same_content(files, history, source.same_content)
    warnings += [note for planned in files for note in _binding_notes(planned, source)]
    nothing = () if comparison.listed or len(history) else (_nothing_found(workspace, target, source),)
    notes = (*nothing, *warnings, *evolution.notes(contract), *comparison.notes())
    return SourcePlan(parameter, source, contract, tuple(files), notes)


def refusals(plan: SourcePlan) -> list[SourceError]:
    """Return why a run would refuse this plan: a changed file, or under `strict` a bad one."""
    changed = plan.with_status("changed") if plan.source.on_changed != "replace" else []
    found = [SourceError(str(changed[0].reason), fix=changed[0].fix)] if changed else []
    bad = plan.with_status("bad")
    return [*found, _bad(bad)] if bad and plan.source.strict else found


def _nothing_found(workspace: Workspace, target: Table, source: FileSource) -> str:
    """Return that no file was ever there, with what the pattern may have meant."""
    near: list[str] = []
    if not any("://" in pattern for pattern in source.patterns):
        with contextlib.suppress(SourceError):
            paths = [file.path for file in itertools.islice(workspace.files.scan("**/*"), _NEAR_CAP)]
            near = [name for pattern in source.patterns for name in nearest(pattern, paths)]
    meant = f" (did you mean `{near[0]}`?)" if near else ""
    return f"No file matches {', '.join(source.patterns)}{meant}, and {target.qualified_name} is empty."


def _settle_change(
    workspace: Workspace, planned: PlannedFile, history: InputHistory, source: FileSource
) -> PlannedFile:
    if planned.status != "changed":
        return planned
    known = history.of(planned.file.path)
    if known and known.content_hash == workspace.files.hash(planned.file):
        return replace(planned, status="done", reason="touched, but its content is the same")
    if source.on_changed == "ignore":
        return replace(planned, status="done", reason="changed after it was loaded: ignored")
    if source.on_changed == "replace":
        return replace(planned, reason="changed since it was loaded: its batch is loaded anew")
    return replace(
        planned,
        reason=f"{planned.file.path} has changed since it was loaded.",
        fix="Deliver corrections under a new name; or load the new version in place of the old one: alur replay, "
        'with the batch that holds it; or keep what was loaded: files(.., on_changed="ignore").',
    )


def inspect_files(
    workspace: Workspace, files: Sequence[PlannedFile], contract: Table, source: FileSource
) -> list[PlannedFile]:
    """Read every new file's bytes once: header, encoding, quotes, hash; a problem makes the file `bad`."""
    looker = readers.Looker(contract, source)

    def look(planned: PlannedFile) -> PlannedFile:
        if planned.status != "new":
            return planned
        with workspace.files.open(planned.file) as stream:
            return inspect_file(planned, planned.file, stream, looker)

    def look_at(some: Sequence[PlannedFile]) -> list[PlannedFile]:
        return [look(planned) for planned in some]

    if all(_is_near(planned.file) for planned in files):
        return look_at(files)
    at_once = 1 + len(files) // (_INSPECT_THREADS * _PARTS_PER_THREAD)
    with ThreadPoolExecutor(_INSPECT_THREADS) as pool:
        parts = [files[first : first + at_once] for first in range(0, len(files), at_once)]
        return [planned for looked in pool.map(look_at, parts) for planned in looked]


def _is_near(file: SourceFile) -> bool:
    return file.size <= _SMALL_BYTES and file.uri.startswith("file://")


def inspect_file(
    planned: PlannedFile, file: SourceFile, stream: BinaryIO, looker: readers.Looker, *, hashed: bool = True
) -> PlannedFile:
    """Inspect and bind `file`, which holds the planned file or the head of it."""
    return _judged(planned, looker.look(file, stream, hashed=hashed))


def _judged(planned: PlannedFile, readable: ReadableFile) -> PlannedFile:
    # Not by `replace`, which of 10,000 small files takes a tenth of looking at them.
    found = PlannedFile(planned.file, planned.status, planned.reason, planned.fix, readable)
    for part in (readable.inspection, readable.binding):
        if part.problem:
            return replace(found, status="bad", reason=part.problem, fix=part.fix)
    return found


def grown(
    contract: Table, files: Sequence[PlannedFile], source: FileSource
) -> tuple[Table, list[PlannedFile]]:
    """Under schema_mode="evolve", add the new files' columns to the contract and bind them to it; else change nothing."""
    if source.schema_mode != "evolve":
        return contract, list(files)
    new = [p.readable for p in files if p.status == "new" and p.readable is not None]
    contract, problems = evolution.grown(contract, new, source)
    result = []
    for planned in files:
        problem = problems.get(planned.file.path)
        if problem:
            fix = "Rename the column in the file, or declare it."
            planned = replace(planned, status="bad", reason=problem, fix=fix)
        elif planned.status == "new" and planned.readable is not None:
            planned = _judged(planned, readers.bound_again(planned.readable, contract, source))
        result.append(planned)
    return contract, result


def _same_content(
    files: Iterable[PlannedFile], history: InputHistory, policy: str
) -> tuple[list[PlannedFile], list[str]]:
    """Mark or report files whose bytes came before under another name, in this plan or in a live batch."""
    seen: dict[str, str] = {}
    result, warnings = [], []
    for planned in files:
        if planned.status != "new":
            result.append(planned)
            continue
        version, digest = planned.file.version, planned.content_hash
        contents = content_of(version, digest)
        twin = history.twin(version, digest) or next((seen[one] for one in contents if one in seen), None)
        seen |= {content: planned.file.path for content in contents if content not in seen}
        if twin is not None and policy == "skip":
            planned = replace(planned, status="same_content", reason=f"{SAME_CONTENT} {twin}")
        elif twin is not None:
            warnings.append(f"{planned.file.path} has the same content as {twin}: both are loaded.")
        result.append(planned)
    return result, warnings


def _binding_notes(planned: PlannedFile, source: FileSource) -> list[str]:
    if planned.status != "new" or planned.readable is None:
        return []
    notes, binding = [], planned.readable.binding
    if binding.missing:
        notes.append(f"{planned.file.path} lacks {listed(binding.missing, '')}: read as null.")
    fate = {"ignore": "ignored", "rescue": "kept in _rescued"}.get(source.unknown_columns)
    if binding.extra and fate:
        notes.append(f"{planned.file.path} has extra columns, {fate}: {listed(binding.extra, '')}.")
    return notes


def _bad(bad: Sequence[PlannedFile]) -> SourceError:
    lines = [f"{planned.file.path}: {planned.reason}" for planned in bad[:10]]
    more = f"\n  ... and {len(bad) - 10} more" if len(bad) > 10 else ""
    files = "1 file cannot" if len(bad) == 1 else f"{len(bad)} files cannot"
    return SourceError(
        f"{files} be loaded, so nothing is (strict):\n  " + "\n  ".join(lines) + more,
        fix=bad[0].fix or "Mend the files, or load the others with files(.., strict=False) or --no-strict.",
    )


def new_batches(
    ledger: Ledger, source: NewSource | TableSource, target: str, *, superseded: Superseded = NOTHING
) -> list[Batch]:
    """Return the upstream's live batches with rows that no sealed or live batch of the target lists.

    Of the target's batches those that are superseded do not count: what they had read was read again in their place,
    and where that was rolled back it is new again.
    """
    upstream = source.table.qualified_name
    batches = ledger.batches(target)
    holders = [*live(batches), *(batch for batch in batches if batch.state is State.SEALED)]
    ids = {batch.id for batch in holders} - superseded.ids
    taken = {
        item.version
        for batch_id, inputs in ledger.input_pages(target)  # after the batches: what is sealed has its inputs
        if batch_id in ids
        for item in inputs
        if item.kind == "batch" and item.key == upstream
    }
    return [
        batch
        for batch in live(ledger.batches(upstream))
        if batch.id not in taken and batch.counts.get("rows", 0) > 0 and superseded.wants_batch(batch.id)
    ]
