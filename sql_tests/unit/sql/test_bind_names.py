"""Names: what they find, what output columns are called, and the errors that name them."""

from __future__ import annotations

import pytest
from bind_fixture import columns, failure, names, raised


def test_star_and_qualified_star() -> None:
    assert names("select * from t, u") == ["a", "b", "c", "d", "a", "x", "y"]
    assert names("select u.*, b from t, u") == ["a", "x", "y", "b"]
    assert columns("select * from v") == [("one", "integer"), ("two", "bigint")]


def test_names_fold_unless_quoted() -> None:
    assert names('select A, T.B, "a" from T') == ["a", "b", "a"]
    assert failure('select "A" from t') == ("42703", 'column "A" does not exist')
    assert failure('select 1 from "T"') == ("42P01", 'relation "T" does not exist')


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a + 1, a, a as z, t.b from t", ["?column?", "a", "z", "b"]),
        ("select count(*), sum(a), lower('X'), now()", ["count", "sum", "lower", "now"]),
        (
            "select 1::int, 'x'::text, a::text, cast(1 as numeric(3,1)) from t",
            ["int4", "text", "a", "numeric"],
        ),
        ("select case when true then 1 end, case when true then 1 else a end from t", ["case", "a"]),
        ("select coalesce(1, 2), nullif(1, 2), greatest(1, 2)", ["coalesce", "nullif", "greatest"]),
        ("select exists (select 1), (select a from t), (select 1)", ["exists", "a", "?column?"]),
        (
            "select true, null, 'x', interval '1 day', date '2020-01-01'",
            ["bool"] + ["?column?"] * 2 + ["interval", "date"],
        ),
        (
            "select extract(year from d), substring(b from 1), trim(b), position('a' in b) from t",
            ["extract", "substring", "btrim", "position"],
        ),
        (
            "select current_date, current_timestamp, localtime",
            ["current_date", "current_timestamp", "localtime"],
        ),
        ("select pg_catalog.lower('X'), z at time zone 'UTC' from w", ["lower", "timezone"]),
        ("select count(*) filter (where a > 1)::text from t", ["count"]),
        ("values (1, 2)", ["column1", "column2"]),
        ("select 1 as x union select 2 as y", ["x"]),
        ("select g, h.* from generate_series(1, 2) g, generate_series(1, 2) as h(n)", ["g", "n"]),
    ],
)
def test_output_names(sql: str, expected: list[str]) -> None:
    if "sum(a)" in sql:
        sql += " from t"
    assert names(sql) == expected


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message", "position"),
    [
        ("select nope from t", "42703", 'column "nope" does not exist', 8),
        ("select t.nope from t", "42703", "column t.nope does not exist", 8),
        ("select 1, z.a from t", "42P01", 'missing FROM-clause entry for table "z"', 11),
        ("select a from t, u", "42702", 'column reference "a" is ambiguous', 8),
        ("select 1 from t x, u x", "42712", 'table name "x" specified more than once', 20),
        ("select * from nope", "42P01", 'relation "nope" does not exist', 15),
        ("select * from s.t", "42P01", 'relation "s.t" does not exist', 15),
        ("select s.t.a from t", "42P01", 'missing FROM-clause entry for table "t"', 8),
        ("select t.* from u", "42P01", 'missing FROM-clause entry for table "t"', 8),
        ("select *", "42601", "SELECT * with no tables specified is not valid", 8),
        ("select q.lower('x')", "3F000", 'schema "q" does not exist', 8),
        ("select t from t", "0A000", 'a whole row ("t") as a value is not supported', 8),
        ("select x.b, a from (select 1 as b) x", "42703", 'column "a" does not exist', 13),
        ("select 1 from t where\n  b = nope", "42703", 'column "nope" does not exist', 29),
        ("select * from pg_class", "0A000", 'the system catalog "pg_class" is not supported', 15),
        (
            "select * from information_schema.tables",
            "0A000",
            "the schema information_schema is not supported",
            15,
        ),
    ],
)
def test_unknown_names(sql: str, sqlstate: str, message: str, position: int) -> None:
    error = raised(sql)
    assert (error.sqlstate, str(error), error.position) == (sqlstate, message, position)


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("select t.bb from t", 'Perhaps you meant to reference the column "t.b".'),
        ("select xx from u", 'Perhaps you meant to reference the column "u.x".'),
        ("select t.a from t x", 'Perhaps you meant to reference the table alias "x".'),
        (
            "select * from t, (select t.a) s",
            'There is an entry for table "t", but it cannot be referenced from this part of the query.',
        ),
        ("select entirely_else from t", None),
    ],
)
def test_hints(sql: str, hint: str | None) -> None:
    assert raised(sql).hint == hint


def test_aliases_rename_columns() -> None:
    assert names("select * from t as q(one, two)") == ["one", "two", "c", "d"]
    assert names("select q.one from (select 1, 2) q(one)") == ["one"]
    assert names("select * from v as x(p)") == ["p", "two"]
    assert failure("select * from u as q(k, l, m, n)") == (
        "42P10",
        'table "q" has 3 columns available but 4 columns specified',
    )
    assert failure("select a from t as q(one)") == ("42703", 'column "a" does not exist')


def test_a_derived_table_needs_an_alias() -> None:
    assert failure("select * from (select 1)") == ("42601", "subquery in FROM must have an alias")
    assert failure("select * from (values (1))") == ("42601", "VALUES in FROM must have an alias")
