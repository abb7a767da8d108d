"""Operators by PostgreSQL's rules, as the binder calls them: `binary`, `unary`, `in_list`, rows."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from minidb.errors import ProgrammingError
from minidb.expr import arithmetic, json_operators
from minidb.expr.calls import call
from minidb.expr.cast import cast
from minidb.expr.compare import FUNCTIONS, IsDistinct
from minidb.expr.like import PATTERN_OPERATORS, pattern_match, similar_to
from minidb.expr.logic import conjunction, disjunction, negation
from minidb.expr.membership import compare_rows as compare_rows
from minidb.expr.membership import in_list as in_list
from minidb.expr.membership import rows_in as rows_in
from minidb.expr.node import Expr
from minidb.expr.operator_table import SPELLINGS, adapted, compare, resolved
from minidb.value.sql_types import INTEGER_BOUNDS, TEXT, TEXT_KINDS, Kind, SqlType


def is_distinct(left: Expr, right: Expr, negated: bool = False) -> Expr:
    """left IS [NOT] DISTINCT FROM right."""
    found = IsDistinct(compare("=", left, right))
    return negation(found) if negated else found


def binary(name: str, left: Expr, right: Expr) -> Expr:
    """`left name right`: any binary operator, as a symbol or as AND, OR, [NOT] LIKE, [NOT] ILIKE,
    [NOT] SIMILAR TO, IS [NOT] DISTINCT FROM."""
    name = SPELLINGS.get(name.upper(), name.upper())
    if name in FUNCTIONS:
        return compare(name, left, right)
    if name == "AND":
        return conjunction([left, right])
    if name == "OR":
        return disjunction([left, right])
    if name == "||":
        return concatenation(left, right)
    if name in ("IS DISTINCT FROM", "IS NOT DISTINCT FROM"):
        return is_distinct(left, right, name == "IS NOT DISTINCT FROM")
    if name in ("SIMILAR TO", "NOT SIMILAR TO"):
        found = similar_to(left, right, None)
        return negation(found) if name == "NOT SIMILAR TO" else found
    if name in PATTERN_OPERATORS:
        return pattern_match(name, left, right)
    chosen = resolved(name, (left, right))
    first = adapted(left, chosen.kinds[0], chosen.converts)
    second = adapted(right, chosen.kinds[1], chosen.converts)
    result = chosen.result
    if chosen.function is None:
        if result.kind in INTEGER_BOUNDS:
            return arithmetic.integer_arithmetic(name, first, second, result)
        return arithmetic.FloatArithmetic(name, first, second, result)
    if result.kind is Kind.NUMERIC and name in "+-*":
        return arithmetic.NumericArithmetic(name, (first, second), result, chosen.function, "immutable", True)
    return call(
        name,
        (first, second),
        result,
        chosen.function,
        chosen.volatility,
        is_operator=True,
        with_context=chosen.with_context,
    )


def unary(name: str, operand: Expr) -> Expr:
    """`name operand`: + - ~ @ |/ ||/ or NOT."""
    if name.upper() == "NOT":
        return negation(operand)
    chosen = resolved(name, (operand,))
    argument = adapted(operand, chosen.kinds[0], True)
    assert chosen.function is not None
    return call(name, (argument,), chosen.result, chosen.function, is_operator=True)


def concatenation(left: Expr, right: Expr) -> Expr:
    """left || right: of texts, of a text and anything, of bytea, of jsonb."""
    first, second = left.type.kind, right.type.kind
    kinds = {first, second} - {Kind.UNKNOWN}
    if len(kinds) == 1 and kinds <= {Kind.BYTEA, Kind.JSONB}:
        kind = kinds.pop()
        target = SqlType(kind)
        function: Callable[..., Any] = python.add if kind is Kind.BYTEA else json_operators.concatenate
        operands = (cast(left, target, "implicit"), cast(right, target, "implicit"))
        return call("||", operands, target, function, is_operator=True)
    if not kinds & TEXT_KINDS and Kind.UNKNOWN not in (first, second):
        resolved("||", (left, right))
    operands = (cast(left, TEXT, "explicit"), cast(right, TEXT, "explicit"))
    return call("||", operands, TEXT, python.add, is_operator=True)


def collate(operand: Expr) -> Expr:
    """operand COLLATE "C", the only collation there is: refuses what cannot be collated."""
    kind = operand.type.kind
    if kind is Kind.UNKNOWN:
        return cast(operand, TEXT, "implicit")
    if kind not in TEXT_KINDS:
        raise ProgrammingError(f"collations are not supported by type {kind.value}", sqlstate="42804")
    return operand
