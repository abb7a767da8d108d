"""count, min, max, bool_and, bool_or, bit_and, bit_or, bit_xor, string_agg."""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from minidb.expr.aggregate_base import AggregateFunction
from minidb.value.order import sort_key
from minidb.value.sql_types import BIGINT, FLOAT_KINDS, Kind, SqlType, Value


class Count(AggregateFunction):
    """count(*) and count(x): the caller leaves NULLs out."""

    __slots__ = ("name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = BIGINT

    def start(self) -> Any:
        return 0

    def add(self, state: Any, value: Value) -> Any:
        return state + 1

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        return state + len(values)

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        return state


class Extreme(AggregateFunction):
    """min and max; state is the best value so far, None before the first."""

    __slots__ = ("_best", "_is_float", "_key", "name", "type")

    def __init__(self, name: str, type_: SqlType) -> None:
        self.name = name
        self.type = type_
        self._best: Callable[..., Any] = min if name == "min" else max
        self._key = sort_key(type_)
        self._is_float = type_.kind in FLOAT_KINDS

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return value if state is None else self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        if state is not None:
            values = [state, *values]
        if not values:
            return state
        if self._key is None:
            return self._best(values)
        if self._is_float:
            total = sum(values)
            if total == total:  # no NaN among them
                return self._best(values)
        elif self.type.kind is Kind.NUMERIC:
            try:
                return self._best(values)
            except decimal.InvalidOperation:  # NaN has no place in Python's order
                pass
        return self._best(values, key=self._key)

    def merge(self, state: Any, other: Any) -> Any:
        return state if other is None else self.add(state, other)

    def finish(self, state: Any) -> Value:
        return state


class Fold(AggregateFunction):
    """bool_and, bool_or, bit_and, bit_or, bit_xor: one operator over all values."""

    __slots__ = ("_function", "name", "type")

    def __init__(self, name: str, type_: SqlType, function: Callable[[Any, Any], Any]) -> None:
        self.name = name
        self.type = type_
        self._function = function

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return value if state is None else self._function(state, value)

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        if not values:
            return state
        folded = reduce(self._function, values)
        return folded if state is None else self._function(state, folded)

    def merge(self, state: Any, other: Any) -> Any:
        return state if other is None else self.add(state, other)

    def finish(self, state: Any) -> Value:
        return state


class StringAggregate(AggregateFunction):
    """string_agg(value, delimiter): each value but the first is preceded by its own delimiter.

    State: the pieces; the first delimiter is kept, for a merge, and left out at the end.
    """

    __slots__ = ("_empty", "name", "type")

    keeps_nulls: bool = True  # a NULL delimiter is an empty one

    def __init__(self, name: str, type_: SqlType) -> None:
        self.name = name
        self.type = type_
        self._empty: Any = b"" if type_.kind is Kind.BYTEA else ""

    def start(self) -> Any:
        return []

    def add(self, state: Any, value: Value) -> Any:
        item, delimiter = value
        if item is not None:
            state.append(self._empty if delimiter is None else delimiter)
            state.append(item)
        return state

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        return self._empty.join(state[1:]) if state else None


FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "bool_and": operator.and_,
    "every": operator.and_,
    "bool_or": operator.or_,
    "bit_and": operator.and_,
    "bit_or": operator.or_,
    "bit_xor": operator.xor,
}
