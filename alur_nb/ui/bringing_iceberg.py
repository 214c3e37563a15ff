"""The first silver, gold or Iceberg table of a notebook: brings Iceberg, which is announced, and restarts Spark once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alur_nb.authoring import iceberg_fetch, local_spark
from alur_nb.authoring.setup import needed_jar
from alur_nb.authoring.sizes import size_text
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.iceberg_jar import Jar, look
from alur_nb.ui.display import show
from alur_nb.ui.errors import error_card, whole_lines
from alur_nb.ui.html import card, paragraph
from alur_nb.ui.work import Task, in_background

if TYPE_CHECKING:
    from alur_nb.ui.session import Session


_STEP = 5 << 20


def bring_iceberg(session: Session) -> None:
    """Fetch Iceberg where the cache has none, and restart a Spark that runs without it; each is told before.

    What goes wrong is told and ends nothing: the table is declared, and a run says again what is missing.
    """
    try:
        jar = needed_jar()
        found = look(jar)
        if found.path is None:
            _fetch(session, jar, found.problem)
        _restart(session)
    except AlurError as error:
        show("\n".join(whole_lines(error)), error_card(error))


def _fetch(session: Session, jar: Jar, problem: str) -> None:
    text = " ".join(filter(None, (problem, iceberg_fetch.announcement(jar))))
    show(text, card(paragraph(text)))

    def work(task: Task[None]) -> None:
        def on_progress(there: int) -> None:
            # In whole steps: a terminal keeps each line.
            done = there if there == jar.size else there // _STEP * _STEP
            if done:
                task.tell("Iceberg", f"{size_text(done)} of {size_text(jar.size)}")

        iceberg_fetch.fetch(jar, on_progress=on_progress)

    in_background(session.shell, Task("fetching of Iceberg", work))


def _restart(session: Session) -> None:
    """End a Spark that started without the jar; the notebook's names of the old session become the new one's."""
    ended = local_spark.stop_without_iceberg()
    if ended is None:
        return
    names = [name for name, value in session.names.items() if value is ended]
    text = "Spark is started again, once, with Iceberg: make DataFrames and temporary views of before anew."
    if names:
        text += f" {' and '.join(names)} is the new session."
    show(text, card(paragraph(text)))
    local_spark.warm_up()
    if names:
        session.shell.push(dict.fromkeys(names, get_spark_session()))  # type: ignore[no-untyped-call]
