"""Transactions that move to disk, as SQL sees them: results at COMMIT, unique keys, restarted sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import minidb


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[minidb.Connection]:
    """To a database whose transactions move to disk after a few thousand writes."""
    with minidb.connect(str(tmp_path / "huge.db")) as connection:
        store = connection._session.database.store
        store.options = replace(store.options, huge_transaction_bytes=100_000)
        yield connection


def fill(connection: minidb.Connection, count: int = 9000) -> None:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    connection.execute("INSERT INTO t SELECT i, i % 4500 FROM generate_series(1, ?) AS g(i)", (count,))
    assert connection._session.transaction.huge is not None


def test_results_survive_commit(connection: minidb.Connection) -> None:
    fill(connection)
    cursor = connection.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchone() == (1,)
    connection.commit()
    assert [row[0] for row in cursor] == list(range(2, 9001))


def test_unique_keys_on_disk_are_seen(connection: minidb.Connection) -> None:
    fill(connection)
    connection.execute("SAVEPOINT here")
    with pytest.raises(minidb.IntegrityError) as caught:
        connection.execute("CREATE UNIQUE INDEX t_n ON t (n)")
    assert caught.value.sqlstate == "23505"
    connection.execute("ROLLBACK TO here")
    with pytest.raises(minidb.IntegrityError) as caught:
        connection.execute("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n)")
    assert caught.value.sqlstate == "23505"
    connection.execute("ROLLBACK TO here")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (9000,)


def test_restarted_sequence_after_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "sequence.db")
    with minidb.connect(path) as connection:
        connection.execute("CREATE TABLE t (id SERIAL, n INTEGER)")
        connection.execute("INSERT INTO t (n) VALUES (1), (2)")
        connection.commit()
        connection.execute("TRUNCATE t RESTART IDENTITY")
        connection.execute("INSERT INTO t (n) VALUES (3), (4)")
        connection.commit()
        connection.execute("ALTER SEQUENCE t_id_seq RESTART WITH 10")
        connection.rollback()
    with minidb.connect(path) as connection:
        connection.execute("INSERT INTO t (n) VALUES (5)")
        assert connection.execute("SELECT id FROM t ORDER BY id").fetchall() == [(1,), (2,), (3,)]
