"""Completion in a magic's line: its options, their values, and the names that stand without an option."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alur_nb.authoring.command_line import Argument, Command
from alur_nb.runtime.sources import OPTIONS
from alur_nb.ui.completions_body import written_columns
from alur_nb.ui.completions_names import (
    Known,
    Offer,
    Offers,
    environments,
    landing_offers,
    offers,
    path_offers,
    table_offers,
    zone_offers,
)

_TIMES = ("timestamp", "date")
_TRANSFORMS = ("day(", "month(", "year(", "hour(", "bucket(")
_CALL = re.compile(r"(\w+)\(([^()]*)$")
_WORD = re.compile(r"\w*$")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line as a shell cuts it; `quote` is the one that is still open behind it."""

    value: str
    quote: str = ""
    is_plain: bool = True
    """Whether its value is what is typed, but for quotes around it: no backslash."""


def cut(text: str) -> list[Word]:
    """Cut an unfinished line into words; the last is the one at its end, empty after a blank."""
    words: list[Word] = []
    value, quote, started, escaped, plain = "", "", False, False, True
    for mark in text:
        if escaped:
            value, escaped = value + mark, False
        elif mark == "\\" and quote != "'":
            escaped, plain, started = True, False, True
        elif quote:
            value, quote = (value, "") if mark == quote else (value + mark, quote)
        elif mark in "'\"":
            quote, started = mark, True
        elif not mark.isspace():
            value, started = value + mark, True
        elif started:
            words.append(Word(value, is_plain=plain))
            value, started, plain = "", False, True
    return [*words, Word(value, quote, plain)]


@dataclass(slots=True)
class _Given:
    """What some words of a line say: the options' values, the words without one, the option that waits for its own."""

    values: dict[str, str] = field(default_factory=dict)
    positionals: list[str] = field(default_factory=list)
    waiting: Argument | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A magic's line around the cursor, and the cell's body where it has one."""

    command: Command
    before: str
    after: str = ""
    body: str | None = None

    def complete(self, known: Known) -> Offers | None:
        """Offer what can stand at the cursor; None where nothing is known."""
        *earlier, word = cut(self.before)
        if not word.is_plain:
            return None
        flags = {flag: one for one in self.command.arguments for flag in one.flags}
        given = _read(flags, [one.value for one in earlier])
        later = _read(flags, [one.value for one in cut(_behind(self.after, word.quote)) if one.value])
        place = _Place(self, known, {**later.values, **given.values}, given.positionals)
        flag, equals, value = word.value.partition("=")
        if equals and flag in flags:
            return _fitted(place.values(flags[flag], value), word.quote)
        if given.waiting is not None and not word.value.startswith("--"):
            found = place.values(given.waiting, word.value)
            if given.waiting.needs_value or found.offers:
                return _fitted(found, word.quote)
        if word.value.startswith("-") and not word.quote:
            return Offers(word.value, place.options(word.value))
        names = place.positional(word.value)
        if word.value or word.quote:
            return _fitted(names, word.quote)
        return Offers("", (*names.offers, *place.options("")))


def _read(flags: Mapping[str, Argument], words: Sequence[str]) -> _Given:
    """Read words as `Command.parse` does, without its complaints."""
    given = _Given()
    for word in words:
        flag, equals, value = word.partition("=")
        if given.waiting is not None and flag not in flags:
            given.values[given.waiting.flags[-1]] = word
            given.waiting = None
        elif flag in flags:
            argument = flags[flag]
            given.values[argument.flags[-1]] = value
            given.waiting = argument if argument.has_value and not equals else None
        elif not word.startswith("-"):
            given.positionals.append(word)
    return given


def _behind(after: str, quote: str) -> str:
    """Return what follows the word that the cursor is in."""
    return after.partition(quote)[2] if quote else re.sub(r"^\S+", "", after)


def _fitted(found: Offers, quote: str) -> Offers:
    """Write each offer so that the line still reads it as one value."""
    if quote:
        return Offers(found.fragment, tuple(one for one in found.offers if quote not in one.text))
    kept = (
        Offer(shlex.quote(one.text) if re.search(r"[\s'\"\\]", one.text) else one.text, one.kind)
        for one in found.offers
    )
    return Offers(found.fragment, tuple(kept))


@dataclass(frozen=True, slots=True)
class _Place:
    """One cursor: what the rest of its line says."""

    line: Line
    known: Known
    given: Mapping[str, str]
    positionals: Sequence[str]

    def options(self, typed: str) -> tuple[Offer, ...]:
        """Offer the options that can still be given."""
        arguments = [one for one in self.line.command.arguments if one.flags]
        free = [one for one in arguments if one.repeats or one.flags[-1] not in self.given]
        long = [flag for one in free for flag in one.flags if flag.startswith("--")]
        return offers(typed, long, "option")

    def positional(self, typed: str) -> Offers:
        """Offer what stands without an option, where one may still come."""
        for argument in self.line.command.arguments:
            if not argument.flags and (argument.repeats or not self.positionals):
                found = self.values(argument, typed)
                new = tuple(one for one in found.offers if one.text not in self.positionals)
                return Offers(found.fragment, new)
        return Offers(typed)

    def values(self, argument: Argument, typed: str) -> Offers:
        """Offer values of an option; none for free text."""
        if argument.choices:
            return Offers(typed, offers(typed, argument.choices, "value"))
        if argument.takes == "table":
            return self._tables(typed, with_classes=bool(argument.flags))
        found = _VALUES.get(argument.takes)
        return found(self, typed) if found is not None else Offers(typed)

    def _tables(self, typed: str, *, with_classes: bool) -> Offers:
        classes = [table.class_name for table in self.known.project.tables.values()] if with_classes else []
        return Offers(typed, (*offers(typed, classes, "class"), *table_offers(self.known, typed)))

    def pipelines(self, typed: str) -> Offers:
        """Offer pipelines."""
        return Offers(typed, offers(typed, self.known.project.pipelines, "pipeline"))

    def environments(self, typed: str) -> Offers:
        """Offer every environment."""
        return Offers(typed, offers(typed, environments(self.known, deployed=False), "environment"))

    def deployed(self, typed: str) -> Offers:
        """Offer the environments on AWS."""
        return Offers(typed, offers(typed, environments(self.known, deployed=True), "environment"))

    def profiles(self, typed: str) -> Offers:
        """Offer the profiles of `alur.toml`."""
        settings = self.known.settings()
        return Offers(typed, offers(typed, settings.profiles if settings is not None else (), "value"))

    def csv_options(self, typed: str) -> Offers:
        """Offer Spark's CSV options, with their equal sign."""
        return Offers(typed, offers(typed, [f"{name}=" for name in OPTIONS], "option"))

    def columns(self, typed: str) -> Offers:
        """Offer columns, after the last comma and without those before it."""
        *before, last = typed.split(",")
        names = set(self._columns()) - {name.strip() for name in before}
        fragment = last.lstrip()
        return Offers(fragment, offers(fragment, [c for c in self._columns() if c in names], "column"))

    def partitions(self, typed: str) -> Offers:
        """Offer columns and transforms; in a transform the columns that it takes."""
        if called := _CALL.search(typed):
            return self._in_transform(called[1].lower(), called[2])
        fragment = re.split(r",(?![^()]*\))", typed)[-1].lstrip()
        found = offers(fragment, self._columns(), "column")
        return Offers(fragment, (*found, *offers(fragment, _TRANSFORMS, "function")))

    def _in_transform(self, transform: str, typed: str) -> Offers:
        number, comma, last = typed.rpartition(",")
        fragment = last.lstrip()
        if transform == "bucket" and not (comma and number.strip().isdecimal()):
            return Offers(fragment)
        columns = self._columns()
        times = [name for name, kind in columns.items() if kind.startswith(_TIMES)]
        closing = "" if self.line.after.startswith(")") else ")"
        names = [f"{name}{closing}" for name in (columns if transform == "bucket" else times)]
        return Offers(fragment, offers(fragment, names, "column"))

    def condition(self, typed: str) -> Offers:
        """Offer columns at the end of a row rule."""
        found = _WORD.search(typed)
        fragment = found[0] if found else ""
        return Offers(fragment, offers(fragment, self._columns(), "column"))

    def _columns(self) -> Mapping[str, str]:
        """Return the columns that the line speaks of, with their types: the body's own, or a declared table's."""
        written = written_columns(self.line.body or "") if "--layer" in self.line.command.options else {}
        names = [*self.positionals[:1], *(self.given.get(flag, "") for flag in ("--contract", "--target"))]
        declared = next(filter(None, map(self.known.table, reversed(names))), None)
        if written or declared is None:
            return written
        return {name: one.ddl for name, one in declared.columns.items()}


_VALUES: Mapping[str, Callable[[_Place, str], Offers]] = {
    "pipeline": _Place.pipelines,
    "environment": _Place.environments,
    "deployed environment": _Place.deployed,
    "profile": _Place.profiles,
    "csv option": _Place.csv_options,
    "columns": _Place.columns,
    "partitions": _Place.partitions,
    "condition": _Place.condition,
    "time zone": lambda _, typed: zone_offers(typed),
    "landing path": lambda place, typed: landing_offers(place.known, typed),
    "folder": lambda _, typed: path_offers(Path.cwd(), typed, "/"),
    "notebook": lambda _, typed: path_offers(Path.cwd(), typed, ".ipynb"),
}


def magic_offers(typed: str, percents: str, names: Iterable[str]) -> Offers:
    """Offer magics, with as many percent signs as are typed."""
    fragment = percents + typed
    return Offers(fragment, offers(fragment, [percents + name for name in names], "magic"))
