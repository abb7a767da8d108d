"""Conversions between types: folded for literals, a node for the rest.

    untyped literal      read as the target type now, so that a malformed one is an error even on no rows
    untyped parameter    `ParameterCast`: converts the Python value of each execution
    typed constant       converted now, unless the session decides or the conversion fails
    anything else        `Cast`, or `SessionCast` where the session's time zone or its `now` take part

`context` is PostgreSQL's: 'implicit' (an operand), 'assignment' (INSERT, UPDATE), 'explicit' (CAST).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from minidb.errors import Error, ProgrammingError
from minidb.expr.node import Constant, EvaluationContext, Expr, Parameter
from minidb.value import cast as values
from minidb.value.cast import CastContext as CastContext
from minidb.value.cast import can_cast, cast_function, depends_on_session, identity
from minidb.value.python_values import type_of_python_value
from minidb.value.session_time import SessionTime, zone_by_name
from minidb.value.sql_types import TEXT, UNKNOWN, Kind, Row, SqlType, Value

# Whether the value of a text depends on the session is found out by reading it in two sessions that differ.
_ELSEWHERE: Final = SessionTime(
    datetime.timezone(datetime.timedelta(hours=9, minutes=17)),
    datetime.datetime(1987, 6, 5, tzinfo=datetime.UTC),
)


def session_time(context: EvaluationContext) -> SessionTime:
    """The session's zone and `now`, as the value layer wants them."""
    return SessionTime(zone_by_name(context.settings.get("timezone", "UTC")), context.now)


@dataclass(frozen=True)
class Cast(Expr):
    """`operand` converted to `type` by `function`, which does not depend on the session."""

    operand: Expr
    type: SqlType = field()
    explicit: bool
    function: Callable[[Any], Any] = field(compare=False, repr=False)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.operand.evaluate(row, context)
        return None if value is None else self.function(value)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        function = self.function
        return [
            None if value is None else function(value) for value in self.operand.evaluate_batch(rows, context)
        ]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Cast(children[0], self.type, self.explicit, self.function)


@dataclass(frozen=True)
class Relabel(Expr):
    """`operand` under another type that has the same values: varchar as text, integer as bigint."""

    operand: Expr
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.operand.evaluate(row, context)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return self.operand.evaluate_batch(rows, context)

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Relabel(children[0], self.type)


@dataclass(frozen=True)
class SessionCast(Expr):
    """A conversion that looks at the session's time zone, or at its `now` for texts such as 'today'."""

    operand: Expr
    type: SqlType = field()
    explicit: bool

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.operand.evaluate(row, context)
        if value is None:
            return None
        return cast_function(self.operand.type, self.type, self.explicit, session_time(context))(value)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        function = cast_function(self.operand.type, self.type, self.explicit, session_time(context))
        return [
            None if value is None else function(value) for value in self.operand.evaluate_batch(rows, context)
        ]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return SessionCast(children[0], self.type, self.explicit)

    def is_stable(self) -> bool:
        return True


@dataclass(frozen=True)
class ParameterCast(Expr):
    """The `index`-th parameter, untyped until now, as a `type`: the context has decided.

    A text is read as the type; any other Python value is converted as an assignment would.
    """

    index: int
    type: SqlType
    explicit: bool = False

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = context.parameters[self.index]
        if value is None:
            return None
        source = UNKNOWN if isinstance(value, str) else type_of_python_value(value)
        if source == self.type:
            return value
        if not can_cast(source, self.type, "assignment"):
            raise ProgrammingError(
                f"parameter ${self.index + 1} is of type {source} where {self.type} is expected",
                sqlstate="42804",
            )
        return cast_function(source, self.type, self.explicit, session_time(context))(value)

    def is_stable(self) -> bool:
        return True


def cast(expression: Expr, target: SqlType, context: CastContext = "explicit") -> Expr:
    """`expression` as a `target`; 42846 if there is no such conversion."""
    source = expression.type
    if source == target:
        return expression
    explicit = context == "explicit"
    if source.kind is Kind.UNKNOWN:
        if isinstance(expression, Parameter):
            if target.kind is Kind.TEXT:
                return Parameter(expression.index, target)  # it is a text, or NULL
            return ParameterCast(expression.index, target, explicit)
    elif not can_cast(source, target, context):
        raise ProgrammingError(
            f"cannot cast type {source.kind.value} to {target.kind.value}", sqlstate="42846"
        )
    if isinstance(expression, Constant):
        folded = _folded(expression, target, explicit)
        if folded is not None:
            return folded
    if depends_on_session(source, target):
        return SessionCast(expression, target, explicit)
    function = cast_function(source, target, explicit)
    if function is identity:
        return Relabel(expression, target)
    return Cast(expression, target, explicit, function)


def _folded(constant: Constant, target: SqlType, explicit: bool) -> Constant | None:
    """The constant converted; None if that has to wait for the statement to run."""
    source, value = constant.type, constant.value
    if value is None:
        return Constant(None, target)
    if not depends_on_session(source, target):
        try:
            return Constant(cast_function(source, target, explicit)(value), target)
        except Error:
            if source.kind is Kind.UNKNOWN:
                raise
            return None  # an error only if it is ever evaluated: CASE may leave it out
    try:
        result = cast_function(source, target, explicit)(value)
        if result == cast_function(source, target, explicit, _ELSEWHERE)(value):
            return Constant(result, target)
    except Error:
        if source.kind is Kind.UNKNOWN:
            raise
    return None


def assign(expression: Expr, target: SqlType, column: str) -> Expr:
    """`expression` as stored into `column`; 42804 in PostgreSQL's words if the types don't go together."""
    source = expression.type
    if source.kind is not Kind.UNKNOWN and not can_cast(source, target, "assignment"):
        raise ProgrammingError(
            f'column "{column}" is of type {target.kind.value} but expression is of type {source.kind.value}',
            sqlstate="42804",
            hint="You will need to rewrite or cast the expression.",
            column=column,
        )
    return cast(expression, target, "assignment")


def settled(expression: Expr) -> Expr:
    """The expression with a type: a literal or parameter that nothing has given one becomes text."""
    return cast(expression, TEXT, "implicit") if expression.type.kind is Kind.UNKNOWN else expression


def common_type(expressions: Sequence[Expr], construct: str) -> SqlType:
    """The type that CASE, COALESCE, UNION, VALUES ... give to all; 42804 if there is none.

    Untyped literals alone make it text.
    """
    return values.common_type([expression.type for expression in expressions], construct)
