"""Write skew and nothing else: pairs of accounts, either may be overdrawn while the pair is not.

    python -m benchmarks.write_skew [--pairs 10] [--threads 1 4 16] [--seconds 5]
        [--level NAME ...] [--ratio A B] [--no-sync] [--json FILE]

Each transaction reads both accounts of a pair and takes from one, or pays in where there is nothing left.
Below SERIALIZABLE pairs fall below zero; the report says how often one was found there. At SERIALIZABLE
none may be.
"""

from __future__ import annotations

import random
import sys
import time

from benchmarks.clients import Choice, Connection, Workload
from benchmarks.report import Option, run_benchmark

OPENING_BALANCE = 50
AMOUNT = 30


class WriteSkew(Workload):
    """See the module. A transaction returns what it paid in."""

    name = "write skew"

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self.overdrawn: list[int] = []  # pairs that a transaction found below zero, each time

    def create(self, connection: Connection) -> None:
        connection.execute(
            "CREATE TABLE purse (pair INTEGER, side INTEGER, balance INTEGER NOT NULL,"
            " PRIMARY KEY (pair, side))"
        )
        connection.execute("BEGIN")
        rows = [(pair, side, OPENING_BALANCE) for pair in range(self.pairs) for side in (0, 1)]
        connection.executemany("INSERT INTO purse VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")

    def choose(self, rng: random.Random) -> Choice:
        return self.take, (rng.randrange(self.pairs), rng.randrange(2))

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        ((found,),) = connection.execute("SELECT sum(balance) FROM purse").fetchall()
        expected = 2 * self.pairs * OPENING_BALANCE + total
        if found != expected:
            return f"the purses hold {found} instead of {expected}"
        if serializable and self.overdrawn:
            return f"pairs were overdrawn: {self.overdrawn[:10]}"
        return None

    def take(self, connection: Connection, pair: int, side: int) -> int:
        """Take from one purse of a pair what both together have, or fill it."""
        rows = connection.execute("SELECT side, balance FROM purse WHERE pair = ?", (pair,)).fetchall()
        both = sum([balance for _, balance in rows])
        if both < 0:
            self.overdrawn.append(pair)
        time.sleep(0)  # a client's own work: others run between what it reads and what it writes
        amount = -AMOUNT if both >= AMOUNT else OPENING_BALANCE
        text = "UPDATE purse SET balance = balance + ? WHERE pair = ? AND side = ?"
        connection.execute(text, (amount, pair, side))
        return amount


if __name__ == "__main__":
    sys.exit(run_benchmark(__doc__, WriteSkew, [Option("pairs", 10, "pairs of accounts")]))
