"""SQL values as JSON text, for to_json, json_build_object, json_agg."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Final

from minidb.value.session_time import UTC_SESSION, SessionTime
from minidb.value.sql_types import INTEGER_KINDS, Kind, SqlType, Value
from minidb.value.text import writer

quoted: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode
_NUMBERS: Final = INTEGER_KINDS | {Kind.NUMERIC, Kind.REAL, Kind.DOUBLE}


def json_writer(type_: SqlType, session: SessionTime = UTC_SESSION) -> Callable[[Value], str]:
    """A function that writes values of `type_` as JSON: numbers and booleans bare, dates as ISO 8601."""
    kind = type_.kind
    if kind in (Kind.JSON, Kind.JSONB):
        return str
    if kind is Kind.BOOLEAN:
        return lambda value: "true" if value else "false"
    write = writer(type_, session)
    if kind in _NUMBERS:
        # NaN and the infinities have no JSON number: they are written as strings.
        return lambda value: write(value) if isfinite(value) else quoted(write(value))
    if kind is Kind.TIMESTAMP:
        return lambda value: quoted(write(value).replace(" ", "T", 1))
    if kind is Kind.TIMESTAMPTZ:
        return lambda value: quoted(_whole_offset(write(value).replace(" ", "T", 1)))
    return lambda value: quoted(write(value))


def _whole_offset(text: str) -> str:
    """ISO 8601 wants the minutes of the offset: +00:00 where PostgreSQL prints +00."""
    return text if text[-3] == ":" and text[-6] in "+-" else text + ":00"
