"""A line of JSON to a row: which key is which column, and what each value must be to become the column's.

Plain Python that Spark's workers run, because Spark's own reader cannot be made honest: it takes a number for a text,
rounds decimals, reads numbers by way of doubles, and of a key that stands twice the last one wins. Value and reason
come from one call, so there is no second reading that could disagree with it; what is checked instead is that as
many records were read as the look at the file has counted (`ingest`), by other code that splits lines by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from alur_nb.runtime.jsonl_rules import NULL_REASON, Misfit, Number, as_json, convert_plain, kind_of, says
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import (
    ArrayField,
    BooleanField,
    DateField,
    Field,
    MapField,
    StringField,
    StructField,
    TimestampField,
)

Reason = tuple[str | None, str]
Parsed = tuple[tuple[object, ...], str | None, list[Reason]]


class KeyTwiceError(ValueError):
    """An object has a key twice: whichever value was taken, the other would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise KeyTwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"`{name}` is no JSON")


def _decoder() -> json.JSONDecoder:
    """Numbers stay as they are written; NaN and Infinity, which Python would take, are refused."""
    return json.JSONDecoder(
        object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_no_constant
    )


@dataclass(frozen=True)
class RecordRules:
    """How a record becomes a row of a table; callable on one line, and sent to Spark's workers."""

    table: str
    fields: Mapping[str, Field]
    unknown: str
    """What becomes of a key that is no column: `error`, `ignore` or `rescue`."""
    texts: frozenset[str] = frozenset()
    """Columns that are taken as text in whatever form they come: the added ones of schema_mode="evolve"."""
    _wanted: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_wanted", wanted_keys(self.fields))

    @cached_property
    def decoder(self) -> json.JSONDecoder:
        """One decoder a worker."""
        return _decoder()

    def __getstate__(self) -> dict[str, object]:
        # The decoder holds a scanner of C, which cannot travel.
        return {key: value for key, value in self.__dict__.items() if key != "decoder"}

    def __call__(self, line: str) -> Parsed:
        """Return the row's values, what was rescued of it, and why it is refused, if it is."""
        nothing: tuple[object, ...] = (None,) * len(self.fields)
        try:
            record = self.decoder.decode(line)
        except KeyTwiceError as twice:
            return nothing, None, [(None, f"the key `{twice.key}` stands twice")]
        except RecursionError:
            return nothing, None, [(None, "the record is nested too deeply")]
        except json.JSONDecodeError as error:
            return nothing, None, [(None, _no_json(line, error))]
        except ValueError as error:  # a constant that is no JSON
            return nothing, None, [(None, str(error))]
        if not isinstance(record, dict):
            return nothing, None, [(None, f"the line is {kind_of(record)}, not an object")]
        return self._row(record)

    def _row(self, record: Mapping[str, object]) -> Parsed:
        rest: dict[str, object] = {}
        reasons: list[Reason] = []
        try:
            found = matched(record, self._wanted, self.unknown, rest, "", self.table)
        except Misfit as misfit:
            return (None,) * len(self.fields), None, [(None, misfit.reason)]
        values: list[object] = []
        for name, column in self.fields.items():
            value = found.get(name)
            try:
                if name in self.texts and value is not None and type(value) is not str:
                    value = as_json(value)
                values.append(self._convert(column, value, rest, name))
            except Misfit as misfit:
                values.append(None)
                reasons.append((name, misfit.reason))
        try:
            rescued = as_json(rest) if rest and self.unknown == "rescue" else None
        except Misfit as misfit:
            return tuple(values), None, [*reasons, (None, misfit.reason)]
        return tuple(values), rescued, reasons

    def _convert(self, column: Field, value: object, rest: dict[str, object], path: str) -> object:
        if isinstance(column, (DateField, TimestampField)) and column.format is not None:
            # Its pattern is Spark's: the text goes on to a second step there, null and blank as well.
            return convert_plain(StringField(), value) if value is not None else None
        if value is not None:
            value = self._converted(column, value, rest, path)
        if value is None and not column.nullable:
            raise Misfit(NULL_REASON)
        return value

    def _converted(self, column: Field, value: object, rest: dict[str, object], path: str) -> object:
        if isinstance(column, ArrayField):
            if not isinstance(value, list):
                raise Misfit(says(value, f"is {kind_of(value)}, not a list"))
            return [
                self._inside(column.element, item, rest, f"{path}[{index}]", f"[{index}]")
                for index, item in enumerate(value)
            ]
        if isinstance(column, (StructField, MapField)):
            if not isinstance(value, dict):
                raise Misfit(says(value, f"is {kind_of(value)}, not an object"))
            if isinstance(column, MapField):
                return self._map(column, value, rest, path)
            found = matched(
                value, wanted_keys(column.fields), self.unknown, rest, path + ".", f"`{path}` of {self.table}"
            )
            return tuple(
                self._inside(member, found.get(name), rest, f"{path}.{name}", name)
                for name, member in column.fields.items()
            )
        return convert_plain(column, value)

    def _map(
        self, column: MapField, value: Mapping[str, object], rest: dict[str, object], path: str
    ) -> dict[object, object]:
        found: dict[object, object] = {}
        for text, item in value.items():
            key = convert_plain(column.key, _key(column.key, text))
            if key is None or key in found:
                raise Misfit(says(text, "is no key, or is one with another key"))
            found[key] = self._inside(column.value, item, rest, f"{path}.{text}", text)
        return found

    def _inside(self, column: Field, value: object, rest: dict[str, object], path: str, step: str) -> object:
        try:
            return self._convert(column, value, rest, path)
        except Misfit as misfit:
            raise Misfit(f"{step}: {misfit.reason}") from None


def wanted_keys(fields: Mapping[str, Field]) -> dict[str, str]:
    """Return the keys to look for, as the header rule sees them, with the column of each."""
    return {normalized(column.source or name): name for name, column in fields.items()}


def matched(
    record: Mapping[str, object],
    wanted: Mapping[str, str],
    unknown: str,
    rest: dict[str, object],
    path: str,
    table: str,
) -> dict[str, object]:
    """Return the record's values by column, and put what is no column into `rest`; Misfit where that may not be."""
    found: dict[str, object] = {}
    for key, value in record.items():
        # The usual key is spelled as the header rule has it, which spares the rule.
        name = wanted.get(key) or wanted.get(normalized(key))
        if name is None:
            if unknown == "error":
                raise Misfit(f"the key `{key}` is not in {table}")
            if path + key in rest:
                raise Misfit(f"two keys to be rescued are one by name: `{path + key}`")
            rest[path + key] = value
        elif name in found:
            raise Misfit(f"two keys are one by name: `{key}` and another for `{name}`")
        else:
            found[name] = value
    return found


def _key(column: Field, text: str) -> object:
    """Return a map's key, which JSON always writes as a text, as the value that its type wants."""
    if isinstance(column, BooleanField):
        return {"true": True, "false": False}.get(text, text)
    return text if isinstance(column, (StringField, DateField, TimestampField)) else _number(text)


def _number(text: str) -> object:
    try:
        found: object = _decoder().decode(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, Number) else text


def _no_json(line: str, error: json.JSONDecodeError) -> str:
    whole = line.rstrip(" \t\r")
    if error.pos >= len(whole) or error.msg.startswith("Unterminated string"):
        return "the line ends inside of the record: the file was cut off, or the record spans lines"
    return f"no JSON at character {error.pos + 1}: {error.msg}"
