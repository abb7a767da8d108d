"""Runs a transaction workload at several levels and thread counts, and reports: the benchmarks' command line.

A table for each peer and number of threads on a fresh database; or (`--procedures`, for workloads that have
them) the same as ratios to sqlite3, by short slices of all peers in turn, each on a database of its own; or
(`--ratio A B`) the cost of A over B, by short alternating slices on one database. What is compared meets the
machine in the same state. Or (`--soak`) all levels in turn for minutes, with a look after each slice at what
must hold and at what must be gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import resource
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minidb
from benchmarks.clients import (
    CALL_PEERS,
    PEERS,
    SQLITE_NAME,
    Client,
    Counts,
    Workload,
    connect,
    run_slice,
)
from minidb_testkit.left_behind import left_behind
from minidb_testkit.levels import LEVELS

_HEADING = f"{'peer':<30}{'threads':>8}{'commits/s':>11}{'p50 ms':>9}{'p99 ms':>9}  aborts by SQLSTATE"
SLICE_SECONDS = 0.4
SOAK_SLICE_SECONDS = 10.0


@dataclass(frozen=True)
class Option:
    """A number that the workload takes, by name."""

    name: str
    default: int
    help: str


def run_benchmark(
    document: str | None,
    make: Callable[..., Workload],
    options: Sequence[Option],
    languages: Sequence[str] = (),
    language: str | None = None,
) -> int:
    """Exit status 1 if anything did not hold. `languages` are those of the workload's procedures, `language`
    the one if none is chosen; None: then there are no calls."""
    parser = argparse.ArgumentParser(
        description=document, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in options:
        parser.add_argument(f"--{option.name}", type=int, default=option.default, help=option.help)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each peer and number of threads")
    parser.add_argument(
        "--level", action="append", choices=[*PEERS, *CALL_PEERS], help="only these; may be repeated"
    )
    parser.add_argument(
        "--ratio", nargs=2, choices=list(LEVELS), metavar=("A", "B"), help="the cost of A over B"
    )
    parser.add_argument("--slices", type=int, default=40, help="pairs of slices for --ratio")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="all levels in turn for so long")
    parser.add_argument(
        "--procedures",
        choices=languages,
        default=language,
        help="transactions are calls; as ratios to sqlite3",
    )
    parser.add_argument("--no-sync", action="store_true", help="commit without waiting for the disk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    chosen = parser.parse_args()
    numbers = {option.name: getattr(chosen, option.name) for option in options}
    described = ", ".join([f"{name} {number}" for name, number in numbers.items()])
    print(
        f"{make(**numbers).name}: {described}; "
        f"Python {platform.python_version()}, minidb {minidb.IMPLEMENTATION}, SQLite {sqlite3.sqlite_version}"
    )
    run = _Run(lambda: make(**numbers), chosen)
    if chosen.procedures:
        for threads in chosen.threads:
            run.calls(chosen.level or CALL_PEERS, threads, chosen.seconds)
    elif chosen.soak:
        run.soak(chosen.threads[-1], chosen.soak * 60)
    elif chosen.ratio:
        for threads in chosen.threads:
            run.ratio(chosen.ratio[0], chosen.ratio[1], threads, chosen.slices)
    else:
        run.table(chosen.level or PEERS, chosen.threads, chosen.seconds)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(run.figures, indent=1))
    for problem in run.problems:
        print(problem)
    return 1 if run.problems else 0


class _Run:
    def __init__(self, make: Callable[[], Workload], chosen: argparse.Namespace) -> None:
        self.make = make
        self.language: str | None = chosen.procedures
        self.synchronous = not chosen.no_sync
        self.seed: int = chosen.seed
        self.problems: list[str] = []
        self.figures: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def database(self, peer: str) -> Iterator[tuple[Workload, Path, Client]]:
        """A fresh, filled database, and a client that keeps it open."""
        workload = self.make()
        workload.language = None if peer == SQLITE_NAME else self.language
        with tempfile.TemporaryDirectory() as name:
            # Serial clients can have no transactions but calls, so another kind looks after their tables.
            keeper = connect(
                Path(name), peer if workload.language is None else next(iter(LEVELS)), self.synchronous
            )
            try:
                workload.create(keeper.connection)
                if workload.language is not None:
                    workload.create_procedures(keeper.connection)
                yield workload, Path(name), keeper
            finally:
                keeper.close()

    @contextlib.contextmanager
    def clients(self, folder: Path, peer: str, threads: int) -> Iterator[list[Client]]:
        calls = self.language is not None
        clients = [connect(folder, peer, self.synchronous, calls=calls) for _ in range(threads)]
        try:
            yield clients
        finally:
            for client in clients:
                client.close()

    def verify(
        self, label: str, workload: Workload, keeper: Client, counts: Counts, serializable: bool
    ) -> None:
        self.problems += [f"{label}: {failure}" for failure in dict.fromkeys(counts.failures)]
        broken = workload.broken(keeper.connection, counts.total, serializable)
        if broken:
            self.problems.append(f"{label}: {broken}")

    # -- tables -------------------------------------------------------------------------------------------

    def table(self, peers: Sequence[str], threads: Sequence[int], seconds: float) -> None:
        """A line for each number of threads and peer."""
        print(_HEADING)
        for number in threads:
            for peer in peers:
                with self.database(peer) as (workload, folder, keeper):
                    with self.clients(folder, peer, number) as clients:
                        counts = run_slice(workload, clients, seconds, self.seed)
                    serializable = peer == SQLITE_NAME or LEVELS[peer].serializable
                    self.verify(f"{peer}, {number} threads", workload, keeper, counts, serializable)
                    self.show(peer, number, counts, workload)

    def show(self, peer: str, threads: int, counts: Counts, workload: Workload) -> None:
        aborts = ", ".join([f"{number} x {code}" for code, number in sorted(counts.aborts.items())])
        overdrawn = getattr(workload, "overdrawn", None)
        tail = f"; {len(overdrawn)} x overdrawn" if overdrawn is not None else ""
        print(
            f"{peer:<30}{threads:>8}{counts.rate:>11.0f}{counts.latency(0.5) * 1e3:>9.2f}"
            f"{counts.latency(0.99) * 1e3:>9.2f}  {aborts or 'none'}{tail}",
            flush=True,
        )
        self.figures.append(
            {
                "peer": peer,
                "threads": threads,
                "commits_per_second": counts.rate,
                "committed": dict(counts.committed),
                "gave_up": counts.gave_up,
                "aborts": dict(counts.aborts),
                "p50_seconds": counts.latency(0.5),
                "p99_seconds": counts.latency(0.99),
            }
        )

    # -- procedures ---------------------------------------------------------------------------------------

    def calls(self, peers: Sequence[str], threads: int, seconds: float) -> None:
        """A line for each peer: what all its slices came to, and the ratio of each slice to sqlite3's."""
        rounds = max(2, round(seconds / SLICE_SECONDS))
        totals = {peer: Counts() for peer in peers}
        rates: dict[str, list[float]] = {peer: [] for peer in peers}
        with contextlib.ExitStack() as stack:
            databases = {peer: stack.enter_context(self.database(peer)) for peer in peers}
            clients = {
                peer: stack.enter_context(self.clients(databases[peer][1], peer, threads)) for peer in peers
            }
            for number in range(rounds + 1):
                for place in range(len(peers)):
                    peer = peers[(place + number) % len(peers)]
                    counts = run_slice(databases[peer][0], clients[peer], SLICE_SECONDS, self.seed + number)
                    totals[peer].add(counts)
                    totals[peer].seconds += counts.seconds
                    if number > 0:  # the first slices warm up
                        rates[peer].append(counts.rate)
            print(_HEADING)
            for peer in peers:
                workload, _, keeper = databases[peer]
                self.verify(f"{peer}, {threads} threads", workload, keeper, totals[peer], True)
                self.show(peer, threads, totals[peer], workload)
        if SQLITE_NAME not in peers:
            return
        for peer in peers:
            ratios = [ours / theirs for ours, theirs in zip(rates[peer], rates[SQLITE_NAME], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"    {peer:<30}{middle:>6.2f} x sqlite3  [{low:.2f}, {high:.2f}]", flush=True)
            self.figures.append({"peer": peer, "threads": threads, "times_sqlite3": ratios})

    # -- ratios -------------------------------------------------------------------------------------------

    def ratio(self, costly: str, cheap: str, threads: int, slices: int) -> None:
        """How much longer the same work takes under one level than under the other."""
        total = Counts()
        ratios: dict[str, list[float]] = {"time": [], "processor time": []}
        with self.database(cheap) as (workload, folder, keeper):
            with (
                self.clients(folder, costly, threads) as first,
                self.clients(folder, cheap, threads) as second,
            ):
                for number in range(slices + 1):
                    # In turns, each goes first: what slows down in the course of the run slows both.
                    pair = ((0, first), (1, second)) if number % 2 else ((1, second), (0, first))
                    slices_done = [Counts(), Counts()]
                    for place, clients in pair:
                        slices_done[place] = run_slice(workload, clients, SLICE_SECONDS, self.seed + number)
                        total.add(slices_done[place])
                    if number > 0:  # the first pair warms up
                        ours, theirs = slices_done
                        ratios["time"].append(theirs.rate / ours.rate)
                        ratios["processor time"].append(theirs.processor_rate / ours.processor_rate)
            both = LEVELS[costly].serializable and LEVELS[cheap].serializable
            self.verify(f"{costly} and {cheap}", workload, keeper, total, both)
        print(f"{threads} threads: {costly} over {cheap}, median of {slices} pairs of slices [quartiles]")
        for what, values in ratios.items():
            low, middle, high = statistics.quantiles(values, n=4)
            print(f"    {what + ' a commit':<26}{middle:.3f}  [{low:.3f}, {high:.3f}]", flush=True)
        self.figures.append({"ratio": [costly, cheap], "threads": threads, **ratios})

    # -- the soak -----------------------------------------------------------------------------------------

    def soak(self, threads: int, seconds: float) -> None:
        """All levels in turn; after each slice nothing may be held, and nothing may be missing."""
        total = Counts()
        rounds = max(1, round(seconds / (len(LEVELS) * SOAK_SLICE_SECONDS)))
        peak = 0
        with self.database(next(iter(LEVELS))) as (workload, folder, keeper):
            for number in range(rounds):
                for peer in LEVELS:
                    with self.clients(folder, peer, threads) as clients:
                        counts = run_slice(workload, clients, SOAK_SLICE_SECONDS, self.seed + number)
                        total.add(counts)
                        total.latencies.clear()
                        # The clients are still connected: nothing goes away because they leave.
                        self.verify(f"round {number + 1}, {peer}", workload, keeper, total, False)
                        self.problems += [
                            f"{peer}: {leak}" for leak in left_behind(keeper.connection._session.database)
                        ]
                    if number == 0 or number == rounds - 1:
                        self.show(peer, threads, counts, workload)
                    if self.problems:
                        return
                if number == 0:
                    peak = _peak_memory()
        print(f"{rounds} rounds, {total.committed.total()} commits, nothing lost, nothing left behind")
        print(f"peak memory {peak >> 20} MB after the first round, {_peak_memory() >> 20} MB at the end")


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
