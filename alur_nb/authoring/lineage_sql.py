"""From which columns a SQL pipeline's columns are made, told by sqlglot: no Spark is started, and nothing is called."""

from __future__ import annotations

import ast
import inspect
import string
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.lineage import ColumnKind, Origins, RowKind, SourceColumn, Traced, merged, through
from alur_nb.runtime.lineage_tree import NotFollowedError
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.write_modes import read_columns

# In front of a parameter, so that no CTE of the query has its name.
_PREFIX = "alur__"


def sql_of(pipeline: Pipeline) -> str | None:
    """Return the query of a function that does nothing but return one; None for any other function.

    A SQL cell unfolds to such a function; what is written so by hand is one as well.
    """
    try:
        text = textwrap.dedent(inspect.getsource(pipeline.function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return None
    function = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    if function is None:
        return None
    *others, last = function.body
    call = last.value if isinstance(last, ast.Return) else None
    if not all(map(_is_idle, others)) or not _is_sql(call, pipeline):
        return None
    assert isinstance(call, ast.Call)
    query = call.args[0]
    return query.value if isinstance(query, ast.Constant) and isinstance(query.value, str) else None


def trace_sql(query: str, pipeline: Pipeline) -> Traced:
    """Follow the columns of a query, whose tables are `{parameter}`, back to the pipeline's sources.

    Raises NotFollowedError.
    """
    columns = {name: _columns(pipeline, name) for name in pipeline.sources}
    schema: dict[str, object] = {
        f"{_PREFIX}{name}": {column.lower(): kind for column, kind in known.items()}
        for name, known in columns.items()
    }
    try:
        parsed = sqlglot.parse_one(_without_braces(query), dialect="spark")
        qualified = qualify(parsed, schema=schema, dialect="spark", quote_identifiers=False)
        root = build_scope(qualified)
    except (SqlglotError, ValueError, KeyError) as error:
        raise NotFollowedError(f"sqlglot cannot follow the query: {_first_line(error)}") from error
    if root is None:
        raise NotFollowedError("sqlglot cannot follow the query")
    spelled = {name: {column.lower(): column for column in known} for name, known in columns.items()}
    return _Query(spelled).traced(root, list(pipeline.target.columns))


def _columns(pipeline: Pipeline, parameter: str) -> dict[str, str]:
    from alur_nb.runtime.tables import METADATA_TYPES

    source = pipeline.sources[parameter]
    if not isinstance(source, FileSource):
        return read_columns(source.table)
    contract = source.contract or pipeline.target
    return {name: column.ddl for name, column in contract.file_columns.items()} | dict(METADATA_TYPES)


def _is_idle(node: ast.stmt) -> bool:
    """Whether a statement in front of the query is a docstring, an import, or `spark = ...get_spark_session()`."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    value = node.value if isinstance(node, ast.Assign) else None
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith("get_spark_session")


def _is_sql(call: ast.expr | None, pipeline: Pipeline) -> bool:
    """Whether it is `spark.sql("...", orders=orders)` with the pipeline's own parameters."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "sql":
        return False
    given = {one.arg: one.value.id for one in call.keywords if isinstance(one.value, ast.Name)}
    own = all(name == value and name in pipeline.sources for name, value in given.items())
    return len(call.args) == 1 and len(given) == len(call.keywords) and own


def _without_braces(query: str) -> str:
    """Put a table's name in the place of each `{parameter}`, as PySpark's formatter would a view's."""
    parts = string.Formatter().parse(query)
    return "".join(text + (f"{_PREFIX}{name}" if name else "") for text, name, _, _ in parts)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


@dataclass(slots=True)
class _Query:
    """One query that is followed: what decides on its rows is noted on the way."""

    spelled: Mapping[str, Mapping[str, str]]
    rows: dict[SourceColumn, frozenset[RowKind]] = field(default_factory=dict)

    def traced(self, root: Scope, wanted: Sequence[str]) -> Traced:
        by_lower = {name.lower(): name for name in wanted}
        for scope in root.traverse():
            self._note_rows(scope)
        columns = {by_lower.get(name.lower(), name): origins for name, origins in self._columns(root)}
        return Traced(columns, self.rows)

    def _columns(self, scope: Scope) -> list[tuple[str, Origins]]:
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            left, right = (self._columns(one) for one in scope.set_operation_scopes)
            if not isinstance(expression, exp.Union):
                return left
            return [(name, merged([one, other])) for (name, one), (_, other) in zip(left, right, strict=True)]
        if isinstance(expression, exp.Select):
            return [(one.alias_or_name, self._origins(one, scope)) for one in expression.selects]
        if scope.is_udtf:
            origins = through(merged(self._below(expression, scope)), "derived")
            return [(name, origins) for name in expression.alias_column_names]
        raise NotFollowedError(f"sqlglot does not follow {expression.key.upper()}")

    def _note_rows(self, scope: Scope) -> None:
        expression = scope.expression
        if isinstance(expression, exp.Except | exp.Intersect):
            for one in scope.set_operation_scopes:
                self._decide(merged(origins for _, origins in self._columns(one)), "filter")
        for node, kind in _deciding(expression):
            self._decide(self._origins(node, scope), kind)

    def _decide(self, origins: Origins, kind: RowKind) -> None:
        for column in origins:
            self.rows[column] = self.rows.get(column, frozenset()) | {kind}

    def _origins(self, node: exp.Expr, scope: Scope) -> Origins:
        """Return from which columns a value is made."""
        if isinstance(node, exp.Column):
            return self._of_column(node, scope)
        if isinstance(node, exp.Alias | exp.Paren | exp.Ordered | exp.Subquery) and node.this is not None:
            return self._origins(node.this, scope)
        if isinstance(node, exp.Query):
            inner = next((one for one in scope.subquery_scopes if one.expression is node), None)
            if inner is None:
                raise NotFollowedError("sqlglot does not follow one of its subqueries")
            return through(merged(origins for _, origins in self._columns(inner)), "derived")
        if isinstance(node, exp.Window):
            rest = [one for name, one in node.args.items() if name != "this"]
            around = [self._origins(one, scope) for one in _flat(rest)]
            own = through(self._origins(node.this, scope), "derived")
            return merged([_not_aggregated(own), *(through(one, "window") for one in around)])
        kind: ColumnKind = "aggregated" if isinstance(node, exp.AggFunc) else "derived"
        return through(merged(self._below(node, scope)), kind)

    def _below(self, node: exp.Expr, scope: Scope) -> Iterator[Origins]:
        for child in node.iter_expressions():
            yield self._origins(child, scope)

    def _of_column(self, column: exp.Column, scope: Scope) -> Origins:
        if not column.table and (named := _selected(column.name, scope)) is not None:
            return self._origins(named, scope)
        asked: Scope | None = scope
        while asked is not None and column.table not in asked.sources:
            asked = asked.parent
        if asked is None:
            raise NotFollowedError(f"sqlglot does not find where `{column.sql(dialect='spark')}` comes from")
        source = asked.sources[column.table]
        if isinstance(source, Scope):
            found = dict(self._columns(source))
            if column.name not in found:
                raise NotFollowedError(
                    f"sqlglot does not find where `{column.sql(dialect='spark')}` comes from"
                )
            return found[column.name]
        parameter = source.name.removeprefix(_PREFIX)
        spelled = self.spelled.get(parameter, {})
        if column.name.lower() not in spelled:
            raise NotFollowedError(f"`{column.sql(dialect='spark')}` is no column of its sources")
        return {(parameter, spelled[column.name.lower()]): "direct"}


def _selected(name: str, scope: Scope) -> exp.Expr | None:
    """Return what a SELECT calls so: ORDER BY and HAVING may use its aliases."""
    if not isinstance(scope.expression, exp.Select):
        return None
    return next((one for one in scope.expression.selects if one.alias == name), None)


def _not_aggregated(origins: Origins) -> Origins:
    """A function over a window gives each row its own value, also where it is `sum`."""
    return {column: "derived" if kind == "aggregated" else kind for column, kind in origins.items()}


def _deciding(select: exp.Expr) -> Iterator[tuple[exp.Expr, RowKind]]:
    """Yield what decides on a SELECT's rows, or on their order."""
    kinds: tuple[tuple[str, RowKind], ...] = (
        ("where", "filter"),
        ("having", "filter"),
        ("qualify", "filter"),
    )
    for name, kind in kinds:
        if (found := select.args.get(name)) is not None:
            yield found.this, kind
    for join in select.args.get("joins") or ():
        if (condition := join.args.get("on")) is not None:
            yield condition, "join"
    if (group := select.args.get("group")) is not None:
        yield from ((one, "group") for one in group.expressions)
    for name in ("order", "sort", "cluster"):
        if (order := select.args.get(name)) is not None:
            yield from ((one, "sort") for one in order.expressions)


def _flat(values: Sequence[object]) -> Iterator[exp.Expr]:
    for value in values:
        if isinstance(value, exp.Expr):
            yield value
        elif isinstance(value, list):
            yield from _flat(value)
