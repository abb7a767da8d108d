"""Patterns against PostgreSQL's answers."""

from __future__ import annotations

import pytest
from value_cases import cases, disagreements

from minidb.errors import DataError, NotSupportedError
from minidb.value.regex import like_expression, regular_expression, similar_expression


def _matches(operands: tuple[str, ...]) -> str:
    operator, text, pattern = operands
    if operator == "like":
        found = like_expression(pattern).fullmatch(text)
    elif operator == "ilike":
        found = like_expression(pattern, "", True).fullmatch(text)
    elif operator == "similar":
        found = similar_expression(pattern).fullmatch(text)
    else:
        found = regular_expression(pattern, operator[1:].removeprefix("egexp_like ")).search(text)
    return "true" if found else "false"


def test_patterns_match_as_in_postgresql() -> None:
    assert disagreements(cases("pattern_cases"), _matches) == []


def test_classes_are_unicodes() -> None:
    assert regular_expression("^[[:alpha:]]+$").search("Äpfel")
    assert regular_expression(r"^\w+$").search("Äpfel")
    assert not regular_expression("[^[:alpha:]]").search("Äpfel")


def test_groups_and_back_references() -> None:
    match = regular_expression(r"(\d+)-(?:x(y))\1").search("1-xy1")
    assert match is not None
    assert match.groups() == ("1", "y")


@pytest.mark.parametrize(
    ("pattern", "error", "sqlstate"),
    [
        ("(a", DataError, "2201B"),
        ("a" * 3 + "(" * 5000 + ")" * 5000, DataError, "2201B"),
        ("(?<=a+)b", NotSupportedError, "0A000"),
        ("(?b)a", NotSupportedError, "0A000"),
    ],
)
def test_wrong_patterns(pattern: str, error: type[Exception], sqlstate: str) -> None:
    with pytest.raises(error) as caught:
        regular_expression(pattern)
    assert getattr(caught.value, "sqlstate", None) == sqlstate


def test_escape_characters() -> None:
    assert like_expression("10#%", "#").fullmatch("10%")
    assert similar_expression("a#%b", "#").fullmatch("a%b")
    for expression in (like_expression, similar_expression):
        with pytest.raises(DataError) as caught:
            expression("a", "##")
        assert caught.value.sqlstate == "22025"
    with pytest.raises(DataError) as caught:
        like_expression("a\\")
    assert caught.value.sqlstate == "22025"
