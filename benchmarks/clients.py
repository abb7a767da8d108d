"""Clients under concurrency: threads that run a workload's transactions, and what became of them.

Each thread has a connection of its own and runs random transactions, one after the other, until the slice
is over. One that fails with a retryable error runs again with the same choices, at once the first time,
then after a jittered, growing pause; its latency is the time from its first attempt to its commit.

The peers are minidb at each isolation level, and sqlite3, whose one writer makes it serializable (BEGIN
IMMEDIATE: a deferred transaction that writes after another has written could only fail). A transaction is a
Python function, which runs between BEGIN and COMMIT; a workload with procedures has one of the same name and
arguments for each, and then minidb's clients call that instead.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import minidb
from benchmarks.peers import SQLITE
from minidb_testkit.levels import CALL_LEVELS, LEVELS, SERIAL

Connection = Any  # minidb.Connection or sqlite3.Connection, in autocommit mode

SQLITE_NAME = "sqlite3"
PEERS = (*LEVELS, SQLITE_NAME)
FUTURES_NAME = "serial, call_async"  # clients that wait in no thread, as those of an event loop
CALL_PEERS = (*CALL_LEVELS, FUTURES_NAME, SQLITE_NAME)  # of procedures
RAISED = "P0001"  # by RAISE EXCEPTION in a procedure
ATTEMPTS = 200
CHOSEN = 1000  # transactions of a client, ahead of its time; then it begins anew
FIRST_PAUSE_SECONDS = 0.0005
LONGEST_PAUSE_SECONDS = 0.05


class GaveUp(Exception):
    """The program rolls its transaction back, as its data tell it to."""


@dataclass(frozen=True)
class Client:
    """A connection at one level."""

    connection: Connection
    begin: str | None  # None: transactions are calls
    futures: bool = False  # made by call_async

    def close(self) -> None:
        self.connection.close()


# A transaction's function, (connection, *arguments) -> int, and its arguments: chosen already, as it may run
# more than once. What it returns is added up over commits.
Choice = tuple[Callable[..., int], tuple[Any, ...]]


class Workload:
    """Tables, random transactions, and what must hold afterwards."""

    name: str
    language: str | None = None  # of its procedures, if it is to call them

    def create(self, connection: Connection) -> None:
        """Make and fill the tables."""
        raise NotImplementedError

    def create_procedures(self, connection: Connection) -> None:
        """Make the counterparts of the functions; the first value of their result is the functions'."""
        raise NotImplementedError

    def choose(self, rng: random.Random) -> Choice:
        """A random transaction."""
        raise NotImplementedError

    def choices(self, rng: random.Random) -> Iterator[Choice]:
        """Random transactions without end, at no cost while they run."""
        return cycle([self.choose(rng) for _ in range(CHOSEN)])

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        """What does not hold after transactions that returned `total` all in all; None if all is well."""
        raise NotImplementedError


@dataclass
class Counts:
    """What became of a slice's transactions."""

    seconds: float = 0.0
    processor_seconds: float = 0.0  # of all threads together
    committed: Counter[str] = field(default_factory=Counter)  # by kind
    gave_up: int = 0
    aborts: Counter[str] = field(default_factory=Counter)  # by SQLSTATE
    latencies: list[float] = field(default_factory=list)
    total: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Committed transactions a second."""
        return self.committed.total() / self.seconds

    @property
    def processor_rate(self) -> float:
        """The same by the processor's time, which is less a matter of what else the machine does."""
        return self.committed.total() / self.processor_seconds

    def latency(self, share: float) -> float:
        """The latency that this share of the transactions did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

    def add(self, other: Counts) -> None:
        """Another thread's counts, of the same time."""
        self.committed += other.committed
        self.gave_up += other.gave_up
        self.aborts += other.aborts
        self.latencies += other.latencies
        self.total += other.total
        self.failures += other.failures


def connect(folder: Path, peer: str, synchronous: bool, *, calls: bool = False) -> Client:
    """A client of the peer's database in `folder`; minidb's calls procedures if told so."""
    if peer == SQLITE_NAME:
        connection = SQLITE.connect(folder)
        if not synchronous:
            connection.execute("PRAGMA synchronous = NORMAL")
        return Client(connection, "BEGIN IMMEDIATE")
    level = SERIAL if peer == FUTURES_NAME else CALL_LEVELS[peer] if calls else LEVELS[peer]
    settings: dict[str, Any] = {"synchronous_commit": synchronous, **dict(level.settings)}
    if calls:
        settings["isolation_level"] = level.isolation
    connection = minidb.connect(str(folder / "bench.db"), autocommit=True, **settings)
    if calls:
        return Client(connection, None, peer == FUTURES_NAME)
    return Client(connection, f"BEGIN ISOLATION LEVEL {level.isolation.upper()}")


def _sqlstate(error: Exception) -> str | None:
    """The code of an error after which trying again may help; None for all others."""
    if isinstance(error, minidb.Error):
        return error.sqlstate if error.retryable else None
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "SQLITE_BUSY"
    return None


def _attempt(client: Client, choice: Choice) -> int:
    function, arguments = choice
    connection = client.connection
    if client.begin is None:
        return int(connection.call(function.__name__, *arguments)[0])
    connection.execute(client.begin)
    result = function(connection, *arguments)
    connection.execute("COMMIT")
    return result


def _run_one(client: Client, choice: Choice, rng: random.Random, counts: Counts) -> None:
    """One transaction, to its commit or its rollback."""
    connection = client.connection
    kind = choice[0].__name__
    pause = 0.0
    begun = time.perf_counter()
    for _ in range(ATTEMPTS):
        try:
            result = _attempt(client, choice)
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, GaveUp) or getattr(error, "sqlstate", None) == RAISED:
                counts.gave_up += 1
                return
            sqlstate = _sqlstate(error)
            if sqlstate is None:
                raise
            counts.aborts[sqlstate] += 1
        else:
            counts.latencies.append(time.perf_counter() - begun)
            counts.committed[kind] += 1
            counts.total += result
            return
        if pause:
            time.sleep(rng.random() * pause)
        pause = min(max(pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
    counts.failures.append(f"{kind}: gave up after {ATTEMPTS} attempts")


class _Worker(threading.Thread):
    def __init__(self, workload: Workload, client: Client, seed: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.rng = random.Random(seed)
        self.choices = workload.choices(self.rng)
        self.seconds = seconds
        self.counts = Counts()

    def run(self) -> None:
        begun = time.perf_counter()
        end = begun + self.seconds
        try:
            while time.perf_counter() < end:
                _run_one(self.client, next(self.choices), self.rng, self.counts)
        except Exception as error:  # reported by whoever started the thread
            self.counts.failures.append(f"{type(error).__name__}: {error}")
        self.counts.seconds = time.perf_counter() - begun


class _Chain:
    """A client that makes its next call where it is told how the last one ended."""

    def __init__(self, workload: Workload, client: Client, seed: int) -> None:
        self.connection = client.connection
        self.choices = workload.choices(random.Random(seed))
        self.counts = Counts()
        self.kind = ""  # of the call under way
        self.begun = 0.0
        self.end = 0.0
        self.done = threading.Event()

    def start(self, seconds: float) -> None:
        """Make the first call."""
        begun = time.perf_counter()
        self.end = begun + seconds
        self.counts.seconds = -begun
        self.go_on()

    def go_on(self) -> None:
        """Make a call, or stop."""
        self.begun = time.perf_counter()
        if self.begun >= self.end or self.counts.failures:
            self.counts.seconds += self.begun
            self.done.set()
            return
        function, arguments = next(self.choices)
        self.kind = function.__name__
        self.connection.call_async(self.kind, *arguments).add_done_callback(self.ended)

    def ended(self, future: Future[Any]) -> None:
        """The call has ended."""
        error = future.exception()
        if error is None:
            self.counts.latencies.append(time.perf_counter() - self.begun)
            self.counts.committed[self.kind] += 1
            self.counts.total += int(future.result()[0])
        elif getattr(error, "sqlstate", None) == RAISED:
            self.counts.gave_up += 1
        else:
            self.counts.failures.append(f"{type(error).__name__}: {error}")
        self.go_on()


def _run_chains(workload: Workload, clients: list[Client], seconds: float, seed: int) -> Counts:
    chains = [_Chain(workload, client, seed * 1000 + number) for number, client in enumerate(clients)]
    begun = time.process_time()
    for chain in chains:
        chain.start(seconds)
    counts = Counts()
    for chain in chains:
        if not chain.done.wait(seconds + 60):
            counts.failures.append("a call hangs")
            return counts
        counts.add(chain.counts)
        counts.seconds = max(counts.seconds, chain.counts.seconds)
    counts.processor_seconds = time.process_time() - begun
    return counts


def run_slice(workload: Workload, clients: list[Client], seconds: float, seed: int) -> Counts:
    """Let every client run for so long, each in its thread, or all in the executor's."""
    if clients[0].futures:
        return _run_chains(workload, clients, seconds, seed)
    workers = [
        _Worker(workload, client, seed * 1000 + number, seconds) for number, client in enumerate(clients)
    ]
    begun = time.process_time()
    for worker in workers:
        worker.start()
    counts = Counts()
    for worker in workers:
        worker.join(seconds + 60)
        if worker.is_alive():
            counts.failures.append("a thread hangs")
            return counts
        counts.add(worker.counts)
        counts.seconds = max(counts.seconds, worker.counts.seconds)
    counts.processor_seconds = time.process_time() - begun
    return counts
