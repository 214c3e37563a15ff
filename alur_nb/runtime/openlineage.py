"""OpenLineage run events (spec 2-0-2): START, then COMPLETE, ABORT or FAIL, of each pipeline of a run.

Column lineage is that of the run itself: Spark's plan of what the function returned, which no trace made beforehand
can know better. Where it cannot be followed, the facet is left out, and inputs and output say what is known.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alur_nb.runtime.checks import Severity
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.lineage import PipelineLineage, at_column_level
from alur_nb.runtime.lineage_plan import trace_frames
from alur_nb.runtime.lineage_tree import NotFollowedError
from alur_nb.runtime.observing import Called, Watched
from alur_nb.runtime.openlineage_datasets import PRODUCER, VERSION, Dataset, Datasets, facet
from alur_nb.runtime.openlineage_facets import assertions, column_lineage
from alur_nb.runtime.openlineage_sinks import Event, Sink, sink_of
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.workspace import Workspace

log = logging.getLogger(__name__)

SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"

# A name of our own for UUIDs made of names (RFC 9562, version 5): the same run gives the same id everywhere.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pypi.org/project/alur-nb/")
_TYPES = {"loaded": "COMPLETE", "nothing new": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT"}


def watched(workspace: Workspace, run_id: str) -> Watched:
    """Return the observers that the environment's settings ask for: none, or the one that emits OpenLineage."""
    place = workspace.environment.openlineage
    if place is None:
        return Watched()
    sink = sink_of(place, workspace.settings.root, workspace.environment.region)
    return Watched((Emitter(workspace, run_id, sink),))


def uuid_of(run_id: str) -> str:
    """Return a run's id as the UUID that the spec wants: itself where it is one, else one made of it (Glue's `jr_..`)."""
    try:
        return str(uuid.UUID(run_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, run_id))


@dataclass(slots=True)
class _Open:
    """A pipeline between its START and its end."""

    run: str
    lineage: PipelineLineage | None = None
    loads: Mapping[str, FileSource] = field(default_factory=dict)


class Emitter:
    """Tells a sink of each pipeline of one run."""

    def __init__(self, workspace: Workspace, run_id: str, sink: Sink) -> None:
        self._workspace = workspace
        self._run_id = run_id
        self._sink = sink
        self._datasets = Datasets(workspace)
        self._namespace = f"{workspace.settings.project_name}.{workspace.environment.name}"
        self._open: dict[str, _Open] = {}

    def started(self, pipeline: Pipeline) -> None:
        """Emit START, with what is declared."""
        now = _now()
        # A second attempt of the same run is a run of its own to those who listen.
        own = str(uuid.uuid5(_NAMESPACE, f"{self._run_id} {pipeline.name} {now}"))
        self._open[pipeline.name] = _Open(own)
        inputs = self._datasets.inputs(pipeline, {})
        self._emit("START", now, pipeline, own, {}, inputs, self._datasets.target(pipeline))

    def called(self, pipeline: Pipeline, called: Called) -> None:
        """Follow the columns of what the function returned."""
        known = self._open[pipeline.name]
        known.loads = called.loads
        try:
            traced = trace_frames(called.result, called.frames)
            known.lineage = at_column_level(pipeline, traced, called.loads)
        except NotFollowedError as error:
            log.info("%s: lineage at table level: %s", pipeline.name, error)

    def ended(self, pipeline: Pipeline, run: PipelineRun) -> None:
        """Emit how it ended, with the numbers that the ledger has."""
        known = self._open.pop(pipeline.name)
        batch = self._batch(run)
        inputs = self._datasets.inputs(pipeline, known.loads)
        output = self._datasets.target(pipeline)
        if known.lineage is not None and (columns := column_lineage(known.lineage, inputs)):
            output.facets["columnLineage"] = columns
        if run.checks:
            output.facets["dataQualityAssertions"] = assertions(pipeline, run.checks)
        if batch is not None and run.state == "loaded":
            version = {"datasetVersion": batch.id}
            output.facets["version"] = facet("DatasetVersionDatasetFacet", "1-0-1", version)
            numbers = {"rowCount": run.rows, "fileCount": len(batch.files)}
            output.own_facets["outputStatistics"] = facet(
                "OutputStatisticsOutputDatasetFacet", "1-0-2", numbers
            )
        self._emit(_TYPES[run.state], _now(), pipeline, known.run, _errors(run), inputs, output)

    def _batch(self, run: PipelineRun) -> Batch | None:
        return self._workspace.ledger.batch(run.table, run.batch_id) if run.batch_id else None

    def _emit(
        self,
        kind: str,
        now: str,
        pipeline: Pipeline,
        own: str,
        run_facets: Mapping[str, Any],
        inputs: Mapping[str, tuple[Dataset, ...]],
        output: Dataset,
    ) -> None:
        distinct = {(one.namespace, one.name): one for some in inputs.values() for one in some}
        event: Event = {
            "eventType": kind,
            "eventTime": now,
            "producer": PRODUCER,
            "schemaURL": SPEC,
            "run": {"runId": own, "facets": {**self._run_facets(), **run_facets}},
            "job": {"namespace": self._namespace, "name": pipeline.name, "facets": _job_facets(pipeline)},
            "inputs": [one.to_dict("inputFacets") for one in distinct.values()],
            "outputs": [output.to_dict("outputFacets")],
        }
        self._sink.emit(event)

    def _run_facets(self) -> dict[str, Any]:
        import pyspark

        parent = {
            "run": {"runId": uuid_of(self._run_id)},
            "job": {"namespace": self._namespace, "name": self._workspace.settings.project_name},
        }
        engine = {"version": pyspark.__version__, "name": "spark", "openlineageAdapterVersion": VERSION}
        return {
            "parent": facet("ParentRunFacet", "1-2-0", parent),
            "processing_engine": facet("ProcessingEngineRunFacet", "1-1-1", engine),
        }


def _job_facets(pipeline: Pipeline) -> dict[str, Any]:
    kind = {"processingType": "BATCH", "integration": "ALUR", "jobType": "PIPELINE"}
    facets = {"jobType": facet("JobTypeJobFacet", "2-0-4", kind)}
    if pipeline.description:
        text = {"description": pipeline.description}
        facets["documentation"] = facet("DocumentationJobFacet", "1-1-0", text)
    return facets


def _errors(run: PipelineRun) -> dict[str, Any]:
    text = run.error_text or ("The run was cancelled." if run.state == "cancelled" else None)
    if text is None:
        return {}
    # Below the first line stand rows of the data, which are not for everybody who reads a catalog.
    text = text.partition("\n")[0].rstrip(":")
    failed = [check.name for check in run.checks if not check.passed and check.severity is Severity.ERROR]
    text += f": {', '.join(failed)}" if failed else ""
    message = {"message": text, "programmingLanguage": "PYTHON"}
    return {"errorMessage": facet("ErrorMessageRunFacet", "1-0-1", message)}


def _now() -> str:
    return datetime.now(UTC).isoformat()
