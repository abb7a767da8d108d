"""Dates, times and timestamps as text: ISO 8601 with a space, as PostgreSQL's DateStyle ISO prints them."""

from __future__ import annotations

import datetime

from minidb.value.session_time import UTC


def format_date(value: datetime.date) -> str:
    """2024-01-31."""
    return value.isoformat()


def format_time(value: datetime.time) -> str:
    """04:05:06.789: no trailing zeros."""
    text = value.isoformat()
    return text.rstrip("0") if len(text) > 8 else text


def format_timestamp(value: datetime.datetime) -> str:
    """2024-01-31 04:05:06.789."""
    text = value.isoformat(" ")
    return text.rstrip("0") if len(text) > 19 else text


def format_timestamptz(value: datetime.datetime, zone: datetime.tzinfo = UTC) -> str:
    """2024-01-31 04:05:06.789+01: as clocks in `zone` show it, with their offset."""
    if zone is UTC:
        return format_timestamp(value.replace(tzinfo=None)) + "+00"
    try:
        local = value.astimezone(zone)
    except OverflowError:  # within a day of the calendar's ends
        return format_timestamp(value.replace(tzinfo=None)) + "+00"
    offset = local.utcoffset()
    assert offset is not None
    return format_timestamp(local.replace(tzinfo=None)) + format_offset(offset)


def format_offset(offset: datetime.timedelta) -> str:
    """+01, -03:30, +00:19:32."""
    seconds = round(offset.total_seconds())
    sign = "-" if seconds < 0 else "+"
    minutes, seconds = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if seconds:
        return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{hours:02d}:{minutes:02d}" if minutes else f"{sign}{hours:02d}"
