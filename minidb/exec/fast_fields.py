"""What a column accepts as it comes: Python values that need no conversion to be stored.

The fast forms of INSERT and UPDATE take parameters as the caller gave them. A value is taken only if every
conversion on the way would leave it as it is (an int in range for an INTEGER, a str for TEXT) or if fitting
it to its column is all there is to do (NUMERIC(10,2)); for anything else the general path is there, which
also knows what to say about it.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from minidb.expr.cast import Cast, ParameterCast, Relabel
from minidb.expr.node import Constant, Expr, Parameter, walk
from minidb.value.fit import assignment_fit
from minidb.value.sql_types import INTEGER_BOUNDS, INTEGER_KINDS, NUMERIC_KINDS, Kind, SqlType, Value

_TYPES: Final[dict[Kind, type]] = {
    Kind.BOOLEAN: bool,
    Kind.SMALLINT: int,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.DOUBLE: float,
    Kind.NUMERIC: Decimal,
    Kind.TEXT: str,
    Kind.VARCHAR: str,
    Kind.BYTEA: bytes,
    Kind.DATE: datetime.date,
    Kind.TIME: datetime.time,
    Kind.UUID: uuid.UUID,
}
_TEXTS: Final = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.UNKNOWN})


class Field:
    """Where a slot's value comes from, a parameter or a constant, and what it accepts."""

    __slots__ = ("fit", "high", "index", "low", "nullable", "python_type", "slot", "value")

    def __init__(self, slot: int, index: int | None, value: Value, type_: SqlType, nullable: bool) -> None:
        self.slot = slot
        self.index = index
        self.value = value
        self.nullable = nullable
        self.python_type: type = _TYPES.get(type_.kind, type(None))
        # Bounds are for integers; None stands for "no bounds" so that other types skip the comparison.
        bounds = INTEGER_BOUNDS.get(type_.kind)
        self.low: int | None = None if bounds is None else bounds[0]
        self.high: int = 0 if bounds is None else bounds[1]
        self.fit: Callable[[Any], Any] | None = assignment_fit(type_)


def field_of(expression: Expr, slot: int, type_: SqlType, nullable: bool) -> Field | None:
    """The field that an expression for a slot amounts to; None if it is anything more."""
    if isinstance(expression, Constant):
        if expression.value is None and not nullable:
            return None
        return Field(slot, None, expression.value, type_, nullable)
    if type_.kind not in _TYPES:
        return None
    index = parameter_index(expression, type_)
    return None if index is None else Field(slot, index, None, type_, nullable)


def parameter_index(expression: Expr, type_: SqlType) -> int | None:
    """The parameter that an expression hands on to a column of this type, converted by an assignment."""
    while isinstance(expression, Cast | Relabel):
        if expression.type != type_ or getattr(expression, "explicit", False):
            return None
        expression = expression.operand
    if isinstance(expression, ParameterCast):
        if expression.explicit or expression.type != type_:
            return None
        return expression.index
    if not isinstance(expression, Parameter):
        return None
    kind = expression.type.kind
    same = kind is type_.kind or (kind in _TEXTS and type_.kind in _TEXTS)
    if same or (kind in INTEGER_KINDS and type_.kind in NUMERIC_KINDS):
        return expression.index
    return None


def accept(field: Field, value: Value) -> Value:
    """The value to be stored, or NotImplemented."""
    kind: Any = type(value)
    if kind is field.python_type:
        if field.low is not None:
            return value if field.low <= value <= field.high else NotImplemented
        if kind is str and "\0" in value:
            return NotImplemented
        return value if field.fit is None else field.fit(value)
    if value is None and field.nullable:
        return None
    return NotImplemented


def expression_parameters(expressions: list[Expr]) -> list[Field]:
    """The parameters inside of expressions, which must come as the values they stand for."""
    found: dict[int, Field] = {}
    for expression in expressions:
        for node in walk(expression):
            if isinstance(node, Parameter) and node.index not in found:
                field = Field(-1, node.index, None, node.type, True)
                field.fit = None
                found[node.index] = field
    return list(found.values())


def parameter_count(expressions: Iterable[Expr], known: int | None) -> int:
    """How many parameters a statement has whose only ones are in these, if that is not known."""
    if known is not None:
        return known
    indexes = [
        node.index
        for expression in expressions
        for node in walk(expression)
        if isinstance(node, Parameter | ParameterCast)
    ]
    return max(indexes, default=-1) + 1


# What a loop over given values unpacks: slot, parameter, type, bounds; and the field if it must fit values.
GivenField = tuple[int, int, Any, Any, int, Field | None]


def given_field(field: Field) -> GivenField:
    """A parameter's field as a tuple, for the loops in which an attribute would cost."""
    assert field.index is not None
    fitted = None if field.fit is None else field
    return (field.slot, field.index, field.python_type, field.low, field.high, fitted)


def all_accepted(fields: list[Field], parameters: Any) -> bool:
    """Whether all these parameters come as the values they stand for."""
    for field in fields:
        assert field.index is not None
        if accept(field, parameters[field.index]) is NotImplemented:
            return False
    return True
