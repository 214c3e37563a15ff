"""Finds columns that a query names and its tables do not have, without Spark; where that is not sure it says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from alur_nb.authoring.parse_columns import place_in_cell
from alur_nb.runtime.errors import NotebookError, suggest
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table
from alur_nb.runtime.write_modes import read_columns

# Words that stand without brackets and that sqlglot may take for columns: functions, units of time, `group by all`.
NO_COLUMNS = (
    *("all", "user", "session_user", "current_user", "current_catalog", "current_database", "current_schema"),
    *(
        "current_timezone",
        "current_date",
        "current_timestamp",
        "localtimestamp",
        "year",
        "quarter",
        "month",
        "week",
    ),
    *("day", "dayofyear", "hour", "minute", "second", "millisecond", "microsecond"),
)
# In these a bare name may be a lambda's variable, an argument's name, or a field's.
OWN_NAMES = (exp.Lambda, exp.Kwarg, exp.PropertyEQ, exp.Lateral, exp.Pivot, exp.Hint)


def check_columns(statement: exp.Expr, query: str, tables: Mapping[int, Table], project: Project) -> None:
    """Compare each column with the tables of its own SELECT; `tables` are the project's, by `id` of their node.

    Raises NotebookError with line and column for one that none of them has.
    """
    settled = _settled(project)
    for scope in traverse_scope(statement):
        known = {
            # `new(orders)` without an alias is called by the table's name.
            name.lower() or tables[id(source)].name: tables[id(source)]
            for name, source in scope.sources.items()
            if isinstance(source, exp.Table) and id(source) in tables
        }
        known = {name: table for name, table in known.items() if table.qualified_name in settled}
        is_whole = _is_whole(scope, known)
        for column in scope.columns:
            # Among a scope's columns are those of its subqueries that may be its own.
            _check(column, query, known, is_whole=is_whole and column.parent_select is scope.expression)


def _settled(project: Project) -> frozenset[str]:
    """Return the tables that hold what their class declares and no more: we know who writes them.

    A batch of files may add columns, and a pipeline without sources may load such files.
    """
    return frozenset(
        pipeline.target.qualified_name
        for pipeline in project.pipelines.values()
        if pipeline.sources and not any(_adds_columns(source) for source in pipeline.sources.values())
    )


def _adds_columns(source: object) -> bool:
    return isinstance(source, FileSource) and source.schema_mode != "contract"


def _is_whole(scope: Scope, known: Mapping[str, Table]) -> bool:
    """Whether these tables are all that a bare name can come from: no outer query, no generated rows."""
    select = scope.expression
    if not isinstance(select, exp.Select) or scope.is_correlated_subquery or scope.is_subquery:
        return False
    makes_columns = select.args.get("laterals") or scope.pivots or select.find(exp.Aliases)
    return len(known) == len(scope.sources) and not makes_columns


def _check(column: exp.Column, query: str, known: Mapping[str, Table], *, is_whole: bool) -> None:
    name, called = column.name.lower(), column.table.lower()
    start = column.this.meta.get("start") if isinstance(column.this, exp.Identifier) else None
    if start is None or column.args.get("db") or name.startswith("_") or column.find_ancestor(*OWN_NAMES):
        return
    if called:
        wanted = {called: known[called]} if called in known else {}
    else:
        is_other = name in NO_COLUMNS or name in _aliases(column)
        wanted = {} if is_other or not is_whole else dict(known)
    names = [one for table in wanted.values() for one in read_columns(table)]
    if not wanted or name in map(str.lower, names):
        return
    where = (
        f"{next(iter(wanted.values())).qualified_name} has" if len(wanted) == 1 else "The query's tables have"
    )
    raise NotebookError(
        f"{where} no column `{column.name}`{suggest(name, names)}.",
        place=place_in_cell(query, start),
        fix="; ".join(
            f"{table.qualified_name}: {', '.join(read_columns(table))}" for table in wanted.values()
        ),
    )


def _aliases(column: exp.Column) -> Iterator[str]:
    """Yield the names that the SELECTs around a column give: later columns, GROUP BY and ORDER BY may use them."""
    select = column.find_ancestor(exp.Select)
    while select is not None:
        yield from (one.alias.lower() for one in select.expressions if one.alias)
        select = select.find_ancestor(exp.Select)
