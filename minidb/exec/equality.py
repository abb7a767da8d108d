"""When two values are the same for GROUP BY, DISTINCT, set operations and hash joins: as dictionary keys.

Python's equality and hash are SQL's for most types: 1 == Decimal("1.00"), 0.0 == -0.0, None is None. The
others are mapped, a column at a time: NaN equals NaN, CHAR(n) ignores trailing blanks, an interval is its
length and a jsonb value its contents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from minidb.errors import ProgrammingError
from minidb.value.order import jsonb_key
from minidb.value.sql_types import Kind, Row, SqlType, Value

ColumnMap = Callable[[list[Value]], list[Any]]

_NAN: Final = float("nan")  # one object: a dictionary finds it by identity
_DECIMAL_NAN: Final = Decimal("NaN")


def _floats(values: list[Value]) -> list[Any]:
    return [_NAN if value != value else value for value in values]


def _decimals(values: list[Value]) -> list[Any]:
    return [_DECIMAL_NAN if value != value else value for value in values]


def _padded(values: list[Value]) -> list[Any]:
    return [None if value is None else value.rstrip(" ") for value in values]


def _intervals(values: list[Value]) -> list[Any]:
    return [None if value is None else value.total() for value in values]


def _json(values: list[Value]) -> list[Any]:
    return [None if value is None else jsonb_key(value) for value in values]


def column_map(type_: SqlType) -> ColumnMap | None:
    """A function that makes a column of this type comparable by Python's equality; None if it is already."""
    if type_.kind is Kind.JSON:
        raise ProgrammingError("could not identify an equality operator for type json", sqlstate="42883")
    return _MAPS.get(type_.kind)


_MAPS: Final[dict[Kind, ColumnMap]] = {
    Kind.REAL: _floats,
    Kind.DOUBLE: _floats,
    Kind.NUMERIC: _decimals,
    Kind.CHAR: _padded,
    Kind.INTERVAL: _intervals,
    Kind.JSONB: _json,
}


def row_keys(types: Sequence[SqlType]) -> Callable[[list[Row]], list[Any]]:
    """A function: rows of these types -> a hashable key for each, the row itself where that will do."""
    maps = [(position, column_map(type_)) for position, type_ in enumerate(types)]
    needed = [(position, function) for position, function in maps if function is not None]
    if not needed:
        return _same
    count = len(types)

    def keys(rows: list[Row]) -> list[Any]:
        columns = [[row[position] for row in rows] for position in range(count)]
        for position, function in needed:
            columns[position] = function(columns[position])
        return list(zip(*columns, strict=True))

    return keys


def _same(rows: list[Row]) -> list[Any]:
    return rows
