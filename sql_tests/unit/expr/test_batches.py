"""One row at a time, a batch, a filter, and the specialised form all give the same."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.errors import Error
from minidb.expr import conditional, functions, like, logic, operators
from minidb.expr.cast import cast
from minidb.expr.node import Constant, EvaluationContext, Expr, OuterSlot, Parameter, Slot
from minidb.expr.specialise import specialise
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    CHAR,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
    VARCHAR,
    SqlType,
)

TYPES: tuple[SqlType, ...] = (
    INTEGER, INTEGER, SMALLINT, BIGINT, NUMERIC, DOUBLE, TEXT, VARCHAR, BOOLEAN, DATE, TIMESTAMP, CHAR,
)  # fmt: skip
INT, OTHER, SHORT, LONG, NUMBER, FLOAT, WORD, VARYING, FLAG, DAY, STAMP, PADDED = [
    Slot(index, type_) for index, type_ in enumerate(TYPES)
]
ONE, TWO, NULL = Constant(1, INTEGER), Constant(2, INTEGER), Constant(None, UNKNOWN)
FIRST, SECOND = Parameter(0, INTEGER), Parameter(1, UNKNOWN)
OUTER = OuterSlot(7, INTEGER)
NAN = Constant(float("nan"), DOUBLE)
binary = operators.binary


def literal(text: str) -> Constant:
    return Constant(text, UNKNOWN)


COMPARISONS = [
    binary(operator, left, right)
    for operator in ("=", "<>", "<", "<=", ">", ">=", "is distinct from")
    for left, right in (
        (INT, ONE),
        (INT, OTHER),
        (INT, FIRST),
        (INT, OUTER),
        (INT, NULL),
        (INT, LONG),
        (INT, NUMBER),
        (NUMBER, FLOAT),
        (FLOAT, NAN),
        (SHORT, literal("3")),
        (WORD, literal("b")),
        (WORD, VARYING),
        (WORD, SECOND),
        (PADDED, literal("a")),
        (DAY, literal("2024-01-02")),
        (DAY, STAMP),
        (FLAG, FLAG),
        (ONE, INT),
        (cast(INT, NUMERIC), NUMBER),
    )
]
ARITHMETIC = [
    binary(operator, left, right)
    for operator in "+-*"
    for left, right in (
        (INT, ONE),
        (INT, OTHER),
        (INT, FIRST),
        (SHORT, SHORT),
        (INT, LONG),
        (NUMBER, INT),
        (FLOAT, INT),
        (FLOAT, FLOAT),
        (INT, OUTER),
    )
] + [binary(operator, left, TWO) for operator in "/%" for left in (INT, SHORT, LONG, NUMBER)]
CONDITIONS = [
    logic.conjunction([binary("<", INT, OTHER), binary(">", NUMBER, ONE)]),
    logic.conjunction([FLAG, binary("<", INT, OTHER), binary("=", WORD, VARYING)]),
    logic.disjunction([FLAG, binary("<", INT, OTHER), binary("=", WORD, VARYING)]),
    logic.negation(logic.conjunction([FLAG, binary("<", INT, ONE)])),
    logic.is_null(INT),
    logic.is_null(INT, negated=True),
    *[logic.is_truth(FLAG, truth, negated) for truth in (True, False, None) for negated in (True, False)],
    operators.in_list(INT, [ONE, TWO]),
    operators.in_list(INT, [ONE, NULL], negated=True),
    operators.in_list(INT, [ONE, FIRST, OTHER]),
    operators.in_list(FLOAT, [ONE, Constant(Decimal("0.5"), NUMERIC)]),
    operators.in_list(PADDED, [literal("a"), literal("b ")]),
    operators.compare_rows("<", [INT, OTHER], [ONE, TWO]),
    operators.compare_rows(">=", [INT, WORD], [OTHER, VARYING]),
    operators.rows_in([INT, OTHER], [[ONE, TWO], [TWO, ONE]]),
    like.like(WORD, literal("a%")),
    like.like(WORD, VARYING, ignore_case=True),
    like.similar_to(WORD, literal("(a|b)*")),
    binary("~", WORD, literal("^a")),
]
VALUES = [
    conditional.case([(FLAG, INT), (binary("<", INT, OTHER), NUMBER)], FLOAT),
    conditional.coalesce([INT, OTHER, ONE]),
    conditional.nullif(INT, OTHER),
    conditional.greatest([INT, NUMBER, FLOAT]),
    conditional.least([WORD, VARYING, literal("b")]),
    functions.function("upper", [WORD]),
    functions.function("substr", [WORD, INT]),
    functions.function("concat", [WORD, INT, FLAG]),
    functions.function("lpad", [WORD, Constant(5, INTEGER), VARYING]),
    binary("||", WORD, INT),
    binary("+", DAY, INT),
    binary("-", STAMP, literal("2024-01-01")),
    cast(INT, TEXT),
    cast(NUMBER, INTEGER),
    cast(binary("+", INT, OTHER), NUMERIC),
    functions.function("abs", [INT]),
    binary("+", INT, cast(literal("3"), INTEGER)),
]
EVERY = COMPARISONS + ARITHMETIC + CONDITIONS + VALUES

small = st.integers(-3, 3)
texts = st.text("ab ", max_size=3)
ROWS = st.tuples(
    *[
        st.none() | strategy
        for strategy in (
            small,
            small,
            small,
            small,
            st.sampled_from([Decimal("1"), Decimal("1.50"), Decimal("-2"), Decimal("NaN")]),
            st.sampled_from([0.0, 1.0, -2.5, float("nan"), float("inf")]),
            texts,
            texts,
            st.booleans(),
            st.dates(datetime.date(2024, 1, 1), datetime.date(2024, 1, 4)),
            st.sampled_from([datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 2, 3)]),
            st.sampled_from(["a", "b"]),
        )
    ]
)


def context_of(first: int | None, second: str | None) -> EvaluationContext:
    now = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    context = EvaluationContext([first, second], {"timezone": "UTC"}, now)
    context.outer[7] = first
    return context


def outcome(compute: Any) -> Any:
    """The result as text (so that NaN equals NaN and 1 is not 1.0), or the error."""
    try:
        return repr(compute())
    except Error as error:
        return error.sqlstate


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=6), st.none() | small, st.none() | texts)
def test_all_forms_agree(rows: list[Any], first: int | None, second: str | None) -> None:
    for expression in EVERY:
        fast = specialise(expression)
        one_by_one = outcome(
            lambda expression=expression: [
                expression.evaluate(row, context_of(first, second)) for row in rows
            ]
        )
        context = context_of(first, second)
        for form in (expression, fast):
            in_batch = outcome(lambda form=form, context=context: form.evaluate_batch(rows, context))
            assert in_batch == one_by_one
        specialised = outcome(
            lambda fast=fast, context=context: [fast.evaluate(row, context) for row in rows]
        )
        assert specialised == one_by_one
        if expression.type is BOOLEAN and one_by_one.startswith("["):
            kept = [row for row in rows if expression.evaluate(row, context) is True]
            for form in (expression, fast):
                assert repr(form.filter_batch(rows, context)) == repr(kept)


@pytest.mark.parametrize("expression", EVERY, ids=[type(each).__name__ for each in EVERY])
def test_operands_can_be_replaced(expression: Expr) -> None:
    children = expression.children()
    assert expression.with_children(children) == expression
    assert hash(expression.with_children(children)) == hash(expression)


def test_overflow_in_a_batch() -> None:
    biggest = 2**31 - 1
    for expression in (binary("+", INT, ONE), binary("+", INT, OTHER), binary("*", INT, TWO)):
        for form in (expression, specialise(expression)):
            with pytest.raises(Error) as caught:
                form.evaluate_batch([(1, 1), (biggest, 1)], context_of(1, None))
            assert (caught.value.sqlstate, caught.value.message) == ("22003", "integer out of range")
