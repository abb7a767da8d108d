"""Many threads mix DML and DDL on one database: no error but what PostgreSQL would report, and no damage.

    python -m minidb_testkit.thread_soak [--seconds 20] [--threads 16] [--seed N]

Transfers between accounts run beside CREATE, ALTER, DROP and TRUNCATE of tables, CREATE INDEX on the tables
that are being filled, ANALYZE, checkpoints and connections that come and go, under READ COMMITTED
and REPEATABLE READ.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import minidb

ACCOUNTS = 200
TOTAL = 100 * ACCOUNTS
LEVELS = ("read committed", "repeatable read")

# Somebody else was faster: a table is there or gone, a name is taken, a column exists, a row was changed.
EXPECTED = frozenset({"40001", "40P01", "42P01", "42P07", "42701", "42704", "23505"})


def transfer(connection: minidb.Connection, rng: random.Random, table: str) -> None:
    """Two updates of rows and an insert that refers to one."""
    payer, payee = rng.randrange(ACCOUNTS), rng.randrange(ACCOUNTS)
    connection.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (payer,))
    connection.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (payee,))
    connection.execute("INSERT INTO entry (account) VALUES (?)", (payer,))


def look(connection: minidb.Connection, rng: random.Random, table: str) -> None:
    """Any snapshot shows the same sum."""
    (total,) = connection.execute("SELECT sum(balance) FROM account").fetchone()
    assert total == TOTAL, f"the sum is {total} instead of {TOTAL}"


def fill(connection: minidb.Connection, rng: random.Random, table: str) -> None:
    """Twenty rows."""
    rows = [(rng.randrange(10**6), "v") for _ in range(20)]
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)


def statement(text: str) -> Callable[[minidb.Connection, random.Random, str], None]:
    """A step that is one statement; `{table}` and `{n}` are filled in."""

    def run(connection: minidb.Connection, rng: random.Random, table: str) -> None:
        connection.execute(text.format(table=table, n=rng.randrange(3))).close()

    return run


STEPS: tuple[tuple[int, Callable[[minidb.Connection, random.Random, str], None]], ...] = (
    (30, transfer),
    (15, fill),
    (10, look),
    (10, statement("CREATE TABLE {table} (id INTEGER PRIMARY KEY, v TEXT)")),
    (7, statement("UPDATE {table} SET v = v || 'a' WHERE id % 7 = {n}")),
    (5, statement("DROP TABLE {table}")),
    (5, statement("CREATE INDEX {table}_{n} ON {table} (v, id)")),
    (5, statement("CREATE INDEX account_{n} ON account (balance)")),
    (5, statement("ALTER TABLE {table} ADD COLUMN c{n} INTEGER DEFAULT 5")),
    (3, statement("DROP INDEX IF EXISTS account_{n}")),
    (3, statement("DELETE FROM entry WHERE account % 50 = {n}")),
    (3, statement("SELECT count(*), max(v) FROM {table} WHERE id > 500")),
    (2, statement("TRUNCATE {table}")),
    (1, statement("ANALYZE")),
    (1, statement("CHECKPOINT")),
)


class Worker(threading.Thread):
    """Runs random steps on connections of its own."""

    def __init__(self, path: str, seed: int, end: float) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.rng = random.Random(seed)
        self.end = end
        self.done = 0
        self.refused: Counter[str] = Counter()
        self.problems: list[str] = []

    def run(self) -> None:
        weights, steps = zip(*STEPS, strict=True)
        while time.monotonic() < self.end and not self.problems:
            with minidb.connect(self.path, isolation_level=self.rng.choice(LEVELS)) as connection:
                for step in self.rng.choices(steps, weights, k=50):
                    if time.monotonic() < self.end:
                        self.step(connection, step)

    def step(
        self,
        connection: minidb.Connection,
        step: Callable[[minidb.Connection, random.Random, str], None],
    ) -> None:
        """One transaction."""
        try:
            step(connection, self.rng, f"table{self.rng.randrange(4)}")
            connection.commit()
            self.done += 1
        except minidb.Error as error:
            connection.rollback()
            self.refused[error.sqlstate] += 1
            if error.sqlstate not in EXPECTED:
                self.problems.append(f"{error.sqlstate} {error} {error.detail or ''}")
        except Exception as error:  # the very thing that is looked for
            self.problems.append(f"{type(error).__name__}: {error}")
            connection.rollback()


def soak(path: str, seconds: float, threads: int, seed: int) -> list[str]:
    """What went wrong, a line each."""
    with minidb.connect(path) as connection:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
        connection.execute(
            "CREATE TABLE entry (id SERIAL PRIMARY KEY, account INTEGER REFERENCES account ON DELETE CASCADE)"
        )
        connection.execute(f"INSERT INTO account SELECT i, 100 FROM generate_series(0, {ACCOUNTS - 1}) g(i)")
    end = time.monotonic() + seconds
    workers = [Worker(path, seed * 1000 + number, end) for number in range(threads)]
    for worker in workers:
        worker.start()
    problems: list[str] = []
    refused: Counter[str] = Counter()
    for worker in workers:
        worker.join(seconds + 60)
        if worker.is_alive():
            return ["a thread hangs"]
        problems += worker.problems
        refused += worker.refused
    problems += minidb.check(path)
    counts = ", ".join([f"{count} x {sqlstate}" for sqlstate, count in sorted(refused.items())])
    print(f"{sum([worker.done for worker in workers])} transactions; refused: {counts or 'none'}")
    return problems


def main() -> int:
    """Exit status 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.thread_soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = soak(str(Path(folder) / "threads.db"), options.seconds, options.threads, options.seed)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
