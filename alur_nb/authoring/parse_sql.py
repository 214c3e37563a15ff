"""Finds the tables that a SQL query reads, and puts parameters in their place: nothing else changes."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ParseError, SqlglotError

from alur_nb.authoring.parse_columns import place_in_cell, tokens_of
from alur_nb.authoring.parse_sql_columns import check_columns
from alur_nb.runtime.errors import DeclarationError, NotebookError, NotYetSupportedError, Place, suggest
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import NewSource, TableSource
from alur_nb.runtime.tables import REJECTS_SUFFIX, Table, rejects_of

NEW = "new"

# Names that a parameter of the written function may not have: `spark.sql` and the function use them.
_TAKEN = ("spark", "self", "args", "sqlQuery", "alur_nb")


@dataclass(frozen=True, slots=True)
class ResolvedSql:
    """A query with its tables found: `text` names them `{orders}`, `sources` says what these are."""

    text: str
    sources: Mapping[str, TableSource | NewSource]


@dataclass(frozen=True, slots=True)
class _Reference:
    """One mention of a table: what it reads, and the characters that say so."""

    table: Table
    is_new: bool
    start: int
    end: int
    has_alias: bool
    node: exp.Table


def resolve_sql(query: str, project: Project, *, with_rejects: bool = False) -> ResolvedSql:
    """Find each table that a query reads; only these characters are replaced, other braces are doubled.

    `with_rejects` also knows `orders__rejects`, the rejected rows of each table.

    Raises NotebookError for what is not one SELECT, for a table that the project does not declare, and for a column
    that the tables of a SELECT do not have, where that can be told.
    """
    statement = _one_select(query)
    references = sorted(
        _references(statement, query, _Names(project, with_rejects)), key=lambda reference: reference.start
    )
    check_columns(statement, query, {id(one.node): one.table for one in references}, project)
    parameters = _parameters(references)
    text, position = "", 0
    for reference in references:
        parameter = parameters[reference.table.qualified_name, reference.is_new]
        alias = "" if reference.has_alias else f" AS {reference.table.name}"
        text += _doubled(query[position : reference.start]) + f"{{{parameter}}}{alias}"
        position = reference.end
    sources: dict[str, TableSource | NewSource] = {}
    for reference in references:
        kind = NewSource if reference.is_new else TableSource
        sources[parameters[reference.table.qualified_name, reference.is_new]] = kind(reference.table)
    return ResolvedSql(text + _doubled(query[position:]), sources)


@dataclass(frozen=True, slots=True)
class _Names:
    """What the names in a query may mean."""

    project: Project
    with_rejects: bool

    def table(self, parts: list[str], place: Place) -> Table:
        """Return the table of a name; raises NotebookError where there is none, or where it may not be read here."""
        name = ".".join(parts).lower()
        base = name.removesuffix(REJECTS_SUFFIX)
        known = base != name and base.rpartition(".")[2] in {t.name for t in self.project.tables.values()}
        if known and not self.with_rejects:
            raise NotYetSupportedError(
                f"A pipeline over rejected rows (`{name}`) comes with a later release.",
                place=place,
                fix=f"Look at them: %alur_sql select * from {name}",
            )
        try:
            found = self.project.table(base if known else name)
        except DeclarationError as error:
            raise NotebookError(error.message, place=place, fix=error.fix) from error
        return rejects_of(found) if known else found


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _one_select(query: str) -> exp.Expr:
    tokens = tokens_of(query)
    try:
        statements = [
            statement for statement in sqlglot.parse(query, dialect="spark") if statement is not None
        ]
    except ParseError as error:
        raise _unreadable(query, error) from error
    except SqlglotError as error:
        raise NotebookError(f"The SQL cannot be read: {error}.", place=Place(line=2)) from error
    if not statements:
        raise NotebookError("The query is empty.", place=Place(line=2), fix="Write one SELECT.")
    if len(statements) != 1:
        raise NotebookError(
            f"The body holds {len(statements)} SQL statements, not one.",
            place=place_in_cell(query, _start_of_second(tokens)),
            fix="Write one SELECT; use WITH for the steps before it.",
        )
    if not isinstance(statements[0], exp.Query):
        raise NotebookError(
            f"The body is not a SELECT but `{statements[0].key.upper()}`.",
            place=place_in_cell(query, tokens[0].start),
            fix="Write one SELECT; only a pipeline writes, and only into its target.",
        )
    return statements[0]


def _start_of_second(tokens: Sequence[Token]) -> int:
    """Return where the statement after the first semicolon begins."""
    ends = [index for index, token in enumerate(tokens) if token.token_type == TokenType.SEMICOLON]
    following = (token for token in tokens[ends[0] :] if token.token_type != TokenType.SEMICOLON)
    return next(following).start


def _unreadable(query: str, error: ParseError) -> NotebookError:
    detail = error.errors[0] if error.errors else {}
    word = detail.get("highlight") or ""
    lines = query.splitlines(keepends=True)
    line = detail.get("line") or 1
    end = sum(len(text) for text in lines[: line - 1]) + (detail.get("col") or 1)
    place = place_in_cell(query, max(end - len(word), 0))
    near = f" near `{word}`" if word else ""
    first = query.split(maxsplit=1)[0].lower() if query.strip() else ""
    if first not in ("select", "with") and (meant := suggest(first, ("select", "with"))):
        near = f": `{first}`{meant}"
        # The parser stumbles only behind it.
        place = place_in_cell(query, len(query) - len(query.lstrip()))
    return NotebookError(
        f"The SQL cannot be read{near}.",
        place=place,
        fix="Write one Spark SQL SELECT, for example: select id, amount from orders where amount > 0",
    )


def _references(statement: exp.Expr, query: str, names: _Names) -> Iterator[_Reference]:
    mentions = list(_mentions(statement, frozenset()))
    for node in mentions:
        yield from _reference(node, query, names)
    for column in statement.find_all(exp.Column):
        _refuse_qualified(column, mentions, query)


def _mentions(node: exp.Expr, shadowed: frozenset[str]) -> Iterator[exp.Table]:
    """Yield the table nodes below a node, without those that a CTE in scope answers.

    A CTE is seen by the CTEs after it and by its query, never by itself (Spark has no recursive ones).
    """
    with_ = node.args.get("with_") or node.args.get("with")
    if isinstance(with_, exp.With):
        for cte in with_.expressions:
            yield from _mentions(cte.this, shadowed)
            shadowed |= {cte.alias.lower()}
    if isinstance(node, exp.Table) and not _is_shadowed(node, shadowed):
        yield node
    for child in node.iter_expressions():
        # A hint names a table by its alias, which stays.
        if not isinstance(child, exp.With | exp.Hint):
            yield from _mentions(child, shadowed)


def _is_shadowed(node: exp.Table, shadowed: frozenset[str]) -> bool:
    return isinstance(node.this, exp.Identifier) and not node.db and node.name.lower() in shadowed


def _reference(node: exp.Table, query: str, names: _Names) -> Iterator[_Reference]:
    """Yield what a table node reads; nothing for a table function such as `range(10)`."""
    if isinstance(node.this, exp.Identifier):
        yield _plain_reference(node, query, names)
    elif isinstance(node.this, exp.Placeholder):
        name = node.this.name
        raise NotebookError(
            f"`{{{name}}}` stands where a table's name should stand.",
            place=place_in_cell(query, max(query.find("{"), 0)),
            fix=f"Write {name}, without braces: the tables that the query names become its parameters.",
        )
    elif isinstance(node.this, exp.Anonymous) and node.this.name.lower() == NEW:
        yield _new_reference(node, query, names)
    elif isinstance(node.this, exp.Anonymous) and node.this.name.lower() == "identifier":
        raise NotebookError(
            "IDENTIFIER(...) hides which table is read.",
            place=place_in_cell(query, node.this.meta["start"]),
            fix="Write the table's name itself.",
        )


def _plain_reference(node: exp.Table, query: str, names: _Names) -> _Reference:
    first = node.args.get("catalog") or node.args.get("db") or node.this
    start, end = first.meta["start"], node.this.meta["end"] + 1
    parts = [part.name for part in (node.args.get("catalog"), node.args.get("db"), node.this) if part]
    table = names.table(parts, place_in_cell(query, start))
    has_alias = node.args.get("alias") is not None
    _refuse_extras(node, table, has_alias, place_in_cell(query, start))
    return _Reference(table, False, start, end, has_alias, node)


def _new_reference(node: exp.Table, query: str, names: _Names) -> _Reference:
    start = node.this.meta["start"]
    arguments = node.this.expressions
    if len(arguments) != 1 or not isinstance(arguments[0], exp.Column):
        raise NotebookError(
            "new(...) takes the name of one table.",
            place=place_in_cell(query, start),
            fix="Write for example: from new(orders)",
        )
    column = arguments[0]
    parts = [part.name for part in (column.args.get("db"), column.args.get("table"), column.this) if part]
    table = names.table(parts, place_in_cell(query, column.this.meta["start"]))
    closing = next(
        token.end
        for token in tokens_of(query)
        if token.start > column.this.meta["end"] and token.token_type == TokenType.R_PAREN
    )
    has_alias = node.args.get("alias") is not None
    _refuse_extras(node, table, has_alias, place_in_cell(query, start))
    return _Reference(table, True, start, closing + 1, has_alias, node)


def _refuse_extras(node: exp.Table, table: Table, has_alias: bool, place: Place) -> None:
    if node.args.get("version") or node.args.get("when"):
        raise NotYetSupportedError(
            f"Time travel over `{table.name}` comes with a later release.", place=place
        )
    if node.args.get("sample") and not has_alias:
        # Spark wants the alias after the sample, where no character of the query is ours to change.
        raise NotebookError(
            f"`{table.name}` with TABLESAMPLE needs an alias.",
            place=place,
            fix=f"Write: from {table.name} tablesample (10 percent) as {table.name}",
        )


def _refuse_qualified(column: exp.Column, mentions: Iterable[exp.Table], query: str) -> None:
    """Refuse `bronze.orders.amount`: after the replacement the table is called `orders`."""
    wanted = (column.args["db"].name.lower(), column.table.lower()) if column.args.get("db") else None
    for node in mentions:
        if node.args.get("alias") is None and wanted == (node.db.lower(), node.name.lower()):
            raise NotebookError(
                f"`{column.sql(dialect='spark')}` names its table with the layer.",
                place=place_in_cell(query, column.args["db"].meta["start"]),
                fix=f"Write {column.table}.{column.name}.",
            )


def _parameters(references: Iterable[_Reference]) -> dict[tuple[str, bool], str]:
    """Name each source by its table; the layer comes in front only where two tables have one name."""
    distinct = {(r.table.qualified_name, r.is_new): r for r in references}
    names: dict[tuple[str, bool], str] = {}
    for key, reference in distinct.items():
        table = reference.table
        shared = any(other.table.name == table.name and other.table != table for other in distinct.values())
        name = f"{table.layer}_{table.name}" if shared else table.name
        name = f"{NEW}_{name}" if reference.is_new else name
        while keyword.iskeyword(name) or name in _TAKEN or name in names.values():
            name += "_"
        names[key] = name
    return names
