"""Records random SmallBank and TPC-C calls under serial execution, replays them, and compares the databases.

    python -m minidb_testkit.replay_soak [--calls 110000] [--threads 8] [--seed N]

Tables, procedures and rows are made under recording too, so the log begins with an empty database. Calls come
from several threads, in whatever order these meet; the log has that order, the time of each call, and what
its sequences and random numbers began with. Some 100,000 of 110,000 calls write something and are recorded.
Nothing is synced: it is not durability that is tested.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import minidb
from benchmarks.clients import RAISED, Workload
from benchmarks.smallbank import SmallBank
from benchmarks.tpcc import TpcC

# What the workloads leave open: who has gone by when, and by what chance.
EXTRA = """
CREATE TABLE visit (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at TIMESTAMPTZ, luck DOUBLE PRECISION,
    name UUID);
CREATE PROCEDURE visit() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit (at, luck, name) VALUES (now(), random(), gen_random_uuid());
END $$;
"""


class _Loader:
    """A connection whose statements are each a transaction, whatever is around them."""

    def __init__(self, connection: minidb.Connection) -> None:
        self.connection = connection

    def execute(self, text: str) -> None:
        if text not in ("BEGIN", "COMMIT"):
            self.connection.execute(text)

    def executemany(self, text: str, rows: Iterable[Any]) -> None:
        self.connection.executemany(text, rows)


class _Caller(threading.Thread):
    def __init__(self, path: str, workloads: list[Workload], seed: int, calls: int) -> None:
        super().__init__(daemon=True)
        self.connection = minidb.connect(path, execution="serial", synchronous_commit=False)
        self.workloads = workloads
        self.rng = random.Random(seed)
        self.calls = calls
        self.totals = dict.fromkeys([workload.name for workload in workloads], 0)
        self.errors: list[str] = []

    def run(self) -> None:
        with self.connection:
            for number in range(self.calls):
                workload = self.rng.choice(self.workloads)
                function, arguments = workload.choose(self.rng)
                try:
                    row = self.connection.call(function.__name__, *arguments)
                    self.totals[workload.name] += row[0]
                    if number % 10 == 0:
                        self.connection.call("visit")
                except minidb.Error as error:
                    if error.sqlstate != RAISED:
                        self.errors.append(f"{function.__name__}: {error.sqlstate} {error}")
                        return


def soak(calls: int, threads: int, seed: int, folder: Path) -> list[str]:
    """What differs, or went wrong."""
    path, again, log = str(folder / "first.db"), str(folder / "again.db"), str(folder / "recorded.calls")
    workloads: list[Workload] = [SmallBank(1000, 50), TpcC(2, 300)]
    with minidb.connect(path, execution="serial", record_calls=log, synchronous_commit=False) as connection:
        for workload in workloads:
            workload.language = "plpgsql"
            workload.create(_Loader(connection))
            workload.create_procedures(connection)
        connection.executescript(EXTRA)
        callers = [
            _Caller(path, workloads, seed * 1000 + number, calls // threads) for number in range(threads)
        ]
        begun = time.perf_counter()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        print(f"{calls / (time.perf_counter() - begun):.0f} calls a second recorded", flush=True)
        problems = [error for caller in callers for error in caller.errors]
        for workload in workloads:
            total = sum([caller.totals[workload.name] for caller in callers])
            broken = workload.broken(connection, total, True)
            problems += [] if broken is None else [f"{workload.name}: {broken}"]
    begun = time.perf_counter()
    replayed = minidb.replay(log, again)
    print(f"{replayed / (time.perf_counter() - begun):.0f} of {replayed} calls a second replayed", flush=True)
    if replayed < calls // 2:  # those that failed or only read are not in the log
        problems.append(f"only {replayed} calls were replayed")
    first, second = minidb.digest(path), minidb.digest(again)
    problems += [
        f"{ours} differs from {theirs}" for ours, theirs in zip(first, second, strict=True) if ours != theirs
    ]
    print(f"{len(first)} tables and sequences, {sum([rows for _, rows, _ in first])} rows compared")
    return problems


def main() -> int:
    """Exit status 1 if the databases differ."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.replay_soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=110_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = soak(options.calls, options.threads, options.seed, Path(folder))
    for problem in problems:
        print(problem)
    print("the databases differ" if problems else "the databases are the same")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
