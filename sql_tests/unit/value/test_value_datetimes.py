"""Dates, times and intervals: arithmetic, fields, truncation and templates against PostgreSQL's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from value_cases import NEW_YORK, cases, disagreements, shown, value_of

from minidb.errors import DataError
from minidb.value import (
    date_fields,
    date_pattern_input,
    date_patterns,
    datetimes,
    interval_arithmetic,
    number_pattern_input,
    number_patterns,
)
from minidb.value.interval import Interval
from minidb.value.numeric import format_numeric
from minidb.value.session_time import zone_by_hours, zone_by_name
from minidb.value.sql_types import Kind

Function = Callable[..., Any]


def _on(function: Function, result: str, *types: str) -> Function:
    """`function` over texts of `types`, its result printed as a `result`."""

    def call(*texts: str) -> str:
        values = [value_of(name, text) for name, text in zip(types, texts, strict=False)]
        return shown(result, function(*values))

    return call


def _in_new_york(function: Function) -> Function:
    return lambda *values: function(*values, NEW_YORK)


def _extract(kind: Kind) -> Function:
    def call(field: str, text: str) -> str:
        value = value_of(kind.value, text)
        return format_numeric(date_fields.extract(field, value, kind, NEW_YORK))

    return call


_ORIGIN = "2001-01-01 00:05"
_FUNCTIONS: dict[str, Function] = {
    "timestamp + interval": _on(datetimes.add_interval, "timestamp", "timestamp", "interval"),
    "timestamp - interval": _on(datetimes.subtract_interval, "timestamp", "timestamp", "interval"),
    "timestamptz + interval": _on(
        _in_new_york(datetimes.add_interval_to_instant), "timestamptz", "timestamptz", "interval"
    ),
    "timestamptz - interval": _on(
        _in_new_york(datetimes.subtract_interval_from_instant), "timestamptz", "timestamptz", "interval"
    ),
    "timestamp - timestamp": _on(datetimes.subtract_timestamps, "interval", "timestamp", "timestamp"),
    "age": _on(datetimes.age, "interval", "timestamp", "timestamp"),
    "timestamp at zone": _on(datetimes.timestamp_at_zone, "timestamptz", "timestamp", "text"),
    "timestamptz at zone": _on(datetimes.instant_at_zone, "timestamp", "timestamptz", "text"),
    "extract from timestamp": _extract(Kind.TIMESTAMP),
    "extract from timestamptz": _extract(Kind.TIMESTAMPTZ),
    "extract from date": _extract(Kind.DATE),
    "extract from time": _extract(Kind.TIME),
    "extract from interval": _extract(Kind.INTERVAL),
    "trunc timestamp": _on(date_fields.truncate_timestamp, "timestamp", "text", "timestamp"),
    "trunc timestamptz": _on(
        _in_new_york(date_fields.truncate_instant), "timestamptz", "text", "timestamptz"
    ),
    "trunc interval": _on(date_fields.truncate_interval, "interval", "text", "interval"),
    "interval + interval": _on(interval_arithmetic.add_intervals, "interval", "interval", "interval"),
    "interval - interval": _on(interval_arithmetic.subtract_intervals, "interval", "interval", "interval"),
    "interval < interval": _on(
        lambda left, right: "true" if left < right else "false", "text", "interval", "interval"
    ),
    "interval * double": _on(
        interval_arithmetic.multiply_interval, "interval", "interval", "double precision"
    ),
    "interval / double": _on(interval_arithmetic.divide_interval, "interval", "interval", "double precision"),
    "justify_hours": _on(interval_arithmetic.justify_hours, "interval", "interval"),
    "justify_days": _on(interval_arithmetic.justify_days, "interval", "interval"),
    "justify_interval": _on(interval_arithmetic.justify_interval, "interval", "interval"),
    "time + interval": _on(datetimes.add_interval_to_time, "time", "time", "interval"),
    "time - interval": _on(datetimes.subtract_interval_from_time, "time", "time", "interval"),
    "bin": lambda stride, text: _on(date_fields.date_bin, "timestamp", "interval", "timestamp", "timestamp")(
        stride, text, _ORIGIN
    ),
    "to_char timestamp": _on(date_patterns.to_char_timestamp, "text", "timestamp", "text"),
    "to_char timestamptz": _on(
        lambda value, template: date_patterns.to_char_timestamp(value.astimezone(NEW_YORK), template),
        "text",
        "timestamptz",
        "text",
    ),
    "to_char interval": _on(date_patterns.to_char_interval, "text", "interval", "text"),
    "to_date": _on(date_pattern_input.to_date, "date", "text", "text"),
    "to_timestamp": _on(_in_new_york(date_pattern_input.to_timestamp), "timestamptz", "text", "text"),
    "to_char numeric": _on(number_patterns.to_char_numeric, "text", "numeric", "text"),
    "to_char double": _on(number_patterns.to_char_float, "text", "double precision", "text"),
    "to_char real": _on(number_patterns.to_char_real, "text", "real", "text"),
    "to_number": _on(number_pattern_input.to_number, "numeric", "text", "text"),
}


@pytest.mark.parametrize("table", ["datetime_cases", "template_cases"])
def test_functions_are_postgresqls(table: str) -> None:
    assert disagreements(cases(table), lambda row: _FUNCTIONS[row[0]](*row[1:])) == []


def test_dates_from_numbers() -> None:
    assert str(datetimes.make_date(2024, 2, 29)) == "2024-02-29"
    assert str(datetimes.make_time(8, 15, 23.5)) == "08:15:23.500000"
    assert str(datetimes.make_timestamp(2024, 2, 28, 24, 0, 0.0)) == "2024-02-29 00:00:00"
    made = datetimes.make_interval(1, 2, 3, 4, 5, 6, 7.5)
    assert str(made) == "1 year 2 mons 25 days 05:06:07.5"
    for call, message in (
        (lambda: datetimes.make_date(2023, 2, 29), "date field value out of range: 2023-02-29"),
        (lambda: datetimes.make_time(25, 0, 0.0), "time field value out of range: 25:00:00"),
        (lambda: datetimes.add_days(datetimes.make_date(9999, 12, 31), 1), "date out of range"),
        (lambda: datetimes.instant_of_epoch(1e300), 'timestamp out of range: "1e+300"'),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert (caught.value.sqlstate, caught.value.message) == ("22008", message)


def test_seconds_since_the_epoch() -> None:
    assert shown("timestamptz", datetimes.instant_of_epoch(1284352323.5)) == "2010-09-13 00:32:03.5-04"


def test_zone_names() -> None:
    assert str(zone_by_name("europe/berlin")) == "Europe/Berlin"
    assert str(zone_by_hours(-3.5)) == "UTC-03:30"
    for name in ("nowhere", "../etc/passwd", "", "Europe/", "+25"):
        with pytest.raises(DataError) as caught:
            zone_by_name(name)
        assert caught.value.sqlstate in ("22023", "22009")


def test_interval_comparison_counts_thirty_days_a_month() -> None:
    assert Interval(1) == Interval(0, 30) == Interval(0, 0, 30 * 86_400_000_000)
    assert hash(Interval(1)) == hash(Interval(0, 30))
    assert Interval(0, 31) > Interval(1) >= Interval(0, 30)


def test_interval_as_timedelta_and_back() -> None:
    delta = Interval(1, 2, 3_000_000).to_timedelta()
    assert delta.days == 32
    assert Interval.from_timedelta(-delta).to_timedelta() == -delta
    with pytest.raises(DataError):
        Interval(2**31 - 1, 0, 0).to_timedelta()


def test_date_part_is_a_float() -> None:
    assert date_fields.date_part("epoch", value_of("timestamp", "1970-01-02"), Kind.TIMESTAMP) == 86400.0
