"""Columns to the text of the cell that declares them: a column body where it can say all, else a table class."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence

from alur_nb.authoring.infer_facts import ColumnEvidence, Request
from alur_nb.authoring.parse import body_kind, table_class_to_python
from alur_nb.authoring.parse_columns import PACKAGE, Column, parse_columns
from alur_nb.authoring.source_text import Call, Expression, render
from alur_nb.runtime.errors import NotebookError
from alur_nb.runtime.types import ArrayField, DecimalField, Field, MapField, StructField

_WIDTH = 100


def write_cell(request: Request, columns: Sequence[ColumnEvidence], *, python: bool = False) -> str:
    """Return the whole text of the cell; `python` asks for a class even where columns would do.

    Raises NotebookError for a name, a key or a partition that cannot be.
    """
    fields = {column.name: _sourced(column) for column in columns if column.wanted is not None}
    comments = {column.name: column.doubts for column in columns}
    source = _class(request, fields, comments)
    body = None if python or request.class_name else _column_body(fields, comments)
    if body is None:
        return f"%%alur_table {request.name}\n{source}"
    return f"{_line(request)}\n{body}"


def field_call(field: Field, source: str | None = None) -> Call:
    """Return the expression that makes a field."""
    arguments: list[Expression] = []
    if isinstance(field, DecimalField):
        arguments = [field.precision, field.scale]
    elif isinstance(field, ArrayField):
        arguments = [field_call(field.element)]
    elif isinstance(field, MapField):
        arguments = [field_call(field.key), field_call(field.value)]
    elif isinstance(field, StructField):
        arguments = [{name: field_call(member) for name, member in field.fields.items()}]
    keywords: dict[str, Expression] = {} if field.nullable else {"nullable": False}
    said = {
        "description": field.description,
        "source": source or field.source,
        "format": getattr(field, "format", None),
    }
    keywords |= {key: text for key, text in said.items() if text}
    return Call(f"{PACKAGE}.{type(field).__name__}", arguments, keywords)


def _sourced(column: ColumnEvidence) -> Call:
    assert column.wanted is not None  # those that are left out were taken out before
    return field_call(column.wanted, column.header if column.needs_source else None)


def _class(request: Request, fields: Mapping[str, Call], comments: Mapping[str, Sequence[str]]) -> str:
    columns = [Column(name, call) for name, call in fields.items()]
    source = table_class_to_python(
        request.name,
        columns,
        layer=request.layer,
        primary_key=request.primary_key,
        partition_by=request.partition_by,
        format=request.format,
        sequence_by=request.sequence_by,
        delete_when=request.delete_when,
        scd_type=request.scd_type,
        freshness=request.freshness,
        description=request.description,
        class_name=request.class_name,
    )
    for name, doubts in comments.items():
        if name in fields and doubts:
            said = "".join(f"    # {line}\n" for line in _comment_lines(doubts, 4))
            before, start, behind = source.partition(f"\n    {name} = ")
            source = f"{before}\n{said}{start[1:]}{behind}"
    return source


def _column_body(fields: Mapping[str, Call], comments: Mapping[str, Sequence[str]]) -> str | None:
    """Return the columns as lines; None where such lines cannot say all that the fields do."""
    lines: list[str] = []
    width = max(map(len, fields), default=0)
    for name, call in fields.items():
        lines += [f"-- {line}" for line in _comment_lines(comments.get(name, ()), 0)]
        text = _column_text(call)
        if text is None:
            return None
        lines.append(f"{_name(name).ljust(width)} {text}")
    body = "\n".join(lines) + "\n"
    return body if _says(body, fields) else None


def _says(body: str, fields: Mapping[str, Call]) -> bool:
    """Whether a column body, read back, declares just these fields."""
    if body_kind(body) != "columns":
        return False
    try:
        read = parse_columns(body)
    except NotebookError:
        return False
    return {column.name: render(column.field) for column in read} == {
        name: render(call) for name, call in fields.items()
    }


def _name(name: str) -> str:
    """Quote the names that would be taken for what follows a type, or for a query."""
    return f"`{name}`" if name in _QUOTED else name


_QUOTED = frozenset(
    [
        "not",
        "null",
        "comment",
        "select",
        "values",
        "table",
        "insert",
        "update",
        "delete",
        "merge",
        "create",
        "drop",
    ]
)


def _column_text(call: Call) -> str | None:
    """Return `type not null comment '...'`; None where a column body has no words for it."""
    if {"source", "format"} & set(call.keywords):
        return None
    kind = _type_text(call)
    if kind is None:
        return None
    comment = str(call.keywords.get("description", "")).replace("'", "''")
    parts = [
        kind,
        "not null" if "nullable" in call.keywords else "",
        f"comment '{comment}'" if comment else "",
    ]
    return " ".join(part for part in parts if part)


def _type_text(call: Call) -> str | None:
    kind = call.name.removeprefix(f"{PACKAGE}.").removesuffix("Field").lower()
    if kind == "decimal":
        return f"decimal({call.arguments[0]},{call.arguments[1]})"
    if kind == "struct":
        (members,) = call.arguments
        assert isinstance(members, Mapping)
        texts = {name: _column_text(member) for name, member in members.items() if isinstance(member, Call)}
        return (
            None if None in texts.values() else f"struct<{', '.join(f'{n}: {t}' for n, t in texts.items())}>"
        )
    inner = [_column_text(argument) for argument in call.arguments if isinstance(argument, Call)]
    if inner:
        return None if None in inner else f"{kind}<{', '.join(str(text) for text in inner)}>"
    return {"integer": "int", "long": "bigint"}.get(kind, kind)


def _comment_lines(doubts: Sequence[str], indent: int) -> list[str]:
    """Return what is doubtful, in lines that fit; a value of the files can end no comment."""
    return [
        line
        for doubt in doubts
        for line in textwrap.wrap(" ".join(doubt.split()), _WIDTH - indent - 10, break_on_hyphens=False)
    ]


def _line(request: Request) -> str:
    words = ["%%alur_table", request.name, "--layer", request.layer]
    for flag, value in (
        ("--primary-key", request.primary_key),
        ("--partition-by", request.partition_by),
        ("--format", request.format),
        ("--sequence-by", request.sequence_by),
        ("--delete-when", request.delete_when),
        ("--scd-type", request.scd_type),
        ("--freshness", request.freshness),
        ("--description", request.description),
    ):
        words += [flag, shlex.quote(value)] if value else []
    return " ".join(words)
