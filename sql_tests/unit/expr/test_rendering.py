"""Expressions as EXPLAIN and messages print them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from minidb.expr import conditional, functions, like, logic, operators
from minidb.expr.cast import cast
from minidb.expr.node import Column, Constant, Expr, Parameter, Slot
from minidb.expr.render import render
from minidb.expr.specialise import specialise
from minidb.value.sql_types import BIGINT, BOOLEAN, INTEGER, NUMERIC, TEXT, UNKNOWN, SqlType

A, B = Column(1, "a", INTEGER, "t"), Column(2, "B c", TEXT, "t")
FLAG = Column(3, "flag", BOOLEAN)
ONE = Constant(1, INTEGER)
binary = operators.binary


def literal(text: str | None) -> Constant:
    return Constant(text, UNKNOWN)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (binary("+", A, ONE), "(t.a + 1)"),
        (binary("=", B, literal("it's")), "(t.\"B c\" = 'it''s'::text)"),
        (logic.conjunction([FLAG, binary("<", A, ONE)]), "(flag AND (t.a < 1))"),
        (logic.negation(FLAG), "(NOT flag)"),
        (logic.is_null(A, True), "(t.a IS NOT NULL)"),
        (logic.is_truth(FLAG, None, True), "(flag IS NOT UNKNOWN)"),
        (operators.is_distinct(A, ONE), "(t.a IS DISTINCT FROM 1)"),
        (operators.unary("-", A), "(- t.a)"),
        (operators.in_list(A, [ONE, Constant(2, INTEGER)]), "(t.a IN (1, 2))"),
        (operators.compare_rows("<=", [A, A], [ONE, ONE]), "(ROW(t.a, t.a) <= ROW(1, 1))"),
        (like.like(B, literal("a%")), "(t.\"B c\" ~~ 'a%'::text)"),
        (like.like(B, literal("a"), literal("#")), "(t.\"B c\" ~~ 'a'::text ESCAPE '#'::text)"),
        (like.similar_to(B, literal("a")), "(t.\"B c\" SIMILAR TO 'a'::text)"),
        (functions.function("upper", [B]), 'upper(t."B c")'),
        (cast(A, TEXT), "(t.a)::text"),
        (cast(binary("+", A, ONE), BIGINT), "(t.a + 1)::bigint"),
        (conditional.case([(FLAG, A)], ONE), "CASE WHEN flag THEN t.a ELSE 1 END"),
        (conditional.coalesce([A, ONE]), "COALESCE(t.a, 1)"),
        (conditional.nullif(A, ONE), "NULLIF(t.a, 1)"),
        (conditional.greatest([A, ONE]), "GREATEST(t.a, 1)"),
        (Parameter(0, INTEGER), "$1"),
        (cast(Parameter(1, UNKNOWN), INTEGER), "$2"),
        (Constant(Decimal("-1.50"), NUMERIC), "'-1.50'::numeric"),
        (Constant(Decimal("1.50"), NUMERIC), "1.50"),
        (Constant(None, INTEGER), "NULL::integer"),
        (literal(None), "NULL"),
        (Constant(True, BOOLEAN), "true"),
    ],
)  # fmt: skip
def test_render(expression: Expr, text: str) -> None:
    assert render(expression) == text


def test_specialised_nodes_render_as_what_they_stand_for() -> None:
    slot = Slot(0, INTEGER, "a")
    expression = logic.conjunction(
        [
            binary("<", slot, Parameter(0, INTEGER)),
            binary("=", binary("+", slot, ONE), cast(literal("3"), INTEGER)),
        ]
    )
    assert render(specialise(expression)) == render(expression) == "((a < $1) AND ((a + 1) = 3))"


@dataclass(frozen=True, slots=True)
class SubqueryLike(Expr):
    """A node of a higher layer."""

    type: SqlType = INTEGER


def test_nodes_of_higher_layers() -> None:
    expression = binary("+", A, SubqueryLike())
    assert render(expression, lambda node: "(SubPlan 1)") == "(t.a + (SubPlan 1))"
    assert render(expression) == "(t.a + SubqueryLike())"
