"""SIBENCH: a search for the least value against updates of single rows; readers meet writers all the time.

    python -m benchmarks.sibench [--rows 100] [--queries 1] [--threads 1 4 16] [--seconds 5]
        [--level NAME ...] [--ratio A B] [--no-sync] [--json FILE]

`--queries` is how many queries there are for one update. Each query reads the whole table, so every update
is an edge from each query that runs at the same time; alone these edges close no cycle, and nobody needs to
abort but by a write to a row that another has just written.

Cahill, Röhm, Fekete, *Serializable Isolation for Snapshot Databases*, SIGMOD 2008.
"""

from __future__ import annotations

import random
import sys

from benchmarks.clients import Choice, Connection, Workload
from benchmarks.report import Option, run_benchmark


class SIBench(Workload):
    """See the module. A transaction returns what it added to the sum of all values."""

    name = "sibench"

    def __init__(self, rows: int, queries: int) -> None:
        self.rows = rows
        self.queries = queries
        self.sum_at_start = sum(range(rows))

    def create(self, connection: Connection) -> None:
        connection.execute("CREATE TABLE sitest (id INTEGER PRIMARY KEY, value BIGINT NOT NULL)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO sitest VALUES (?, ?)", [(row, row) for row in range(self.rows)])
        connection.execute("COMMIT")

    def choose(self, rng: random.Random) -> Choice:
        if rng.randrange(self.queries + 1):
            return query, ()
        row = rng.randrange(self.rows)
        return update, (row,)

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        ((found,),) = connection.execute("SELECT sum(value) FROM sitest").fetchall()
        if found != self.sum_at_start + total:
            return f"the sum is {found} instead of {self.sum_at_start + total}"
        return None


def query(connection: Connection) -> int:
    """Which row has the least value?"""
    connection.execute("SELECT id FROM sitest ORDER BY value, id LIMIT 1").fetchall()
    return 0


def update(connection: Connection, row: int) -> int:
    """One more in one row."""
    connection.execute("UPDATE sitest SET value = value + 1 WHERE id = ?", (row,))
    return 1


if __name__ == "__main__":
    sys.exit(
        run_benchmark(
            __doc__,
            SIBench,
            [Option("rows", 100, "rows of the table"), Option("queries", 1, "queries for one update")],
        )
    )
