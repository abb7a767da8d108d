"""Tokens: words, literals, parameters and operators as PostgreSQL reads them."""

from __future__ import annotations

import pytest

from minidb.errors import Error
from minidb.sql.tokens import statements


def texts(sql: str) -> list[str]:
    (statement,) = statements(sql)
    return [token.text for token in statement.tokens]


def failure(sql: str) -> tuple[str, str, int | None]:
    with pytest.raises(Error) as caught:
        statements(sql)
    return caught.value.sqlstate, str(caught.value), caught.value.position


def test_a_script_is_split_at_semicolons_outside_of_quotes_and_comments() -> None:
    found = statements("select ';' ; ; -- ;\n select 2 /* ; /* ; */ */ ;")
    assert [[token.text for token in statement.tokens] for statement in found] == [
        ["select", ";"],
        ["select", "2"],
    ]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'it''s'", "it's"),
        (r"'a\b'", r"a\b"),
        (r"E'a\tb\'c\\'", "a\tb'c\\"),
        (r"E'\x41\101\u00e9\U0001F600'", "AAé😀"),
        (r"E'\ud83d\ude00'", "😀"),
        (r"U&'d\0061t\+000061'", "data"),
        ("$$it's$$", "it's"),
        ("$tag$a $$ b$tag$", "a $$ b"),
        ("'one'\n 'two'", "onetwo"),
    ],
)
def test_string_constants(sql: str, value: str) -> None:
    assert texts("select " + sql) == ["select", value]


@pytest.mark.parametrize("sql", ["1", "1.5", "1.", ".5", "1e5", "1.5E-3"])
def test_numbers_are_one_token(sql: str) -> None:
    assert texts("select " + sql) == ["select", sql]


def test_parameters_are_numbered() -> None:
    (statement,) = statements("select ?, ? + ?")
    assert statement.parameters == [None, None, None]
    (statement,) = statements("select :b, :a, :b, x::int")
    assert statement.parameters == ["b", "a"]
    assert [token.text for token in statement.tokens if token.text.isdigit()] == ["1", "2", "1"]
    (statement,) = statements("select $2, $1")
    assert statement.parameters == [None, None]


def test_a_question_mark_after_a_value_is_an_operator() -> None:
    (statement,) = statements("select a ? 'key' from t where b = ?")
    assert statement.parameters == [None]


def test_words_of_other_dialects_are_names() -> None:
    (statement,) = statements("select qualify, string from datetime")
    assert {token.token_type.name for token in statement.tokens[1::2]} >= {"VAR"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 'abc", ("42601", 'unterminated quoted string at or near "\'abc"', 8)),
        ("select E'a\\'", ("42601", "unterminated quoted string at or near \"E'a\\'\"", 8)),
        ("select /* x /* */", ("42601", 'unterminated /* comment at or near "/* x /* */"', 8)),
        ('select "x', ("42601", 'unterminated quoted identifier at or near ""x"', 8)),
        ("select $a$ b", ("42601", 'unterminated dollar-quoted string at or near "$a$ b"', 8)),
        ("select 12abc", ("42601", 'trailing junk after numeric literal at or near "12abc"', 8)),
        ("select 0x1F", ("42601", 'trailing junk after numeric literal at or near "0x1F"', 8)),
        ("select 'a' 'b'", ("42601", "syntax error at or near \"'b'\"", 12)),
        ("select `a`", ("42601", 'syntax error at or near "`"', 8)),
        ("select ! a", ("42601", 'syntax error at or near "!"', 8)),
        ("select ?, $1", ("42601", "?, :name and $1 cannot be mixed in one statement", 11)),
        ("select $0", ("42P02", "there is no parameter $0", 8)),
        ("select B'101'", ("0A000", "type bit is not supported", 8)),
        ("select E'\\u00'", ("42601", "invalid Unicode escape", 8)),
        ("select E'\\x00'", ("22021", 'invalid byte sequence for encoding "UTF8": 0x00', 8)),
        ("select E'\\xff'", ("22021", 'invalid byte sequence for encoding "UTF8"', 8)),
    ],
)
def test_what_is_no_token(sql: str, expected: tuple[str, str, int]) -> None:
    assert failure(sql) == expected
