"""Whatever a text says, reading it ends in a value or in one of our errors, never in a Python one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from value_cases import SESSION

from minidb.errors import Error
from minidb.value.date_pattern_input import to_date, to_timestamp
from minidb.value.number_pattern_input import to_number
from minidb.value.number_patterns import to_char_numeric
from minidb.value.numeric import parse_numeric
from minidb.value.regex import like_expression, regular_expression, similar_expression
from minidb.value.session_time import zone_by_name
from minidb.value.sql_types import Kind, SqlType
from minidb.value.text import from_text, to_text
from minidb.value.types_by_name import type_from_name

_WORDS = """
1 12 2024 - / : . + T Z jan Monday pm BC ago day mon year e E5 inf nan 0x { } [ ] " \\ \\x a é J now today
epoch P M America/New_York UTC+3 99999999999 24:00:00 0001-01-01 9999-12-31 +15 -15:59 true \\u0000 * ( ) ? (?
| $ ^
{2 [[: _ % YYYY MM DD HH24 HH12 FM 9 0 , D S MI PR EEEE V th TZH IW RN Mon Day SSSS Q WW CC US Y,YYY
"""
_TEXTS = st.lists(
    st.sampled_from([*_WORDS.split(), " ", "\t", "\x00", "\ud83d", "9" * 4500]), max_size=7
).map("".join)


def _survives(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Error as error:
        assert len(error.sqlstate) == 5
        return None


@pytest.mark.parametrize("kind", list(Kind))
@settings(max_examples=60, deadline=None)
@given(text=_TEXTS)
def test_reading_any_text(kind: Kind, text: str) -> None:
    value = _survives(from_text, text, SqlType(kind), SESSION)
    if value is not None:
        assert isinstance(to_text(value, SqlType(kind), SESSION), str)


@settings(max_examples=200, deadline=None)
@given(text=_TEXTS, template=_TEXTS)
def test_any_template(text: str, template: str) -> None:
    for function in (to_date, to_timestamp, to_number):
        _survives(function, text, template)
    for number in ("1", "-12.5", "NaN", "1e30"):
        _survives(to_char_numeric, parse_numeric(number), template)


@settings(max_examples=200, deadline=None)
@given(text=_TEXTS)
def test_any_pattern_zone_or_type(text: str) -> None:
    for function in (regular_expression, similar_expression, like_expression, zone_by_name, type_from_name):
        _survives(function, text)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (parse_numeric, ("1e" + "9" * 5000,)),
        (regular_expression, ("a{" + "9" * 5000 + "}",)),
        (regular_expression, ("(a)\\" + "9" * 5000,)),
        (to_date, ("9" * 5000, "YYYY")),
    ],
)
def test_numbers_too_long_for_int(function: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert _survives(function, *arguments) is None
