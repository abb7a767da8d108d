"""LOOP, WHILE, FOR over integers and over queries. Each round looks for an interrupt or a timeout."""

from __future__ import annotations

from collections.abc import Iterator

from minidb.errors import DataError
from minidb.session.plpgsql.command import Command, Outcome
from minidb.session.plpgsql.control import Leave, Target
from minidb.session.plpgsql.dynamic import DynamicCommand
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import FOUND, Frame
from minidb.session.plpgsql.node import Node, Signal, run_all
from minidb.session.plpgsql.targets import RowTargets
from minidb.session.result import Result
from minidb.value.sql_types import INTEGER, INTEGER_BOUNDS, Row

_LEAST, _GREATEST = INTEGER_BOUNDS[INTEGER.kind]


class Loop(Node):
    """LOOP; with a condition, WHILE."""

    __slots__ = ("_condition", "_statements", "_target", "what")

    def __init__(
        self, line: int, target: Target, condition: Expression | None, statements: list[Node]
    ) -> None:
        super().__init__(line)
        self._target = target
        self._condition = condition
        self._statements = statements
        self.what = "LOOP" if condition is None else "WHILE"

    def run(self, frame: Frame) -> Signal | None:
        statements, condition, target = self._statements, self._condition, self._target
        check = frame.interrupt.check
        while condition is None or condition.evaluate(frame):
            check()
            signal = run_all(statements, frame)
            if signal is not None:
                if not isinstance(signal, Leave) or signal.target is not target:
                    return signal
                if not signal.again:
                    return None
        return None


class ForInteger(Node):
    """FOR variable IN [REVERSE] low .. high [BY step]: what the body does to the variable changes nothing."""

    __slots__ = ("_bounds", "_reverse", "_slot", "_statements", "_target")
    what = "FOR with integer loop variable"

    def __init__(
        self,
        line: int,
        target: Target,
        slot: int,
        bounds: tuple[Expression, Expression, Expression | None],
        reverse: bool,
        statements: list[Node],
    ) -> None:
        super().__init__(line)
        self._target = target
        self._slot = slot
        self._bounds = bounds
        self._reverse = reverse
        self._statements = statements

    def run(self, frame: Frame) -> Signal | None:
        target, slot, statements, values = self._target, self._slot, self._statements, frame.values
        check = frame.interrupt.check
        signal: Signal | None = None
        found = False
        for number in self._range(frame):
            found = True
            check()
            values[slot] = number
            signal = run_all(statements, frame)
            if signal is not None:
                if not isinstance(signal, Leave) or signal.target is not target:
                    break
                again = signal.again
                signal = None
                if not again:
                    break
        values[FOUND] = found
        return signal

    def _range(self, frame: Frame) -> range:
        low = self._bound(frame, self._bounds[0], "lower bound")
        high = self._bound(frame, self._bounds[1], "upper bound")
        step = 1 if self._bounds[2] is None else self._bound(frame, self._bounds[2], "BY value")
        if step <= 0:
            raise DataError("BY value of FOR loop must be greater than zero", sqlstate="22023")
        return range(low, high - 1, -step) if self._reverse else range(low, high + 1, step)

    def _bound(self, frame: Frame, expression: Expression, what: str) -> int:
        value = expression.evaluate(frame)
        if value is None:
            raise DataError(f"{what} of FOR loop cannot be null", sqlstate="22004")
        assert isinstance(value, int) and _LEAST <= value <= _GREATEST
        return value


class ForQuery(Node):
    """FOR targets IN query: the query's snapshot stays, whatever the body writes."""

    __slots__ = ("_command", "_line", "_statements", "_target", "_targets", "what")

    def __init__(
        self,
        line: int,
        target: Target,
        targets: RowTargets,
        command: Command | DynamicCommand,
        statements: list[Node],
    ) -> None:
        super().__init__(line)
        self._target = target
        self._targets = targets
        self._command = command
        self._statements = statements
        dynamic = isinstance(command, DynamicCommand)
        self.what = "FOR over EXECUTE statement" if dynamic else "FOR over SELECT rows"

    def run(self, frame: Frame) -> Signal | None:
        outcome = self._command.run(frame)
        try:
            return self._each(frame, outcome)
        finally:
            if isinstance(outcome, Result):
                outcome.close()

    def _each(self, frame: Frame, outcome: Outcome) -> Signal | None:
        columns = frame.columns
        store, statements, target = self._targets.store, self._statements, self._target
        check = frame.interrupt.check
        signal: Signal | None = None
        found = False
        for row in _rows_of(outcome):
            found = True
            check()
            store(frame, row, columns)
            signal = run_all(statements, frame)
            if signal is not None:
                if not isinstance(signal, Leave) or signal.target is not target:
                    break
                again = signal.again
                signal = None
                if not again:
                    break
        if not found:
            store(frame, None, columns)
        frame.values[FOUND] = found
        return signal


def _rows_of(outcome: Outcome) -> Iterator[Row]:
    if isinstance(outcome, Result):
        while batch := outcome.next_batch():
            yield from batch
    elif isinstance(outcome, list):
        yield from outcome
