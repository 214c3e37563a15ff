"""A magic's line: cut as a shell would, read by argparse; a mistake is answered with usage and an example."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from alur_nb.authoring.examples import in_own_names
from alur_nb.runtime.errors import AlurError, NotebookError, Place, suggest
from alur_nb.runtime.freshness import allowed_age

_DASHES = "\0--"
"""Stands for the value `--`, which argparse takes out of an option's values (CPython, `_get_values`)."""
_PAGE_WIDTH = 100
# An error shows it behind its margin, `next:` and `usage:`.
_USAGE_WIDTH = _PAGE_WIDTH - len("  next:  usage: ")
_BRACES = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)\}")

Takes = Literal[
    "",
    "table",
    "pipeline",
    "environment",
    "deployed environment",
    "profile",
    "time zone",
    "columns",
    "partitions",
    "condition",
    "csv option",
    "landing path",
    "folder",
    "notebook",
]
"""What the values of an option name; the line editor knows where to look for each."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """An argparse type that takes one of its words, in any case, and suggests the nearest."""

    choices: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Other spellings, which are taken and never offered."""

    def __call__(self, word: str) -> str:
        """Return the word as the choices spell it; what argparse shows where it is none of them is in the error."""
        lower = word.lower()
        if lower in self.choices or lower in self.also:
            return lower
        raise argparse.ArgumentTypeError(f"`{word}` is not one of {self}{suggest(lower, self.choices)}")

    def __str__(self) -> str:
        return ", ".join(self.choices)


@dataclass(frozen=True, slots=True)
class Argument:
    """One option of a command, or with no flags a positional, as the line editor needs it."""

    flags: tuple[str, ...]
    help: str
    takes: Takes
    choices: tuple[str, ...]
    has_value: bool
    needs_value: bool
    repeats: bool


class _Mistake(Exception):
    """What argparse found wrong, before usage and example are added."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Mistake(message)


class Command:
    """One magic's options: reads its line, and explains itself.

    `{name}` is replaced only in the options that are added with `expands=True`; `$pipeline`, `$table` and the like
    of the example are the project's own names.
    """

    def __init__(self, name: str, summary: str, example: str) -> None:
        self.name = name
        self.summary = summary
        self._example = example
        self._expanding: set[str] = set()
        self._flags: dict[str, argparse.Action] = {}
        self._positional = ""
        self._usage: list[str] = []
        self._arguments: list[Argument] = []
        self._parser = _Parser(
            prog=name,
            add_help=False,
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(
                prog, max_help_position=30, width=_PAGE_WIDTH
            ),
        )

    def add(self, *flags: str, expands: bool = False, takes: Takes = "", **settings: Any) -> None:
        """Add an option or a positional, with argparse's own settings; the help names its choices by itself."""
        choices = settings.get("type")
        if isinstance(choices, OneOf) and flags[0].startswith("-"):
            settings["help"] = "; ".join(filter(None, (str(choices), settings.get("help"))))
        action = self._parser.add_argument(*flags, **settings)
        self._arguments.append(_argument(action, takes))
        # argparse puts positionals last, where nobody types them.
        self._usage.insert(len(self._usage) if action.option_strings else 0, _written(action))
        self._flags.update(dict.fromkeys(action.option_strings, action))
        self._positional = self._positional or ("" if action.option_strings else str(action.metavar))
        if expands:
            self._expanding.update(action.option_strings or [str(action.metavar)])

    @property
    def example(self) -> str:
        """A cell that runs, in the names that the project has declared."""
        return in_own_names(self._example)

    @property
    def usage(self) -> str:
        """The usage on one line that fits an error; where it does not all fit, the way to the rest."""
        whole, rest = " ".join([self.name, *self._usage]), f" ... all of it: {self.name}?"
        if len(whole) <= _USAGE_WIDTH:
            return whole
        line = self.name
        for part in self._usage:
            if len(f"{line} {part}{rest}") > _USAGE_WIDTH:
                break
            line = f"{line} {part}"
        return line + rest

    @property
    def advice(self) -> str:
        """The next step after a mistake: the usage, and an example that runs."""
        return f"usage: {self.usage}\nexample:\n{self.example}"

    def _folded_usage(self) -> str:
        """Return all of the usage, no line of it wider than a page, an option never apart from its value."""
        lines, room = [f"  {self.name}"], " " * (len(self.name) + 2)
        for part in self._usage:
            if len(lines[-1]) + 1 + len(part) > _PAGE_WIDTH:
                lines.append(room)
            lines[-1] += f" {part}"
        return "\n".join(lines)

    @property
    def help_text(self) -> str:
        """The whole help: what it does, the usage, each option, an example."""
        options = self._parser.format_help().partition("\n\n")[2]
        # argparse's own headings say less than the text around them.
        options = re.sub(r"^(positional arguments|options):\n", "", options, flags=re.MULTILINE).strip("\n")
        example = "\n".join(f"    {line}" for line in self.example.splitlines())
        return f"{self.summary}\n\n::\n\n{self._folded_usage()}\n\n{options}\n\nExample::\n\n{example}\n"

    @property
    def options(self) -> tuple[str, ...]:
        """Every option's flags, as typed."""
        return tuple(self._flags)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Every option and positional in the order of the help."""
        return tuple(self._arguments)

    def parse(self, line: str, names: Mapping[str, object] | None = None) -> argparse.Namespace:
        """Read a line; `names` are the values for `{name}`.

        Raises NotebookError with usage and example for an unknown option, a missing value or an unknown name.
        """
        try:
            words = self._joined(_words(line), names)
            # argparse would first miss what the option was to say.
            if unknown := [word for word in words if self._is_unknown(word)]:
                raise _Mistake(self._unknown(unknown[0]))
            found, surplus = self._parser.parse_known_args(words)
            if surplus:
                raise _Mistake(self._unknown(surplus[0]))
        except (_Mistake, argparse.ArgumentError) as mistake:
            raise NotebookError(
                f"{self.name}: {_sentence(str(mistake).replace(_DASHES, '--'))}",
                place=Place(line=1),
                fix=self.advice,
            ) from None
        return argparse.Namespace(**{key: _as_typed(value) for key, value in vars(found).items()})

    def _joined(self, words: Sequence[str], names: Mapping[str, object] | None) -> list[str]:
        """Tie each option to its value with `=`, so that a value may start with a dash; expand `{name}`."""
        flags = self._flags
        joined: list[str] = []
        index = 0
        while index < len(words):
            word = words[index]
            flag, equals, value = word.partition("=")
            if flag in flags and not equals and flags[flag].nargs is None and self._has_value(words, index):
                index += 1
                equals, value = "=", words[index]
            if flag in flags and equals:
                value = self._expanded(flag, value, names)
                joined.append(f"{flag}={_DASHES if value == '--' else value}")
            elif flag in flags or word.startswith("-"):
                joined.append(word)
            else:
                joined.append(self._expanded(self._positional, word, names))
            index += 1
        return joined

    def _has_value(self, words: Sequence[str], index: int) -> bool:
        return index + 1 < len(words) and words[index + 1] not in self._flags

    def _expanded(self, option: str, value: str, names: Mapping[str, object] | None) -> str:
        if option not in self._expanding or names is None:
            return value

        def replacement(match: re.Match[str]) -> str:
            if match.group(1) is None:
                return match.group()[0]
            return str(names[known_name(match.group(1), names, option)])

        return _BRACES.sub(replacement, value)

    def _is_unknown(self, word: str) -> bool:
        return word.startswith("--") and len(word) > 2 and word.partition("=")[0] not in self._flags

    def _unknown(self, word: str) -> str:
        flag = word.partition("=")[0]
        if flag.startswith("-"):
            return f"there is no option {flag}{suggest(flag, self.options)}"
        return f"`{word}` is one word too many; a value with spaces stands in quotes"


def known_name(name: str, names: Collection[str], option: str) -> str:
    """Return a name that is used in braces.

    Raises NotebookError naming the option where the notebook has no such name.
    """
    if name in names:
        return name
    visible = [known for known in names if not known.startswith("_")]
    raise NotebookError(
        f"{option}: the notebook has no name `{name}`{suggest(name, visible)}.",
        place=Place(line=1),
        fix=f"Define {name} in a cell above, or write {{{{{name}}}}} for the braces themselves.",
    )


def named_parts(text: str) -> list[tuple[str, bool]]:
    """Split text at its `{name}`s into (text, is a name); `{{` and `}}` stand for single braces."""
    parts: list[tuple[str, bool]] = []
    position = 0
    for match in _BRACES.finditer(text):
        plain = text[position : match.start()] + (match.group()[0] if match.group(1) is None else "")
        parts.append((plain, False))
        if match.group(1) is not None:
            parts.append((match.group(1), True))
        position = match.end()
    return [part for part in [*parts, (text[position:], False)] if part[0]]


def one_of(*choices: str, also: Collection[str] = ()) -> OneOf:
    """Return an argparse type that takes one of the words and suggests the nearest."""
    return OneOf(choices, tuple(also))


def key_value(text: str) -> tuple[str, str]:
    """Read `key=value`; the value may hold more equal signs."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form name=value")
    return key, value


def age(text: str) -> str:
    """Read an age such as `26 hours`, as a table's Meta spells it."""
    try:
        allowed_age(text)
    except AlurError:
        raise argparse.ArgumentTypeError(
            f"`{text}` is not an age such as '26 hours': a whole number and minutes, hours, days or weeks"
        ) from None
    return text


def _argument(action: argparse.Action, takes: Takes) -> Argument:
    kind = action.type
    return Argument(
        flags=tuple(action.option_strings),
        help=action.help or "",
        takes=takes,
        choices=kind.choices if isinstance(kind, OneOf) else (),
        has_value=action.nargs != 0,
        needs_value=action.nargs is None,
        # argparse names the class of "append" nowhere but in its own module.
        repeats=action.nargs == "*" or type(action).__name__ == "_AppendAction",
    )


def _as_typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_typed(one) for one in value]
    return "--" if isinstance(value, str) and value == _DASHES else value


def _written(action: argparse.Action) -> str:
    """Return an option or a positional as the usage shows it."""
    value = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return {"?": f"[{value}]", "*": f"[{value} ...]"}.get(str(action.nargs), value)
    if action.nargs == 0:
        return f"[{action.option_strings[0]}]"
    return f"[{action.option_strings[0]} {f'[{value}]' if action.nargs == '?' else value}]"


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, posix=True)
    except ValueError as error:
        raise _Mistake("a quote in the line is never closed") from error


def _sentence(message: str) -> str:
    """Turn argparse's `argument --n: invalid int value: 'x'` into words."""
    message = re.sub(r"^argument ([^:]+): ", r"\1: ", message)
    message = re.sub(r"invalid int value: '(.*)'", r"`\1` is not a whole number", message)
    message = re.sub(r"invalid float value: '(.*)'", r"`\1` is not a number", message)
    message = re.sub(r"expected one argument", "a value is missing", message)
    message = re.sub(r"the following arguments are required: ", "missing: ", message)
    return message.rstrip(".") + "."
