"""The rules that a table's own declaration means for its rows, beside the checks that a pipeline expects."""

from __future__ import annotations

from alur_nb.runtime.checks import no_nulls_in_column, unique_key
from alur_nb.runtime.quality import Expectation, Severity
from alur_nb.runtime.tables import Table
from alur_nb.runtime.write_modes import publication_of


def implied_rules(target: Table, *, as_read: bool) -> tuple[Expectation, ...]:
    """Return the rules for a batch of the table; of rows `as_read` it is known that nothing is null that must not be."""
    return (*_key_rules(target), *(() if as_read else _not_null_rules(target)))


def _not_null_rules(target: Table) -> list[Expectation]:
    # File reads do not enforce `nullable=False`, so a rewritten result is checked like any other rule.
    return [
        Expectation(f"{name} is not nullable", no_nulls_in_column(name), Severity.ERROR)
        for name, column in target.columns.items()
        if not column.nullable
    ]


def _key_rules(target: Table) -> list[Expectation]:
    """A null in a key would be inserted anew by each merge, and of two rows of one key none is the last."""
    how = publication_of(target)
    if not how.key:
        return []
    names = (*how.key, how.sequence_by) if how.sequence_by else how.key
    nulls = [
        Expectation(f"{name} is never null", no_nulls_in_column(name), Severity.ERROR)
        for name in names
        if target.columns[name].nullable
    ]
    what = f"one row for each {', '.join(names)}"
    if not how.sequence_by:
        what += ", as no sequence_by tells which is the last"
    return [*nulls, Expectation(what, unique_key(list(names)), Severity.ERROR)]
