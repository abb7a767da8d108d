"""Expressions: literals, operators, special syntax, and refusals by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bind_fixture import CATALOG, expression, failure, raised, types

from minidb.catalog.schema import Table
from minidb.expr.node import Constant, Expr, Slot, walk
from minidb.sql.bind import bind
from minidb.sql.parse import parse
from minidb.sql.table_expressions import CHECK, bind_over_row
from minidb.value.sql_types import BIGINT, INTEGER, NUMERIC, TEXT, SqlType


@pytest.mark.parametrize(
    ("text", "value", "type_"),
    [
        ("1", 1, INTEGER),
        ("2147483648", 2147483648, BIGINT),
        ("-2147483648", -2147483648, INTEGER),
        ("-9223372036854775808", -9223372036854775808, BIGINT),
        ("9223372036854775808", Decimal("9223372036854775808"), NUMERIC),
        ("1.50", Decimal("1.50"), NUMERIC),
        ("1e3", Decimal(1000), NUMERIC),
        (".5", Decimal("0.5"), NUMERIC),
        ("'x'", "x", TEXT),
        ("null", None, TEXT),
    ],
)
def test_literals(text: str, value: object, type_: SqlType) -> None:
    found = expression("select " + text)
    assert isinstance(found, Constant)
    assert (found.value, found.type) == (value, type_)
    assert str(found.value) == str(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2 + 3 * 4", "2 + (3 * 4)"),
        ("-2 ^ 2", "(-2) ^ 2"),
        ("2 ^ 3 ^ 2", "(2 ^ 3) ^ 2"),
        ("10 - 2 - 3", "(10 - 2) - 3"),
        ("a = 1 is null", "(a = 1) is null"),
        ("not a is null", "not (a is null)"),
        ("not a = 1 and b = 'x'", "(not (a = 1)) and (b = 'x')"),
        ("a = 1 or a = 2 and b = 'x'", "a = 1 or (a = 2 and b = 'x')"),
        ("b || 'x' like 'y'", "(b || 'x') like 'y'"),
        ("a + 1 between 2 and 3 and true", "((a + 1) between 2 and 3) and true"),
        ("- a::bigint", "- (a::bigint)"),
        ("a in (1, 2) is true", "(a in (1, 2)) is true"),
        ("a < 1 = true", None),
        ("a is distinct from 1 is true", "(a is distinct from 1) is true"),
    ],
)
def test_precedence(left: str, right: str | None) -> None:
    if right is None:
        assert failure(f"select {left} from t")[0] == "42601"
    else:
        assert expression(f"select {left} from t") == expression(f"select {right} from t")


@pytest.mark.parametrize(
    ("special", "plain"),
    [
        ("trim(b)", "btrim(b)"),
        ("trim(both 'x' from b)", "btrim(b, 'x')"),
        ("trim(leading from b)", "ltrim(b)"),
        ("trim(trailing 'x' from b)", "rtrim(b, 'x')"),
        ("a between 1 and 2", "a >= 1 and a <= 2"),
        ("a not between 1 and 2", "a < 1 or a > 2"),
        ("a isnull", "a is null"),
        ("a notnull", "a is not null"),
        ("b !~ 'x'", "b operator_not_matches 'x'"),
        ("b ~~ 'x%'", "b like 'x%'"),
        ("b !~~* 'x%'", "b not ilike 'x%'"),
        ("pg_catalog.lower(b)", "lower(b)"),
        ('"lower"(b)', "lower(b)"),
        ("cast(a as text)", "a::text"),
        ("text(a)", "a::text"),
        ("(a, b) = (1, 'x')", "a = 1 and b = 'x'"),
        ("(a, b) <> (1, 'x')", "a <> 1 or b <> 'x'"),
        ("a in (1)", "a = 1"),
        ('b collate "C"', "b"),
        ("case a when 1 then 2 end", "case when a = 1 then 2 end"),
        ("date '2020-01-01'", "'2020-01-01'::date"),
        ("interval '90' minute", "interval '90 minutes'"),
        ("interval '1-2' year to month", "interval '1 year 2 months'"),
    ],
)
def test_special_syntax_is_a_spelling(special: str, plain: str) -> None:
    if "operator_not_matches" in plain:
        assert types(f"select {special} from t") == ["boolean"]
        return
    assert expression(f"select {special} from t") == expression(f"select {plain} from t")


def test_escape_and_symmetric() -> None:
    assert (
        types("select b like 'x!%' escape '!', b not ilike 'y' escape '', b similar to '%x' from t")
        == ["boolean"] * 3
    )
    both = "(a >= 3 and a <= 1) or (a >= 1 and a <= 3)"
    swapped = "(a >= 1 and a <= 3) or (a >= 3 and a <= 1)"
    found = expression("select a between symmetric 3 and 1 from t")
    assert found in (expression(f"select {both} from t"), expression(f"select {swapped} from t"))


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("select a + b from t", "42883", "operator does not exist: integer + text"),
        ("select nope(1)", "42883", "function nope(integer) does not exist"),
        ("select 1 from t where a", "42804", "argument of WHERE must be type boolean, not type integer"),
        ("select a and true from t", "42804", "argument of AND must be type boolean, not type integer"),
        ("select not a from t", "42804", "argument of NOT must be type boolean, not type integer"),
        (
            "select case when a then 1 end from t",
            "42804",
            "argument of CASE/WHEN must be type boolean, not type integer",
        ),
        (
            "select case when true then 1 else b end from t",
            "42804",
            "CASE types text and integer cannot be matched",
        ),
        ("select a = 'x' from t", "22P02", 'invalid input syntax for type integer: "x"'),
        ("select 'x'::nope", "42704", 'type "nope" does not exist'),
        ("select cast(1 as string)", "42704", 'type "string" does not exist'),
        ("select 'x'::money", "0A000", "type money is not supported"),
        ('select b collate "de_DE" from t', "0A000", 'collation "de_DE" is not supported'),
        ('select a collate "C" from t', "42804", "collations are not supported by type integer"),
        (
            "select lower(distinct b) from t",
            "42809",
            "DISTINCT specified, but lower is not an aggregate function",
        ),
        (
            "select lower(b) filter (where true) from t",
            "42809",
            "FILTER specified, but lower is not an aggregate function",
        ),
        ("select rank() from t", "42809", "window function rank requires an OVER clause"),
        ("select sum(a) over () from t", "0A000", "window functions are not supported"),
        ("select array[1]", "0A000", "arrays are not supported"),
        ("select b[1] from t", "0A000", "array subscripts are not supported"),
        ("select 1::int[]", "0A000", "array types are not supported"),
        ("select row(1, 2)", "0A000", "a row as a value is not supported"),
        (
            "select 1 where generate_series(1, 2) = 1",
            "0A000",
            "the set-returning function generate_series outside FROM is not supported",
        ),
        ("select f(x => 1)", "0A000", "named arguments are not supported"),
        ("select current_time", "0A000", "type time with time zone is not supported"),
        ("select a < 1 < 2 from t", "42601", 'syntax error at or near "<"'),
        ("select (1, 2) = (1, 2, 3)", "42601", "unequal number of entries in row expressions"),
    ],
)
def test_errors(sql: str, sqlstate: str, message: str) -> None:
    assert failure(sql) == (sqlstate, message)


def test_errors_point_at_the_innermost_place() -> None:
    assert raised("select 1 + (2 * lower(a)) from t").position == 17
    assert raised("select a, b, 1 from t where b = 'x' and c = 'y'").position == 41


def test_parameters_take_their_types_from_outside_or_from_their_place() -> None:
    (parsed,) = parse("select ? + 1, ?, a = ? from t")
    found = bind(parsed, CATALOG, [INTEGER, TEXT])
    assert [str(type_) for _, type_ in found.columns] == ["integer", "text", "boolean"]
    assert len(found.parameter_types) == 3


def test_stored_expressions_are_bound_over_slots() -> None:
    table = CATALOG.table("t")
    assert isinstance(table, Table)
    found: Expr = bind_over_row(CATALOG, table, "lower(b) || a", CHECK)
    assert [part.index for part in walk(found) if isinstance(part, Slot)] == [1, 0]


def test_long_chains_do_not_recurse() -> None:
    assert types("select " + " + ".join(["a"] * 3000) + " from t") == ["integer"]
    assert types("select " + " or ".join(["a = 1"] * 3000) + " from t") == ["boolean"]
    assert failure("select " + " + ".join(["a"] * 3000) + " + b from t")[0] == "42883"
