"""The laptop's Spark: warmed in the background while the first cells are written."""

from __future__ import annotations

import logging
import threading

from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import AlurError

log = logging.getLogger(__name__)

_warming: threading.Thread | None = None


def warm_up() -> threading.Thread:
    """Start this process's Spark session in a background thread, once; returns at once and never downloads."""
    global _warming
    if _warming is None:
        _warming = threading.Thread(target=_start, name="alur-spark", daemon=True)
        _warming.start()
    return _warming


def is_warm() -> bool:
    """Whether the session is up, so that a message may say that Spark is still starting."""
    return _warming is None or not _warming.is_alive()


def _start() -> None:
    try:
        get_spark_session()
    except AlurError as error:
        # Said again, as an error with its fix, by the first cell that needs Spark.
        log.info("Spark did not start: %s", error)
