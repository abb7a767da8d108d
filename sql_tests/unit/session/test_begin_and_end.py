"""BEGIN, COMMIT and ROLLBACK have a short way once they are known, but not where there is more to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import minidb


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as opened:
        opened.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        for text in ("BEGIN", "COMMIT", "BEGIN", "ROLLBACK"):  # known from here on
            opened.execute(text)
        yield opened


def rows(connection: minidb.Connection) -> list[int]:
    return [a for (a,) in connection.execute("SELECT a FROM t ORDER BY a")]


def test_they_do_what_they_say(connection: minidb.Connection) -> None:
    assert connection.execute("BEGIN").statusmessage == "BEGIN" and connection.in_transaction
    connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute("COMMIT").statusmessage == "COMMIT" and not connection.in_transaction
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (2)")
    assert connection.execute("ROLLBACK").statusmessage == "ROLLBACK"
    assert rows(connection) == [1]


def test_what_is_special_is_noticed(connection: minidb.Connection) -> None:
    connection.execute("BEGIN")
    with pytest.raises(minidb.InternalError) as error:
        connection.execute("BEGIN")
    assert error.value.sqlstate == "25001"
    with pytest.raises(minidb.InFailedTransaction):
        connection.execute("BEGIN")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    for text in ("COMMIT", "ROLLBACK"):
        assert connection.execute(text).statusmessage == text  # PostgreSQL: a warning only
    with pytest.raises(minidb.ProgrammingError):
        connection.execute("BEGIN", (1,))
    assert not connection.in_transaction


def test_defaults_and_timeouts_hold(connection: minidb.Connection) -> None:
    connection.execute("SET default_transaction_read_only = on")
    connection.execute("BEGIN")
    with pytest.raises(minidb.InternalError) as error:
        connection.execute("INSERT INTO t VALUES (1)")
    assert error.value.sqlstate == "25006"
    connection.execute("ROLLBACK")
    connection.execute("RESET default_transaction_read_only")
    connection.execute("SET idle_in_transaction_session_timeout = '1h'")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (3)")
    connection.execute("COMMIT")
    assert rows(connection) == [3]


def test_a_commit_that_fails_leaves_no_transaction(tmp_path: Path) -> None:
    path = str(tmp_path / "test.db")
    with (
        minidb.connect(path, autocommit=True, isolation_level="serializable") as one,
        minidb.connect(path, autocommit=True, isolation_level="serializable") as other,
    ):
        one.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        one.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
        for round_ in range(2):  # the second one's statements are known
            for reader, key in ((one, 1), (other, 2)):
                reader.execute("BEGIN")
                reader.execute("SELECT b FROM t WHERE a = ?", (3 - key,)).fetchall()
            one.execute("UPDATE t SET b = b + 1 WHERE a = 1")
            other.execute("UPDATE t SET b = b + 1 WHERE a = 2")
            one.execute("COMMIT")
            with pytest.raises(minidb.SerializationFailure):
                other.execute("COMMIT")
            assert not other.in_transaction
            assert other.execute("SELECT b FROM t ORDER BY a").fetchall() == [(2 + round_,), (2,)]
