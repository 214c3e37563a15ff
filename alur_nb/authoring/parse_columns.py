"""Reads column bodies, `order_id string not null comment 'its number'`, and writes them as Python fields.

sqlglot cuts Spark's DDL into tokens; the grammar over them is small, so it is read here: that way every
mistake is reported at its own line and column.
"""

from __future__ import annotations

import contextlib
import keyword
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from sqlglot import Dialect, Token, TokenType
from sqlglot.errors import TokenError

from alur_nb.authoring.source_text import Call, Expression
from alur_nb.runtime.errors import NotebookError, Place, suggest

PACKAGE = "alur_nb"

_SCALARS = {
    "string": "StringField",
    "int": "IntegerField",
    "integer": "IntegerField",
    "bigint": "LongField",
    "long": "LongField",
    "double": "DoubleField",
    "float": "FloatField",
    "real": "FloatField",
    "boolean": "BooleanField",
    "timestamp": "TimestampField",
    "date": "DateField",
    "binary": "BinaryField",
}
DECIMALS = ("decimal", "dec", "numeric")
NESTED = ("array", "struct", "map")
TYPES = (*_SCALARS, *DECIMALS, *NESTED)

# Words of other engines, and of Spark types that no lake column has, with what to write instead.
_INSTEAD = {
    **dict.fromkeys(("varchar", "char", "text", "uuid", "json", "str"), "string"),
    **dict.fromkeys(("smallint", "short", "tinyint", "byte"), "int"),
    **dict.fromkeys(("timestamp_ntz", "timestamp_ltz", "datetime", "timestamptz"), "timestamp"),
    **dict.fromkeys(("number", "money"), "decimal(18,2)"),
    "bool": "boolean",
    "varbinary": "binary",
}
MAX_PRECISION = 38


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a body: its name and the field expression that declares it."""

    name: str
    field: Call


def place_in_cell(body: str, offset: int) -> Place:
    """Return the place of a body's character in its cell, where the `%%` line is line 1."""
    before = body[:offset]
    return Place(line=before.count("\n") + 2, column=offset - (before.rfind("\n") + 1) + 1)


def tokens_of(body: str) -> list[Token]:
    """Cut Spark SQL into tokens.

    Raises NotebookError for a quote or a comment that is never closed.
    """
    try:
        return Dialect.get_or_raise("spark").tokenize(body)
    except TokenError as error:
        raise NotebookError(
            "A quote or a comment in the body is never closed.",
            place=place_in_cell(body, _opening_of_the_open(body)),
            fix="Close it; a quote inside a text is written twice: 'the shop''s number'.",
        ) from error


def _opening_of_the_open(body: str) -> int:
    """Return the offset of what is never closed: all before it can be cut into tokens, nothing longer can."""
    for offset in range(len(body) - 1, 0, -1):
        if body[offset] in "'\"`/":
            with contextlib.suppress(TokenError):
                Dialect.get_or_raise("spark").tokenize(body[:offset])
                return offset
    return 0


def parse_columns(body: str) -> tuple[Column, ...]:
    """Read the columns of a body, separated by commas or line ends.

    Raises NotebookError with line and column for anything that is not a column.
    """
    return _Reader(body).columns()


class _Reader:
    """Walks over a body's tokens once, from left to right."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.tokens = tokens_of(body)
        self.index = 0

    def columns(self) -> tuple[Column, ...]:
        found: dict[str, Column] = {}
        while self.peek() is not None:
            token = self.advance("a column")
            column = self.column(token)
            if column.name in found:
                self.fail(f"Column `{column.name}` is declared twice.", token, "Remove one of the two.")
            found[column.name] = column
        if not found:
            raise NotebookError(
                "The body declares no column.",
                place=Place(line=2, column=1),
                fix="Write one column a line, for example: order_id string not null",
            )
        return tuple(found.values())

    def column(self, token: Token) -> Column:
        name = self.column_name(token)
        self.skip(TokenType.COLON)
        following = self.peek()
        if following is None or following.token_type == TokenType.COMMA:
            self.fail(f"Column `{name}` has no type.", token, f"Write for example: {name} string")
        field = self.field()
        self.end_of_column(name)
        return Column(name, field)

    def end_of_column(self, name: str) -> None:
        token = self.peek()
        if token is None or self.skip(TokenType.COMMA):
            return
        # The next column may start on a new line without a comma before it.
        if "\n" not in self.body[self.tokens[self.index - 1].end : token.start]:
            fix = "After the type a column knows `not null` and `comment '...'`; one column a line."
            if token.text.lower().startswith("primary"):
                fix = f"Write it in the magic's line: --primary-key {name}"
            self.fail(f"Unexpected `{self.word(token)}` after column `{name}`.", token, fix)

    def word(self, token: Token) -> str:
        """Return a token as it is typed: sqlglot writes its own keywords in capitals."""
        quoted = token.token_type in (TokenType.IDENTIFIER, TokenType.STRING)
        return token.text if quoted else self.body[token.start : token.end + 1]

    def column_name(self, token: Token) -> str:
        name = self.word(token)
        fixed = 'Give it another name in a Python body: order_no = StringField(source="Order No.")'
        if token.token_type == TokenType.STRING or not name.isidentifier():
            self.fail(f"`{name}` cannot be a column's name in a column body.", token, fixed)
        if keyword.iskeyword(name) or name in (PACKAGE, "Meta") or name.startswith("__"):
            self.fail(f"`{name}` has a meaning in Python and cannot name a column here.", token, fixed)
        if unicodedata.normalize("NFKC", name) != name:
            self.fail(f"Python would read the name `{name}` as another one.", token, fixed)
        return name

    def field(self) -> Call:
        """Read a type and what follows it: `not null`, `null`, `comment '...'`."""
        name, arguments = self.type()
        keywords: dict[str, Expression] = {}
        while (token := self.peek()) is not None:
            if token.token_type == TokenType.NOT:
                self.advance("not null")
                self.expect(TokenType.NULL, "`null` after `not`")
                keywords["nullable"] = False
            elif token.token_type == TokenType.NULL:
                self.advance("null")
            elif token.text.lower() == "comment" and self.is_text(self.index + 1):
                self.advance("comment")
                comment = self.text()
                if comment.strip():
                    keywords["description"] = comment
            else:
                break
        return Call(f"{PACKAGE}.{name}", arguments, keywords)

    def type(self) -> tuple[str, list[Expression]]:
        token = self.advance("a type")
        word = token.text.lower()
        if word in _SCALARS:
            return _SCALARS[word], []
        if word in DECIMALS:
            return "DecimalField", self.precision()
        if word not in NESTED:
            if word in _INSTEAD:
                self.fail(f"`{token.text}` is not a type of the lake.", token, f"Write {_INSTEAD[word]}.")
            known = ", ".join(TYPES)
            self.fail(f"Unknown type `{token.text}`{suggest(word, TYPES)}.", token, f"Known types: {known}.")
        self.expect(TokenType.LT, f"`<` after `{word}`, for example {_example(word)}")
        if word == "struct":
            result: tuple[str, list[Expression]] = ("StructField", [self.members()])
        elif word == "map":
            key = self.field()
            self.expect(TokenType.COMMA, "`,` between a map's key and value")
            result = ("MapField", [key, self.field()])
        else:
            result = ("ArrayField", [self.field()])
        self.expect(TokenType.GT, f"`>` at the end of the {word}")
        return result

    def members(self) -> Mapping[str, Expression]:
        found: dict[str, Expression] = {}
        while True:
            token = self.advance("a field of the struct")
            name = self.word(token)
            if name in found:
                self.fail(f"Field `{name}` is in the struct twice.", token, "Remove one of the two.")
            self.skip(TokenType.COLON)
            found[name] = self.field()
            if not self.skip(TokenType.COMMA):
                return found

    def precision(self) -> list[Expression]:
        if not self.skip(TokenType.L_PAREN):
            # Spark's own default for a bare `decimal`.
            return [10, 0]
        precision = self.number(1, MAX_PRECISION, "A decimal's precision")
        scale = self.number(0, precision, "A decimal's scale") if self.skip(TokenType.COMMA) else 0
        self.expect(TokenType.R_PAREN, "`)` after the decimal's precision and scale")
        return [precision, scale]

    def number(self, low: int, high: int, what: str) -> int:
        token = self.advance("a number")
        if not token.text.isdecimal() or not low <= int(token.text) <= high:
            self.fail(f"{what} must be a number from {low} to {high}.", token, "For example decimal(10,2).")
        return int(token.text)

    def text(self) -> str:
        token = self.advance("a text")
        parts = [token.text]
        # Two quotes inside a text reach us as two texts that touch each other.
        while self.is_text(self.index) and self.tokens[self.index].start == token.end + 1:
            token = self.advance("a text")
            parts.append(token.text)
        return self.body[token.end].join(parts)

    def is_text(self, index: int) -> bool:
        return index < len(self.tokens) and self.tokens[index].token_type == TokenType.STRING

    def peek(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def skip(self, kind: TokenType) -> bool:
        token = self.peek()
        if token is None or token.token_type != kind:
            return False
        self.index += 1
        return True

    def advance(self, what: str) -> Token:
        token = self.peek()
        if token is None:
            raise NotebookError(
                f"The body ends where {what} should stand.",
                place=place_in_cell(self.body, len(self.body.rstrip())),
                fix="Write one column a line, for example: order_id string not null",
            )
        self.index += 1
        return token

    def expect(self, kind: TokenType, what: str) -> None:
        token = self.advance(what)
        if token.token_type != kind:
            self.fail(f"Expected {what}, found `{token.text}`.", token, "See `%alur_table?` for the forms.")

    def fail(self, message: str, token: Token, fix: str) -> NoReturn:
        raise NotebookError(message, place=place_in_cell(self.body, token.start), fix=fix)


def _example(word: str) -> str:
    return {"array": "array<string>", "map": "map<string,int>", "struct": "struct<street:string,zip:int>"}[
        word
    ]


def partition_expressions(text: str, columns: Mapping[str, Column]) -> list[Expression]:
    """Read `--partition-by`: columns and transforms, `day(created_at), bucket(16, id)`.

    Raises NotebookError for an unknown column or transform.
    """
    return [_partition(part, columns) for part in _split_outside_brackets(text)]


def _partition(part: str, columns: Mapping[str, Column]) -> Expression:
    transform, bracket, rest = part.partition("(")
    if not bracket:
        known_column(part, columns, "--partition-by")
        return part
    arguments = [item.strip() for item in rest.removesuffix(")").split(",")]
    transform = transform.strip().lower()
    known = ("year", "month", "day", "hour", "bucket")
    numbers: list[Expression] = [int(item) for item in arguments[:-1] if item.isdecimal()]
    wanted = 1 if transform == "bucket" else 0
    complete = rest.endswith(")") and len(numbers) == wanted == len(arguments) - 1
    if transform not in known or not complete:
        meant = "" if transform in known else suggest(transform, known)
        raise NotebookError(
            f"--partition-by: `{part}` is not a column or a transform{meant}.",
            place=Place(line=1),
            fix="Write a column, or year(c), month(c), day(c), hour(c), bucket(16, c).",
        )
    known_column(arguments[-1], columns, "--partition-by")
    return Call(f"{PACKAGE}.{transform}", [*numbers, arguments[-1]])


def key_columns(text: str, columns: Mapping[str, Column]) -> list[Expression]:
    """Read `--primary-key`: columns separated by commas.

    Raises NotebookError for a column that the body does not declare.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        known_column(name, columns, "--primary-key")
    return list(names)


def known_column(name: str, columns: Mapping[str, Column], option: str) -> str:
    """Return a column's name; raises NotebookError where the body does not declare it."""
    if name not in columns:
        raise NotebookError(
            f"{option}: the body declares no column `{name}`{suggest(name, columns)}.",
            place=Place(line=1),
            fix=f"Declared: {', '.join(columns)}.",
        )
    return name


def _split_outside_brackets(text: str) -> list[str]:
    parts, depth = [""], 0
    for mark in text:
        depth += (mark == "(") - (mark == ")")
        if mark == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += mark
    return [part.strip() for part in parts if part.strip()]
