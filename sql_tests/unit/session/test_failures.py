"""What any failure leaves behind: an aborted transaction, never an exception from inside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import minidb


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        yield connection


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELEC 1", "42601"),
        ("SELECT nothing", "42703"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELECT 1 / 0 FROM t", "22012"),
        ("INSERT INTO t VALUES (1)", "23505"),
        ("ROLLBACK TO nowhere", "3B001"),
        ("SELECT sum(a) OVER () FROM t", "0A000"),
    ],
)
def test_an_error_aborts_a_transaction(connection: minidb.Connection, statement: str, sqlstate: str) -> None:
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("SAVEPOINT before")
    with pytest.raises(minidb.Error) as caught:
        connection.execute(statement).fetchall()
    assert caught.value.sqlstate == sqlstate
    with pytest.raises(minidb.InFailedTransaction):
        connection.execute("SELECT 1")
    connection.execute("ROLLBACK TO before")
    assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
    with pytest.raises(minidb.Error):
        connection.execute(statement).fetchall()
    connection.execute("COMMIT")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1" + " + 1" * 20_000,
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "NOT " * 5_000 + "true",
        "SELECT * FROM " + "(SELECT * FROM " * 1_000 + "t" + ") AS s" * 1_000,
        " UNION ".join(["SELECT a FROM t"] * 3_000),
        "SELECT " + "CASE WHEN true THEN " * 2_000 + "1" + " END" * 2_000,
    ],
    ids=lambda statement: statement[:20],
)
def test_depth_ends_in_an_error(connection: minidb.Connection, statement: str) -> None:
    with pytest.raises(minidb.OperationalError) as caught:
        connection.execute(statement).fetchall()
    assert caught.value.sqlstate == "54001"


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT " + "9" * 5_000 + " = 1", [(False,)]),
        ("SELECT 1e131000 > 1", [(True,)]),
        ("SELECT count(*) FROM t WHERE " + " OR ".join(["a = 1"] * 2_000), [(0,)]),
        ("SELECT 5 WHERE 5 IN (" + ", ".join(map(str, range(5_000))) + ")", [(5,)]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_length_is_no_error(
    connection: minidb.Connection, statement: str, rows: list[tuple[object, ...]]
) -> None:
    assert connection.execute(statement).fetchall() == rows


def test_a_chained_transaction_can_write(connection: minidb.Connection) -> None:
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("COMMIT AND CHAIN")
    assert connection.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
    connection.execute("INSERT INTO t VALUES (2)")
    connection.execute("ROLLBACK AND CHAIN")
    connection.execute("INSERT INTO t VALUES (3)")
    connection.execute("COMMIT")
    assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (3,)]
