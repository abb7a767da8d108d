"""generate_series(start, stop[, step]) in FROM, streaming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb.errors import DataError, NotSupportedError
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.expr.node import Constant, Expr, Slot
from minidb.expr.operators import binary
from minidb.plan.nodes import FunctionScan
from minidb.value.interval import Interval
from minidb.value.sql_types import INTEGER_BOUNDS, INTEGER_KINDS, Kind, Row, SqlType, Value


class SeriesOperator(Operator):
    """One column: start, start + step, ... as long as stop is not passed. NULL anywhere: nothing."""

    __slots__ = ("_advance", "_arguments", "_context", "_next", "_started", "_step", "_stop", "_type", "_up")

    def __init__(self, plan: FunctionScan, context: ExecutionContext) -> None:
        if plan.function != "generate_series":
            raise NotSupportedError(f"function {plan.function} in FROM is not supported")
        self._context = context
        self._arguments = plan.arguments
        self._type = plan.columns[0].type
        self._advance = _addition(plan.arguments, self._type, context)
        self.reset()

    def reset(self) -> None:
        self._started = False
        self._next: Value = None  # None: at the end
        self._stop: Value = None
        self._step: Value = None
        self._up = True

    def _start(self) -> None:
        self._started = True
        values = [argument.evaluate((), self._context) for argument in self._arguments]
        if None in values:
            return
        self._next, self._stop = values[0], values[1]
        self._step = values[2] if len(values) > 2 else 1
        zero: Any = Interval(0, 0, 0) if isinstance(self._step, Interval) else 0
        if self._step == zero:
            raise DataError("step size cannot equal zero", sqlstate="22023")
        self._up = self._step > zero

    def next_batch(self) -> list[Row]:
        self._context.check_cancel()
        if not self._started:
            self._start()
        if self._next is None:
            return []
        if self._type.kind in INTEGER_KINDS:
            return self._integers()
        rows: list[Row] = []
        value, stop, step, up, advance = self._next, self._stop, self._step, self._up, self._advance
        while len(rows) < BATCH_ROWS:
            if value > stop if up else value < stop:
                value = None
                break
            rows.append((value,))
            value = advance(value, step)
        self._next = value
        return rows

    def _integers(self) -> list[Row]:
        start, step = self._next, self._step
        bound = self._stop + 1 if self._up else self._stop - 1
        values = range(start, bound, step)[:BATCH_ROWS]
        following = start + len(values) * step
        least, greatest = INTEGER_BOUNDS[self._type.kind]
        self._next = following if len(values) == BATCH_ROWS and least <= following <= greatest else None
        return list(zip(values))


def _addition(
    arguments: tuple[Expr, ...], type_: SqlType, context: ExecutionContext
) -> Callable[[Value, Value], Value]:
    """A function (value, step) -> value + step in SQL's arithmetic."""
    step_type = arguments[2].type if len(arguments) > 2 else type_
    if type_.kind in INTEGER_KINDS:
        return _add
    if type_.kind is Kind.NUMERIC and len(arguments) == 2:
        sum_ = binary("+", Slot(0, type_), Constant(1, SqlType(Kind.INTEGER)))
    else:
        sum_ = binary("+", Slot(0, type_), Slot(1, step_type))

    def advance(value: Value, step: Value) -> Value:
        return sum_.evaluate((value, step), context)

    return advance


def _add(value: Value, step: Value) -> Value:
    return value + step
