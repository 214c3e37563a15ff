"""From sampled files to the evidence for each column: what CSV and JSON lines have in common."""

from __future__ import annotations

import dataclasses
import keyword
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alur_nb.authoring.infer_facts import ColumnEvidence
from alur_nb.authoring.infer_types import NULL_WORDS, Choice, choose, quoted
from alur_nb.authoring.infer_values import is_empty
from alur_nb.authoring.parse_columns import PACKAGE
from alur_nb.runtime.contract import METADATA, RESERVED
from alur_nb.runtime.errors import plural
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import IntegerField, LongField, StringField

_KEY_TYPES = (StringField, IntegerField, LongField)
_SHOWN_MISFITS = 3


@dataclass(slots=True)
class Gathered:
    """What the files hold under one name: its spellings, and its values."""

    spellings: list[str] = field(default_factory=list)
    files: int = 0
    rows: int = 0
    values: list[object] = field(default_factory=list)
    """Those that are not empty."""


def gather(files: Iterable[tuple[Sequence[str], Sequence[Sequence[object]]]]) -> dict[str, Gathered]:
    """Collect the columns of several files, each a header and its rows, under the names that the header rule gives.

    A value that is None is empty.
    """
    found: dict[str, Gathered] = {}
    for header, rows in files:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
        seen: set[str] = set()
        for name, values in zip(header, columns, strict=True):
            key = normalized(name)
            if key in seen:  # of JSON lines; a run rejects a record that has both
                continue
            seen.add(key)
            one = found.setdefault(key, Gathered())
            if name not in one.spellings:
                one.spellings.append(name)
            one.files += 1
            one.rows += len(values)
            one.values += [value for value in values if value is not None]
    return found


def evidence(
    gathered: Mapping[str, Gathered], of_files: int, chosen: Callable[[str, Gathered], Choice | str]
) -> tuple[ColumnEvidence, ...]:
    """Return the evidence for each column, in the order of the files; `chosen` gives its type, or why it has none."""
    names = column_names({key: one.spellings[0] for key, one in gathered.items()})
    found = []
    for key, one in gathered.items():
        name, header = names[key], one.spellings[0]
        if not header.strip():
            why = "a column without a name: the files are read without it (--extra-columns ignore)"
            found.append(_left_out(name, header, one, of_files, why))
            continue
        if not is_text(header):
            why = "a name with half of a character: the files are read without it (--extra-columns ignore)"
            header = header.encode(errors="backslashreplace").decode()
            found.append(_left_out(name, header, one, of_files, why))
            continue
        choice = chosen(name, one)
        if isinstance(choice, str):
            found.append(_left_out(name, header, one, of_files, choice))
        else:
            found.append(_column(name, one, of_files, choice))
    return tuple(found)


def is_text(text: str) -> bool:
    """Whether UTF-8 can write the text: JSON can have half of a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _left_out(name: str, header: str, one: Gathered, of_files: int, why: str) -> ColumnEvidence:
    """Return a column that the table does not have."""
    return ColumnEvidence(
        name,
        header,
        None,
        one.rows,
        one.rows - len(one.values),
        0,
        files=one.files,
        of_files=of_files,
        doubts=(why,),
    )


def _column(name: str, one: Gathered, of_files: int, choice: Choice) -> ColumnEvidence:
    always = one.rows > 0 and len(one.values) == one.rows and one.files == of_files and not choice.misfits
    column = ColumnEvidence(
        name=name,
        header=one.spellings[0],
        wanted=dataclasses.replace(choice.wanted, nullable=not always),
        rows=one.rows,
        empty=one.rows - len(one.values),
        distinct=len(set(map(_hashable, one.values))),
        misfits=choice.misfits,
        files=one.files,
        of_files=of_files,
    )
    notes = [*choice.notes]
    if one.files < of_files:
        notes.append(f"in {one.files:,} of {of_files:,} files: null in the others")
    if len(one.spellings) > 1:
        notes.append(f"also spelled {', '.join(map(quoted, one.spellings[1:]))}")
    if column.is_unique and isinstance(column.wanted, _KEY_TYPES):
        notes.append("unique in the sample")
    return replace(column, notes=tuple(notes), doubts=choice.doubts, null_word=choice.null_word)


def _hashable(value: object) -> object:
    return value if isinstance(value, str) else repr(value)


def misfit_text(choice: Choice, total: int | None) -> str:
    """Say how many of the values the type would reject, and which; without a total they are values inside of them."""
    ranked = sorted(choice.misfits.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(quoted(text) for text, _ in ranked[:_SHOWN_MISFITS])
    more = f" and {len(ranked) - _SHOWN_MISFITS:,} more" if len(ranked) > _SHOWN_MISFITS else ""
    count = sum(choice.misfits.values())
    which = f"{count:,} inside of it" if total is None else f"{count:,} of {total:,}"
    return f"{which} would be rejected as {choice.wanted.ddl}: {shown}{more}"


def choose_text_column(name: str, one: Gathered, null_value: str) -> Choice:
    """Choose the type of a CSV column; values that are null to every type but text no longer count."""
    counts = Counter(map(str, one.values))
    typed = {text: count for text, count in counts.items() if not is_empty(text, null_value)}
    choice = choose(typed, name)
    if isinstance(choice.wanted, StringField):
        return replace(choice, misfits={})
    one.values = [value for value in one.values if not is_empty(str(value), null_value)]
    if not choice.misfits:
        return choice
    words = list(choice.misfits)
    way = f"; --option {shlex.quote(f'nullValue={words[0]}')} reads it as null" if len(words) == 1 else ""
    said = f"{misfit_text(choice, len(one.values))}{way}; string takes all"
    is_null = len(words) == 1 and words[0].lower() in NULL_WORDS
    return replace(choice, doubts=(said, *choice.doubts), null_word=words[0] if is_null else "")


def column_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return a column's name for each header (by the name that the header rule gives): a Python name, each once."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for number, (key, header) in enumerate(headers.items(), start=1):
        # What is a word already stays; of `Order No.` the header rule would make `order_no_`.
        plain = key if re.fullmatch(r"\w+", header.strip()) else re.sub("_+", "_", key).strip("_")
        name = unicodedata.normalize("NFKC", plain)
        if not name.isidentifier() or normalized(name) != name or name.startswith("__"):
            name = (
                f"column_{name.strip('_')}" if re.fullmatch(r"\w+", name.strip("_")) else f"column_{number}"
            )
        if keyword.iskeyword(name) or name in (PACKAGE, *METADATA, *RESERVED):
            name = f"source_{name.strip('_')}"
        names[key] = _free(name, key, taken)
        taken.add(names[key])
    return names


def _free(name: str, key: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(
        other for other in (f"{name}_{number}" for number in range(2, len(taken) + 3)) if other not in taken
    )


def candidate_keys(columns: Sequence[ColumnEvidence]) -> tuple[str, ...]:
    """Return the columns that could tell rows apart: unique and never empty in the sample."""
    return tuple(c.name for c in columns if c.is_unique and isinstance(c.wanted, _KEY_TYPES))


def key_doubts(columns: Sequence[ColumnEvidence], primary_key: str | None) -> tuple[str, ...]:
    """Say where the sample contradicts a key of one column."""
    names = [name.strip() for name in (primary_key or "").split(",") if name.strip()]
    found = {column.name: column for column in columns}
    one = found.get(names[0]) if len(names) == 1 else None
    if one is None or one.is_unique or one.rows < 2:
        return ()
    twice = one.rows - one.empty - one.distinct
    parts = [f"{one.empty:,} of its values are empty"] if one.empty else []
    parts += [f"{plural(twice, 'row')} repeat a value"] if twice else []
    return (f"--primary-key {one.name}: on the sample {' and '.join(parts)}",) if parts else ()
