"""Column types: values that need no JVM to declare, with one spelling for Spark, Hive and the Glue catalog."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from alur_nb.runtime.errors import DeclarationError, suggest

if TYPE_CHECKING:
    from pyspark.sql.types import DataType

K = TypeVar("K")
V = TypeVar("V")

MAX_PRECISION = 38


class FrozenMap(Mapping[K, V], Generic[K, V]):
    """A mapping that cannot change, can be hashed, and takes part in equality with its order."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMap):
            return list(self._items.items()) == list(other._items.items())
        return self._items == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


class FieldType(ABCMeta):
    """The type of the field classes: a wrong argument is a `DeclarationError`, not a `TypeError`."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make the field; the signature that Jupyter shows is that of the field's own parameters."""
        signature = cls.__signature__
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            unknown = next((name for name in kwargs if name not in signature.parameters), "")
            raise DeclarationError(
                f"{cls.__name__}: {error}{suggest(unknown, signature.parameters)}.",
                fix=f"write it as {cls.__name__}{signature}".replace("'", ""),
            ) from None
        return super().__call__(*args, **kwargs)

    @property
    def __signature__(cls) -> inspect.Signature:
        # The class at hand is the one that is called, so its own __init__ is the right one.
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
        return inspect.Signature(parameters)


@dataclass(frozen=True, slots=True, repr=False)
class Field(metaclass=FieldType):
    """A column's type, whether it may be null, what it means, and its name in the files."""

    _: KW_ONLY
    nullable: bool = True
    description: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        self._check_common()

    def _check_common(self) -> None:
        name = type(self).__name__
        if not isinstance(self.nullable, bool):
            raise DeclarationError(
                f"{name}: nullable is {self.nullable!r}, not True or False.", fix=f"{name}(nullable=False)"
            )
        for key, value in (("description", self.description), ("source", self.source)):
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise DeclarationError(
                    f"{name}: {key} is {value!r}, not a text.",
                    fix=f'{name}({key}="...") or leave it out',
                )

    @property
    @abstractmethod
    def ddl(self) -> str:
        """The type as Spark, Hive and the Glue catalog spell it: `bigint`, `decimal(10,2)`, `array<int>`."""

    @abstractmethod
    def spark_type(self) -> DataType:
        """Return the pyspark type; this imports pyspark and starts no JVM."""

    def __repr__(self) -> str:
        parts = []
        for field in sorted(dataclasses.fields(self), key=lambda field: bool(field.kw_only)):
            value = getattr(self, field.name)
            if not field.kw_only:
                parts.append(repr(value))
            elif value != field.default:
                parts.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


class _Simple:
    """What the fields without parameters share: one spelling, one class of `pyspark.sql.types`."""

    __slots__ = ()
    _DDL: ClassVar[str]
    _SPARK: ClassVar[str]

    @property
    def ddl(self) -> str:
        """The type as Spark, Hive and the Glue catalog spell it."""
        return self._DDL

    def spark_type(self) -> DataType:
        """Return the pyspark type; this imports pyspark and starts no JVM."""
        from pyspark.sql import types

        made: DataType = getattr(types, self._SPARK)()
        return made


@dataclass(frozen=True, slots=True, repr=False)
class StringField(_Simple, Field):
    """Text; the only type whose blanks are kept as they are in the file."""

    _DDL: ClassVar[str] = "string"
    _SPARK: ClassVar[str] = "StringType"


@dataclass(frozen=True, slots=True, repr=False)
class IntegerField(_Simple, Field):
    """A whole number of 32 bits: -2147483648 to 2147483647."""

    _DDL: ClassVar[str] = "int"
    _SPARK: ClassVar[str] = "IntegerType"


@dataclass(frozen=True, slots=True, repr=False)
class LongField(_Simple, Field):
    """A whole number of 64 bits."""

    _DDL: ClassVar[str] = "bigint"
    _SPARK: ClassVar[str] = "LongType"


@dataclass(frozen=True, slots=True, repr=False)
class DoubleField(_Simple, Field):
    """A floating-point number of 64 bits; for money use `DecimalField`."""

    _DDL: ClassVar[str] = "double"
    _SPARK: ClassVar[str] = "DoubleType"


@dataclass(frozen=True, slots=True, repr=False)
class FloatField(_Simple, Field):
    """A floating-point number of 32 bits, about seven digits."""

    _DDL: ClassVar[str] = "float"
    _SPARK: ClassVar[str] = "FloatType"


@dataclass(frozen=True, slots=True, repr=False)
class BooleanField(_Simple, Field):
    """`true` or `false`, in any case."""

    _DDL: ClassVar[str] = "boolean"
    _SPARK: ClassVar[str] = "BooleanType"


@dataclass(frozen=True, slots=True, repr=False)
class BinaryField(_Simple, Field):
    """Bytes; base64 in text files."""

    _DDL: ClassVar[str] = "binary"
    _SPARK: ClassVar[str] = "BinaryType"


@dataclass(frozen=True, slots=True, repr=False)
class TimestampField(_Simple, Field):
    """A moment in UTC; `format` is a Spark datetime pattern for files that write it in their own way."""

    _DDL: ClassVar[str] = "timestamp"
    _SPARK: ClassVar[str] = "TimestampType"
    _: KW_ONLY
    format: str | None = None

    def __post_init__(self) -> None:
        self._check_common()
        _check_format(self, self.format, "dd.MM.yyyy HH:mm")


@dataclass(frozen=True, slots=True, repr=False)
class DateField(_Simple, Field):
    """A day; `format` is a Spark datetime pattern for files that write it in their own way."""

    _DDL: ClassVar[str] = "date"
    _SPARK: ClassVar[str] = "DateType"
    _: KW_ONLY
    format: str | None = None

    def __post_init__(self) -> None:
        self._check_common()
        _check_format(self, self.format, "dd.MM.yyyy")


@dataclass(frozen=True, slots=True, repr=False)
class DecimalField(Field):
    """An exact number of `precision` digits, `scale` of them behind the point."""

    precision: int = 10
    scale: int = 0

    def __post_init__(self) -> None:
        self._check_common()
        if not _is_int(self.precision) or not 1 <= self.precision <= MAX_PRECISION:
            raise DeclarationError(
                f"DecimalField: precision is {self.precision!r}, not a number from 1 to {MAX_PRECISION}.",
                fix="DecimalField(10, 2) holds 12345678.90",
            )
        if not _is_int(self.scale) or not 0 <= self.scale <= self.precision:
            raise DeclarationError(
                f"DecimalField: scale is {self.scale!r}, not a number from 0 to the precision {self.precision}.",
                fix=f"the digits before the point count too: DecimalField({MAX_PRECISION}, 10) is the widest such",
            )

    @property
    def ddl(self) -> str:
        """`decimal(precision,scale)`."""
        return f"decimal({self.precision},{self.scale})"

    def spark_type(self) -> DataType:
        """Return `DecimalType(precision, scale)`."""
        from pyspark.sql.types import DecimalType

        return DecimalType(self.precision, self.scale)


@dataclass(frozen=True, slots=True, repr=False)
class ArrayField(Field):
    """A list whose elements all have one type; `element.nullable` says whether one may be null."""

    element: Field

    def __post_init__(self) -> None:
        self._check_common()
        _check_field(self.element, "ArrayField's element", "ArrayField(StringField())")

    @property
    def ddl(self) -> str:
        """`array<element>`."""
        return f"array<{self.element.ddl}>"

    def spark_type(self) -> DataType:
        """Return `ArrayType` of the element's type."""
        from pyspark.sql.types import ArrayType

        return ArrayType(self.element.spark_type(), self.element.nullable)


@dataclass(frozen=True, slots=True, repr=False)
class StructField(Field):
    """A group of named fields, in this order."""

    fields: Mapping[str, Field]

    def __post_init__(self) -> None:
        self._check_common()
        example = 'StructField({"street": StringField(), "zip": IntegerField()})'
        if not isinstance(self.fields, Mapping) or not self.fields:
            raise DeclarationError(
                f"StructField: fields is {self.fields!r}, not a dict of names and fields.", fix=example
            )
        _check_member_names(self.fields, example)
        for name, field in self.fields.items():
            _check_field(field, f"StructField's `{name}`", example)
        object.__setattr__(self, "fields", FrozenMap(self.fields))

    @property
    def ddl(self) -> str:
        """`struct<name:type,...>`."""
        return f"struct<{','.join(f'{name}:{field.ddl}' for name, field in self.fields.items())}>"

    def spark_type(self) -> DataType:
        """Return `StructType` with the members' nullability."""
        from pyspark.sql import types

        members = [
            types.StructField(name, field.spark_type(), field.nullable) for name, field in self.fields.items()
        ]
        return types.StructType(members)


@dataclass(frozen=True, slots=True, repr=False)
class MapField(Field):
    """Keys of one plain type to values of one type; `value.nullable` says whether a value may be null."""

    key: Field
    value: Field

    def __post_init__(self) -> None:
        self._check_common()
        example = "MapField(StringField(), IntegerField())"
        _check_field(self.key, "MapField's key", example)
        _check_field(self.value, "MapField's value", example)
        if isinstance(self.key, (ArrayField, StructField, MapField)):
            raise DeclarationError(
                f"MapField: a key of type {self.key.ddl} cannot be stored.",
                fix=f"a key has a plain type: {example}",
            )

    @property
    def ddl(self) -> str:
        """`map<key,value>`."""
        return f"map<{self.key.ddl},{self.value.ddl}>"

    def spark_type(self) -> DataType:
        """Return `MapType` of the key's and the value's types."""
        from pyspark.sql.types import MapType

        return MapType(self.key.spark_type(), self.value.spark_type(), self.value.nullable)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_field(value: object, what: str, example: str) -> None:
    if isinstance(value, Field):
        return
    if isinstance(value, FieldType):
        raise DeclarationError(
            f"{what} is the class {value.__name__}, not a field.", fix=f"write {value.__name__}()"
        )
    raise DeclarationError(f"{what} is {value!r}, not a field.", fix=example)


def _check_format(field: Field, pattern: object, example: str) -> None:
    if pattern is None or (isinstance(pattern, str) and pattern.strip() and "%" not in pattern):
        return
    name = type(field).__name__
    raise DeclarationError(
        f"{name}: format is {pattern!r}, not a Spark datetime pattern.", fix=f'{name}(format="{example}")'
    )


def _check_member_names(fields: Mapping[str, Field], example: str) -> None:
    """Refuse names that Hive's `struct<name:type>` cannot spell, and names that fall together in lower case."""
    seen: dict[str, str] = {}
    for name in fields:
        if not isinstance(name, str) or not name.isidentifier():
            raise DeclarationError(f"StructField: {name!r} is not a name for a member.", fix=example)
        if name.lower() in seen:
            raise DeclarationError(
                f"StructField: `{seen[name.lower()]}` and `{name}` are one name to Spark and the catalog.",
                fix="give one of the two another name",
            )
        seen[name.lower()] = name
