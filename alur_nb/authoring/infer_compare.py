"""An inference beside what there is already: a declared table, or a cell that was written before."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from alur_nb.authoring.infer_cell import write_cell
from alur_nb.authoring.infer_facts import ColumnEvidence, Inference, Request, State
from alur_nb.authoring.parse import class_name_for
from alur_nb.runtime.contract import METADATA
from alur_nb.runtime.tables import Table, normalized
from alur_nb.runtime.types import ArrayField, Field, MapField, StructField


def beside_text(found: Inference, before: str, state: State, name: str) -> Inference:
    """Return the inference with its difference from the text of a cell."""
    return replace(found, state=state, difference=difference(before, found.cell, name))


def beside_table(found: Inference, request: Request, table: Table) -> Inference:
    """Return the inference with its difference from a declared table.

    What a sample cannot know stays as it is declared: descriptions, names, that of the class too, the order of
    columns, and that a column may be null.
    """
    declared = tuple(
        ColumnEvidence(name, one.source or name, one, 0, 0, 0) for name, one in table.columns.items()
    )
    merged = _merged(found.columns, table)
    bare = tuple(replace(column, doubts=()) for column in merged)
    # A table's own key may stand on a column that the files no longer have.
    before = _as_declared(
        replace(
            request,
            primary_key=None,
            partition_by=None,
            sequence_by=None,
            delete_when=None,
            scd_type=None,
            freshness=None,
        ),
        table,
        declared,
    )
    after = _as_declared(request, table, merged)
    is_class = any(
        write_cell(asked, given) == write_cell(asked, given, python=True)
        for asked, given in ((before, declared), (after, bare))
    )
    return replace(
        found,
        state="declared",
        cell=write_cell(after, merged),
        difference=difference(
            write_cell(before, declared, python=is_class),
            write_cell(after, bare, python=is_class),
            f"{table.qualified_name} as it is declared",
        ),
    )


def difference(before: str, after: str, name: str) -> str:
    """Return the unified diff of two cells' texts; empty where they are one."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, "inferred now", n=2, lineterm=""
    )
    return "\n".join(lines)


def _as_declared(request: Request, table: Table, columns: Sequence[ColumnEvidence]) -> Request:
    """Return the request with what a table says beside its columns, where the request says nothing."""
    names = {column.name for column in columns if column.wanted is not None}
    key = ", ".join(table.primary_key) if names.issuperset(table.primary_key) else ""
    is_there = names.issuperset(partition.column for partition in table.partition_by)
    partitions = (
        ", ".join(str(partition).replace('"', "") for partition in table.partition_by) if is_there else ""
    )
    # What a table says of its merge hangs on its key.
    joins = bool(key) and (table.sequence_by is None or table.sequence_by in names)
    usual = "parquet" if table.layer == "bronze" else "iceberg"
    return replace(
        request,
        primary_key=request.primary_key or key or None,
        partition_by=request.partition_by or partitions or None,
        format=request.format or (table.format if table.format != usual else None),
        sequence_by=request.sequence_by or (table.sequence_by if joins else None),
        delete_when=request.delete_when or (table.delete_when if joins else None),
        scd_type=request.scd_type or ("2" if joins and table.scd_type == 2 else None),
        freshness=request.freshness or table.freshness or None,
        description=request.description or table.description or None,
        class_name="" if table.class_name == class_name_for(table.name, table.layer) else table.class_name,
    )


def _merged(columns: Sequence[ColumnEvidence], table: Table) -> tuple[ColumnEvidence, ...]:
    """Return the inferred columns under their declared names and in the declared order, new ones behind."""
    left = {normalized(column.header): column for column in columns}
    merged = []
    for name, declared in table.columns.items():
        if name in METADATA:
            merged.append(ColumnEvidence(name, name, declared, 0, 0, 0))
            continue
        header = declared.source or name
        column = left.pop(normalized(header), None)
        if column is not None and column.wanted is not None:
            merged.append(replace(column, name=name, header=header, wanted=_kept(column.wanted, declared)))
    return (*merged, *left.values())


def _kept(inferred: Field, declared: Field) -> Field:
    return replace(_told(inferred, declared), nullable=inferred.nullable or declared.nullable)


def _inside(inferred: Field, declared: Field) -> Field:
    # Whether what stands in lists and objects is ever null is not looked at.
    return replace(_told(inferred, declared), nullable=declared.nullable)


def _told(inferred: Field, declared: Field) -> Field:
    """Return the inferred field with what only the declaration can say, of what is inside of it, too."""
    if isinstance(inferred, StructField) and isinstance(declared, StructField):
        inferred = replace(inferred, fields=_members(inferred.fields, declared.fields))
    elif isinstance(inferred, ArrayField) and isinstance(declared, ArrayField):
        inferred = replace(inferred, element=_inside(inferred.element, declared.element))
    elif isinstance(inferred, MapField) and isinstance(declared, MapField):
        inferred = replace(inferred, value=_inside(inferred.value, declared.value))
    return replace(inferred, description=declared.description, source=declared.source)


def _members(inferred: Mapping[str, Field], declared: Mapping[str, Field]) -> dict[str, Field]:
    """Return the inferred members under their declared names and in the declared order, new ones behind."""
    left = {normalized(one.source or name): (name, one) for name, one in inferred.items()}
    kept: dict[str, Field] = {}
    for name, one in declared.items():
        found = left.pop(normalized(one.source or name), None)
        if found is not None:
            kept[name] = _inside(found[1], one)
    return kept | dict(left.values())
