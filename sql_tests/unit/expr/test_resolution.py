"""Which operator or function a call means, what its operands become, and what is refused how."""

from __future__ import annotations

import datetime

import pytest

from minidb.errors import Error, NotSupportedError
from minidb.expr import refused
from minidb.expr.aggregates import aggregate, is_aggregate
from minidb.expr.calls import Call
from minidb.expr.compare import Comparison, KeyedComparison, TotalComparison, swapped, with_operator
from minidb.expr.functions import function, function_names
from minidb.expr.membership import InSet
from minidb.expr.node import Constant, EvaluationContext, Expr, Once, OuterSlot, Parameter, Slot
from minidb.expr.operators import binary, collate, in_list, unary
from minidb.expr.overloads import Signature, choose
from minidb.expr.specialise import specialise
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    CHAR,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    VARCHAR,
    Kind,
    SqlType,
)

NOW = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)


class CountingContext(EvaluationContext):
    """Counts how often the sequence is asked."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__(["2024-01-01", 7], {"timezone": "UTC"}, NOW)
        self.asked: list[tuple[str, str, int | None]] = []

    def sequence_value(self, operation: str, name: str, value: int | None) -> int:
        self.asked.append((operation, name, value))
        return len(self.asked)


@pytest.mark.parametrize(
    ("left", "operator", "right", "result"),
    [
        (SMALLINT, "+", SMALLINT, SMALLINT), (SMALLINT, "+", INTEGER, INTEGER), (INTEGER, "*", BIGINT,
         BIGINT),
        (INTEGER, "/", NUMERIC, NUMERIC), (NUMERIC, "-", DOUBLE, DOUBLE), (REAL, "+", REAL, REAL),
        (REAL, "+", INTEGER, DOUBLE), (INTEGER, "^", INTEGER, DOUBLE), (NUMERIC, "^", INTEGER, NUMERIC),
        (DATE, "+", INTEGER, DATE), (DATE, "-", DATE, INTEGER), (DATE, "+", INTERVAL, TIMESTAMP),
        (TIMESTAMPTZ, "-", TIMESTAMPTZ, INTERVAL), (TIMESTAMP, "-", TIMESTAMPTZ, INTERVAL),
        (INTERVAL, "*", INTEGER, INTERVAL), (TEXT, "||", INTEGER, TEXT), (VARCHAR, "||", CHAR, TEXT),
        (INTEGER, "&", SMALLINT, INTEGER), (BIGINT, "<<", INTEGER, BIGINT), (VARCHAR, "~~", TEXT, BOOLEAN),
    ],
)  # fmt: skip
def test_results(left: SqlType, operator: str, right: SqlType, result: SqlType) -> None:
    assert binary(operator, Slot(0, left), Slot(1, right)).type == result


def test_columns_stay_columns() -> None:
    """So that a rule can match them to an index."""
    for left, right in (
        (INTEGER, BIGINT),
        (INTEGER, NUMERIC),
        (VARCHAR, TEXT),
        (REAL, DOUBLE),
        (SMALLINT, DOUBLE),
    ):
        found = binary("=", Slot(0, left), Slot(1, right))
        assert isinstance(found, Comparison)
        assert isinstance(found.left, Slot) and isinstance(found.right, Slot)
    assert not isinstance(binary("=", Slot(0, BIGINT), Slot(1, DOUBLE)).children()[0], Slot)


def test_literals_take_the_other_type() -> None:
    found = binary("=", Slot(0, DATE), Constant("2024-01-02", UNKNOWN))
    assert found.children()[1] == Constant(datetime.date(2024, 1, 2), DATE)
    found = binary("<", Constant("5", UNKNOWN), Slot(0, BIGINT))
    assert found.children()[0] == Constant(5, BIGINT)


def test_families_of_comparison() -> None:
    assert isinstance(binary("=", Slot(0, NUMERIC), Slot(1, INTEGER)), TotalComparison)
    char = binary("<", Slot(0, CHAR), Constant("a", UNKNOWN))
    assert isinstance(char, KeyedComparison)
    turned = swapped(char)
    assert (turned.operator, turned.left) == (">", char.right) and isinstance(turned, KeyedComparison)
    assert with_operator(swapped(swapped(char)), "<") == char


def test_constant_lists_become_sets() -> None:
    items: list[Expr] = [Constant("1", UNKNOWN), Constant(2, INTEGER), Constant(None, UNKNOWN)]
    found = in_list(Slot(0, INTEGER), items)
    assert isinstance(found, InSet)
    assert (found.values, found.has_null) == (frozenset({1, 2}), True)


@pytest.mark.parametrize(
    ("build", "sqlstate", "message"),
    [
        (lambda: binary("+", Slot(0, TEXT), Slot(1, INTEGER)), "42883",
         "operator does not exist: text + integer"),
        (lambda: binary("=", Slot(0, INTEGER), Slot(1, TEXT)), "42883",
         "operator does not exist: integer = text"),
        (lambda: unary("-", Slot(0, TEXT)), "42883", "operator does not exist: - text"),
        (lambda: binary("+", Constant("1", UNKNOWN), Constant("2", UNKNOWN)), "42725",
         "operator is not unique: unknown + unknown"),
        (lambda: function("nope", [Slot(0, INTEGER)]), "42883", "function nope(integer) does not exist"),
        (lambda: function("lower", []), "42883", "function lower() does not exist"),
        (lambda: collate(Slot(0, INTEGER)), "42804", "collations are not supported by type integer"),
        (lambda: function("to_json", [Constant("a", UNKNOWN)]), "42804",
         "could not determine polymorphic type because input has type unknown"),
    ],
)  # fmt: skip
def test_errors(build: object, sqlstate: str, message: str) -> None:
    assert callable(build)
    with pytest.raises(Error) as caught:
        build()
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_what_is_not_supported_is_refused_by_name() -> None:
    known = set(function_names())
    assert not known & refused.FUNCTIONS
    for name in ("regexp_match", "jsonb_set", "array_length"):
        with pytest.raises(NotSupportedError, match=name):
            function(name, [Slot(0, TEXT)])
    for operator in ("#>", "@@", "&&"):
        with pytest.raises(NotSupportedError):
            binary(operator, Slot(0, TEXT), Slot(1, TEXT))
    assert is_aggregate("array_agg")
    with pytest.raises(NotSupportedError, match="array_agg"):
        aggregate("array_agg", [Slot(0, INTEGER)])


def test_choice_among_overloads() -> None:
    numbers = [Signature((kind,), place) for place, kind in enumerate((Kind.NUMERIC, Kind.DOUBLE))]
    assert choose(numbers, [Kind.INTEGER]) == numbers[1]  # the preferred type
    assert choose(numbers, [Kind.NUMERIC]) == numbers[0]
    assert choose(numbers, [Kind.TEXT]) is None
    assert choose(numbers, [Kind.INTEGER, Kind.INTEGER]) is None
    assert choose(numbers, [Kind.UNKNOWN]) == numbers[1]
    mixed = [Signature((Kind.DATE,), 0), Signature((Kind.INTEGER,), 1)]
    assert choose(mixed, [Kind.UNKNOWN]) == mixed


def test_volatility() -> None:
    for name, volatile, stable in (("random", True, False), ("now", False, True), ("pi", False, False)):
        found = function(name, [])
        assert (found.is_volatile(), found.is_stable()) == (volatile, stable)
    assert Parameter(0, INTEGER).is_stable()


def test_volatile_functions_run_for_every_row() -> None:
    context = CountingContext()
    found = function("nextval", [Constant('public."Seq"', UNKNOWN)])
    assert found.evaluate_batch([(), (), ()], context) == [1, 2, 3]
    assert context.asked == [("nextval", "Seq", None)] * 3
    setting = function("setval", [Constant("S", UNKNOWN), Constant(5, BIGINT), Constant(False, BOOLEAN)])
    setting.evaluate((), context)
    assert context.asked[-1] == ("setval_uncalled", "s", 5)


def test_what_no_row_changes_is_computed_once() -> None:
    day = Slot(0, DATE)
    later = binary("+", binary("-", Slot(1, DATE), Slot(1, DATE)), Parameter(1, INTEGER))
    condition = specialise(binary(">", day, Parameter(0, UNKNOWN)))
    assert isinstance(condition, Comparison) and isinstance(condition.right, Once)
    context = CountingContext()
    rows = [(datetime.date(2024, 1, 2), None), (datetime.date(2023, 1, 2), None)]
    assert condition.evaluate_batch(rows, context) == [True, False]
    assert [condition.evaluate(row, context) for row in rows] == [True, False]
    assert len(context.once) == 1
    assert not any(isinstance(child, Once) for child in specialise(later).children())
    correlated = specialise(
        binary(">", Slot(0, INTEGER), binary("+", OuterSlot(1, INTEGER), Parameter(1, INTEGER)))
    )
    assert not any(isinstance(child, Once) for child in correlated.children())
    drawn = specialise(binary("<", Slot(0, DOUBLE), function("random", [])))
    assert isinstance(drawn.children()[1], Call)
