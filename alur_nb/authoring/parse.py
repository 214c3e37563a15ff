"""Cell bodies as Python: what kind a body is, and the source text that a declaration stands for.

The text is deterministic and laid out as `ruff format` would leave it. It uses the package as `alur_nb.name`:
`from alur_nb import files, row` would quietly take these names from a notebook that uses them itself.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alur_nb.authoring.parse_columns import (
    PACKAGE,
    Column,
    key_columns,
    known_column,
    parse_columns,
    partition_expressions,
)
from alur_nb.authoring.parse_sql import resolve_sql
from alur_nb.authoring.source_text import Call, Expression, Name, block_literal, render
from alur_nb.runtime.errors import NotebookError, Place, suggest
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import NewSource
from alur_nb.runtime.tables import Table

BodyKind = Literal["python", "sql", "columns", "empty"]

_SQL_WORDS = (
    "select",
    "values",
    "table",
    "insert",
    "update",
    "delete",
    "merge",
    "create",
    "drop",
    "describe",
)
_PYTHON_START = re.compile(
    r"(@|%|!|#|(class|def|import|from|if|for|while|try|with|async|return|del|assert|lambda|raise|not|global)\b"
    r"|[^\W\d][\w.\[\]\"']*\s*(=[^=]|\())"
)
_WITH_QUERY = re.compile(r"with\s+[`\w]+\s*(\([^)]*\)\s*)?as\s*\(", re.IGNORECASE)
_FROM_QUERY = re.compile(r"from\s+(?![\w.]+\s+import\b)", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def body_kind(body: str) -> BodyKind:
    """Tell what a cell's body is written in, by its first word and by whether Python can read it."""
    text = _without_leading_comments(body)
    if not text:
        return "empty"
    word = (re.match(r"\(*\s*([^\W\d]\w*)?", text) or [text, ""])[1] or ""
    if word.lower() in _SQL_WORDS or _WITH_QUERY.match(text):
        return "sql"
    if text.startswith("`"):
        return "columns"
    try:
        statements = ast.parse(body).body
    except (SyntaxError, ValueError):
        if _FROM_QUERY.match(text):
            return "sql"
        return "python" if _PYTHON_START.match(text) else "columns"
    # `id: int` is a column with Spark's optional colon, and valid Python; `id` alone lacks its type.
    return "columns" if all(_declares_nothing(node) for node in statements) else "python"


def _declares_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Name | ast.Tuple)


def _without_leading_comments(body: str) -> str:
    return re.sub(r"\A(\s+|--[^\n]*|#[^\n]*|/\*(?!\+).*?\*/)*", "", body, flags=re.DOTALL)


def table_cell_to_python(
    name: str,
    body: str,
    *,
    layer: str = "bronze",
    primary_key: str | None = None,
    partition_by: str | None = None,
    format: str | None = None,
    sequence_by: str | None = None,
    delete_when: str | None = None,
    scd_type: str | None = None,
    freshness: str | None = None,
    description: str | None = None,
) -> str:
    """Write a column body as a table class with `Meta.name`: `orders` in bronze becomes `OrdersBronze`.

    Raises NotebookError with line and column for what is not a column.
    """
    _check_table_name(name)
    return table_class_to_python(
        name,
        parse_columns(body),
        layer=layer,
        primary_key=primary_key,
        partition_by=partition_by,
        format=format,
        sequence_by=sequence_by,
        delete_when=delete_when,
        scd_type=scd_type,
        freshness=freshness,
        description=description,
    )


def table_class_to_python(
    name: str,
    declared: Sequence[Column],
    *,
    layer: str = "bronze",
    primary_key: str | None = None,
    partition_by: str | None = None,
    format: str | None = None,
    sequence_by: str | None = None,
    delete_when: str | None = None,
    scd_type: str | None = None,
    freshness: str | None = None,
    description: str | None = None,
    class_name: str = "",
) -> str:
    """Write columns as a table class with `Meta.name`, its own name after that where none is given.

    Raises NotebookError for a name, a key or a partition that cannot be.
    """
    _check_table_name(name)
    columns = {column.name: column for column in declared}
    base = layer.capitalize()
    class_name = class_name or class_name_for(name, layer)
    meta: dict[str, Expression] = {"name": name}
    lines = [f"import {PACKAGE}", "", "", f"class {class_name}({PACKAGE}.{base}Table):"]
    if description and _is_plain(description):
        lines += [f'    """{description}"""', ""]
    elif description:
        meta["description"] = description
    lines += [_assignment(column.name, column.field, 1) for column in columns.values()]
    meta |= _meta(columns, primary_key, partition_by, format)
    meta |= _merge_meta(columns, sequence_by, delete_when, scd_type)
    meta |= {"freshness": freshness} if freshness else {}
    lines += ["", "    class Meta:", *(_assignment(key, value, 2) for key, value in meta.items())]
    return "\n".join(lines) + "\n"


def class_name_for(name: str, layer: str) -> str:
    """Return the name of the class that a cell without Python declares: `OrdersBronze`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + layer.capitalize()


def _meta(
    columns: Mapping[str, Column], primary_key: str | None, partition_by: str | None, format: str | None
) -> dict[str, Expression]:
    meta: dict[str, Expression] = {}
    if primary_key:
        meta["primary_key"] = key_columns(primary_key, columns)
    if partition_by:
        meta["partition_by"] = partition_expressions(partition_by, columns)
    if format:
        meta["format"] = format
    return meta


def _merge_meta(
    columns: Mapping[str, Column], sequence_by: str | None, delete_when: str | None, scd_type: str | None
) -> dict[str, Expression]:
    meta: dict[str, Expression] = {}
    if sequence_by:
        meta["sequence_by"] = known_column(sequence_by.strip(), columns, "--sequence-by")
    if delete_when:
        meta["delete_when"] = delete_when
    if scd_type:
        meta["scd_type"] = int(scd_type)
    return meta


def _assignment(name: str, value: Expression, indent: int) -> str:
    start = f"{'    ' * indent}{name} = "
    return start + render(value, indent=indent, used=len(start))


def _is_plain(text: str) -> bool:
    """Whether text can be a docstring of one line that no formatter changes."""
    return text.isprintable() and text == text.strip() and "\\" not in text and '"' not in text


def _check_table_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        better = re.sub(r"\W+", "_", name).strip("_").lower() or "orders"
        raise NotebookError(
            f"`{name}` cannot be a table's name.",
            place=Place(line=1),
            fix=f"Use lower case letters, digits and _, the layer as an option: {better} --layer bronze",
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pipeline's line says beside its sources."""

    target: str
    schedule: str | None = None
    timezone: str | None = None
    expects: Sequence[str] = ()
    resource_profile: str | None = None


def sql_cell_to_python(name: str, body: str, terms: Terms, project: Project) -> str:
    """Write a SQL body as a decorated function whose parameters are the tables that the query names.

    Raises NotebookError for SQL that cannot be read, a table or target that is not declared.
    """
    resolved = resolve_sql(body, project)
    if not resolved.sources:
        raise NotebookError(
            "The query reads no table of the project.",
            place=Place(line=2),
            fix="Name a declared table in FROM; for rows from elsewhere write the pipeline in Python.",
        )
    sources: dict[str, Expression] = {}
    for parameter, source in resolved.sources.items():
        known = Name(class_of(source.table, project))
        sources[parameter] = Call(f"{PACKAGE}.new", [known]) if isinstance(source, NewSource) else known
    query = block_literal("\n" + resolved.text.strip("\n") + "\n")
    return (
        f"{_header(name, sources, terms, project)}def {name}({', '.join(sources)}):\n"
        f"    spark = {PACKAGE}.get_spark_session()\n"
        f"    return spark.sql(\n        {query},\n"
        + "".join(f"        {parameter}={parameter},\n" for parameter in sources)
        + "    )\n"
    )


def ingestion_cell_to_python(
    name: str, files_arguments: Mapping[str, Expression], terms: Terms, project: Project
) -> str:
    """Write an ingestion without a body as a decorated function that returns its files' one frame.

    `files_arguments` are those of `files()`, `pattern` among them.
    Raises NotebookError for a target that is not declared.
    """
    table = find_table(terms.target, project)
    keywords = dict(files_arguments)
    pattern = keywords.pop("pattern")
    if isinstance(keywords.get("contract"), str):
        keywords["contract"] = Name(class_of(find_table(str(keywords["contract"]), project), project))
    parameter = f"{table.name}_" if keyword.iskeyword(table.name) or table.name == PACKAGE else table.name
    sources: dict[str, Expression] = {parameter: Call(f"{PACKAGE}.files", [pattern], keywords)}
    return f"{_header(name, sources, terms, project)}def {name}({parameter}):\n    return {parameter}\n"


def function_to_python(name: str, sources: Mapping[str, Expression], terms: Terms, project: Project) -> str:
    """Write a decorated function to be filled in: it returns its first source, or with none a `spark` to read by.

    Raises NotebookError for a name that cannot be, or a target that is not declared.
    """
    first = next(iter(sources), None)
    body = (
        f"return {first}" if first else f'spark = {PACKAGE}.get_spark_session()\n    return spark.sql("...")'
    )
    return f"{_header(name, sources, terms, project)}def {name}({', '.join(sources)}):\n    {body}\n"


def _header(name: str, sources: Mapping[str, Expression], terms: Terms, project: Project) -> str:
    """Write the import and the decorators, outermost first."""
    _check_function_name(name)
    keywords: dict[str, Expression] = {
        "sources": sources,
        "target": Name(class_of(find_table(terms.target, project), project)),
    }
    if terms.resource_profile:
        keywords["resource_profile"] = terms.resource_profile
    decorators: list[str] = []
    if terms.schedule:
        zone: dict[str, Expression] = {"timezone": terms.timezone} if terms.timezone else {}
        decorators.append(render(Call(f"{PACKAGE}.schedule", [terms.schedule], zone), used=1))
    for rule in terms.expects:
        check = Call(f"{PACKAGE}.row", [rule])
        decorators.append(render(Call(f"{PACKAGE}.expect", (), {"check_fn": check}), used=1))
    decorators.append(render(Call(f"{PACKAGE}.pipeline", (), keywords), used=1, explode=True))
    return f"import {PACKAGE}\n\n\n" + "".join(f"@{text}\n" for text in decorators)


def _check_function_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name == PACKAGE:
        better = re.sub(r"\W+", "_", name).strip("_0123456789").lower()
        better = f"{better}_" if keyword.iskeyword(better) else better
        raise NotebookError(
            f"`{name}` cannot be a pipeline's name: it becomes a Python function.",
            place=Place(line=1),
            fix=f"Use lower case letters, digits and _, for example {better or 'ingest_orders'}",
        )


def find_table(name: str, project: Project) -> Table:
    """Return the table that a class name, `orders` or `bronze.orders` means.

    Raises NotebookError with the nearest declared name.
    """
    tables = project.tables.values()
    found = [table for table in tables if name in (table.class_name, table.qualified_name)]
    found = found or [table for table in tables if name == table.name]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(table.qualified_name for table in found)
        raise NotebookError(
            f"`{name}` is more than one table: {choices}.",
            place=Place(line=1),
            fix=f"Write {found[0].qualified_name}.",
        )
    known = [word for table in tables for word in (table.class_name, table.name, table.qualified_name)]
    raise NotebookError(
        f"No table `{name}` is declared{suggest(name, known)}.",
        place=Place(line=1),
        fix=f"Declared: {', '.join(table.class_name for table in tables)}."
        if tables
        else "Run the cell that declares it first, or declare it with %%alur_table.",
    )


def class_of(table: Table, project: Project) -> str:
    """Return the class name by which a notebook's code reaches a table.

    Raises NotebookError where two tables were declared by classes of one name.
    """
    others = [t for t in project.tables.values() if t.class_name == table.class_name and t != table]
    if others:
        raise NotebookError(
            f"{table.qualified_name} and {others[0].qualified_name} are both declared by a class "
            f"`{table.class_name}`; only the later one can be reached.",
            place=Place(line=1),
            fix="Rename one of the classes.",
        )
    return table.class_name
