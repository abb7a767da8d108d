"""Texts of every type, in and out, against PostgreSQL's; and that what is printed reads back the same."""

from __future__ import annotations

import datetime
import math
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_cases import SESSION, cases, disagreements, type_named

from minidb.errors import DataError, NotSupportedError
from minidb.value import sql_types
from minidb.value.cast import cast_function
from minidb.value.interval import Interval
from minidb.value.session_time import SessionTime, zone_by_name
from minidb.value.sql_types import SqlType
from minidb.value.text import from_text, to_text


def _read_and_print(operands: tuple[str, ...]) -> str:
    type_ = type_named(operands[0])
    value = cast_function(sql_types.UNKNOWN, type_, True, SESSION)(operands[1])
    text: str = cast_function(type_, sql_types.TEXT, True, SESSION)(value)
    return text


@pytest.mark.parametrize("table", ["text_cases", "date_text_cases"])
def test_texts_read_and_print_as_in_postgresql(table: str) -> None:
    assert disagreements(cases(table), _read_and_print) == []


def _comes_back(value: Any, type_: SqlType) -> bool:
    text = to_text(value, type_, SESSION)
    back = from_text(text, type_, SESSION)
    return bool(back == value) and to_text(back, type_, SESSION) == text


@given(st.floats(allow_nan=False))
def test_doubles_come_back(value: float) -> None:
    assert _comes_back(value, sql_types.DOUBLE)


@given(st.floats(width=32, allow_nan=False))
def test_reals_come_back(value: float) -> None:
    assert _comes_back(value, sql_types.REAL)
    digits = to_text(value, sql_types.REAL).lstrip("-").partition("e")[0].replace(".", "").strip("0")
    assert math.isinf(value) or len(digits) <= 9


def test_real_at_a_power_of_two_takes_the_shortest_text() -> None:
    for exponent in range(-149, 128):
        value = 2.0**exponent
        text = to_text(value, sql_types.REAL)
        assert struct.pack("<f", float(text)) == struct.pack("<f", value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_numerics_come_back_with_their_scale(value: Decimal) -> None:
    value = from_text(f"{value:f}", sql_types.NUMERIC)
    assert _comes_back(value, sql_types.NUMERIC)


@given(st.datetimes(min_value=datetime.datetime(2, 1, 1), max_value=datetime.datetime(9998, 12, 31)))
def test_timestamps_come_back(value: datetime.datetime) -> None:
    assert _comes_back(value, sql_types.TIMESTAMP)
    assert _comes_back(value.replace(tzinfo=datetime.UTC), sql_types.TIMESTAMPTZ)
    assert _comes_back(value.date(), sql_types.DATE)
    assert _comes_back(value.time(), sql_types.TIME)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**62), 2**62))
def test_intervals_come_back_field_by_field(months: int, days: int, microseconds: int) -> None:
    value = Interval(months, days, microseconds)
    back = from_text(to_text(value, sql_types.INTERVAL), sql_types.INTERVAL)
    assert (back.months, back.days, back.microseconds) == (months, days, microseconds)


@given(st.binary())
def test_bytea_comes_back(value: bytes) -> None:
    assert _comes_back(value, sql_types.BYTEA)


@given(st.uuids(), st.booleans(), st.text())
def test_other_values_come_back(uuid: Any, boolean: bool, text: str) -> None:
    assert _comes_back(uuid, sql_types.UUID)
    assert _comes_back(boolean, sql_types.BOOLEAN)
    assert _comes_back(text, sql_types.TEXT)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1)),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text("abcé", max_size=3), children),
    max_leaves=10,
)


@given(_JSON)
def test_jsonb_is_a_fixed_point(value: Any) -> None:
    import json

    normal = from_text(json.dumps(value), sql_types.JSONB)
    assert from_text(normal, sql_types.JSONB) == normal
    assert json.loads(normal) == value


@pytest.mark.parametrize("text", ["infinity", "-infinity", "2000-01-01 BC"])
@pytest.mark.parametrize("type_", [sql_types.DATE, sql_types.TIMESTAMP, sql_types.TIMESTAMPTZ])
def test_what_python_dates_cannot_hold_is_refused(text: str, type_: SqlType) -> None:
    with pytest.raises(NotSupportedError) as caught:
        from_text(text, type_)
    assert caught.value.sqlstate == "0A000"


@pytest.mark.parametrize(
    "text", ["9999-12-31 23:59:59.9999999", "9999-12-31 23:59 -12", "0001-01-01 00:00 +12", "12345-01-01"]
)
def test_beyond_the_calendar_is_an_error(text: str) -> None:
    with pytest.raises(DataError) as caught:
        from_text(text, sql_types.TIMESTAMPTZ)
    assert caught.value.sqlstate == "22008"


def test_special_days_are_those_of_the_session() -> None:
    now = datetime.datetime(2024, 5, 1, 2, 30, tzinfo=datetime.UTC)  # still April in New York
    session = SessionTime(zone_by_name("America/New_York"), now)

    def read(text: str, type_: SqlType) -> str:
        return to_text(from_text(text, type_, session), type_, session)

    assert read("today", sql_types.DATE) == "2024-04-30"
    assert read("tomorrow", sql_types.TIMESTAMP) == "2024-05-01 00:00:00"
    assert read("yesterday 04:05", sql_types.TIMESTAMPTZ) == "2024-04-29 04:05:00-04"
    assert read("now", sql_types.TIMESTAMPTZ) == "2024-04-30 22:30:00-04"
    assert read("now", sql_types.TIMESTAMP) == "2024-04-30 22:30:00"
    assert read("now", sql_types.TIME) == "22:30:00"
    assert read("epoch", sql_types.TIMESTAMPTZ) == "1969-12-31 19:00:00-05"
