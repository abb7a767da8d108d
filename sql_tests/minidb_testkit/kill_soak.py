"""Kills a writing process at random moments, again and again, and looks at what is left.

    python -m minidb_testkit.kill_soak [--rounds 50] [--seed N] [--serial]

Each round starts a child that transfers money between accounts from several threads, or in every third round
from one, and checkpoints all the time; each transfer adds a row to a ledger, and its id is reported only once
COMMIT has returned. The parent kills the child with SIGKILL, in a quarter of the rounds while it still
starts, creates or recovers the database, opens what is left, and checks: every reported id is there, no money
was made or lost, the ledger explains every balance, `minidb check` is clean. With `--serial` a transfer is a
call under serial execution, in every other round by `call_async`, and the log of calls, replayed into an
empty database, gives the same content.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import minidb

ACCOUNTS = 20
START_BALANCE = 1000
LONGEST_LIFE_SECONDS = 0.8  # after its first transfer
LONGEST_START_SECONDS = 60.0


PROCEDURE = """
    CREATE OR REPLACE PROCEDURE transfer(payer integer, payee integer, amount integer, number bigint)
    LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE account SET balance = balance - amount WHERE id = payer;
        INSERT INTO ledger (id, payer, payee, amount, chance)
            VALUES (number, transfer.payer, transfer.payee, transfer.amount, random());
        UPDATE account SET balance = balance + amount WHERE id = payee;
    END $$
"""


def connect(path: str, serial: bool) -> minidb.Connection:
    """As the child does it."""
    if serial:
        return minidb.connect(path, execution="serial", record_calls=f"{path}.calls")
    return minidb.connect(path, autocommit=True)


def child(path: str, seed: int, serial: bool) -> None:
    """Write until killed; each acknowledged ledger id goes to standard output as a line."""
    with connect(path, serial) as connection:
        connection.executescript(
            "CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
            "CREATE TABLE IF NOT EXISTS ledger (id BIGINT PRIMARY KEY, payer INTEGER, payee INTEGER,"
            " amount INTEGER, number BIGSERIAL, chance DOUBLE PRECISION);"
            "CREATE INDEX IF NOT EXISTS ledger_payer ON ledger (payer)"
        )
        connection.execute(
            f"INSERT INTO account SELECT i, {START_BALANCE} FROM generate_series(1, {ACCOUNTS}) AS g(i) "
            "ON CONFLICT DO NOTHING"
        )
        if serial:
            connection.execute(PROCEDURE)
    work = (_call_async if seed % 2 else _call) if serial else _transfer
    alone = seed % 3 == 0  # whose log goes to the disk in another way, if it is left alone for a while
    workers = [
        threading.Thread(target=work, args=(path, seed * 10 + i), daemon=True)
        for i in range(1 if alone else 3)
    ]
    for worker in workers:
        worker.start()
    with connect(path, serial) as connection:
        while True:
            connection.execute("CHECKPOINT")
            time.sleep(0.05 if alone else 0)


def _choose(rng: random.Random) -> tuple[int, int, int, int]:
    """Payer, payee, amount, and the ledger's id."""
    payer, payee = rng.sample(range(1, ACCOUNTS + 1), 2)
    return payer, payee, rng.randrange(1, 10), rng.getrandbits(62)


def _transfer(path: str, seed: int) -> None:
    rng = random.Random(seed)
    connection = minidb.connect(path)
    while True:
        payer, payee, amount, number = _choose(rng)
        try:
            connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, payer))
            connection.execute(
                "INSERT INTO ledger (id, payer, payee, amount) VALUES (?, ?, ?, ?)",
                (number, payer, payee, amount),
            )
            connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, payee))
            connection.commit()
        except minidb.OperationalError as error:
            connection.rollback()
            if not error.retryable:
                raise
        else:
            os.write(1, f"{number}\n".encode())


def _call(path: str, seed: int) -> None:
    rng = random.Random(seed)
    connection = connect(path, True)
    while True:
        transfer = _choose(rng)
        connection.call("transfer", *transfer)
        os.write(1, f"{transfer[-1]}\n".encode())


def _call_async(path: str, seed: int) -> None:
    rng = random.Random(seed)
    connection = connect(path, True)
    free = threading.Semaphore(16)

    def ended(number: int, future: Future[Any]) -> None:
        if future.exception() is not None:
            os._exit(1)
        os.write(1, f"{number}\n".encode())
        free.release()

    while True:
        free.acquire()
        transfer = _choose(rng)
        connection.call_async("transfer", *transfer).add_done_callback(partial(ended, transfer[-1]))


def check_replay(path: str) -> list[str]:
    """Whether the log of calls gives what the database holds."""
    calls, again = f"{path}.calls", f"{path}.again"
    if not Path(path).exists() or not Path(calls).exists():
        return []
    connect(path, True).close()  # cuts off what a crash left at the end of the log
    shutil.rmtree(again, ignore_errors=True)
    minidb.replay(calls, again)
    return [] if minidb.digest(path) == minidb.digest(again) else ["replaying the calls gives something else"]


def check(path: str, acknowledged: set[int]) -> list[str]:
    """What is wrong with the database that the child left behind."""
    created = Path(path, "format").exists()  # it may have been killed before that
    problems = list(minidb.check(path)) if created else []
    with minidb.connect(path, autocommit=True) as connection:
        if connection.describe() == ["no tables"]:
            return problems + (["everything is gone"] if acknowledged else [])
        try:
            ledger = connection.execute("SELECT id, payer, payee, amount FROM ledger").fetchall()
            balances = dict(connection.execute("SELECT id, balance FROM account").fetchall())
        except minidb.ProgrammingError:
            return problems + (["a table is gone"] if acknowledged else [])
    missing = acknowledged - {row[0] for row in ledger}
    if missing:
        problems.append(f"{len(missing)} acknowledged transfers are gone")
    if balances:
        expected = dict.fromkeys(range(1, ACCOUNTS + 1), START_BALANCE)
        for _, payer, payee, amount in ledger:
            expected[payer] -= amount
            expected[payee] += amount
        if expected != balances:
            problems.append("balances and ledger disagree: something was half applied")
    return problems


def soak(
    rounds: int,
    seed: int,
    folder: Path,
    serial: bool = False,
    module: str = "minidb_testkit.kill_soak",
    check: Callable[[str, set[int]], list[str]] = check,
    prepare: Callable[[str], None] | None = None,
) -> int:
    """The number of bad rounds. The database is kept from round to round, and begun anew every tenth.

    The module is run with `--child` to be killed; `prepare` makes a database for it.
    """
    rng = random.Random(seed)
    bad = reported = 0
    acknowledged: set[int] = set()
    path = ""
    start_seconds = 1.0
    for number in range(rounds):
        if number % 10 == 0:
            path, acknowledged = str(folder / f"kill{number}.db"), set()
            if prepare is not None:
                prepare(path)
        command = [sys.executable, "-m", module, "--child", path, "--seed", str(seed + number)]
        command += ["--serial"] if serial else []
        report = folder / "report"  # a file, which unlike a pipe never makes the child wait
        with report.open("wb") as file:
            process = subprocess.Popen(command, stdout=file)
        if rng.random() < 0.25:
            time.sleep(rng.random() * start_seconds)
        else:
            start_seconds = _until_first_line(report, process)
            time.sleep(rng.random() * LONGEST_LIFE_SECONDS)
        if process.poll() is not None:
            print(f"round {number}: the child ended by itself, status {process.returncode}", flush=True)
            bad += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        # The last line may be cut in the middle; a whole one ends with a newline.
        lines = report.read_text().split("\n")[:-1]
        acknowledged.update([int(line) for line in lines])
        reported += len(lines)
        problems = check(path, acknowledged)
        if serial:
            problems += check_replay(path)
        for problem in problems:
            print(f"round {number}: {problem}", flush=True)
        bad += bool(problems)
    print(f"{rounds} kills, {reported} acknowledged, {bad} bad rounds")
    return bad


def _until_first_line(report: Path, process: subprocess.Popen[bytes]) -> float:
    """Wait until the child has reported something; how long that took."""
    start = time.monotonic()
    while not report.stat().st_size and process.poll() is None:
        if time.monotonic() - start > LONGEST_START_SECONDS:
            break
        time.sleep(0.01)
    return time.monotonic() - start


def end_at_once(failure: threading.ExceptHookArgs) -> None:
    """A thread of the child failed: the round is bad, and the parent will see that nobody is left to kill."""
    sys.excepthook(failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback)
    os._exit(1)


def main() -> int:
    """Exit status 1 if any round was bad."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.kill_soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serial", action="store_true", help="calls under serial execution")
    parser.add_argument("--child", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        threading.excepthook = end_at_once
        child(options.child, options.seed, options.serial)
    with tempfile.TemporaryDirectory() as folder:
        return 1 if soak(options.rounds, options.seed, Path(folder), options.serial) else 0


if __name__ == "__main__":
    sys.exit(main())
