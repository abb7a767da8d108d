"""What an aggregate function is: start, add, merge, finish."""

from __future__ import annotations

from typing import Any

from minidb.value.sql_types import SqlType, Value


class AggregateFunction:
    """An aggregate bound to its argument types. Its state is plain data, to be spilled or merged.

    NULL arguments are left out by the caller unless `keeps_nulls`. count(*) gets an empty tuple a row.
    """

    name: str
    type: SqlType
    keeps_nulls: bool = False

    def start(self) -> Any:
        """A fresh state."""
        raise NotImplementedError

    def add(self, state: Any, value: Value) -> Any:
        """The state after one more value (a tuple of values for aggregates of several arguments)."""
        raise NotImplementedError

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        """The state after many values; override where C can do it: sum, min, max, count."""
        add = self.add
        for value in values:
            state = add(state, value)
        return state

    def merge(self, state: Any, other: Any) -> Any:
        """The state of both inputs, `state`'s first."""
        raise NotImplementedError

    def finish(self, state: Any) -> Value:
        """The result."""
        raise NotImplementedError
