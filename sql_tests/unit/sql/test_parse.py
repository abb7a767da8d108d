"""Statements: kinds, places in a script, syntax errors, and what sqlglot would let pass."""

from __future__ import annotations

import pytest
from sqlglot import exp

from minidb.errors import Error
from minidb.sql.parse import parse


def failure(sql: str) -> tuple[str, str, int | None]:
    with pytest.raises(Error) as caught:
        parse(sql)
    return caught.value.sqlstate, str(caught.value), caught.value.position


def test_statements_know_their_place() -> None:
    first, second = parse("  select 1 ;\n\n update t set a = 2 -- done")
    assert (first.text, first.offset, first.kind) == ("select 1", 2, "select")
    assert (second.text, second.offset, second.kind) == ("update t set a = 2", 15, "update")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("values (1)", "select"),
        ("table t", "select"),
        ("(select 1)", "select"),
        ("with a as (select 1) select * from a", "select"),
        ("with a as (select 1) insert into t select * from a", "insert"),
        ("delete from t", "delete"),
        ("begin", "begin"),
        ("explain select 1", "explain"),
    ],
)
def test_kinds(sql: str, kind: str) -> None:
    assert parse(sql)[0].kind == kind


def test_functions_keep_their_names_and_arguments() -> None:
    tree = parse("select now(), to_char(a, 'YYYY'), date_trunc('month', b), div(7, 2), Left('x', 1)")[0].tree
    assert isinstance(tree, exp.Select)
    assert [node.this for node in tree.expressions] == ["now", "to_char", "date_trunc", "div", "Left"]
    assert tree.expressions[1].expressions[1].name == "YYYY"


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("select a from", "syntax error at end of input", 14),
        ("select (1", "syntax error at end of input", 10),
        ("select 1)", 'syntax error at or near ")"', 9),
        ("select 1 select 2", 'syntax error at or near "select"', 10),
        ("selct 1", 'syntax error at or near "selct"', 1),
        ("select 1; selct 2", 'syntax error at or near "selct"', 11),
        ("select 1 from t x y", 'syntax error at or near "y"', 19),
        ("select 1,, 2", 'syntax error at or near ","', 10),
        ("select f(,1)", 'syntax error at or near ","', 10),
        ("select 1, from t", 'syntax error at or near "from"', 11),
        ("select (1,)", 'syntax error at or near ")"', 11),
        ("select 1,", "syntax error at end of input", 10),
        ("select 1 as", "syntax error at end of input", 12),
        ("select 1 as, 2", 'syntax error at or near ","', 12),
        ("select as x", 'syntax error at or near "as"', 8),
        ("select a is from t", 'syntax error at or near "from"', 13),
        ("select a from t group by", "syntax error at end of input", 25),
        ("(select a from t order by)", 'syntax error at or near ")"', 26),
        ("select * from t where a between 1 2", 'syntax error at or near "2"', 35),
        ("select * from t left join u", "syntax error at end of input", 28),
        ("select * from t join u using a", 'syntax error at or near "a"', 30),
        ("select * from t natural join u on true", 'syntax error at or near "on"', 32),
        ("select * from t cross join u using (a)", 'syntax error at or near "using"', 30),
        ("select a from t fetch first", "syntax error at end of input", 28),
        ("select a from t fetch first 2 rows", "syntax error at end of input", 35),
        ("select a:b from t", 'syntax error at or near ":"', 9),
        ("select current_date()", 'syntax error at or near "("', 20),
        ("select (from t)", 'syntax error at or near "from"', 9),
        ("select {{ a }} from t", 'syntax error at or near "{"', 8),
        ("select a ?? 1 from t", 'syntax error at or near "??"', 10),
        ("select position('a', 'b')", 'syntax error at or near ","', 20),
        ("values", "syntax error at end of input", 7),
        ("select 1 limit 1, 2", 'syntax error at or near ","', 17),
        ("select 1 from t join u", "syntax error at end of input", 23),
        ("select 1 from t join u where a = 1", 'syntax error at or near "where"', 24),
        ("select 1 from t qualify x", 'syntax error at or near "x"', 25),
        ("select * from t where", "syntax error at end of input", 22),
    ],
)
def test_syntax_errors(sql: str, message: str, position: int) -> None:
    assert failure(sql) == ("42601", message, position)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("select * from t tablesample bernoulli (10)", "TABLESAMPLE is not supported"),
        ("select 1 into t", "SELECT INTO is not supported"),
        ("select a from t window w as (order by a)", "the WINDOW clause is not supported"),
        ("prepare p as select 1", "PREPARE is not supported"),
        ("merge into t using u on true when matched then delete", "MERGE is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(sql: str, what: str) -> None:
    sqlstate, message, _ = failure(sql)
    assert (sqlstate, message) == ("0A000", what)


@pytest.mark.parametrize(
    "sql",
    [
        "select " + "(" * 20_000 + "1" + ")" * 20_000,
        "select " + "(select " * 20_000 + "1" + ")" * 20_000,
        "select * from " + "(select * from " * 20_000 + "t" + ") x" * 20_000,
        "select " + "case when true then " * 20_000 + "1" + " end" * 20_000,
        "select " + "not " * 20_000 + "true",
        "select " + "- " * 20_000 + "1",
    ],
)
def test_deep_nesting_ends_in_an_error(sql: str) -> None:
    with pytest.raises(Error) as caught:
        parse(sql)
    assert caught.value.sqlstate == "54001"


def test_long_chains_are_no_deep_nesting() -> None:
    parse("select " + " + ".join(["1"] * 5_000))
    parse("select 1 where " + " or ".join(["a = 1"] * 2_000))
