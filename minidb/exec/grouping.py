"""The hash table of GROUP BY: group key -> one state per aggregate, fed by chunks of rows.

    chunk of rows -> columns of keys and arguments -> positions of each group's rows -> add_batch per group

Per row there is one dictionary access and one list access per argument column; the rest is done per group
by functions that take lists. DISTINCT and ORDER BY inside an aggregate collect the values and feed the
function at the end. Rows of groups that find no room any more are returned to the caller, which sets
them aside; groups that are in the table stay there and go on taking their rows.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import compress
from typing import Any, Final

from minidb.exec.context import ExecutionContext
from minidb.exec.equality import column_map
from minidb.exec.operator import BATCH_ROWS
from minidb.exec.ordering import Ordering
from minidb.exec.pipeline import column_values
from minidb.expr.aggregates import AggregateFunction
from minidb.expr.node import Expr
from minidb.plan.nodes import Aggregate, AggregateCall
from minidb.value.sql_types import Row, Value

STATE_BYTES: Final = 120  # what one group's state of one aggregate takes, roughly
GROUP_BYTES: Final = 200  # and the group itself, besides its key


class _Absent:
    """In a column of arguments: FILTER left this row out."""

    __slots__ = ()


_ABSENT: Final = _Absent()


class _Input:
    """The argument columns of one or more aggregate calls with the same arguments and filter."""

    __slots__ = ("arguments", "keeps_nulls", "where")

    def __init__(self, arguments: tuple[Expr, ...], where: Expr | None, keeps_nulls: bool) -> None:
        self.arguments = arguments
        self.where = where
        self.keeps_nulls = keeps_nulls

    def column(self, rows: list[Row], context: ExecutionContext) -> list[Any]:
        """One value per row, `_ABSENT` for rows that do not count; None counts only if nulls are kept.

        The arguments are not evaluated for rows that the filter rejects.
        """
        where = self.where
        if where is None:
            return self._values(rows, context) if self.arguments else rows
        mask = [result is True for result in where.evaluate_batch(rows, context)]
        column: list[Any] = [_ABSENT] * len(rows)
        kept = list(compress(rows, mask))
        if kept:
            values = self._values(kept, context)
            for position, value in zip(compress(range(len(rows)), mask), values, strict=True):
                column[position] = value
        return column

    def _values(self, rows: list[Row], context: ExecutionContext) -> list[Any]:
        arguments = self.arguments
        if len(arguments) == 1:
            return column_values(arguments[0], rows, context)
        if not arguments:
            return [()] * len(rows)
        columns = [column_values(argument, rows, context) for argument in arguments]
        values: list[Any] = list(zip(*columns, strict=True))
        if not self.keeps_nulls:
            return [None if None in value else value for value in values]
        return values

    def counting(self, values: list[Any]) -> list[Any]:
        """Those of a group's values that count. count(*) has none: only their number matters."""
        if not self.arguments and self.where is None:
            return values
        if self.where is not None:
            values = [value for value in values if value is not _ABSENT]
        if not self.keeps_nulls and None in values:
            return [value for value in values if value is not None]
        return values


class _Call:
    """One aggregate of the list: how its state starts, grows and ends."""

    __slots__ = ("function", "input")

    def __init__(self, function: AggregateFunction, input_: int) -> None:
        self.function = function
        self.input = input_

    def start(self) -> Any:
        """The state of a new group."""
        return self.function.start()

    def add(self, state: Any, values: list[Any]) -> Any:
        """The state after a group's counting values of one chunk."""
        return self.function.add_batch(state, values) if values else state

    def finish(self, state: Any) -> Value:
        """The group's result."""
        return self.function.finish(state)


class _CollectingCall(_Call):
    """An aggregate with DISTINCT or ORDER BY: its state is the list of values, or a dict of distinct ones."""

    __slots__ = ("arity", "distinct", "map", "ordering")

    def __init__(self, call: AggregateCall, input_: int, ordering: Ordering | None, arity: int) -> None:
        super().__init__(call.function, input_)
        self.distinct = call.distinct
        self.ordering = ordering
        self.arity = arity  # of the function; sort keys follow the arguments in each value
        self.map = column_map(call.arguments[0].type) if len(call.arguments) == 1 else None

    def start(self) -> Any:
        return {} if self.distinct else []

    def add(self, state: Any, values: list[Any]) -> Any:
        if not self.distinct:
            state += values
            return state
        keys = values
        if self.ordering is not None:
            keys = [value[: self.arity] for value in values]
        elif self.map is not None:
            keys = self.map(values)
        for key, value in zip(keys, values, strict=True):
            if key not in state:
                state[key] = value
        return state

    def finish(self, state: Any) -> Value:
        values = list(state.values()) if self.distinct else state
        if self.ordering is not None:
            values = self.ordering.sort(values)
            arity = self.arity
            keeps_nulls = self.function.keeps_nulls
            values = [value[:arity] for value in values if keeps_nulls or None not in value[:arity]]
            if arity == 1:
                values = [value[0] for value in values]
        function = self.function
        result = function.start()
        return function.finish(function.add_batch(result, values) if values else result)


class GroupTable:
    """All groups seen so far. `add` returns the rows that belong to groups for which there was no room."""

    __slots__ = (
        "_calls", "_context", "_group", "_groups", "_inputs", "_maps", "_representatives", "_room", "used",
    )  # fmt: skip

    def __init__(self, plan: Aggregate, context: ExecutionContext) -> None:
        self._context = context
        self._group = plan.group_expressions
        self._maps = [column_map(expression.type) for expression in plan.group_expressions]
        self._inputs: list[_Input] = []
        self._calls = [self._prepare(call) for call in plan.calls]
        self._groups: dict[Any, list[Any]] = {}
        self._representatives: dict[Any, Any] = {}  # the first row's own values, where keys are mapped
        self._room = context.work_mem
        self.used = 0

    def _prepare(self, call: AggregateCall) -> _Call:
        arguments = call.arguments
        if not call.order_by and not call.distinct:
            return _Call(call.function, self._input(arguments, call.where, call.function.keeps_nulls))
        if not call.order_by:
            position = self._input(arguments, call.where, call.function.keeps_nulls)
            return _CollectingCall(call, position, None, len(arguments))
        extended = arguments + tuple([key.expression for key in call.order_by])
        positions = [len(arguments) + number for number in range(len(call.order_by))]
        ordering = Ordering(call.order_by, positions, self._context)
        return _CollectingCall(call, self._input(extended, call.where, True), ordering, len(arguments))

    def _input(self, arguments: tuple[Expr, ...], where: Expr | None, keeps_nulls: bool) -> int:
        for position, known in enumerate(self._inputs):
            if (known.arguments, known.where, known.keeps_nulls) == (arguments, where, keeps_nulls):
                return position
        self._inputs.append(_Input(arguments, where, keeps_nulls))
        return len(self._inputs) - 1

    def add(self, rows: list[Row]) -> list[tuple[Any, list[Row]]]:
        """Feed a chunk; (key, rows) of each group that is not in the table and did not fit."""
        context = self._context
        columns = [each.column(rows, context) for each in self._inputs]
        if not self._group:
            states = self._groups.get(())
            if states is None:
                states = self._groups[()] = [call.start() for call in self._calls]
            values = [each.counting(column) for each, column in zip(self._inputs, columns, strict=True)]
            for number, call in enumerate(self._calls):
                states[number] = call.add(states[number], values[call.input])
            return []
        return self._add_groups(rows, columns)

    def _add_groups(self, rows: list[Row], columns: list[list[Any]]) -> list[tuple[Any, list[Row]]]:
        keys, originals = self._keys(rows)
        positions: defaultdict[Any, list[int]] = defaultdict(list)
        for position, key in enumerate(keys):
            positions[key].append(position)
        groups = self._groups
        inputs = self._inputs
        calls = list(enumerate(self._calls))
        rejected: list[tuple[Any, list[Row]]] = []
        for key, found in positions.items():
            states = groups.get(key)
            if states is None:
                if self.used > self._room:
                    rejected.append((key, [rows[position] for position in found]))
                    continue
                states = groups[key] = [call.start() for call in self._calls]
                self.used += GROUP_BYTES + sys.getsizeof(key) + STATE_BYTES * len(calls)
                if originals is not keys:
                    self._representatives[key] = originals[found[0]]
            values = [
                each.counting([column[position] for position in found])
                for each, column in zip(inputs, columns, strict=True)
            ]
            for number, call in calls:
                states[number] = call.add(states[number], values[call.input])
        return rejected

    def _keys(self, rows: list[Row]) -> tuple[list[Any], list[Any]]:
        """The groups' keys and the values to show for them: two lists only where they differ."""
        columns = [column_values(expression, rows, self._context) for expression in self._group]
        mapped = [
            column if map_ is None else map_(column) for column, map_ in zip(columns, self._maps, strict=True)
        ]
        if len(columns) == 1:
            keys, originals = mapped[0], columns[0]
        else:
            keys, originals = list(zip(*mapped, strict=True)), list(zip(*columns, strict=True))
        return keys, keys if not any(self._maps) else originals

    def results(self) -> Iterator[list[Row]]:
        """The groups' rows in batches, in the order in which the groups appeared."""
        if not self._group and not self._groups:
            self._groups[()] = [call.start() for call in self._calls]
        items = list(self._groups.items())
        single = len(self._group) == 1
        shown = self._representatives
        for start in range(0, len(items), BATCH_ROWS):
            self._context.check_cancel()
            rows: list[Row] = []
            for key, states in items[start : start + BATCH_ROWS]:
                values = [call.finish(state) for call, state in zip(self._calls, states, strict=True)]
                group = shown.get(key, key) if shown else key
                rows.append((group, *values) if single else (*group, *values))
            yield rows
