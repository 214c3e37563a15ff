"""What the sampled files of one table make suspect: a renamed column, a sheet's totals, empty rows, a line above the header.

Only said, with what speaks for it: nothing is left out or put together because of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from alur_nb.authoring.infer_facts import ColumnEvidence
from alur_nb.authoring.infer_types import quoted
from alur_nb.authoring.infer_values import BLANKS, NUMBER
from alur_nb.runtime.errors import plural
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import StringField

_TOTAL = re.compile(
    r"(?:(?:grand|sub|overall)[ -]?)?(?:totals?|sum)|(?:gesamt|zwischen)?summe|gesamt|insgesamt|totaal|totale?|somme",
    re.IGNORECASE,
)
_LEAST_ADDED = 3
"""Rows that must add up to a row: of two numbers and a third it happens by chance."""
_LOOKED_AT_LINES = 10
_SHOWN_PAIRS = 3

T = TypeVar("T")
Row = Sequence[str]
Header = Sequence[str]


@dataclass(slots=True)
class _Alike:
    """What speaks for two columns being one."""

    kind: str = ""
    """The type that both have, where it is another than text, which most columns are."""
    place: int | None = None

    def __str__(self) -> str:
        said = [f"both are {self.kind}"] if self.kind else []
        said += [f"both are column {self.place + 1}"] if self.place is not None else []
        return " and ".join(said)


Pair = tuple[str, str]


def rename_doubts(
    headers: Sequence[Header], columns: Iterable[ColumnEvidence], *, ordered: bool
) -> Iterator[str]:
    """Say which two columns may be one: where one is missing the other is new, in the same place or of the same type.

    Only where no third column could be meant. `ordered`: whether places mean anything.
    """
    files: dict[str, set[int]] = defaultdict(set)
    places: dict[str, set[int]] = defaultdict(set)
    for number, header in enumerate(headers):
        for place, name in enumerate(map(normalized, header)):
            files[name].add(number)
            places[name].add(place if ordered else -1)
    every = frozenset(range(len(headers)))
    known = {normalized(column.header): column for column in columns if column.wanted is not None}
    had_by = {name: frozenset(files[name]) for name in known if files[name] and files[name] < every}
    pairs: dict[Pair, _Alike] = {}
    kinds = {name: {known[name].type_text.removesuffix(" not null")} - {StringField().ddl} for name in had_by}
    for pair, kind in _pairs(had_by, every, kinds):
        pairs[pair] = _Alike(kind)
    typed = {name for pair in pairs for name in pair}
    for pair, place in _pairs(had_by, every, {name: places[name] - {-1} for name in had_by}):
        # Two of one type are told better by it than by their place, which a column between them moves.
        if pair in pairs or not typed & set(pair):
            pairs.setdefault(pair, _Alike()).place = place
    for (one, other), alike in list(pairs.items())[:_SHOWN_PAIRS]:
        yield (
            f"{quoted(known[one].header)} and {quoted(known[other].header)} may be one column that was renamed: "
            f"{len(files[one]):,} of {plural(len(every), 'file')} have the one, the others the other, and {alike}. "
            "If so, give it one name in the files"
        )
    if len(pairs) > _SHOWN_PAIRS:
        yield f"{plural(len(pairs) - _SHOWN_PAIRS, 'more pair')} of columns may be renamed ones as well"


def _pairs(
    had_by: Mapping[str, frozenset[int]], every: frozenset[int], facts: Mapping[str, set[T]]
) -> Iterator[tuple[Pair, T]]:
    """Yield the columns that share a fact and no file, where all files have either, and no third shares it."""
    groups: dict[tuple[frozenset[int], T], list[str]] = defaultdict(list)
    for name, files in had_by.items():
        for fact in facts[name]:
            groups[files, fact].append(name)
    for (files, fact), names in list(groups.items()):
        others = groups.get((every - files, fact), [])
        if len(names) == len(others) == 1 and 0 in files:
            yield (names[0], others[0]), fact


def row_doubts(files: Iterable[tuple[str, Header, Sequence[Row], bool]]) -> Iterator[str]:
    """Say which first and last rows are not like the others: empty, or a total. Each file: path, header, rows, whether whole."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, header, rows, is_whole in files:
        for doubt in _edges(header, rows, is_whole=is_whole):
            found[doubt].append(path)
    for doubt, paths in found.items():
        more = f" and {plural(len(paths) - 1, 'more file')}" if len(paths) > 1 else ""
        yield f"{paths[0]}{more}: {doubt}"


def _edges(header: Header, rows: Sequence[Row], *, is_whole: bool) -> Iterator[str]:
    first = next((number for number, row in enumerate(rows) if not _is_empty(row)), len(rows))
    behind = next((number for number, row in enumerate(reversed(rows)) if not _is_empty(row)), 0)
    body = rows[first : len(rows) - behind]
    ends = [("first", first, body[:1], body[1:])]
    ends += [("last", behind, body[-1:], body[:-1])] if is_whole else []
    for place, count, edge, others in ends:
        if count:
            which = (
                f"its {place} row holds no value"
                if count == 1
                else f"its {place} {count:,} rows hold no value"
            )
            yield f"{which}: a run rejects it, or loads a row of nulls. Take it out of the file"
        said = _total(header, edge[0], others) if edge and others else []
        if said:
            yield (
                f"its {place} row looks like a total, and a run takes it for a row: {' and '.join(said)}. "
                "Take it out of the file, or leave it out in a pipeline"
            )


def _is_empty(row: Row) -> bool:
    return not any(value.strip(BLANKS) for value in row)


def _total(header: Header, row: Row, others: Sequence[Row]) -> list[str]:
    """Return what speaks for a total: a word that says so, or sums beside a place that only this row leaves empty."""
    texts = [value.strip(BLANKS) for value in row]
    columns = [[other[index].strip(BLANKS) for other in others] for index in range(len(texts))]
    words = [
        text
        for text, column in zip(texts, columns, strict=True)
        if _TOTAL.fullmatch(text.rstrip(": ")) and text not in column
    ]
    sums = [index for index, text in enumerate(texts) if _is_sum(text, columns[index])]
    alone = any(not text and all(column) for text, column in zip(texts, columns, strict=True))
    said = [f"it says {quoted(words[0])}"] if words else []
    if sums and (words or alone):
        names = ", ".join(quoted(header[index]) for index in sums[:_SHOWN_PAIRS])
        said.append(f"{names} is the sum of the other {plural(len(others), 'row')}")
    return said


def _is_sum(text: str, others: Sequence[str]) -> bool:
    filled = [value for value in others if value]
    if len(filled) < _LEAST_ADDED or not NUMBER.fullmatch(text) or not all(map(NUMBER.fullmatch, filled)):
        return False
    # An exponent would make a number of thousands of digits of a short text.
    if any(mark in value for value in (text, *filled) for mark in "eE"):
        return False
    return Decimal(text) != 0 and Decimal(text) == sum(map(Decimal, filled))


def header_below(records: Iterable[Row]) -> tuple[int, Row] | None:
    """Return the first record that has a text in each of its places, and its number; None where none of the first has."""
    looked = [row for _, row in zip(range(_LOOKED_AT_LINES), records, strict=False)]
    width = max(map(len, looked), default=0)
    for number, row in enumerate(looked, start=1):
        if len(row) == width > 1 and all(value.strip(BLANKS) for value in row):
            return number, row
    return None
