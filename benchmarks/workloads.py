"""The workloads: each prepares a database, then runs a number of operations; the runner takes the time."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Connection, Peer

ROWS = 200_000
_VALUES = itertools.count()


@dataclass(frozen=True)
class Workload:
    """`run(peer, connection, folder, n)` does `n` operations; `prepare` is called once before."""

    name: str
    operations: int
    prepare: Callable[[Connection], None]
    run: Callable[[Peer, Connection, Path, int], None]
    cold: bool = False  # `run` opens the database itself


def _create(connection: Connection, rows: int) -> None:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, name TEXT, amount INTEGER)")
    connection.execute("CREATE INDEX t_k ON t (k)")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)", [(i, i * 7 % rows, f"name {i}", i % 100) for i in range(rows)]
    )
    connection.execute("COMMIT")


def _table(connection: Connection) -> None:
    _create(connection, ROWS)


def _joined(connection: Connection) -> None:
    _create(connection, ROWS)
    connection.execute("CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO u VALUES (?, ?)", [(i, i * 3 % ROWS) for i in range(ROWS)])
    connection.execute("COMMIT")


def _empty(connection: Connection) -> None:
    connection.execute("CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER)")


def _keys(n: int) -> list[int]:
    rng = random.Random(1)
    return [rng.randrange(ROWS) for _ in range(n)]


def _point_select(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    for key in _keys(n):
        cursor.execute("SELECT * FROM t WHERE id = ?", (key,))
        cursor.fetchone()


def _point_select_in_transaction(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    connection.execute("BEGIN")
    _point_select(peer, connection, folder, n)
    connection.execute("COMMIT")


def _point_update(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    connection.execute("BEGIN")
    for key in _keys(n):
        # A new value each time: SQLite does not write a row that stays as it is.
        cursor.execute("UPDATE t SET amount = ? WHERE id = ?", (next(_VALUES), key))
    connection.execute("COMMIT")


def _insert(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    first = _next_id(connection, "t")
    connection.execute("BEGIN")
    for i in range(first, first + n):
        cursor.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (i, i * 7919 % ROWS, "some name", i % 100))
    connection.execute("COMMIT")


def _insert_many(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    first = _next_id(connection, "t")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)",
        [(i, i * 7919 % ROWS, "some name", i % 100) for i in range(first, first + n)],
    )
    connection.execute("COMMIT")


def _insert_many_bare(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    first = _next_id(connection, "s")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO s VALUES (?, ?, ?)", [(i, "some name", i) for i in range(first, first + n)]
    )
    connection.execute("COMMIT")


def _next_id(connection: Connection, table: str) -> int:
    (last,) = connection.execute(f"SELECT max(id) FROM {table}").fetchone()
    return 0 if last is None else int(last) + 1


def _range_scan(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    for key in _keys(n):
        start = key % (ROWS - 100)
        cursor.execute("SELECT * FROM t WHERE id >= ? AND id < ?", (start, start + 100))
        cursor.fetchall()


def _index_lookup(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    for key in _keys(n):
        cursor.execute("SELECT id, name FROM t WHERE k = ?", (key,))
        cursor.fetchall()


def _join(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    for key in _keys(n):
        cursor.execute("SELECT u.id, t.name FROM u JOIN t ON t.id = u.t_id WHERE u.id = ?", (key,))
        cursor.fetchall()


def _fetch_all(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    for _ in range(n):
        connection.execute("SELECT * FROM t").fetchall()


def _group_by(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    for _ in range(n):
        connection.execute("SELECT amount, count(*), sum(id) FROM t GROUP BY amount").fetchall()


def _ad_hoc(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    cursor = connection.cursor()
    for key in _keys(n):
        cursor.execute(f"SELECT * FROM t WHERE id = {key}")
        cursor.fetchone()


def _commits(threads: int) -> Callable[[Peer, Connection, Path, int], None]:
    def run(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
        def work(number: int, own: Connection) -> None:
            cursor = own.cursor()
            for i in range(n // threads):
                key = (number * 1000 + i) % ROWS
                cursor.execute("UPDATE t SET amount = amount + 1 WHERE id = ?", (key,))

        connections = [peer.connect(folder) for _ in range(threads)]
        workers = [
            threading.Thread(target=work, args=(number, own)) for number, own in enumerate(connections)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for own in connections:
            own.close()

    return run


def _cold_open(peer: Peer, connection: Connection, folder: Path, n: int) -> None:
    for _ in range(n):
        own = peer.connect(folder)
        own.execute("SELECT * FROM t WHERE id = 1").fetchone()
        own.close()


WORKLOADS = (
    Workload("point select", 5000, _table, _point_select),
    Workload("point select in a transaction", 5000, _table, _point_select_in_transaction),
    Workload("point update in a transaction", 5000, _table, _point_update),
    Workload("insert by execute", 5000, _table, _insert),
    Workload("insert by executemany", 20_000, _table, _insert_many),
    Workload("... without an index", 20_000, _empty, _insert_many_bare),
    Workload("100-row range scan", 1000, _table, _range_scan),
    Workload("secondary-index lookup", 3000, _table, _index_lookup),
    Workload("two-table join by key", 2000, _joined, _join),
    Workload("fetch 200k rows", 1, _table, _fetch_all),
    Workload("group-by over 200k rows", 1, _table, _group_by),
    Workload("ad-hoc statements", 2000, _table, _ad_hoc),
    Workload("durable commits, 1 thread", 1000, _table, _commits(1)),
    Workload("durable commits, 4 threads", 2000, _table, _commits(4)),
    Workload("durable commits, 16 threads", 4000, _table, _commits(16)),
    Workload("cold open to first row", 5, _table, _cold_open, cold=True),
)
