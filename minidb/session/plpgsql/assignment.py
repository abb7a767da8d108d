"""`target := value`, of a variable, a record's field, a whole record; and of a variable's default."""

from __future__ import annotations

from minidb.session.plpgsql.command import Command
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.node import Node, Signal
from minidb.session.plpgsql.targets import FieldTarget, RowTargets, not_null_error
from minidb.session.plpgsql.variables import Member, Record, Variable
from minidb.value.sql_types import Value


class AssignVariable(Node):
    """A scalar variable; the expression converts."""

    __slots__ = ("_expression", "_name", "_not_null", "_slot")
    what = "assignment"

    def __init__(self, line: int, variable: Variable, expression: Expression) -> None:
        super().__init__(line)
        self._slot = variable.slot
        self._name = variable.name
        self._not_null = variable.not_null
        self._expression = expression

    def run(self, frame: Frame) -> Signal | None:
        value = self._expression.evaluate(frame)
        if value is None and self._not_null:
            raise not_null_error(self._name)
        frame.values[self._slot] = value
        return None


class AssignField(Node):
    """record.field := value."""

    __slots__ = ("_expression", "_target")
    what = "assignment"

    def __init__(self, line: int, target: FieldTarget, expression: Expression) -> None:
        super().__init__(line)
        self._target = target
        self._expression = expression

    def run(self, frame: Frame) -> Signal | None:
        value = self._expression.evaluate(frame)
        self._target.store(frame, value, self._expression.type(frame))
        return None


class CopyRecord(Node):
    """record := another record."""

    __slots__ = ("_source", "_target")
    what = "assignment"

    def __init__(self, line: int, target: RowTargets, source: Record) -> None:
        super().__init__(line)
        self._target = target
        self._source = source

    def run(self, frame: Frame) -> Signal | None:
        columns = self._source.columns or frame.shapes[self._source.slot]
        self._target.store(frame, frame.values[self._source.slot], columns or ())
        return None


class AssignRow(Node):
    """record := ROW(...), or a query of several columns."""

    __slots__ = ("_command", "_target")
    what = "assignment"

    def __init__(self, line: int, target: RowTargets, command: Command) -> None:
        super().__init__(line)
        self._target = target
        self._command = command

    def run(self, frame: Frame) -> Signal | None:
        rows = self._command.rows(frame, 1)
        self._target.store(frame, rows[0] if rows else None, frame.columns)
        return None


class Reset(Node):
    """A variable without a default when its block is entered; record := NULL."""

    __slots__ = ("slot", "value")
    what = "assignment"

    def __init__(self, line: int, variable: Member) -> None:
        super().__init__(line)
        self.slot = variable.slot
        fixed = variable.columns if isinstance(variable, Record) else None
        self.value: Value = None if fixed is None else (None,) * len(fixed)

    def run(self, frame: Frame) -> Signal | None:
        frame.values[self.slot] = self.value
        frame.shapes[self.slot] = None
        return None
