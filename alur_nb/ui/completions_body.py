"""Completion in a cell's body: columns under `%%alur_table`, SQL under `%%alur_pipeline` and `%%alur_sql`.

A body under the cursor is seldom whole, so it is looked at with patterns that take anything, not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alur_nb.runtime.tables import REJECTS_SUFFIX, Table, rejects_of
from alur_nb.runtime.write_modes import read_columns
from alur_nb.ui.completions_names import Known, Offer, Offers, offers, table_offers

# Texts, open ones too, and comments. Spark knows texts in single and in double quotes, with backslashes inside.
_OPAQUE = re.compile(
    r"(?P<text>'(?:[^'\\]|\\.)*(?P<single>'|\Z)|\"(?:[^\"\\]|\\.)*(?P<double>\"|\Z))"
    r"|--[^\n]*|/\*.*?(?:\*/|\Z)",
    re.DOTALL,
)
_OPENING = {"<": ">", "(": ")"}
_WORDS_AND_MARKS = re.compile(r"\w+|[<>(),\n]")

KEYWORDS = (
    *(
        "select",
        "from",
        "where",
        "join",
        "left join",
        "on",
        "using",
        "group by",
        "having",
        "order by",
        "limit",
    ),
    *("as", "and", "or", "not", "in", "is null", "is not null", "between", "like", "distinct", "union all"),
    *("case", "when", "then", "else", "end", "with", "count(", "sum(", "avg(", "min(", "max(", "coalesce("),
)
_CLAUSE = (
    r"(?:select|from|where|join|left|right|full|inner|cross|semi|anti|natural|lateral|on|using|group|having|order"
    r"|cluster|distribute|sort|limit|union|except|intersect|minus|window|qualify|pivot|unpivot|tablesample|as)\b"
)
_NAME = r"[\w.`]+"
# One table of a FROM: its name, in `new(...)` or not, its alias, and the comma before the next.
_TABLE = re.compile(
    rf"\s*(?:new\s*\(\s*)?(?!{_CLAUSE})({_NAME})(?:\s*\))?(?:\s+(?:as\s+)?(?!{_CLAUSE})(\w+))?\s*(,)?",
    re.IGNORECASE,
)
_FROM = re.compile(r"\b(?:from|join)\b", re.IGNORECASE)
_CTE = re.compile(r"(?:\bwith|,)\s+(\w+)\s*(?:\([^()]*\)\s*)?as\s*\(", re.IGNORECASE)
_NEW = re.compile(r"\bnew\s*\(\s*$", re.IGNORECASE)
_AT_CURSOR = re.compile(rf"((?:{_NAME}\.)?)(`?\w*)$")


def masked(text: str) -> str:
    """Return SQL with blanks for the inside of its texts and comments, every character in its place."""
    return _OPAQUE.sub(lambda found: " " * len(found[0]), text)


def _is_opaque(before: str) -> bool:
    """Whether the cursor behind this text is inside of a text or a comment."""
    for found in _OPAQUE.finditer(before):
        if found.end() == len(before):
            if found["text"] is not None:
                return not (found["single"] or found["double"])
            return not found[0].endswith("*/") or len(found[0]) < len("/**/")
    return False


def sql_offers(query: str, offset: int, known: Known, *, is_pipeline: bool) -> Offers | None:
    """Offer tables, columns or keywords at an offset in a query; None inside of a text or a comment."""
    if _is_opaque(query[:offset]):
        return None
    text = masked(query)
    at_cursor = _AT_CURSOR.search(text[:offset])
    if at_cursor is None or at_cursor[2][:1].isdigit():
        return None
    typed, head = at_cursor[0], text[: at_cursor.start()]
    if _is_after_from(head):
        return Offers(typed, _tables(typed, text, head, known, is_pipeline=is_pipeline))
    read = _tables_read(text, known, is_pipeline=is_pipeline)
    if at_cursor[1]:
        table = read.get(at_cursor[1].rstrip(".").replace("`", "").lower())
        columns = read_columns(table) if table is not None else ()
        return Offers(at_cursor[2], offers(at_cursor[2], columns, "column"))
    names = [name for table in read.values() for name in read_columns(table)]
    words = [word.upper() for word in KEYWORDS] if typed.isupper() else KEYWORDS
    return Offers(typed, (*offers(typed, names, "column"), *offers(typed, words, "keyword")))


def _is_after_from(head: str) -> bool:
    """Whether a table's name comes next: after FROM, JOIN, or a comma in a list of tables."""
    for found in reversed(list(_FROM.finditer(head))):
        rest = head[found.end() :]
        while (table := _TABLE.match(rest)) and table[3]:
            rest = rest[table.end() :]
        return (
            bool(rest[:1].isspace() or rest != head[found.end() :])
            and re.fullmatch(r"\s*(?:new\s*\(\s*)?", rest, re.IGNORECASE) is not None
        )
    return False


def _tables(typed: str, text: str, head: str, known: Known, *, is_pipeline: bool) -> tuple[Offer, ...]:
    with_rejects = REJECTS_SUFFIX[:2] in typed and not is_pipeline
    found = table_offers(known, typed, REJECTS_SUFFIX if with_rejects else "")
    if _NEW.search(head):
        return found
    steps = offers(typed, [step[1] for step in _CTE.finditer(text)], "table")
    return (*steps, *found, *(offers(typed, ("new(",), "function") if is_pipeline else ()))


def _tables_read(text: str, known: Known, *, is_pipeline: bool) -> Mapping[str, Table]:
    """Return the tables of every FROM by what the query calls them; what the project does not know is left out."""
    read: dict[str, Table] = {}
    for found in _FROM.finditer(text):
        position: int | None = found.end()
        while position is not None and (written := _TABLE.match(text, position)):
            name = written[1].replace("`", "").lower()
            table = known.table(name.removesuffix(REJECTS_SUFFIX))
            if table is not None:
                is_rejects = name.endswith(REJECTS_SUFFIX) and not is_pipeline
                read[(written[2] or name.rpartition(".")[2]).lower()] = (
                    rejects_of(table) if is_rejects else table
                )
            position = written.end() if written[3] else None
    return read


@dataclass(frozen=True, slots=True)
class _Open:
    """What is open at the cursor of a column body: where its column begins, and the brackets around the cursor."""

    start: int = 0
    brackets: tuple[tuple[str, int], ...] = ()

    @property
    def start_of_part(self) -> int:
        return self.brackets[-1][1] if self.brackets else self.start


def _open_at_end(text: str) -> _Open:
    start, brackets = 0, []
    word, word_end = "", 0
    for found in _WORDS_AND_MARKS.finditer(text):
        mark, index = found[0], found.start()
        if mark in _OPENING:
            brackets.append((word.lower() if word_end == index else "", index + 1))
        elif mark in _OPENING.values():
            del brackets[-1:]
        elif mark == "," and brackets:
            brackets[-1] = (brackets[-1][0], index + 1)
        elif mark in ",\n":
            start = start if brackets else index + 1
        else:
            word, word_end = mark, found.end()
    return _Open(start, tuple(brackets))


def column_offers(body: str, offset: int) -> Offers | None:
    """Offer a type after a column's name, and what follows a type; None where a name is written."""
    if _is_opaque(body[:offset]):
        return None
    before = masked(body[:offset])
    opened = _open_at_end(before)
    part = before[opened.start_of_part :]
    around = opened.brackets[-1][0] if opened.brackets else "struct"
    if around not in ("struct", "array", "map"):
        return None
    name = r"\s*[\w`]+(?:\s*:\s*|\s+)" if around == "struct" else r"\s*"
    if found := re.fullmatch(rf"{name}(\w*)", part):
        return Offers(found[1], _types(found[1]))
    typed = re.fullmatch(rf"{name}\w+\s*(?:\([^()]*\)|<.*>)?(\s.*)", part, re.DOTALL)
    end = re.search(r"(?:\bnot\s+)?\w*$", part, re.IGNORECASE)
    return _after_type(typed[1], end[0]) if typed and end else None


def _types(typed: str) -> tuple[Offer, ...]:
    from alur_nb.authoring.parse_columns import DECIMALS, NESTED, TYPES

    ends = {**dict.fromkeys(DECIMALS, "("), **dict.fromkeys(NESTED, "<")}
    return offers(typed, [word + ends.get(word, "") for word in TYPES], "type")


def _after_type(said: str, typed: str) -> Offers:
    """Offer what a type may be followed by, each once; `not ` is a beginning, too."""
    before = said.removesuffix(typed).lower().split()
    words = [word for word in ("not null", "comment '") if word.split()[0] not in before]
    return Offers(typed, offers(re.sub(r"\s+", " ", typed), words, "keyword"))


def written_columns(body: str) -> dict[str, str]:
    """Return the columns of a column body, as far as it is written, each with the first word of its type."""
    return {
        column[1]: column[2].lower()
        for part in _parts(masked(body))
        if (column := re.match(r"\s*`?(\w+)`?(?:\s*:\s*|\s+)(\w+)", part))
    }


def _parts(text: str) -> Iterator[str]:
    """Cut a column body at the commas and line ends that are in no bracket; what follows an open one is no part."""
    start = depth = 0
    for found in re.finditer(r"[<>(),\n]", text):
        mark = found[0]
        if mark in _OPENING:
            depth += 1
        elif mark in _OPENING.values():
            depth = max(depth - 1, 0)
        elif depth == 0:
            yield text[start : found.start()]
            start = found.end()
    if depth == 0:
        yield text[start:]
