"""Definitions from tokens: what the parser hands to the binder, and names that are made up."""

from __future__ import annotations

import pytest

from minidb.errors import Error
from minidb.sql.define_syntax import (
    AddColumn,
    AlterTableSyntax,
    Check,
    ColumnSyntax,
    CreateIndexSyntax,
    CreateTableAsSyntax,
    CreateTableSyntax,
    CreateViewSyntax,
    Default,
    Key,
    NotNull,
    References,
    SequenceSyntax,
)
from minidb.sql.object_names import made_up, quoted
from minidb.sql.parse import parse
from minidb.value.sql_types import Kind, SqlType


def tree(text: str) -> object:
    (statement,) = parse(text)
    return statement.tree


def columns(definition: str) -> list[ColumnSyntax]:
    syntax = tree(f"CREATE TABLE t ({definition})")
    assert isinstance(syntax, CreateTableSyntax)
    return [element for element in syntax.elements if isinstance(element, ColumnSyntax)]


@pytest.mark.parametrize(
    ("written", "type_"),
    [
        ("int", SqlType(Kind.INTEGER)),
        ("character varying (20)", SqlType(Kind.VARCHAR, length=20)),
        ("CHAR", SqlType(Kind.CHAR, length=1)),
        ("national character(3)", SqlType(Kind.CHAR, length=3)),
        ("double precision", SqlType(Kind.DOUBLE)),
        ("float(10)", SqlType(Kind.REAL)),
        ("numeric(10, 2)", SqlType(Kind.NUMERIC, precision=10, scale=2)),
        ("dec", SqlType(Kind.NUMERIC)),
        ("timestamp(3) with time zone", SqlType(Kind.TIMESTAMPTZ, precision=3)),
        ("timestamp without time zone", SqlType(Kind.TIMESTAMP)),
        ("timestamptz", SqlType(Kind.TIMESTAMPTZ)),
        ("time", SqlType(Kind.TIME)),
        ("pg_catalog.int8", SqlType(Kind.BIGINT)),
        ("interval", SqlType(Kind.INTERVAL)),
        ("bytea", SqlType(Kind.BYTEA)),
        ("uuid", SqlType(Kind.UUID)),
        ("jsonb", SqlType(Kind.JSONB)),
    ],
)
def test_types(written: str, type_: SqlType) -> None:
    (column,) = columns(f"a {written} NOT NULL")
    assert column.type == type_
    assert [type(constraint) for constraint in column.constraints] == [NotNull]


@pytest.mark.parametrize(
    ("default", "rest"),
    [
        ("1", ""),
        ("-1", "NOT NULL"),
        ("'a, b)'", "UNIQUE"),
        ("(1 + 2) * 3", "CHECK (a > 0)"),
        ("coalesce(NULL, 1)", "NULL"),
        ("NULL", "PRIMARY KEY"),
        ("CASE WHEN true THEN 1 ELSE NULL END", "REFERENCES t"),
        ("NOT true", "DEFAULT 2"),
        ("INTERVAL '1' DAY", "NOT NULL"),
        ("interval '1 day' * 2", "NOT NULL"),
        ("E'a\\'b'", "NOT NULL"),
        ("now() AT TIME ZONE 'UTC'", "NOT NULL"),
        ("'x'::text", "CONSTRAINT c NOT NULL"),
    ],
)
def test_a_default_ends_where_the_next_constraint_begins(default: str, rest: str) -> None:
    (column, other) = columns(f"a int DEFAULT {default} {rest}, b int")
    found = column.constraints[0]
    assert isinstance(found, Default)
    assert found.expression.text == default
    assert len(column.constraints) == (2 if rest else 1)
    assert other.name == "b"


def test_constraints() -> None:
    syntax = tree(
        'CREATE TABLE IF NOT EXISTS public."T" ("A" int PRIMARY KEY, CONSTRAINT c CHECK ("A" > 0), '
        "UNIQUE (a, b), FOREIGN KEY (a) REFERENCES p (x) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL)"
    )
    assert isinstance(syntax, CreateTableSyntax)
    assert syntax.table.name == "T" and syntax.table.schema == "public" and syntax.if_not_exists
    column, check, unique, reference = syntax.elements
    assert isinstance(column, ColumnSyntax) and column.name == "A"
    assert isinstance(check, Check) and check.name == "c" and check.expression.text == '"A" > 0'
    assert isinstance(unique, Key) and unique.columns == ("a", "b") and not unique.primary
    assert isinstance(reference, References)
    assert reference.columns == ("a",) and reference.target_columns == ("x",) and reference.match_full
    assert (reference.on_delete, reference.on_update) == ("set null", "cascade")


def test_create_table_as_and_view_keep_their_query() -> None:
    text = "CREATE TABLE t (a, b) AS SELECT 1, 2 WITH NO DATA"
    syntax = tree(text)
    assert isinstance(syntax, CreateTableAsSyntax)
    assert syntax.columns == ("a", "b") and not syntax.with_data
    assert [token.text for token in syntax.query] == ["SELECT", "1", ",", "2"]
    view = tree("CREATE OR REPLACE VIEW v (x) AS  SELECT a -- why\n FROM t ;")
    assert isinstance(view, CreateViewSyntax)
    assert view.text == "SELECT a -- why\n FROM t" and view.replace and view.columns == ("x",)


def test_create_index() -> None:
    syntax = tree(
        "CREATE UNIQUE INDEX i ON t USING btree (a DESC, lower(b) NULLS FIRST, (c + 1)) WHERE d > 'x'"
    )
    assert isinstance(syntax, CreateIndexSyntax)
    assert syntax.unique and syntax.where is not None and syntax.where.text == "d > 'x'"
    first, second, third = syntax.keys
    assert (first.column, first.descending, first.nulls_first) == ("a", True, True)
    assert second.expression is not None and second.expression.text == "lower(b)" and second.nulls_first
    assert third.expression is not None and third.expression.text == "c + 1" and not third.nulls_first


def test_alter_table_has_several_actions() -> None:
    syntax = tree("ALTER TABLE t ADD a int DEFAULT 1, ADD COLUMN IF NOT EXISTS b text, DROP c CASCADE")
    assert isinstance(syntax, AlterTableSyntax)
    assert [type(action).__name__ for action in syntax.actions] == ["AddColumn", "AddColumn", "DropColumn"]
    assert isinstance(syntax.actions[1], AddColumn) and syntax.actions[1].if_not_exists


def test_sequence_options() -> None:
    syntax = tree(
        "CREATE SEQUENCE s AS smallint START WITH -5 INCREMENT -1 NO MAXVALUE MINVALUE -9 CYCLE CACHE 5"
    )
    assert isinstance(syntax, SequenceSyntax)
    options = syntax.options
    assert (options.start, options.increment, options.minimum, options.maximum) == (-5, -1, -9, "no")
    assert options.cycle is True and options.type is not None and options.type.kind is Kind.SMALLINT


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("CREATE TABLE t (a int, b)", 25),
        ("CREATE TABLE t (a int b)", 23),
        ("CREATE TABLE t (a int) x", 24),
        ("CREATE TABLE t", 15),
        ("CREATE INDEX i ON t", 20),
        ("ALTER TABLE t DROP", 19),
        ("DROP TABLE", 11),
        ("CREATE SEQUENCE s START 1 START 2", 27),
        ("CREATE TABLE t (a int DEFAULT $1)", 31),
        ("CREATE TABLE t (a int DEFAULT)", 30),
        ("TRUNCATE", 9),
    ],
)
def test_mistakes_have_a_position(text: str, position: int) -> None:
    with pytest.raises(Error) as caught:
        parse(text)
    assert caught.value.position == position


def test_names_are_cut_to_63_bytes() -> None:
    assert made_up("t", "a", "key") == "t_a_key"
    assert made_up("t", "", "pkey") == "t_pkey"
    long = made_up("a" * 80, "b" * 20, "fkey")
    assert len(long) == 63 and long.endswith("_" + "b" * 20 + "_fkey")
    assert len(made_up("ä" * 50, "ö" * 50, "key").encode()) <= 63


def test_quoting() -> None:
    assert quoted("plain_1") == "plain_1"
    assert quoted("Upper") == '"Upper"'
    assert quoted("select") == '"select"'
    assert quoted('a"b') == '"a""b"'
