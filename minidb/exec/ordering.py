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
from minidb.value.sql_types import INTEGER_KINDS, Kind, Row, Value

_SORTED_AT_ONCE: Final = 1 << 16  # rows sorted between two checks for a cancel


class _Greatest:
    """Greater than everything but itself: NULL where NULLs come last."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return self is not other

    def __le__(self, other: object) -> bool:
        return self is other

    def __ge__(self, other: object) -> bool:
        return True


class _Least:
    """Less than everything but itself: NULL where NULLs come first."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return self is not other

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return self is other


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


GREATEST: Final = _Greatest()
LEAST: Final = _Least()


class _Key:
    """One sort key: where its value is in the row, and how values of its type compare."""

    __slots__ = ("convert", "descending", "negates", "nulls_first", "position")

    def __init__(self, key: SortKey, position: int) -> None:
        self.position = position
        self.descending = key.descending
        self.nulls_first = key.nulls_first
        self.convert: Callable[[Value], Any] | None = sort_key(key.expression.type)
        kind = key.expression.type.kind
        self.negates = kind in INTEGER_KINDS or kind is Kind.BOOLEAN

    def column(self, rows: Sequence[Row]) -> list[Any]:
        """The rows' values in a form that Python orders right; None is NULL."""
        position = self.position
        values = [row[position] for row in rows]
        convert = self.convert
        if convert is not None:
            return [None if value is None else convert(value) for value in values]
        return values


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
        columns = [self._comparable_column(key, rows) for key in self._keys]
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def _comparable_column(self, key: _Key, rows: Sequence[Row]) -> list[Any]:
        values = key.column(rows)
        if not key.descending:
            if None in values:
                null = LEAST if key.nulls_first else GREATEST
                return [null if value is None else value for value in values]
            return values
        null = LEAST if key.nulls_first else GREATEST
        if key.negates:
            if None in values:
                return [null if value is None else -value for value in values]
            return [-value for value in values]
        return [null if value is None else _Descending(value) for value in values]
