"""What a job leaves of each run beside its log: one JSON object on S3, found by the run's id."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from alur_nb.runtime.aws import aws_errors, client
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.s3 import split_uri

log = logging.getLogger(__name__)

VERSION = 1


def write_summary(argument: Mapping[str, Any], run_id: str, **told: Any) -> str | None:
    """Write `<summaries><run_id>.json`, where the job's argument says where; return its URI.

    A summary that cannot be written is a line of the log: the run is what it is without it.
    """
    if not argument.get("summaries"):
        return None
    uri = f"{argument['summaries']}{run_id}.json"
    bucket, key = split_uri(uri)
    head = {"version": VERSION, "run_id": run_id, "written_at": datetime.now(UTC).isoformat()}
    environment = {name: argument.get(name) for name in ("project", "environment", "pipeline")}
    body = json.dumps({**head, **environment, **told}, indent=1, default=str).encode()
    try:
        with aws_errors(StorageError, f"Writing {uri}"):
            client("s3", argument.get("region")).put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="application/json"
            )
    except StorageError as error:
        log.warning("%s", error)
        return None
    return uri
