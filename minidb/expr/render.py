"""An expression as SQL text, for EXPLAIN and messages: operators in parentheses, like PostgreSQL's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.expr.arithmetic import FloatArithmetic, IntegerArithmetic
from minidb.expr.calls import Call
from minidb.expr.cast import Cast, ParameterCast, Relabel, SessionCast
from minidb.expr.compare import Comparison, IsDistinct
from minidb.expr.conditional import Case, Coalesce, Extremum, NullIf
from minidb.expr.functions_encoding import quote_ident
from minidb.expr.logic import And, IsNotNull, IsNull, IsTruth, Not, Or
from minidb.expr.membership import InList, RowOrder
from minidb.expr.node import Column, Constant, Expr, Once, OuterSlot, Parameter, Slot
from minidb.expr.specialise import Specialised
from minidb.expr.user_function import UserFunction
from minidb.value.sql_types import INTEGER_KINDS, Kind
from minidb.value.text import to_text

Renderer = Callable[[Expr], str]
_BARE_KINDS: Final = INTEGER_KINDS | {Kind.NUMERIC, Kind.BOOLEAN}


def render(expression: Expr, unknown: Renderer | None = None) -> str:
    """The SQL text; `unknown` prints node classes of higher layers, such as subqueries."""

    def inner(child: Expr) -> str:
        return render(child, unknown)

    match expression:
        case Constant():
            return render_constant(expression)
        case Column(name=name, relation=relation):
            return f"{quote_ident(relation)}.{quote_ident(name)}" if relation else quote_ident(name)
        case Slot(index=index, name=name) | OuterSlot(id=index, name=name):
            return quote_ident(name) if name else f"${{{index}}}"
        case Parameter(index=index) | ParameterCast(index=index):
            return f"${index + 1}"
        case And(operands=operands) | Or(operands=operands):
            word = " AND " if isinstance(expression, And) else " OR "
            return "(" + word.join([inner(operand) for operand in operands]) + ")"
        case Not(operand=operand):
            return f"(NOT {inner(operand)})"
        case IsNull(operand=operand):
            return f"({inner(operand)} IS NULL)"
        case IsNotNull(operand=operand):
            return f"({inner(operand)} IS NOT NULL)"
        case IsTruth(operand=operand, truth=truth, negated=negated):
            word = "UNKNOWN" if truth is None else "TRUE" if truth else "FALSE"
            return f"({inner(operand)} IS {'NOT ' if negated else ''}{word})"
        case Comparison(operator=name, left=left, right=right):
            return f"({inner(left)} {name} {inner(right)})"
        case IsDistinct(equal=equal):
            return f"({inner(equal.left)} IS DISTINCT FROM {inner(equal.right)})"
        case IntegerArithmetic() | FloatArithmetic():
            return f"({inner(expression.left)} {expression.operator} {inner(expression.right)})"
        case Specialised(plain=plain):
            return inner(plain)
        case Once(operand=operand):
            return inner(operand)
        case Cast(operand=operand) | SessionCast(operand=operand) | Relabel(operand=operand):
            return _render_cast(inner(operand), expression)
        case Call():
            return _render_call(expression, inner)
        case _:
            return _render_form(expression, inner, unknown)


def _render_form(expression: Expr, inner: Renderer, unknown: Renderer | None) -> str:
    """CASE and the like."""
    match expression:
        case Case(conditions=conditions, results=results, otherwise=otherwise):
            whens = [
                f"WHEN {inner(condition)} THEN {inner(result)}"
                for condition, result in zip(conditions, results, strict=True)
            ]
            return f"CASE {' '.join(whens)} ELSE {inner(otherwise)} END"
        case Coalesce(arguments=arguments):
            return f"COALESCE({_listed(arguments, inner)})"
        case Extremum(name=name, arguments=arguments):
            return f"{name}({_listed(arguments, inner)})"
        case NullIf(operand=operand, equal=equal):
            return f"NULLIF({inner(operand)}, {inner(equal.right)})"
        case UserFunction(name=name, arguments=arguments):
            return f"{quote_ident(name)}({_listed(arguments, inner)})"
        case InList(operand=operand, items=items):
            return f"({inner(operand)} IN ({_listed(items, inner)}))"
        case RowOrder(orders=orders, or_equal=or_equal):
            lefts = _listed(tuple([order.left for order in orders]), inner)
            rights = _listed(tuple([order.right for order in orders]), inner)
            return f"(ROW({lefts}) {orders[0].operator}{'=' if or_equal else ''} ROW({rights}))"
    if unknown is not None:
        return unknown(expression)
    return f"{type(expression).__name__}({_listed(expression.children(), inner)})"


def _listed(expressions: tuple[Expr, ...], inner: Renderer) -> str:
    return ", ".join([inner(expression) for expression in expressions])


def _render_cast(operand: str, expression: Expr) -> str:
    enclosed = operand if operand.startswith("(") and operand.endswith(")") else f"({operand})"
    return f"{enclosed}::{expression.type}"


def _render_call(expression: Call, inner: Renderer) -> str:
    name, arguments = expression.name, expression.arguments
    if not expression.is_operator:
        return f"{name}({_listed(arguments, inner)})"
    if len(arguments) == 1:
        return f"({name} {inner(arguments[0])})"
    left, right = inner(arguments[0]), inner(arguments[1])
    if len(arguments) == 3:
        escape = arguments[2]
        plain = isinstance(escape, Constant) and escape.value == "\\"
        return f"({left} {name} {right})" if plain else f"({left} {name} {right} ESCAPE {inner(escape)})"
    return f"({left} {name} {right})"


def render_constant(constant: Constant) -> str:
    """A literal that reads back as the constant: 1, 'a'::text, NULL::integer."""
    value, type_ = constant.value, constant.type
    if value is None:
        return "NULL" if type_.kind is Kind.UNKNOWN else f"NULL::{type_}"
    if type_.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    text = to_text(value, type_)
    if type_.kind in _BARE_KINDS and text[:1] != "-" and text not in ("NaN", "Infinity"):
        return text
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if type_.kind is Kind.UNKNOWN else f"'{quoted}'::{type_}"
