"""Presses Ctrl-C at random moments, again and again: a session must go on after ROLLBACK, and harm nobody.

    python -m minidb_testkit.interrupt_soak [--seconds 20] [--autocommit] [--alone] [--seed N]

The main thread runs transfers, savepoints, DDL, checkpoints and queries, and is interrupted by a timer every
few hundred microseconds; other threads transfer too. After each interrupt: no money was made or lost, no lock
is left behind. At the end: no transaction is open, no lock held, `minidb check` is clean.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import minidb

ACCOUNTS = 50
TOTAL = 100 * ACCOUNTS
HANGS_AFTER_SECONDS = 30.0
EXPECTED = ("40001", "40P01", "23505")


class Interruptions:
    """A timer that raises KeyboardInterrupt in the main thread while `armed`."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.armed = False
        signal.signal(signal.SIGALRM, self.strike)
        sys.unraisablehook = self.swallow

    def strike(self, *arguments: object) -> None:
        """What the signal runs."""
        if self.armed:
            raise KeyboardInterrupt

    def swallow(self, unraisable: sys.UnraisableHookArgs) -> None:
        """An interrupt that hit a finalizer is lost, and Python would print it."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)

    def start(self) -> None:
        """One interrupt, soon."""
        self.armed = True
        longest = self.rng.choice([0.0001, 0.0005, 0.002, 0.01])
        signal.setitimer(signal.ITIMER_REAL, longest * self.rng.random() + 1e-6)

    def stop(self) -> None:
        """None from here on."""
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def transfer(connection: minidb.Connection, rng: random.Random) -> None:
    """Move money, with a savepoint that is undone now and then; the caller commits."""
    payer, payee = rng.randrange(ACCOUNTS), rng.randrange(ACCOUNTS)
    connection.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (payer,))
    if rng.random() < 0.2:
        connection.execute("SAVEPOINT here")
        connection.execute("UPDATE account SET balance = balance + 7 WHERE id < 20")
        connection.execute("ROLLBACK TO here")
    connection.execute("INSERT INTO entry (account) VALUES (?)", (payee,))
    connection.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (payee,))


def step(connection: minidb.Connection, rng: random.Random) -> None:
    """Something that changes no sum."""
    choice, number = rng.random(), rng.randrange(5)
    if choice < 0.6:
        if connection.autocommit:
            connection.execute("BEGIN")
        transfer(connection, rng)
    elif choice < 0.7:
        connection.execute("SELECT count(*), sum(balance) FROM account WHERE balance > 0").fetchall()
    elif choice < 0.8:
        connection.execute("CHECKPOINT")
    elif choice < 0.87:
        connection.execute(f"CREATE TABLE IF NOT EXISTS other{number} AS SELECT * FROM account")
    elif choice < 0.94:
        connection.execute(f"DROP TABLE IF EXISTS other{number}")
    else:
        connection.executemany("INSERT INTO entry (account) VALUES (?)", [(number,)] * 10)
    connection.commit()


class Neighbour(threading.Thread):
    """Transfers in a thread of its own, which nobody interrupts."""

    def __init__(self, path: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.rng = random.Random(seed)
        self.stopping = False
        self.problems: list[str] = []

    def run(self) -> None:
        with minidb.connect(self.path) as connection:
            while not self.stopping:
                try:
                    transfer(connection, self.rng)
                    connection.commit()
                except minidb.Error as error:
                    connection.rollback()
                    if error.sqlstate not in EXPECTED:
                        self.problems.append(f"a neighbour failed: {error.sqlstate} {error}")


def look(connection: minidb.Connection, path: str) -> None:
    """After an interrupt: the session works, the sum is right, and nobody is locked out."""
    connection.rollback()
    (total,) = connection.execute("SELECT sum(balance) FROM account").fetchone()
    connection.rollback()
    if total != TOTAL:
        raise AssertionError(f"the sum is {total} instead of {TOTAL}")
    with minidb.connect(path, autocommit=True, lock_timeout="10s") as other:
        try:
            other.execute("UPDATE account SET balance = balance + 0")
        except minidb.DeadlockDetected:
            return  # with the neighbours


def transfers(connection: minidb.Connection, rng: random.Random, count: int) -> None:
    """Transfers and nothing else: enough of them for the log to be written directly."""
    for _ in range(count):
        if connection.autocommit:
            connection.execute("BEGIN")
        transfer(connection, rng)
        connection.commit()


def soak(path: str, seconds: float, autocommit: bool, alone: bool, seed: int) -> list[str]:
    """What went wrong, a line each. Runs in the main thread."""
    rng = random.Random(seed)
    interruptions = Interruptions(rng)
    problems: list[str] = []
    struck = rounds = 0
    connection = minidb.connect(path, autocommit=autocommit)
    connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
    connection.execute("CREATE TABLE entry (id SERIAL PRIMARY KEY, account INTEGER REFERENCES account)")
    connection.execute(f"INSERT INTO account SELECT i, 100 FROM generate_series(0, {ACCOUNTS - 1}) AS g(i)")
    connection.commit()
    neighbours = [Neighbour(path, seed * 10 + number) for number in range(0 if alone else 2)]
    for neighbour in neighbours:
        neighbour.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not problems:
        rounds += 1
        faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True)
        try:
            interruptions.start()
            try:
                if alone:
                    transfers(connection, rng, 40)
                else:
                    for _ in range(rng.randrange(1, 8)):
                        step(connection, rng)
            finally:
                interruptions.stop()
        except KeyboardInterrupt:
            struck += 1
            interruptions.stop()
        except minidb.Error as error:
            if error.sqlstate not in EXPECTED:
                problems.append(f"round {rounds}: {error.sqlstate} {error}")
        try:
            look(connection, path)
        except (minidb.Error, AssertionError) as error:
            problems.append(f"round {rounds}, afterwards: {error}")
    faulthandler.cancel_dump_traceback_later()
    for neighbour in neighbours:
        neighbour.stopping = True
        neighbour.join()
        problems += neighbour.problems
    connection.rollback()
    transactions = connection._session.database.transactions
    problems += [f"transaction {each.id} was left open" for each in transactions.transactions()]
    if transactions.locks.owners:
        problems.append(f"{len(transactions.locks.owners)} locks were left behind")
    connection.close()
    problems += minidb.check(path)
    print(f"{rounds} rounds, {struck} interrupts, {len(problems)} problems")
    return problems


def main() -> int:
    """Exit status 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.interrupt_soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--autocommit", action="store_true")
    parser.add_argument("--alone", action="store_true", help="transfers only, and no other threads")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "interrupt.db")
        problems = soak(path, options.seconds, options.autocommit, options.alone, options.seed)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
