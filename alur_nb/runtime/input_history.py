"""What the ledger says of a table's input files: any number of them, looked up by path and by content."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from alur_nb.runtime.files import SourceFile, content_of
from alur_nb.runtime.ledger import Input, Ledger, live

_TABLE = """
CREATE TABLE input (path TEXT NOT NULL, version TEXT NOT NULL, content_hash TEXT, outcome TEXT NOT NULL, reason TEXT)
"""
# What was noted last counts, but *loaded in any live batch* beats *skipped in any live batch*: it comes last.
_BY_PATHS = """
SELECT path, version, content_hash, outcome, reason FROM input
WHERE path IN ({}) ORDER BY outcome = 'loaded', rowid
"""
# One question for so many files: a question a file is most of what a plan takes. SQLite takes 999 values before 3.32.
_ASKED_AT_ONCE = 500
_BY_CONTENT = """
SELECT path FROM input
WHERE (content_hash = ?1 OR version = ?1) AND outcome = 'loaded' ORDER BY rowid LIMIT 1
"""


class Known(NamedTuple):
    """What the last of a file's inputs says that counts."""

    path: str
    version: str
    content_hash: str | None
    outcome: str
    reason: str | None


class InputHistory:
    """The input files of a table's live batches.

    Kept in a database of SQLite's without a name: what its cache does not hold is on disk until the history is gone
    (sqlite.org/inmemorydb.html), so a million files take hardly more memory than a few.
    """

    def __init__(self, inputs: Iterable[Input] = ()) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(
            self, self._db.close
        )  # whichever thread drops it last: Python 3.13 warns of one left open
        self._db.execute(_TABLE)
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO input VALUES (?, ?, ?, ?, ?)", map(_row, inputs))
        self._db.execute("CREATE INDEX by_path ON input (path)")
        self._files: int = self._db.execute("SELECT count(*) FROM input").fetchone()[0]
        self._by_content = False

    def __len__(self) -> int:
        """Return how many files were noted, a file of several batches more than once."""
        return self._files

    def of(self, path: str) -> Known | None:
        """Return what is known of the file that is called so."""
        return self._known([path]).get(path)

    def of_each(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, Known | None]]:
        """Yield each file with what is known of it, as the files come."""
        rest = iter(files)
        while some := list(islice(rest, _ASKED_AT_ONCE)):
            known = self._known([file.path for file in some])
            for file in some:
                yield file, known.get(file.path)

    def _known(self, paths: Sequence[str]) -> dict[str, Known]:
        if not self._files:
            return {}
        rows = self._db.execute(_BY_PATHS.format(", ".join("?" * len(paths))), paths)
        return {row[0]: Known._make(row) for row in rows}

    def twin(self, version: str, content_hash: str | None) -> str | None:
        """Return the path of the first loaded file with this content, if any can be told to have it."""
        if not self._files:
            return None
        self._index_contents()
        for content in content_of(version, content_hash):
            if row := self._db.execute(_BY_CONTENT, (content,)).fetchone():
                return str(row[0])
        return None

    def _index_contents(self) -> None:
        """Make the indexes that only a run with new files needs."""
        if not self._by_content:
            self._db.execute("CREATE INDEX by_hash ON input (content_hash)")
            self._db.execute("CREATE INDEX by_version ON input (version)")
            self._by_content = True


def read_history(ledger: Ledger, table: str, *, without: Collection[str] = ()) -> InputHistory:
    """Gather the input files of the table's live batches; those of batches in `without` count as never loaded."""
    ids = {batch.id for batch in live(ledger.batches(table)) if batch.id not in without}
    # Read after the batches: what is sealed has its inputs.
    return InputHistory(_files_of(ledger.input_pages(table), ids))


def _files_of(pages: Iterable[tuple[str, Sequence[Input]]], ids: Collection[str]) -> Iterator[Input]:
    for batch_id, inputs in pages:
        if batch_id in ids:
            yield from (item for item in inputs if item.kind == "file")


def _row(item: Input) -> tuple[str | None, ...]:
    return item.key, item.version, item.content_hash, item.outcome, item.reason
