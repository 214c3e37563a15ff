"""`alur adopt`: the files that the original Alur's ledger knows are taken as loaded, so that none is loaded twice.

Its ledger is a DynamoDB table with one item a file: `ingestion_key` (the table's name), `file_path` (`s3://..`),
`file_etag`, `file_size`. It never compared ETag and size, so a file may have been delivered anew since.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from alur_nb.authoring.batch_names import pipeline_named
from alur_nb.authoring.planning import loads_of
from alur_nb.runtime import publish
from alur_nb.runtime.aws import Patience, aws_errors, client
from alur_nb.runtime.errors import LedgerError, SourceError, plural
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.header import listed
from alur_nb.runtime.ledger import Batch, Input, Lease, State
from alur_nb.runtime.load import source_for
from alur_nb.runtime.pipelines import FileSource, Pipeline
from alur_nb.runtime.plan import list_source
from alur_nb.runtime.project import Project
from alur_nb.runtime.rollback import held
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace, open_workspace

_GLOB = re.compile(r"[*?\[{]")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class AdoptReport:
    """Which files were taken as loaded, and which could not be."""

    table: str
    adopted: tuple[str, ...] = ()
    known: int = 0
    """Files that this ledger has already."""
    differing: tuple[str, ...] = ()
    """Files that have another ETag or size than the original noted."""
    unproved: tuple[str, ...] = ()
    """Files of which the original noted no ETag or no size: whether they are as it loaded them, nothing tells."""
    gone: tuple[str, ...] = ()
    """Paths that the original noted, and that are not listed now."""
    patterns: tuple[str, ...] = ()
    """Globs that the original noted instead of files, where its listing had failed."""
    batch: str | None = None
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "batch": self.batch,
            "dry_run": self.dry_run,
            "adopted": list(self.adopted),
            "known": self.known,
            "differing": list(self.differing),
            "unproved": list(self.unproved),
            "gone": list(self.gone),
            "patterns": list(self.patterns),
        }

    def __str__(self) -> str:
        would = "would be" if self.dry_run else "are"
        head = f"{self.table}: {plural(len(self.adopted), 'file')} {would} taken as loaded"
        lines = [head + (f", batch {self.batch}" if self.batch else "")]
        if self.known:
            lines.append(f"  {plural(self.known, 'file')} known here already")
        for what, paths in (
            ("changed since the original loaded it", self.differing),
            ("the original noted no ETag or no size, so it cannot be compared", self.unproved),
            ("not listed any more: nothing to do", self.gone),
            (
                "a pattern, not a file: what it stood for was not noted; look whether it was loaded",
                self.patterns,
            ),
        ):
            lines += [f"  {path}: {what}" for path in paths[:_SHOWN]]
            if len(paths) > _SHOWN:
                lines.append(f"  ... and {len(paths) - _SHOWN:,} more")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def adopt(
    project: Project,
    name: str,
    ledger_table: str,
    *,
    key: str | None = None,
    trust_path: bool = False,
    dry_run: bool = False,
    env: str = "local",
    workspace: Workspace | None = None,
    dynamodb: Any = None,
    patience: Patience | None = None,
) -> AdoptReport:
    """Take the files that the original's ledger has under `key` (the table's name) as loaded, in a batch without rows.

    Their rows stay where the original wrote them. `trust_path` also takes files whose ETag or size has changed since,
    or was not noted; without it they are an error, and nothing is adopted. Again adds nothing.

    Raises LedgerError where a ledger cannot be read, or has no such key; SourceError for such files.
    """
    place, pipeline = workspace or open_workspace(env=env), pipeline_named(project, name)
    table = pipeline.target
    reader = dynamodb or client("dynamodb", place.environment.region, attempts=1)
    noted = _noted(reader, patience or Patience(), ledger_table, key or table.name)
    if dry_run:
        return _compared(table, noted, _listed(place, pipeline), trust_path=trust_path)[0]
    with held(place, [table]) as leases:
        publish.recover(place, table.qualified_name)
        # Under the lease: no run loads in the meantime what is taken as loaded here.
        report, files = _compared(table, noted, _listed(place, pipeline), trust_path=trust_path)
        if not trust_path:
            _refuse_doubtful(report)
        batch = _load(place, leases[table.qualified_name], pipeline.name, files) if files else None
    return replace(report, batch=batch, dry_run=False)


def _refuse_doubtful(report: AdoptReport) -> None:
    """Raise SourceError where a file is not proved to be the one that the original loaded."""
    if report.differing:
        raise SourceError(
            f"{plural(len(report.differing), 'file')} of {report.table} changed since the original loaded it, so "
            f"nothing is adopted: {listed(report.differing, '')}.",
            fix="Take them as loaded as they are now: --trust-path; or deliver what is new in them under a new name.",
        )
    if report.unproved:
        raise SourceError(
            f"The original noted no ETag or no size of {plural(len(report.unproved), 'file')} of {report.table}, so "
            f"nothing is adopted: {listed(report.unproved, '')}.",
            fix="If they are as they were when it loaded them, take them as loaded: --trust-path.",
        )


def _compared(
    table: Table,
    noted: dict[str, str | None],
    listing: dict[str, tuple[SourceFile, str]],
    *,
    trust_path: bool,
) -> tuple[AdoptReport, list[SourceFile]]:
    """Return what is to be said, and the files that are to be taken as loaded."""
    ours = [(file, status) for file, status in listing.values() if file.uri in noted]
    new = [file for file, status in ours if status == "new"]
    same = [file for file in new if noted[file.uri] == file.version]
    uris = {file.uri for file, _ in listing.values()}
    gone = sorted(uri for uri in noted if uri not in uris)
    taken = new if trust_path else same
    report = AdoptReport(
        table.qualified_name,
        adopted=tuple(file.path for file in taken),
        known=len(ours) - len(new),
        differing=tuple(file.path for file in new if noted[file.uri] not in (None, file.version)),
        unproved=tuple(file.path for file in new if noted[file.uri] is None),
        gone=tuple(uri for uri in gone if not _GLOB.search(uri)),
        patterns=tuple(uri for uri in gone if _GLOB.search(uri)),
        dry_run=True,
    )
    return report, taken


def _noted(dynamodb: Any, patience: Patience, ledger_table: str, key: str) -> dict[str, str | None]:
    """Return URI -> version of every file under the key, as our listings write versions: ETag and size.

    None where one of the two was not noted.
    """
    found: dict[str, str | None] = {}
    for item in _items(dynamodb, patience, ledger_table, key):
        etag = item.get("file_etag", {}).get("S", "").strip('"')
        size = item.get("file_size", {}).get("N", "")
        found[item["file_path"]["S"]] = f"{etag}-{size}" if etag and size else None
    if not found:
        raise LedgerError(
            f"The original's ledger {ledger_table} has no file under the key `{key}`.",
            fix="Its keys are the names of its tables: --key NAME.",
        )
    return found


def _items(dynamodb: Any, patience: Patience, ledger_table: str, key: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {
        "TableName": ledger_table,
        "ConsistentRead": True,
        "KeyConditionExpression": "ingestion_key = :key",
        "ExpressionAttributeValues": {":key": {"S": key}},
    }
    while True:
        with aws_errors(LedgerError, f"Reading the original's ledger {ledger_table}"):
            answer = patience.call(partial(dynamodb.query, **request))
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _listed(place: Workspace, pipeline: Pipeline) -> dict[str, tuple[SourceFile, str]]:
    """Return path -> file and status of all that the pipeline reads from files."""
    sources = [source for source in pipeline.sources.values() if isinstance(source, FileSource)]
    if not sources:
        sources = [source_for(call) for call in loads_of(place, pipeline)]
    return {
        planned.file.path: (planned.file, planned.status)
        for source in sources
        for planned in list_source(place, pipeline.target, "adopted", source).files
    }


def _load(place: Workspace, lease: Lease, pipeline: str, files: Sequence[SourceFile]) -> str:
    """Bring the files in by a batch without rows, through the steps of every batch."""
    ledger, batch_id = place.ledger, f"{lease.epoch:08d}-0001"
    inputs = [Input("file", f.path, f.version, f.size, outcome="loaded", reason="adopted") for f in files]
    batch = Batch(lease.table, batch_id, State.PLANNED, lease.epoch, pipeline, f"adopt-{uuid.uuid4().hex}")
    ledger.put_inputs(lease, batch_id, inputs, first=0)
    ledger.plan(lease, batch)
    counts = {"files": len(files), "rows": 0, "parsed": 0, "accepted": 0, "rejected": 0}
    publish.seal(place, replace(batch, counts=counts), inputs)
    publish.finish(place, lease.table, batch_id)
    return batch_id
