"""LIKE, ILIKE and SIMILAR TO with their ESCAPE clause, as the binder calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.expr import patterns
from minidb.expr.calls import call
from minidb.expr.cast import cast
from minidb.expr.node import Constant, Expr
from minidb.expr.operator_table import adapted, resolved
from minidb.value.sql_types import BOOLEAN, TEXT, UNKNOWN

_LIKE: Final[dict[str, Callable[..., bool]]] = {
    "~~": patterns.like,
    "!~~": patterns.not_like,
    "~~*": patterns.ilike,
    "!~~*": patterns.not_ilike,
}


def like(
    operand: Expr,
    pattern: Expr,
    escape: Expr | None = None,
    *,
    ignore_case: bool = False,
    negated: bool = False,
) -> Expr:
    """operand [NOT] LIKE | ILIKE pattern [ESCAPE escape]."""
    name = ("!" if negated else "") + ("~~*" if ignore_case else "~~")
    chosen = resolved(name, (operand, pattern))
    arguments = [adapted(operand, chosen.kinds[0], True), adapted(pattern, chosen.kinds[1], True)]
    if escape is not None and not (isinstance(escape, Constant) and escape.value == "\\"):
        arguments.append(cast(escape, TEXT, "implicit"))
    return call(name, arguments, BOOLEAN, _LIKE[name], is_operator=True)


def similar_to(operand: Expr, pattern: Expr, escape: Expr | None = None) -> Expr:
    """operand SIMILAR TO pattern [ESCAPE escape]."""
    escape = escape if escape is not None else Constant("\\", UNKNOWN)
    arguments = [cast(argument, TEXT, "implicit") for argument in (operand, pattern, escape)]
    return call("SIMILAR TO", arguments, BOOLEAN, patterns.similar_to, is_operator=True)
