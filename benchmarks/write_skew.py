"""Write skew and nothing else: pairs of accounts, either may be overdrawn while the pair is not.

    python -m benchmarks.write_skew [--pairs 10] [--threads 1 4 16] [--seconds 5]
        [--level NAME ...] [--ratio A B] [--no-sync] [--json FILE]

Each transaction reads both accounts of a pair and takes from one, or pays in where there is nothing left.
Below SERIALIZABLE pairs end up below zero; the report says how many. At SERIALIZABLE none may.
"""

from __future__ import annotations

import random
import sys
import time

from benchmarks.clients import Connection, Program, Workload
from benchmarks.report import Option, run_benchmark

OPENING_BALANCE = 50
AMOUNT = 30


class WriteSkew(Workload):
    """See the module. A transaction returns what it paid in."""

    name = "write skew"

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self.overdrawn = 0  # pairs, when it was last looked

    def create(self, connection: Connection) -> None:
        connection.execute(
            "CREATE TABLE purse (pair INTEGER, side INTEGER, balance INTEGER NOT NULL,"
            " PRIMARY KEY (pair, side))"
        )
        connection.execute("BEGIN")
        rows = [(pair, side, OPENING_BALANCE) for pair in range(self.pairs) for side in (0, 1)]
        connection.executemany("INSERT INTO purse VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")

    def choose(self, rng: random.Random) -> tuple[str, Program]:
        pair, side = rng.randrange(self.pairs), rng.randrange(2)
        return "take", lambda connection: take(connection, pair, side)

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        pairs = connection.execute("SELECT pair, sum(balance) FROM purse GROUP BY pair").fetchall()
        self.overdrawn = len([pair for pair, balance in pairs if balance < 0])
        expected = 2 * self.pairs * OPENING_BALANCE + total
        if sum([balance for _, balance in pairs]) != expected:
            return f"the purses hold {sum([balance for _, balance in pairs])} instead of {expected}"
        if serializable and self.overdrawn:
            return f"{self.overdrawn} pairs are overdrawn"
        return None


def take(connection: Connection, pair: int, side: int) -> int:
    """Take from one purse of a pair what both together have, or fill it."""
    both = dict(connection.execute("SELECT side, balance FROM purse WHERE pair = ?", (pair,)).fetchall())
    time.sleep(0)  # a client's own work: others run between what it reads and what it writes
    amount = -AMOUNT if sum(both.values()) >= AMOUNT else OPENING_BALANCE
    text = "UPDATE purse SET balance = balance + ? WHERE pair = ? AND side = ?"
    connection.execute(text, (amount, pair, side))
    return amount


if __name__ == "__main__":
    sys.exit(run_benchmark(__doc__, WriteSkew, [Option("pairs", 10, "pairs of accounts")]))
