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
from minidb.expr.aggregate_basic import Count
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

    def counting_groups(self, column: list[Any], founds: list[list[int]]) -> list[list[Any]]:
        """For each group, given the positions of its rows, the values that count."""
        if not self.arguments and self.where is None:
            return founds
        if self.where is None and (self.keeps_nulls or None not in column):
            return [[column[position] for position in found] for found in founds]
        return [self.counting([column[position] for position in found]) for found in founds]

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
    """One aggregate of the list: how its states start, grow and end."""

    __slots__ = ("function", "input")

    def __init__(self, function: AggregateFunction, input_: int) -> None:
        self.function = function
        self.input = input_

    def start(self) -> Any:
        """The state of a new group."""
        return self.function.start()

    def add_groups(self, states: list[Any], numbers: list[int], values: list[list[Any]]) -> None:
        """Advance the states of these groups by their counting values of one chunk."""
        if isinstance(self.function, Count):
            for number, some in zip(numbers, values, strict=True):
                states[number] += len(some)
            return
        add, add_batch = self.function.add, self.function.add_batch
        for number, some in zip(numbers, values, strict=True):
            if len(some) > 1:
                states[number] = add_batch(states[number], some)
            elif some:
                states[number] = add(states[number], some[0])

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

    def add_groups(self, states: list[Any], numbers: list[int], values: list[list[Any]]) -> None:
        for number, some in zip(numbers, values, strict=True):
            if self.distinct:
                self._add_distinct(states[number], some)
            else:
                states[number] += some

    def _add_distinct(self, state: dict[Any, Any], values: list[Any]) -> None:
        keys = values
        if self.ordering is not None:
            keys = [value[: self.arity] for value in values]
        elif self.map is not None:
            keys = self.map(values)
        for key, value in zip(keys, values, strict=True):
            if key not in state:
                state[key] = value

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
    """All groups seen so far, numbered; a list of states per aggregate, by group number.

    `add` returns the rows that belong to groups for which there was no room.
    """

    __slots__ = (
        "_calls", "_context", "_group", "_inputs", "_maps", "_numbers", "_room", "_shown", "_states",
        "_used",
    )  # fmt: skip

    def __init__(self, plan: Aggregate, context: ExecutionContext) -> None:
        self._context = context
        self._group = plan.group_expressions
        self._maps = [column_map(expression.type) for expression in plan.group_expressions]
        self._inputs: list[_Input] = []
        self._calls = [self._prepare(call) for call in plan.calls]
        self._numbers: dict[Any, int] = {}
        self._shown: list[Any] = []  # by number: the key as the group's first row has it
        self._states: list[list[Any]] = [[] for _ in self._calls]
        self._room = context.work_mem
        self._used = 0

    def _prepare(self, call: AggregateCall) -> _Call:
        arguments = call.arguments
        if not call.order_by:
            position = self._input(arguments, call.where, call.function.keeps_nulls)
            if not call.distinct:
                return _Call(call.function, position)
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
            if not self._numbers:
                self._start_groups([()], [()])
            values = [[each.counting(column)] for each, column in zip(self._inputs, columns, strict=True)]
            self._add_values([0], values)
            return []
        keys, shown = self._keys(rows)
        positions: defaultdict[Any, list[int]] = defaultdict(list)
        for position, key in enumerate(keys):
            positions[key].append(position)
        rejected = self._admit(positions, rows, shown)
        founds = list(positions.values())
        numbers = list(map(self._numbers.__getitem__, positions))
        values = [
            each.counting_groups(column, founds) for each, column in zip(self._inputs, columns, strict=True)
        ]
        self._add_values(numbers, values)
        return rejected

    def _admit(
        self, positions: dict[Any, list[int]], rows: list[Row], shown: list[Any]
    ) -> list[tuple[Any, list[Row]]]:
        """Number the new groups; those that find no room are removed from `positions` and returned."""
        known = self._numbers
        new = [key for key in positions if key not in known]
        if not new:
            return []
        size = GROUP_BYTES + sys.getsizeof(new[0]) + STATE_BYTES * len(self._calls)
        room = max(0, (self._room - self._used) // size + 1)
        admitted = new[:room]
        self._used += size * len(admitted)
        self._start_groups(admitted, [shown[positions[key][0]] for key in admitted])
        return [(key, [rows[position] for position in positions.pop(key)]) for key in new[room:]]

    def _start_groups(self, keys: list[Any], shown: list[Any]) -> None:
        self._numbers.update(
            zip(keys, range(len(self._numbers), len(self._numbers) + len(keys)), strict=True)
        )
        self._shown += shown
        for call, states in zip(self._calls, self._states, strict=True):
            start = call.start
            states += [start() for _ in keys]

    def _add_values(self, numbers: list[int], values: list[list[list[Any]]]) -> None:
        """`values[input][i]` are the counting values of the group `numbers[i]`."""
        for call, states in zip(self._calls, self._states, strict=True):
            self._context.check_cancel()
            call.add_groups(states, numbers, values[call.input])

    def _keys(self, rows: list[Row]) -> tuple[list[Any], list[Any]]:
        """The groups' keys and the values to show for them: two lists only where they differ."""
        columns = [column_values(expression, rows, self._context) for expression in self._group]
        mapped = [
            column if map_ is None else map_(column) for column, map_ in zip(columns, self._maps, strict=True)
        ]
        if len(columns) == 1:
            return mapped[0], columns[0]
        keys = list(zip(*mapped, strict=True))
        return keys, list(zip(*columns, strict=True)) if any(self._maps) else keys

    def results(self) -> Iterator[list[Row]]:
        """The groups' rows in batches, in the order in which the groups appeared."""
        if not self._group and not self._numbers:
            self._start_groups([()], [()])
        for start in range(0, len(self._shown), BATCH_ROWS):
            self._context.check_cancel()
            stop = start + BATCH_ROWS
            columns = [
                [call.finish(state) for state in states[start:stop]]
                for call, states in zip(self._calls, self._states, strict=True)
            ]
            shown = self._shown[start:stop]
            if len(self._group) == 1:
                yield list(zip(shown, *columns, strict=True))
            elif not columns:
                yield shown
            else:
                yield [key + values for key, values in zip(shown, zip(*columns, strict=True), strict=True)]
