"""statement_timeout and interrupt() stop whatever runs, and the session goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest

import minidb

FOREVER = "generate_series(1, 2000000000)"
NEVER_ENDING = [
    f"SELECT count(*) FROM {FOREVER}",
    f"SELECT * FROM {FOREVER} AS g(i) ORDER BY i % 7, i DESC",
    f"SELECT i % 7, sum(i) FROM {FOREVER} AS g(i) GROUP BY 1",
    f"SELECT count(DISTINCT i) FROM {FOREVER} AS g(i)",
    f"SELECT i FROM {FOREVER} AS g(i) UNION SELECT 1",
    f"SELECT count(*) FROM {FOREVER} AS g(i) JOIN t ON t.id = g.i",
    f"SELECT count(*) FROM t JOIN {FOREVER} AS g(i) ON t.id < g.i AND t.n <> g.i",
    "SELECT count(*) FROM t a, t b, t c, t d WHERE a.n + b.n + c.n + d.n < 0",
    "SELECT (SELECT count(*) FROM t a, t b WHERE a.n < b.n + c.n) FROM t c, t d",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    f"SELECT count(*) FROM {FOREVER} AS g(i) WHERE i::text LIKE '%1%2%3%' OR i::text ~ 'x+y'",
    f"INSERT INTO t SELECT i + 100000, i FROM {FOREVER} AS g(i)",
    f"CREATE TABLE copy AS SELECT * FROM {FOREVER} AS g(i)",
    "UPDATE t SET n = (SELECT count(*) FROM t a, t b WHERE a.n < b.n + t.n)",
    "DELETE FROM t WHERE (SELECT count(*) FROM t a, t b WHERE a.n < b.n + t.n) < 0",
]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[minidb.Connection]:
    with minidb.connect(tmp_path / "test.db", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        connection.execute("INSERT INTO t SELECT i, i FROM generate_series(1, 1000) AS g(i)")
        yield connection


def stopped(connection: minidb.Connection, run: Callable[[], object]) -> None:
    with pytest.raises(minidb.OperationalError) as caught:
        run()
    assert caught.value.sqlstate == "57014"
    connection.execute("SET statement_timeout = 0")
    assert connection.execute("SELECT count(*), sum(n) FROM t").fetchone() == (1000, 500500)


@pytest.mark.parametrize("sql", NEVER_ENDING)
def test_timeout(connection: minidb.Connection, sql: str) -> None:
    connection.execute("SET statement_timeout = 20")
    stopped(connection, lambda: connection.execute(sql).fetchall())


def test_timeout_of_copy(connection: minidb.Connection, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("".join([f"{number},{number}\n" for number in range(10_000, 200_000)]))
    connection.execute("SET statement_timeout = 20")
    stopped(connection, lambda: connection.execute(f"COPY t FROM '{path}' (FORMAT csv)"))
    connection.execute("SET statement_timeout = 20")
    copy = f"COPY (SELECT * FROM {FOREVER}) TO '{tmp_path / 'out.csv'}' (FORMAT csv)"
    stopped(connection, lambda: connection.execute(copy))


def test_timeout_of_executemany_and_ingest(connection: minidb.Connection) -> None:
    connection.execute("SET statement_timeout = 20")
    rows = ((number, 0) for number in count(10_000))
    stopped(connection, lambda: connection.executemany("INSERT INTO t VALUES (?, ?)", rows))
    connection.execute("SET statement_timeout = 20")
    data = pa.table({"id": range(10_000, 500_000), "n": range(490_000)})
    stopped(connection, lambda: connection.cursor().adbc_ingest("t", data, mode="append"))


def test_interrupt_of_a_lock_wait_and_of_a_query(connection: minidb.Connection, tmp_path: Path) -> None:
    with minidb.connect(tmp_path / "test.db") as other:
        other.execute("UPDATE t SET n = n WHERE id = 1")
        errors: list[str] = []

        def wait() -> None:
            try:
                connection.execute("UPDATE t SET n = 0 WHERE id = 1")
            except minidb.Error as error:
                errors.append(error.sqlstate)

        thread = threading.Thread(target=wait)
        thread.start()
        while not connection.is_waiting():
            pass
        connection.interrupt()
        thread.join()
        assert errors == ["57014"]
        other.rollback()
    stopped(connection, lambda: list(interrupted_rows(connection)))


def interrupted_rows(connection: minidb.Connection) -> Iterator[object]:
    for place, row in enumerate(connection.execute(f"SELECT * FROM {FOREVER}")):
        if place == 100:
            connection.interrupt()
        yield row
