"""IF, CASE, EXIT, CONTINUE and NULL."""

from __future__ import annotations

from minidb.errors import ProgrammingError
from minidb.session.plpgsql.conversions import equal_to
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.node import Node, Signal, run_all
from minidb.session.plpgsql.variables import Member, Namespace
from minidb.sql.plpgsql.syntax import Fragment
from minidb.value.sql_types import SqlType


class If(Node):
    """The first branch whose condition is true."""

    __slots__ = ("_branches", "_otherwise")
    what = "IF"

    def __init__(
        self, line: int, branches: list[tuple[Expression, list[Node]]], otherwise: list[Node]
    ) -> None:
        super().__init__(line)
        self._branches = branches
        self._otherwise = otherwise

    def run(self, frame: Frame) -> Signal | None:
        for condition, statements in self._branches:
            if condition.evaluate(frame):
                return run_all(statements, frame)
        return run_all(self._otherwise, frame)


class Case(Node):
    """CASE without a subject is an IF that must find a branch, unless it has an ELSE."""

    __slots__ = ("_branches", "_otherwise")
    what = "CASE"

    def __init__(
        self, line: int, branches: list[tuple[Expression, list[Node]]], otherwise: list[Node] | None
    ) -> None:
        super().__init__(line)
        self._branches = branches
        self._otherwise = otherwise

    def run(self, frame: Frame) -> Signal | None:
        for condition, statements in self._branches:
            if condition.evaluate(frame):
                return run_all(statements, frame)
        return run_otherwise(self._otherwise, frame)


class SubjectCase(Node):
    """CASE with a subject: its value lies in a slot of its own, and each WHEN is compared with that.

    The comparisons are bound to the subject's type, which may differ from run to run if it is a RECORD's
    field: there is a set of them for each type.
    """

    __slots__ = ("_arguments", "_branches", "_by_type", "_namespace", "_otherwise", "_slot", "_subject")
    what = "CASE"

    def __init__(
        self,
        line: int,
        subject: Expression,
        slot: int,
        branches: list[tuple[tuple[Fragment, ...], list[Node]]],
        otherwise: list[Node] | None,
        namespace: Namespace,
        arguments: list[Member],
    ) -> None:
        super().__init__(line)
        self._subject = subject
        self._slot = slot
        self._branches = branches
        self._otherwise = otherwise
        self._namespace = namespace
        self._arguments = arguments
        self._by_type: dict[SqlType, list[tuple[Expression, list[Node]]]] = {}

    def run(self, frame: Frame) -> Signal | None:
        frame.values[self._slot] = self._subject.evaluate(frame)
        type_ = self._subject.type(frame)
        comparisons = self._by_type.get(type_)
        if comparisons is None:
            comparisons = self._by_type[type_] = self._compare(type_)
        for condition, statements in comparisons:
            if condition.evaluate(frame):
                return run_all(statements, frame)
        return run_otherwise(self._otherwise, frame)

    def _compare(self, type_: SqlType) -> list[tuple[Expression, list[Node]]]:
        convert = equal_to(self._slot, type_)
        return [
            (Expression(value, self._namespace, self._arguments, convert), statements)
            for values, statements in self._branches
            for value in values
        ]


def run_otherwise(otherwise: list[Node] | None, frame: Frame) -> Signal | None:
    """ELSE; without one, that no branch was found is an error."""
    if otherwise is None:
        raise ProgrammingError(
            "case not found", sqlstate="20000", hint="CASE statement is missing ELSE part."
        )
    return run_all(otherwise, frame)


class Target:
    """What EXIT and CONTINUE name: a loop, or a block (EXIT only). Each has one of its own."""

    __slots__ = ("is_loop", "label")

    def __init__(self, label: str | None, is_loop: bool) -> None:
        self.label = label
        self.is_loop = is_loop


class Leave(Signal):
    """EXIT, or (`again`) CONTINUE, of the target."""

    __slots__ = ("again", "target")

    def __init__(self, target: Target, again: bool) -> None:
        self.target = target
        self.again = again


class Exit(Node):
    """EXIT or CONTINUE, perhaps WHEN a condition holds."""

    __slots__ = ("_condition", "_signal", "what")

    def __init__(self, line: int, signal: Leave, condition: Expression | None) -> None:
        super().__init__(line)
        self._signal = signal
        self._condition = condition
        self.what = "CONTINUE" if signal.again else "EXIT"

    def run(self, frame: Frame) -> Signal | None:
        if self._condition is None or self._condition.evaluate(frame):
            return self._signal
        return None


class Null(Node):
    """NULL does nothing."""

    __slots__ = ()
    what = "NULL"

    def run(self, frame: Frame) -> Signal | None:
        return None
