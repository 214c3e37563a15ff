"""Table classes: attributes are columns, the docstring is the description, `class Meta` says the rest."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.contract import (
    FORMATS,
    METADATA,
    METADATA_TYPES,
    REJECTS_SUFFIX,
    RESCUED,
    RESERVED,
    Layer,
    Partition,
    Table,
    WriteMode,
    bucket,
    check_table,
    day,
    hour,
    month,
    normalized,
    rejects_of,
    year,
)
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.types import Field, FieldType
from alur_nb.runtime.write_modes import check_write_mode

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

__all__ = [
    "FORMATS",
    "METADATA",
    "METADATA_TYPES",
    "REJECTS_SUFFIX",
    "RESCUED",
    "RESERVED",
    "BaseTable",
    "BronzeTable",
    "GoldTable",
    "Layer",
    "Partition",
    "SilverTable",
    "Table",
    "TableType",
    "WriteMode",
    "bucket",
    "contract_of",
    "day",
    "hour",
    "month",
    "normalized",
    "rejects_of",
    "snake_case",
    "subscribe",
    "table_name",
    "table_of",
    "year",
]

INHERITED_META_KEYS = ("partition_by", "primary_key", "format", "sequence_by", "delete_when", "scd_type")
META_KEYS = (*INHERITED_META_KEYS, "name", "description", "freshness", "abstract")

_LAYERS: Mapping[str, Layer] = {"BronzeTable": "bronze", "SilverTable": "silver", "GoldTable": "gold"}
_LAYER_WORD = re.compile(r"(?:Bronze|Silver|Gold|Table)$")
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What people write who come from other libraries, and the field that it is here.
_PYTHON_TYPES: Mapping[object, str] = {
    str: "StringField",
    int: "LongField",
    float: "DoubleField",
    bool: "BooleanField",
    bytes: "BinaryField",
    list: "ArrayField",
    dict: "StructField",
}

_listeners: list[Callable[[Table], None]] = []


def subscribe(listener: Callable[[Table], None]) -> None:
    """Call `listener` with every table that a class declares from now on."""
    _listeners.append(listener)


class TableType(type):
    """The type of table classes; `schema` and `ddl` live here, so that columns may bear these names."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        cls.__table = _declared(cls)
        if cls.__table is not None:
            for listener in _listeners:
                listener(cls.__table)

    def __call__(cls, *_: object, **__: object) -> Any:
        """Refuse: a table class is a declaration and has no instances."""
        raise DeclarationError(
            f"{cls.__name__}() makes nothing: the table is the class itself.",
            fix=f"write {cls.__name__} without the parentheses",
        )

    @property
    def __table__(cls) -> Table:
        if cls.__table is None:
            raise DeclarationError(
                f"{cls.__name__} declares no table: it is a layer, a mixin, or abstract.",
                fix="name a subclass of BronzeTable, SilverTable or GoldTable that has columns",
            )
        return cls.__table

    @property
    def declares_table(cls) -> bool:
        """Whether the class stands for a table of the lake; layers, mixins and abstract classes do not."""
        return cls.__table is not None

    @property
    def schema(cls) -> StructType:
        """The columns as a pyspark `StructType`."""
        return cls.__table__.schema()

    @property
    def ddl(cls) -> str:
        """The columns as `a int, b string`."""
        return cls.__table__.ddl

    def __repr__(cls) -> str:
        # While the class is being made there is no table yet, and an error message may show it.
        table = vars(cls).get("_TableType__table")
        return f"<{cls.__name__}: {table.qualified_name if table else 'no table'}>"


def table_of(value: object) -> Table:
    """Return the `Table` of a table class, or the table itself.

    Raises
    ------
    DeclarationError
        The value is neither; the message says what was given.
    """
    if isinstance(value, Table):
        return value
    if isinstance(value, TableType):
        return value.__table__
    raise DeclarationError(
        f"a table is wanted here, and {value!r} was given.",
        fix="give the table's class, as in target=OrdersBronze",
    )


def contract_of(value: object) -> Table:
    """Return the columns that files are to have, of any table class: also of one that declares no table.

    Raises
    ------
    DeclarationError
        The value is no table class, or has no columns.
    """
    if not isinstance(value, TableType) or value.declares_table or not any(_field_names(value)):
        return table_of(value)
    contract = Table(
        layer=_layer_of(value) or "bronze",
        name=table_name(value.__name__),
        class_name=value.__name__,
        columns=_fields(value),
        description=inspect.cleandoc(vars(value).get("__doc__") or ""),
        module=value.__module__,
        is_contract=True,
    )
    check_table(contract)
    return contract


def snake_case(name: str) -> str:
    """Return `CustomerOrders` as `customer_orders`, `HTTPLogs` as `http_logs`."""
    return _WORD_BORDER.sub("_", name).lower()


def table_name(class_name: str) -> str:
    """Return the table's name for a class name: less one trailing layer word, in snake case."""
    return snake_case(_LAYER_WORD.sub("", class_name) or class_name)


def _declared(cls: TableType) -> Table | None:
    """Return the checked table that a class declares; None for the layers, mixins and abstract classes."""
    _check_body(cls)
    meta = _meta(cls)
    layer = _layer_of(cls)
    if layer is None or cls.__bases__ == (BaseTable,) or cls.__name__ in _LAYERS or meta.get("abstract"):
        return None
    table = Table(
        layer=layer,
        name=_text(cls, meta, "name") or table_name(cls.__name__),
        class_name=cls.__name__,
        columns=_fields(cls),
        partition_by=_partitions(cls, meta.get("partition_by", ())),
        primary_key=tuple(map(str, _sequence(cls, "primary_key", meta.get("primary_key", ()), str))),
        description=_text(cls, meta, "description") or inspect.cleandoc(vars(cls).get("__doc__") or ""),
        format=_text(cls, meta, "format") or ("parquet" if layer == "bronze" else "iceberg"),
        sequence_by=_text(cls, meta, "sequence_by"),
        delete_when=_text(cls, meta, "delete_when"),
        scd_type=meta.get("scd_type", 1),
        module=cls.__module__,
        freshness=_text(cls, meta, "freshness") or "",
    )
    check_table(table)
    check_write_mode(table)
    return table


def _layer_of(cls: type) -> Layer | None:
    layers = [
        _LAYERS[base.__name__]
        for base in cls.__mro__
        if base.__module__ == __name__ and base.__name__ in _LAYERS
    ]
    if len(layers) > 1:
        raise DeclarationError(
            f"{cls.__name__} is in two layers, {' and '.join(layers)}.",
            fix="put the shared columns into a subclass of BaseTable and inherit from that and one layer",
        )
    return layers[0] if layers else None


def _fields(cls: type) -> dict[str, Field]:
    """Collect the columns, inherited ones first; a child's field replaces its parent's in place."""
    names = dict.fromkeys(_field_names(cls))
    return {name: next(vars(base)[name] for base in cls.__mro__ if name in vars(base)) for name in names}


def _field_names(cls: type) -> Iterable[str]:
    for base in cls.__bases__:
        yield from _field_names(base)
    yield from (name for name, value in vars(cls).items() if isinstance(value, Field))


def _check_body(cls: TableType) -> None:
    """Refuse attributes that look like columns and are not: a class, a Python type, a tuple, a bare name."""
    inherited = {name for base in cls.__bases__ for name in _field_names(base)}
    for name, value in vars(cls).items():
        if isinstance(value, Field) or (name.startswith("__") and name.endswith("__")):
            continue
        if name in inherited or _looks_like_a_column(name, value):
            raise DeclarationError(
                f"{cls.__name__}: `{name}` is {value!r}, not a field.", fix=_column_fix(name, value)
            )
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if name not in vars(cls) and "ClassVar" not in str(annotation):
            raise DeclarationError(
                f"{cls.__name__}: `{name}: {_name_of(annotation)}` gives no field; an annotation is no column.",
                fix=f"{name} = {_field_for(annotation)}()",
            )


def _looks_like_a_column(name: str, value: object) -> bool:
    if isinstance(value, FieldType) or _holds_a_field(value):
        return True
    if isinstance(value, (classmethod, staticmethod, property)) or inspect.isroutine(value):
        return False
    return name[:1].islower()


def _holds_a_field(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], (Field, FieldType))


def _column_fix(name: str, value: object) -> str:
    if name == "meta":
        return "the settings' class is spelled Meta: class Meta: ..."
    if isinstance(value, tuple) and _holds_a_field(value):
        return f"take the comma away: {name} = {_instance(value[0])}"
    return (
        f"{name} = {_instance(value)}" if isinstance(value, FieldType) else f"{name} = {_field_for(value)}()"
    )


def _instance(value: object) -> str:
    return f"{value.__name__}()" if isinstance(value, FieldType) else repr(value)


def _field_for(value: object) -> str:
    """Return the field class that somebody meant by `str`, "string", `StringType()` or an annotation."""
    name = _name_of(value)
    known = {python.__name__: field for python, field in _PYTHON_TYPES.items() if isinstance(python, type)}
    if name.endswith("Field"):
        return name
    if name in known:
        return known[name]
    word = re.match(r"\w*", name.strip())
    made = (word[0] if word else "").removesuffix("Type").capitalize() + "Field"
    return {"BigintField": "LongField", "IntField": "IntegerField", "TextField": "StringField"}.get(made) or (
        made if made in _field_class_names() else "StringField"
    )


def _field_class_names() -> set[str]:
    return {field.__name__ for field in Field.__subclasses__()}


def _name_of(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def _meta(cls: type) -> dict[str, Any]:
    """Return the `Meta` values: inherited for keys that say how to store, own for those that name."""
    values: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        meta = vars(base).get("Meta")
        if meta is None:
            continue
        if not isinstance(meta, type):
            raise DeclarationError(
                f"{cls.__name__}: Meta is {meta!r}, not a class.",
                fix='class Meta:\n    partition_by = ["country"]',
            )
        for owner in reversed(meta.__mro__[:-1]):
            own = base is cls and owner is meta
            values |= {
                key: value for key, value in _public(cls, owner).items() if own or key in INHERITED_META_KEYS
            }
    return values


def _public(cls: type, meta: type) -> dict[str, Any]:
    values = {key: value for key, value in vars(meta).items() if not key.startswith("__")}
    for key in values:
        if key not in META_KEYS:
            raise DeclarationError(
                f"{cls.__name__}: Meta has no `{key}`{suggest(key, META_KEYS)}.",
                fix=f"Meta knows {', '.join(META_KEYS)}",
            )
    return values


def _text(cls: type, meta: Mapping[str, Any], key: str) -> str | None:
    value = meta.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise DeclarationError(f"{cls.__name__}: Meta.{key} is {value!r}, not a text.", fix=f'{key} = "..."')


def _partitions(cls: type, value: object) -> tuple[Partition, ...]:
    given = _sequence(cls, "partition_by", value, str | Partition)
    return tuple(item if isinstance(item, Partition) else Partition(str(item)) for item in given)


def _sequence(cls: type, key: str, value: object, wanted: Any) -> tuple[object, ...]:
    """Return one item or a sequence of them as a tuple."""
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if not isinstance(item, wanted):
            hint = ', or day("created_at")' if key == "partition_by" else ""
            raise DeclarationError(
                f"{cls.__name__}: Meta.{key} has {item!r}, which is no column's name.",
                fix=f'write names as text: {key} = ["country"]{hint}',
            )
    return items


# The layers come last: making a class runs everything above.
class BaseTable(metaclass=TableType):
    """The root of the layers; a direct subclass carries columns for others and declares no table."""


class BronzeTable(BaseTable):
    """Data as it came, appended batch by batch."""


class SilverTable(BaseTable):
    """Cleaned data: merged by `primary_key` where there is one, else appended."""


class GoldTable(BaseTable):
    """Results that each run overwrites."""
