"""Row rules (`--expect 'amount >= 0'`) read before Spark is there: their SQL, and the columns that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from alur_nb.authoring.parse_sql_columns import NO_COLUMNS, OWN_NAMES
from alur_nb.runtime.errors import NotebookError, Place, suggest
from alur_nb.runtime.tables import Table

_OPTION = "--expect"
_EXAMPLE = f"Write in Spark SQL what each row must keep, for example: {_OPTION} 'amount >= 0'"
_NO_CONDITIONS = (exp.Literal, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule, and where: `offset` counts its characters from 0, None where it is all of them."""

    message: str
    fix: str
    offset: int | None = None


def check_rules(rules: Sequence[str], line: str, start: int, table: Table, *, may_grow: bool) -> None:
    """Look at the `--expect` rules of a magic's line, which stands `start` characters into its cell's line.

    `may_grow`: files may bring columns that the table does not declare, so an unknown one is nobody's mistake.
    Raises NotebookError with the column for a rule that Spark could not read, or not on this table.
    """
    position = 0
    for rule in rules:
        option = line.find(_OPTION, position)
        found = line.find(rule, option + len(_OPTION))
        position = found + len(rule) if found >= 0 else position
        fault = fault_of(rule, table, may_grow=may_grow)
        if fault is not None:
            # Where quotes were written in another way, the rule stands nowhere in the line as it is.
            column = start + found + (fault.offset or 0) + 1 if found >= 0 else None
            raise NotebookError(
                f"{_OPTION}: {fault.message}", place=Place(line=1, column=column), fix=fault.fix
            )


def fault_of(rule: str, table: Table, *, may_grow: bool = False) -> Fault | None:
    """Return the first thing that is wrong with a rule over the rows of a table; None where nothing is seen."""
    if not rule.strip():
        return None  # `row` itself refuses it
    try:
        tokens = sqlglot.tokenize(rule, dialect="spark")
        if end := next((token for token in tokens if token.token_type == sqlglot.TokenType.SEMICOLON), None):
            return _unreadable(rule, end.start, ";")
        condition = sqlglot.parse_one(rule, dialect="spark", into=exp.Condition)
    except ParseError as error:
        return _not_parsed(rule, error)
    except SqlglotError:
        return Fault(f"in `{rule}` a quote or a comment is never closed.", "Close it.")
    return next(_faults(condition, table, may_grow=may_grow), None)


def _not_parsed(rule: str, error: ParseError) -> Fault:
    detail = error.errors[0] if error.errors else {}
    word = detail.get("highlight") or ""
    return _unreadable(rule, (detail.get("col") or 0) - len(word) if word else None, word)


def _unreadable(rule: str, offset: int | None, word: str) -> Fault:
    near = f" near `{word}`" if word else ""
    return Fault(f"the condition `{rule}` cannot be read{near}.", _EXAMPLE, offset)


def _faults(condition: exp.Expr, table: Table, *, may_grow: bool) -> Iterator[Fault]:
    wide = condition.find(exp.Query, exp.AggFunc, exp.Window)
    if wide is not None:
        yield Fault(
            f"`{wide.sql(dialect='spark')}` looks at more than one row, and a condition judges each row by itself.",
            "Checks of all rows are declared in Python: @expect(check_fn=...), with a built-in check or a function.",
        )
    root = condition.unnest()
    columns = {name.lower(): field for name, field in table.columns.items()}
    plain = columns.get(root.name.lower()) if isinstance(root, exp.Column) and not root.table else None
    if isinstance(root, _NO_CONDITIONS) or (plain is not None and plain.ddl != "boolean"):
        yield Fault(f"`{condition.sql(dialect='spark')}` is neither true nor false.", _EXAMPLE)
    for column in () if may_grow else condition.find_all(exp.Column):
        # Of `address.city` the first part is the column.
        name, first = column.parts[0].name, column.parts[0]
        is_bare = len(column.parts) == 1
        if name.startswith("_") or column.find_ancestor(*OWN_NAMES) or name.lower() in columns:
            continue
        if not (is_bare and name.lower() in NO_COLUMNS):
            yield Fault(
                f"{table.qualified_name} has no column `{name}`{suggest(name.lower(), table.columns)}.",
                f"{table.qualified_name}: {', '.join(table.columns)}",
                first.meta.get("start"),
            )
