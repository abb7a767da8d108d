"""to_char, to_number, to_date, to_timestamp."""

from __future__ import annotations

import datetime
from typing import Final

from minidb.expr import datetime_format, datetime_parse, number_format
from minidb.expr.cast import session_time
from minidb.expr.function_table import Overload, define
from minidb.expr.node import EvaluationContext
from minidb.value.date_input import localise


def format_instant(context: EvaluationContext, value: datetime.datetime, pattern: str) -> str:
    """to_char(timestamptz, template), on the session's clocks."""
    return datetime_format.format_timestamp(value.astimezone(session_time(context).zone), pattern)


def to_timestamp(context: EvaluationContext, text: str, pattern: str) -> datetime.datetime:
    """to_timestamp(text, template)."""
    found = datetime_parse.parse_with_template(text, pattern)
    if found.offset is not None:
        return (found.timestamp() - found.offset).replace(tzinfo=datetime.UTC)
    return localise(found.timestamp(), session_time(context).zone)


def to_date(text: str, pattern: str) -> datetime.date:
    """to_date(text, template)."""
    return datetime_parse.parse_with_template(text, pattern).timestamp().date()


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("to_char(integer, text) text", number_format.format_integer, "stable"),
    define("to_char(bigint, text) text", number_format.format_integer, "stable"),
    define("to_char(numeric, text) text", number_format.format_number, "stable"),
    define("to_char(double, text) text", number_format.format_double, "stable"),
    define("to_char(real, text) text", number_format.format_double, "stable"),
    define("to_char(timestamp, text) text", datetime_format.format_timestamp, "stable"),
    define("to_char(timestamptz, text) text", format_instant, "stable", with_context=True),
    define("to_char(interval, text) text", datetime_format.format_interval, "stable"),
    define("to_number(text, text) numeric", number_format.parse_number, "stable"),
    define("to_date(text, text) date", to_date, "stable"),
    define("to_timestamp(text, text) timestamptz", to_timestamp, "stable", with_context=True),
)
