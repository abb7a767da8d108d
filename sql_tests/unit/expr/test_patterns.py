"""LIKE against a matcher too simple to be wrong; SIMILAR TO and regular expressions in what they add."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb.errors import Error
from minidb.expr.patterns import (
    like,
    like_matcher,
    like_prefix,
    matches,
    python_source,
    regular_expression,
    similar_to,
)


def simple_like(text: str, pattern: str) -> bool:
    """LIKE with the backslash as escape, by definition."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(simple_like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    if not text:
        return False
    if pattern[0] == "\\":
        return text[0] == pattern[1] and simple_like(text[1:], pattern[2:])
    return pattern[0] in ("_", text[0]) and simple_like(text[1:], pattern[1:])


PATTERNS = st.lists(st.sampled_from(["a", "b", "%", "_", "\\%", "\\_", "\\\\", "."]), max_size=6).map("".join)
TEXTS = st.text("ab%_\\.\n", max_size=6)


@given(TEXTS, PATTERNS)
def test_like(text: str, pattern: str) -> None:
    assert like(text, pattern) == simple_like(text, pattern)


@given(TEXTS, PATTERNS)
def test_prefix_bounds_every_match(text: str, pattern: str) -> None:
    prefix, is_all = like_prefix(pattern)
    if like(text, pattern):
        assert text.startswith(prefix)
    if is_all and text.startswith(prefix):
        assert like(text, pattern)


def test_ignoring_case() -> None:
    assert like_matcher("A%É", "\\", True)("axé")
    assert not like_matcher("A%", "\\")("ax")


def test_bad_escapes() -> None:
    with pytest.raises(Error) as caught:
        like("a", "a\\")
    assert caught.value.sqlstate == "22025"
    with pytest.raises(Error) as caught:
        like("a", "a", "xx")
    assert caught.value.sqlstate == "22025"
    assert like("a\\", "a\\", "")


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "abc", True), ("abc", "a", False), ("abc", "%(b|d)%", True), ("abc", "(b|c)%", False),
        ("a.c", "a.c", True), ("abc", "a.c", False), ("aab", "a{2}b", True), ("ab", "[a-c]+", True),
        ("a%", "a\\%", True), ("ab", "a\\%", False), ("a^b", "a^b", True), ("x\ny", "x_y", True),
    ],
)  # fmt: skip
def test_similar_to(text: str, pattern: str, expected: bool) -> None:
    assert similar_to(text, pattern) is expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("foo bar", r"\mbar\M", True), ("foobar", r"\mbar", False), ("a1", "[[:alpha:]][[:digit:]]", True),
        ("é", "[[:alpha:]]", True), ("_", "[[:alpha:]]", False), ("1", "[^[:alpha:]]", True),
        ("b", "[^[:alpha:]x]", False), ("a\n", "a$", False), ("a.b", "***=a.b", True),
        ("axb", "***=a.b", False),
        ("]", "[]]", True), ("a]", "[^]]", True), ("a\nb", "a.b", True), ("x", "[[:<:]]x[[:>:]]", True),
    ],
)  # fmt: skip
def test_regular_expressions(text: str, pattern: str, expected: bool) -> None:
    assert matches(text, pattern) is expected


@pytest.mark.parametrize("pattern", ["a(", "a[b", "*a", "[[:nope:]]", "a{2,1}"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(Error) as caught:
        regular_expression(pattern)
    assert caught.value.sqlstate == "2201B"


def test_dollar_under_multiline() -> None:
    assert python_source("a$") == r"a\Z"
    assert python_source("a$", multiline=True) == "a$"
