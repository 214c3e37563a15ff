"""One streaming look at a file of JSON lines: whether it can be read at all, how many records it has, which keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from alur_nb.runtime.csv_bytes import BadFileError, CheckedBytes
from alur_nb.runtime.csv_scan import MAX_ROW_BYTES
from alur_nb.runtime.dialect import Inspection

_BLANKS = b" \t\r"
_LOOKED_AT = 1_000
"""Records whose keys are noted, where not all have to be known: it is for the report, and parsing is slow."""
_UTF8_FIX = "Deliver the file in UTF-8: JSON has no other encoding."


def inspect_json_lines(stream: BinaryIO, path: str, *, every_key: bool) -> Inspection:
    """Read the stream to its end, once; bad content is a `problem`, never an exception.

    `header` has the keys of the first records, or of all (`every_key`), in the order in which they come.
    """
    lines = _Lines()
    content = CheckedBytes(stream, path, "utf-8", lambda: lines.number, transcode=False)
    keys: dict[str, None] = {}
    records = 0
    try:
        for line in lines.of(content):
            if not line.strip(_BLANKS):
                continue
            if records == 0:
                _refuse_other_json(line)
            records += 1
            if every_key or records <= _LOOKED_AT:
                keys.update(dict.fromkeys(_keys(line)))
        found = Inspection(header=tuple(keys), header_line=0, records=records)
    except BadFileError as bad:
        found = Inspection(problem=bad.problem, fix=_fix(bad), place_line=bad.line, place_column=bad.column)
    return replace(found, content_hash=content.content_hash())


def _fix(bad: BadFileError) -> str:
    """Return the next step; the bytes were checked by code that otherwise reads CSV, and advises so."""
    if "encoding" in bad.fix:
        return _UTF8_FIX
    if "header" in bad.fix:
        return "Deliver it again; a file without records has at least one line end."
    return "Deliver it as JSON lines." if "CSV" in bad.fix else bad.fix


class _Lines:
    """The lines of a content; `number` are those whose ends have been read."""

    number = 0

    def of(self, content: CheckedBytes) -> Iterator[bytes]:
        """Yield each line without its end; raises BadFileError for one that no record can be."""
        carry: list[bytes] = []
        size = 0
        for chunk in content:
            first, *others = chunk.split(b"\n")
            carry.append(first)
            size += len(first)
            self.number += len(others)
            if others:
                yield b"".join(carry)
                yield from others[:-1]
                carry, size = [others[-1]], len(others[-1])
            if size > MAX_ROW_BYTES:
                raise BadFileError(
                    f"the record that begins on line {self.number + 1} is longer than {MAX_ROW_BYTES >> 20} MB",
                    "Write one record a line, each ended by a line feed.",
                    self.number + 1,
                )
        yield b"".join(carry)


def _refuse_other_json(line: bytes) -> None:
    """Refuse JSON that is not one record a line, by the first line that is not blank."""
    text = line.strip(_BLANKS)
    if text.startswith(b"["):
        raise BadFileError(
            "the file is one JSON array, not a record a line",
            "Take it apart: jq -c '.[]' FILE > FILE.jsonl",
            1,
        )
    if text == b"{":
        raise BadFileError("a record spans lines", "Write each on one line: jq -c . FILE > FILE.jsonl", 1)


def _keys(line: bytes) -> list[str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return []  # the row will be rejected, with the reason
    return list(record) if isinstance(record, dict) else []
