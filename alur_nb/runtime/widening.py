"""Which types hold every value of another: what may be cast without a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql.types import DataType


def widens(given: DataType, wanted: DataType) -> bool:
    """Tell whether every value of one type is a value of the other: equal, wider, or nullable where it was not."""
    from pyspark.sql import types as T

    if isinstance(given, T.NullType) or given.simpleString() == wanted.simpleString():
        return True
    ranks = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
    if isinstance(given, ranks) and isinstance(wanted, ranks):
        return ranks.index(type(given)) <= ranks.index(type(wanted))
    if isinstance(given, T.FloatType | T.ByteType | T.ShortType | T.IntegerType) and isinstance(
        wanted, T.DoubleType
    ):
        return True
    if isinstance(given, T.DecimalType) and isinstance(wanted, T.DecimalType):
        whole = wanted.precision - wanted.scale >= given.precision - given.scale
        return whole and wanted.scale >= given.scale
    if isinstance(given, ranks) and isinstance(wanted, T.DecimalType):
        digits = (3, 5, 10, 19)[ranks.index(type(given))]
        return wanted.precision - wanted.scale >= digits
    return False
