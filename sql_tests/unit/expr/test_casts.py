"""Conversions: when literals fold, what waits for the session or a parameter, and the errors."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from minidb.errors import Error
from minidb.expr.cast import Cast, ParameterCast, Relabel, SessionCast, assign, cast, common_type
from minidb.expr.node import Constant, EvaluationContext, Expr, Parameter, Slot
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    DATE,
    INTEGER,
    NUMERIC,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    VARCHAR,
    Kind,
    SqlType,
)

NOW = datetime.datetime(2024, 5, 6, 23, 30, tzinfo=datetime.UTC)


def context(*parameters: Any, zone: str = "UTC") -> EvaluationContext:
    return EvaluationContext(list(parameters), {"timezone": zone}, NOW)


def literal(text: str | None) -> Constant:
    return Constant(text, UNKNOWN)


def value(expression: Expr, *parameters: Any, zone: str = "UTC") -> Any:
    return expression.evaluate((), context(*parameters, zone=zone))


def test_literals_are_read_at_once() -> None:
    assert cast(literal("42"), INTEGER) == Constant(42, INTEGER)
    assert cast(literal(None), INTEGER) == Constant(None, INTEGER)
    assert cast(literal("2024-01-02"), DATE) == Constant(datetime.date(2024, 1, 2), DATE)
    assert isinstance(cast(literal("2024-01-02 03:04+05"), TIMESTAMPTZ), Constant)
    with pytest.raises(Error) as caught:
        cast(literal("x"), INTEGER)
    assert caught.value.sqlstate == "22P02"


def test_what_the_session_decides_waits() -> None:
    today = cast(literal("today"), DATE)
    assert isinstance(today, SessionCast) and today.is_stable()
    assert value(today) == datetime.date(2024, 5, 6)
    assert value(today, zone="Asia/Tokyo") == datetime.date(2024, 5, 7)
    local = cast(literal("2024-01-02 00:00"), TIMESTAMPTZ)
    assert value(local, zone="Europe/Paris") == datetime.datetime(2024, 1, 1, 23, tzinfo=datetime.UTC)
    instant = cast(Slot(0, TIMESTAMPTZ), TIMESTAMP)
    assert instant.evaluate((NOW,), context(zone="Europe/Paris")) == datetime.datetime(2024, 5, 7, 1, 30)
    assert instant.evaluate_batch([(NOW,), (None,)], context(zone="UTC")) == [
        datetime.datetime(2024, 5, 6, 23, 30),
        None,
    ]
    with pytest.raises(Error):
        cast(literal("not a day"), DATE)


def test_parameters_are_converted_when_given() -> None:
    expected = cast(Parameter(0, UNKNOWN), INTEGER)
    assert isinstance(expected, ParameterCast)
    assert value(expected, "12") == 12
    assert value(expected, 12) == 12
    assert value(expected, None) is None
    with pytest.raises(Error) as caught:
        value(expected, "x")
    assert caught.value.sqlstate == "22P02"
    with pytest.raises(Error) as caught:
        value(expected, 2**40)
    assert caught.value.sqlstate == "22003"
    with pytest.raises(Error) as caught:
        value(expected, True)
    assert caught.value.sqlstate == "42804"
    assert cast(Parameter(0, UNKNOWN), TEXT) == Parameter(0, TEXT)
    assert value(cast(Parameter(0, UNKNOWN), TIMESTAMPTZ), "2024-01-01", zone="Europe/Paris").hour == 23


def test_typed_constants_fold_unless_that_fails() -> None:
    assert cast(Constant(Decimal("3.5"), NUMERIC), INTEGER) == Constant(4, INTEGER)
    waiting = cast(Constant(40000, INTEGER), SMALLINT)
    assert isinstance(waiting, Cast)
    with pytest.raises(Error, match="smallint out of range"):
        value(waiting)


def test_casts_that_change_nothing_are_only_labels() -> None:
    column = Slot(0, INTEGER)
    assert cast(column, INTEGER) is column
    assert isinstance(cast(column, BIGINT), Relabel)
    assert isinstance(cast(Slot(0, VARCHAR), TEXT), Relabel)
    assert cast(column, BIGINT).evaluate_batch([(1,), (None,)], context()) == [1, None]


def test_modifiers() -> None:
    short = SqlType(Kind.VARCHAR, length=2)
    assert cast(literal("abc"), short) == Constant("ab", short)
    with pytest.raises(Error, match="value too long for type character varying"):
        cast(literal("abc"), short, "assignment")
    assert cast(Slot(0, TEXT), short).evaluate(("abc",), context()) == "ab"
    money = SqlType(Kind.NUMERIC, precision=5, scale=2)
    assert str(cast(Constant(Decimal("1.005"), NUMERIC), money).evaluate((), context())) == "1.01"


@pytest.mark.parametrize(
    ("source", "target", "how", "sqlstate", "message"),
    [
        (INTEGER, DATE, "explicit", "42846", "cannot cast type integer to date"),
        (TEXT, INTEGER, "assignment", "42846", "cannot cast type text to integer"),
        (BIGINT, INTEGER, "implicit", "42846", "cannot cast type bigint to integer"),
    ],
)
def test_refused(source: SqlType, target: SqlType, how: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(Error) as caught:
        cast(Slot(0, source), target, how)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_assignment_names_the_column() -> None:
    with pytest.raises(Error) as caught:
        assign(Slot(0, TEXT), INTEGER, "a")
    assert caught.value.message == 'column "a" is of type integer but expression is of type text'
    assert (caught.value.sqlstate, caught.value.hint) == (
        "42804",
        "You will need to rewrite or cast the expression.",
    )
    assert assign(literal("1"), INTEGER, "a") == Constant(1, INTEGER)


def test_common_type() -> None:
    assert common_type([Slot(0, INTEGER), literal("1")], "CASE") == INTEGER
    assert common_type([literal("a"), literal(None)], "CASE") == TEXT
    with pytest.raises(Error, match="CASE types integer and boolean cannot be matched"):
        common_type([Slot(0, INTEGER), Slot(1, BOOLEAN)], "CASE")
