"""Sorting rows by several keys, each ascending or descending, NULLs first or last.

In memory the rows are sorted once per key, from the last to the first, each time stably and by a plain
list of values, so that all comparisons happen in C. Where single rows are compared (merging, top-N), each
row gets one value that compares the same way: NULLs are replaced by objects that are less or greater than
everything, descending numbers are negated, other descending values are wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from minidb.exec.context import ExecutionContext
from minidb.plan.nodes import SortKey
from minidb.value.order import sort_key
from minidb.value.sql_types import FLOAT_KINDS, INTEGER_KINDS, Kind, Row, Value

_NEGATED: Final = INTEGER_KINDS | FLOAT_KINDS | {Kind.BOOLEAN, Kind.INTERVAL}  # numbers, once converted
_SORTED_AT_ONCE: Final = 1 << 16  # rows sorted between two checks for a cancel


class _Extreme:
    """Less or greater than all values: NULL, sorting first or last, and NaN, just inside of NULL."""

    __slots__ = ("_rank",)

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def __lt__(self, other: object) -> bool:
        return self._rank < (other._rank if isinstance(other, _Extreme) else 0)

    def __gt__(self, other: object) -> bool:
        return self._rank > (other._rank if isinstance(other, _Extreme) else 0)

    def __le__(self, other: object) -> bool:
        return self._rank <= (other._rank if isinstance(other, _Extreme) else 0)

    def __ge__(self, other: object) -> bool:
        return self._rank >= (other._rank if isinstance(other, _Extreme) else 0)

    def __neg__(self) -> _Extreme:
        return _BEFORE_NUMBERS if self._rank > 0 else NAN

    def copy_negate(self) -> _Extreme:
        """As Decimal has it: descending numerics are negated without rounding."""
        return -self


LEAST: Final = _Extreme(-2)
_BEFORE_NUMBERS: Final = _Extreme(-1)
NAN: Final = _Extreme(1)
GREATEST: Final = _Extreme(2)


class _Descending:
    """A value that compares the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, _Descending):
            return bool(other.value < self.value)
        return other is GREATEST

    def __gt__(self, other: Any) -> bool:
        if isinstance(other, _Descending):
            return bool(self.value < other.value)
        return other is LEAST

    __hash__ = None  # type: ignore[assignment]


def _floats(values: list[Value]) -> list[Any]:
    return [NAN if value != value else value for value in values]


def _char(values: list[Value]) -> list[Any]:
    return [None if value is None else value.rstrip(" ") for value in values]


def _totals(values: list[Value]) -> list[Any]:
    return [None if value is None else value.total() for value in values]


def _each(function: Callable[[Value], Any]) -> Callable[[list[Value]], list[Any]]:
    return lambda values: [None if value is None else function(value) for value in values]


class _Key:
    """One sort key: where its value is in the row, and how values of its type compare."""

    __slots__ = ("_convert", "_kind", "descending", "nulls_first", "position")

    def __init__(self, key: SortKey, position: int) -> None:
        self.position = position
        self.descending = key.descending
        self.nulls_first = key.nulls_first
        kind = self._kind = key.expression.type.kind
        by_value = sort_key(key.expression.type)  # refuses types that have no order
        self._convert: Callable[[list[Value]], list[Any]] | None = None
        if kind in FLOAT_KINDS or kind is Kind.NUMERIC:
            self._convert = _floats
        elif kind is Kind.CHAR:
            self._convert = _char
        elif kind is Kind.INTERVAL:
            self._convert = _totals
        elif by_value is not None:
            self._convert = _each(by_value)

    def column(self, rows: Sequence[Row]) -> list[Any]:
        """The rows' values in a form that Python orders right; None is NULL."""
        position = self.position
        values = [row[position] for row in rows]
        return values if self._convert is None else self._convert(values)

    def comparable(self, rows: Sequence[Row]) -> list[Any]:
        """The same, with NULLs and the direction in it."""
        values = self.column(rows)
        null = LEAST if self.nulls_first else GREATEST
        if not self.descending:
            if None in values:
                return [null if value is None else value for value in values]
            return values
        kind = self._kind
        if kind is Kind.NUMERIC:
            return [null if value is None else value.copy_negate() for value in values]
        if kind in _NEGATED:
            return [null if value is None else -value for value in values]
        return [null if value is None else _Descending(value) for value in values]


class Ordering:
    """`positions[i]` is where the row holds the value of `keys[i]`."""

    __slots__ = ("_context", "_keys")

    def __init__(self, keys: Sequence[SortKey], positions: Sequence[int], context: ExecutionContext) -> None:
        self._context = context
        self._keys = [_Key(key, position) for key, position in zip(keys, positions, strict=True)]

    def sort(self, rows: list[Row]) -> list[Row]:
        """The rows in order; equal ones stay as they are."""
        order = list(range(len(rows)))
        for key in reversed(self._keys):
            values = key.column(rows)
            self._context.check_cancel()
            if None in values:
                nulls = [position for position in order if values[position] is None]
                order = [position for position in order if values[position] is not None]
                self._sort_positions(order, values, key.descending)
                order = nulls + order if key.nulls_first else order + nulls
            else:
                self._sort_positions(order, values, key.descending)
        return [rows[position] for position in order]

    def _sort_positions(self, order: list[int], values: list[Any], descending: bool) -> None:
        """Sort in stretches, with a look at the clock after each; the last pass merges them."""
        pick = values.__getitem__
        if len(order) > 2 * _SORTED_AT_ONCE:
            for start in range(0, len(order), _SORTED_AT_ONCE):
                stretch = order[start : start + _SORTED_AT_ONCE]
                stretch.sort(key=pick, reverse=descending)
                order[start : start + _SORTED_AT_ONCE] = stretch
                self._context.check_cancel()
        order.sort(key=pick, reverse=descending)

    def comparable(self, rows: Sequence[Row]) -> list[Any]:
        """For each row a value; the values compare with `<` and `==` as the rows do."""
        columns = [key.comparable(rows) for key in self._keys]
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
