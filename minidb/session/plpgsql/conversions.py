"""What an expression's value is turned into: a variable's type, a text, the answer of a comparison.

PL/pgSQL assigns what SQL assigns, and where SQL has no cast it goes by the text: `i := '12'::text`.
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.expr import conditional, logic, operators
from minidb.expr.cast import cast
from minidb.expr.node import Constant, Expr, Parameter
from minidb.value.cast import can_cast
from minidb.value.sql_types import BOOLEAN, TEXT, Kind, SqlType

Conversion = Callable[[Expr], Expr]


def assigned(expression: Expr, target: SqlType) -> Expr:
    """The expression as a variable of the type takes it."""
    source = expression.type
    if source.kind is Kind.UNKNOWN or can_cast(source, target, "assignment"):
        return cast(expression, target, "assignment")
    return cast(cast(expression, TEXT, "explicit"), target, "explicit")


def to_type(target: SqlType) -> Conversion:
    """For a variable of that type."""
    return lambda expression: assigned(expression, target)


def as_is(expression: Expr) -> Expr:
    """Whatever it is; a literal is a text."""
    return cast(expression, TEXT, "implicit") if expression.type.kind is Kind.UNKNOWN else expression


def as_text(expression: Expr) -> Expr:
    """As PostgreSQL prints it: a boolean as `t` or `f`."""
    if expression.type == BOOLEAN:
        true, false = Constant("t", TEXT), Constant("f", TEXT)
        missing = (logic.is_null(expression), Constant(None, TEXT))
        return conditional.case([missing, (expression, true)], false)
    return assigned(expression, TEXT)


as_boolean = to_type(BOOLEAN)


def equal_to(slot: int, subject: SqlType) -> Conversion:
    """Whether it equals the value in a slot: WHEN of a CASE with a subject."""
    return lambda expression: operators.binary("=", Parameter(slot, subject), expression)
