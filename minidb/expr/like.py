"""LIKE, ILIKE and SIMILAR TO with their ESCAPE clause, as the binder calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from minidb.expr import patterns
from minidb.expr.calls import CallTwo, call
from minidb.expr.cast import cast
from minidb.expr.node import SAME_FOR_ALL_ROWS, Constant, EvaluationContext, Expr
from minidb.expr.operator_table import adapted, resolved
from minidb.value.sql_types import BOOLEAN, TEXT, UNKNOWN, Row, Value

_LIKE: Final[dict[str, Callable[..., bool]]] = {
    "~~": patterns.like,
    "!~~": patterns.not_like,
    "~~*": patterns.ilike,
    "!~~*": patterns.not_ilike,
}


PATTERN_OPERATORS: Final = frozenset({*_LIKE, "~", "!~", "~*", "!~*"})


@dataclass(frozen=True)
class PatternMatch(CallTwo):
    """text operator pattern, for LIKE, ILIKE and regular expressions: a batch looks at its pattern once."""

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        operand, pattern = self.arguments
        values = operand.evaluate_batch(rows, context)
        function = self.function
        if not isinstance(pattern, SAME_FOR_ALL_ROWS):
            texts = pattern.evaluate_batch(rows, context)
            return [
                None if value is None or text is None else function(value, text)
                for value, text in zip(values, texts, strict=True)
            ]
        text = pattern.evaluate((), context)
        if text is None:
            return [None] * len(rows)
        matches = patterns.matcher(self.name, text)
        if self.name.startswith("!"):
            return [None if value is None else not matches(value) for value in values]
        return [None if value is None else matches(value) for value in values]


def pattern_match(name: str, operand: Expr, pattern: Expr) -> Expr:
    """operand name pattern, for one of ~~ !~~ ~~* !~~* ~ !~ ~* !~*."""
    chosen = resolved(name, (operand, pattern))
    assert chosen.function is not None
    arguments = (adapted(operand, chosen.kinds[0], True), adapted(pattern, chosen.kinds[1], True))
    return PatternMatch(name, arguments, BOOLEAN, chosen.function, "immutable", True)


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
    plain = pattern_match(name, operand, pattern)
    if escape is None or (isinstance(escape, Constant) and escape.value == "\\"):
        return plain
    arguments = (*plain.children(), cast(escape, TEXT, "implicit"))
    return call(name, arguments, BOOLEAN, _LIKE[name], is_operator=True)


def similar_to(operand: Expr, pattern: Expr, escape: Expr | None = None) -> Expr:
    """operand SIMILAR TO pattern [ESCAPE escape]."""
    escape = escape if escape is not None else Constant("\\", UNKNOWN)
    arguments = [cast(argument, TEXT, "implicit") for argument in (operand, pattern, escape)]
    return call("SIMILAR TO", arguments, BOOLEAN, patterns.similar_to, is_operator=True)
