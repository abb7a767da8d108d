"""Routines as a session runs them: stored with the database, planned once, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import minidb
from minidb.session.database import open_database
from minidb.session.routines import compiled
from minidb.session.session import Session
from minidb.session.sql_language import SqlBody


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
        yield connection


def rows(connection: minidb.Connection, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    return list(connection.execute(sql, parameters).fetchall())


def error_of(connection: minidb.Connection, sql: str, *parameters: object) -> minidb.Error:
    with pytest.raises(minidb.Error) as raised:
        connection.execute(sql, parameters)
    return raised.value


def test_routines_survive_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.db")
    with minidb.connect(path, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int, name varchar(20))")
        connection.execute("CREATE FUNCTION f(a numeric(5,2) DEFAULT 2, OUT b numeric) STRICT RETURN a * 2")
        connection.execute("CREATE FUNCTION s(i t.id%TYPE) RETURNS SETOF t BEGIN ATOMIC SELECT * FROM t; END")
        connection.execute("CREATE PROCEDURE p(INOUT x int) LANGUAGE plpgsql AS $$ BEGIN x := x + 1; END $$")
        before = connection.describe_routines(), connection.describe_routines("p")
    with minidb.connect(path, autocommit=True) as connection:
        assert (connection.describe_routines(), connection.describe_routines("p")) == before
        assert rows(connection, "SELECT f(), f(1.5), (SELECT count(*) FROM s(1))") == [(4, 3, 0)]
        assert connection.call("p", 1) == (2,)
    assert minidb.check(path) == []


def test_definitions_are_transactional(connection: minidb.Connection) -> None:
    connection.execute("CREATE FUNCTION f() RETURNS int RETURN 1")
    connection.execute("BEGIN")
    connection.execute("CREATE OR REPLACE FUNCTION f() RETURNS int RETURN 2")
    connection.execute("CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT f() + 10; END")
    assert rows(connection, "SELECT f(), g()") == [(2, 12)]
    connection.execute("SAVEPOINT a")
    connection.execute("DROP FUNCTION f CASCADE")
    assert error_of(connection, "SELECT f()").sqlstate == "42883"
    connection.execute("ROLLBACK TO a")
    assert rows(connection, "SELECT f(), g()") == [(2, 12)]
    connection.execute("ROLLBACK")
    assert rows(connection, "SELECT f()") == [(1,)]
    assert error_of(connection, "SELECT g()").sqlstate == "42883"


def test_two_transactions_cannot_create_the_same_routine() -> None:
    with (
        minidb.connect(":memory:routines", isolation_level="repeatable read") as one,
        minidb.connect(":memory:routines", isolation_level="repeatable read") as two,
    ):
        two.execute("SELECT 1")
        one.execute("CREATE FUNCTION f(a int) RETURNS int RETURN 1")
        one.execute("CREATE FUNCTION f(a text) RETURNS int RETURN 2")
        one.commit()
        assert error_of(two, "CREATE FUNCTION f(a int) RETURNS int RETURN 1").sqlstate == "42723"
        two.rollback()
        assert rows(two, "SELECT f(1), f('a'::text)") == [(1, 2)]


def test_a_body_is_planned_once_per_catalog() -> None:
    session = Session(open_database(":memory:"), True)
    try:
        session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        session.execute("CREATE PROCEDURE p(i int) LANGUAGE sql AS 'INSERT INTO t VALUES (i, i)'")
        session.execute("CALL p(1)")
        body = compiled(session.database, session.catalog.routines("p")[0])
        assert isinstance(body, SqlBody)
        prepared = session.prepare_inner(body.statements[0])
        session.execute("CALL p($1)", (2,))
        assert compiled(session.database, session.catalog.routines("p")[0]) is body
        assert session.prepare_inner(body.statements[0]) is prepared
        session.execute("ALTER TABLE t ADD COLUMN extra int DEFAULT 7")
        session.execute("CALL p(3)")
        assert session.execute("SELECT id, n, extra FROM t ORDER BY id").next_batch() == [
            (1, 1, 7),
            (2, 2, 7),
            (3, 3, 7),
        ]
    finally:
        session.close()


def test_a_failing_call_undoes_itself_alone(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE PROCEDURE p(i int) LANGUAGE sql AS "
        "'INSERT INTO t VALUES (i, 0); UPDATE t SET n = 100 / (SELECT n FROM t WHERE id = i)'"
    )
    error = error_of(connection, "CALL p(5)")
    assert (error.sqlstate, error.context) == ("22012", 'SQL function "p" statement 2')
    assert rows(connection, "SELECT * FROM t ORDER BY id") == [(1, 10), (2, 20)]
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (3, 30)")
    connection.execute("SAVEPOINT a")
    assert error_of(connection, "CALL p(5)").sqlstate == "22012"
    assert error_of(connection, "SELECT 1").sqlstate == "25P02"
    connection.execute("ROLLBACK TO a")
    connection.execute("COMMIT")
    assert rows(connection, "SELECT count(*) FROM t") == [(3,)]


@pytest.mark.parametrize(("level", "seen"), [("read committed", 2), ("repeatable read", 1)])
def test_volatile_functions_take_the_levels_snapshots(level: str, seen: int) -> None:
    """Another transaction commits in the midst of a call: READ COMMITTED sees it in the next statement."""
    with (
        minidb.connect(":memory:snapshots", isolation_level=level) as one,
        minidb.connect(":memory:snapshots", autocommit=True) as two,
    ):
        two.execute("CREATE TABLE t (id int)")
        two.execute("INSERT INTO t VALUES (1)")
        two.execute(
            "CREATE FUNCTION volatile_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t'"
        )
        two.execute(
            "CREATE FUNCTION stable_count() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM t'"
        )

        @one.database.procedure
        def other_commits(transaction: minidb.ProcedureTransaction) -> tuple[int, int]:
            transaction.execute("SELECT count(*) FROM t").fetchall()
            two.execute("INSERT INTO t VALUES (2)")
            row = transaction.execute("SELECT volatile_count(), stable_count()").fetchone()
            return (row[0], row[1])

        assert one.call("other_commits") == (seen, seen)
        one.rollback()


def test_a_statement_goes_on_with_what_it_saw(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS "
        "'INSERT INTO t VALUES (i + 100, 0); SELECT count(*)::int FROM t'"
    )
    assert rows(connection, "SELECT id, twice(id), (SELECT count(*) FROM t) FROM t ORDER BY id") == [
        (1, 3, 2),
        (2, 4, 2),
    ]
    connection.execute("UPDATE t SET n = twice(id + 1000) WHERE id < 100")
    assert rows(connection, "SELECT id, n FROM t WHERE id < 100 ORDER BY id") == [(1, 5), (2, 6)]


def test_a_function_in_from_runs_once(connection: minidb.Connection) -> None:
    connection.execute("CREATE SEQUENCE calls")
    connection.execute(
        "CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql AS "
        "$$ SELECT nextval('calls'); SELECT id FROM t $$"
    )
    assert rows(connection, "SELECT count(*) FROM generate_series(1, 5) LEFT JOIN f() ON true") == [(10,)]
    assert rows(connection, "SELECT currval('calls')") == [(1,)]
    rows(connection, "SELECT (SELECT sum(f) FROM f()) FROM t")
    assert rows(connection, "SELECT currval('calls')") == [(2,)]


def test_volatile_calls_are_neither_folded_nor_left_out(connection: minidb.Connection) -> None:
    connection.execute("CREATE SEQUENCE calls")
    for kind in ("VOLATILE", "STABLE"):
        connection.execute(f"CREATE FUNCTION {kind.lower()}_call(a int) RETURNS int {kind} RETURN a")
    connection.execute(
        "CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('calls') $$"
    )
    rows(connection, "SELECT counted() FROM generate_series(1, 3)")
    assert rows(connection, "SELECT currval('calls')") == [(3,)]
    rows(connection, "SELECT id FROM (SELECT id, counted() FROM t) AS x")
    assert rows(connection, "SELECT currval('calls')") == [(5,)]
    assert rows(connection, "SELECT count(*) FROM t WHERE counted() > 6") == [(1,)]
    sql = "EXPLAIN SELECT id FROM t WHERE stable_call(1 + 1) > 0 AND volatile_call(2) > 0"
    plan = "\n".join([str(row[0]) for row in rows(connection, sql)])
    assert "stable_call(2)" in plan and "volatile_call(2)" in plan


def test_recursion_ends(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE FUNCTION sum_to(n int) RETURNS int RETURNS NULL ON NULL INPUT LANGUAGE sql AS "
        "'SELECT CASE WHEN n > 0 THEN n + sum_to(n - 1) ELSE 0 END'"
    )
    assert rows(connection, "SELECT sum_to(20)") == [(210,)]
    error = error_of(connection, "SELECT sum_to(1000000)")
    assert (error.sqlstate, error.context) == ("54001", 'SQL function "sum_to" statement 1')
    assert rows(connection, "SELECT sum_to(20)") == [(210,)]


def test_positions_point_into_the_statement(connection: minidb.Connection) -> None:
    for body in ("AS $$ SELECT nope $$", "AS 'SELECT nope'", "AS $b$\nSELECT 1;\nSELECT nope$b$"):
        sql = f"CREATE FUNCTION f() RETURNS int LANGUAGE sql {body}"
        error = error_of(connection, sql)
        assert error.position is not None
        assert sql[error.position - 1 :].startswith("nope")
    for sql in (
        "CREATE FUNCTION f() RETURNS int RETURN nope",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT nope; END",
        "CREATE FUNCTION f(a int DEFAULT nope) RETURNS int RETURN 1",
    ):
        error = error_of(connection, sql)
        assert error.position is not None
        assert sql[error.position - 1 :].startswith("nope"), sql
    escaped = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT ''a'', nope'"
    assert error_of(connection, escaped).position is None


def test_scripts_hold_atomic_bodies(connection: minidb.Connection) -> None:
    connection.executescript(
        "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 0 THEN $1 END; END;"
        "BEGIN; SELECT f(3); COMMIT"
    )
    assert rows(connection, "SELECT f(3)") == [(3,)]


def test_what_depends_on_a_routine(connection: minidb.Connection) -> None:
    connection.execute("CREATE FUNCTION f() RETURNS int RETURN 5")
    connection.execute("CREATE TABLE d (a int DEFAULT f(), b int CHECK (b > f()))")
    connection.execute("CREATE VIEW v AS SELECT f() + id AS x FROM t")
    connection.execute("CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO d (b) SELECT x FROM v; END")
    error = error_of(connection, "DROP FUNCTION f")
    assert error.sqlstate == "2BP01"
    assert error.detail is not None
    assert error.detail.splitlines() == [
        "view v depends on function f()",
        "procedure p() depends on view v",
        "default value for column a of table d depends on function f()",
        "constraint d_b_check on table d depends on function f()",
    ]
    assert error_of(connection, "ALTER FUNCTION f RENAME TO g").sqlstate == "0A000"
    connection.execute("CALL p()")
    assert rows(connection, "SELECT * FROM d ORDER BY b") == [(5, 6), (5, 7)]
    connection.execute("DROP FUNCTION f CASCADE")
    connection.execute("INSERT INTO d (b) VALUES (1)")
    assert rows(connection, "SELECT a FROM d WHERE b = 1") == [(None,)]
    for gone in ("SELECT * FROM v", "CALL p()"):
        assert error_of(connection, gone).sqlstate in ("42P01", "42883")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
        "CREATE FUNCTION f(a anyelement) RETURNS int RETURN 1",
        "CREATE FUNCTION f(VARIADIC a int) RETURNS int RETURN 1",
        "CREATE FUNCTION f(a t) RETURNS int RETURN 1",
        "CREATE FUNCTION f(a int[]) RETURNS int RETURN 1",
        "CREATE FUNCTION f() RETURNS record LANGUAGE sql AS 'SELECT 1, 2'",
        "CREATE FUNCTION f() RETURNS int SECURITY DEFINER RETURN 1",
        "CREATE FUNCTION f() RETURNS int SET work_mem = 1 RETURN 1",
        "CREATE FUNCTION f() RETURNS int WINDOW RETURN 1",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'a', 'b'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'COMMIT; SELECT 1'",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC DROP TABLE t; SELECT 1; END",
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER FUNCTION one() OWNER TO me",
        "SELECT many()",
        "SELECT pair()",
        "CREATE INDEX ON t (one())",
        "CREATE TABLE g (a int GENERATED ALWAYS AS (one()) STORED)",
    ],
)
def test_what_is_refused_is_refused_by_name(connection: minidb.Connection, sql: str) -> None:
    connection.execute("CREATE FUNCTION one() RETURNS int IMMUTABLE RETURN 1")
    connection.execute("CREATE FUNCTION many() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1'")
    connection.execute("CREATE FUNCTION pair(OUT a int, OUT b int) LANGUAGE sql AS 'SELECT 1, 2'")
    error = error_of(connection, sql)
    assert error.sqlstate == "0A000"
    assert "not" in str(error)


@pytest.mark.parametrize("strategy", ["ssi", "2pl"])
@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_calls_are_serializable(strategy: str, language: str) -> None:
    """Two doctors leave at the same time, each by a procedure that looks whether another stays."""
    with (
        minidb.connect(":memory:doctors", autocommit=True, isolation_level="serializable") as one,
        minidb.connect(":memory:doctors", autocommit=True, isolation_level="serializable") as two,
    ):
        one.executescript(
            "CREATE TABLE doctor (id int PRIMARY KEY, on_call boolean);"
            "INSERT INTO doctor VALUES (1, true), (2, true);"
            "CREATE FUNCTION present() RETURNS bigint STABLE "
            "RETURN (SELECT count(*) FROM doctor WHERE on_call);"
        )
        change = "UPDATE doctor SET on_call = false WHERE id = i AND present() > 1"
        body = change if language == "sql" else f"BEGIN {change}; END"
        one.execute(f"CREATE PROCEDURE leave(i int) LANGUAGE {language} AS $$ {body} $$")
        outcomes: list[str] = []
        for connection in (one, two):
            connection.execute(f"SET serializable_strategy = '{strategy}'")
            connection.execute("SET lock_timeout = 1")
            connection.execute("BEGIN")
            connection.execute("SELECT present()").fetchall()
        for doctor, connection in ((1, one), (2, two)):
            try:
                connection.call("leave", doctor)
            except minidb.Error as error:
                outcomes.append(error.sqlstate)
                connection.rollback()
        for connection in (one, two):
            if connection.in_transaction:
                try:
                    connection.commit()
                except minidb.SerializationFailure as error:
                    outcomes.append(error.sqlstate)
        assert outcomes and set(outcomes) <= {"40001", "40P01", "55P03"}
        assert rows(one, "SELECT present() >= 1") == [(True,)]
