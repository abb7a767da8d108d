"""`python -m benchmarks [--rounds N] [--json FILE] [NAME...]`: run the workloads, print ratios.

Each round runs a workload on minidb and then on sqlite3 (WAL, synchronous=FULL), so that both meet the
machine in the same state; the ratio is taken round by round, and its median is what to quote. Below 1, minidb
takes less time.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import minidb
from benchmarks.peers import MINIDB, SQLITE, Peer
from benchmarks.workloads import WORKLOADS, Workload


def measure(workload: Workload, rounds: int, folder: Path) -> dict[str, Any]:
    """Seconds per operation of both peers, and their ratio, each as [least, median, greatest]."""
    times: dict[str, list[float]] = {MINIDB.name: [], SQLITE.name: []}
    connections = {}
    for peer in (MINIDB, SQLITE):
        connections[peer.name] = peer.connect(folder)
        workload.prepare(connections[peer.name])
        if workload.cold:
            connections[peer.name].close()
    for number in range(rounds + 1):
        for peer in (MINIDB, SQLITE):
            seconds = _time(workload, peer, connections[peer.name], folder)
            if number > 0:  # the first round warms up
                times[peer.name].append(seconds / workload.operations)
    for connection in connections.values():
        connection.close()
    ratios = [ours / theirs for ours, theirs in zip(times[MINIDB.name], times[SQLITE.name], strict=True)]
    return {
        "workload": workload.name,
        **{name: _spread(seconds) for name, seconds in times.items()},
        "ratio": _spread(ratios),
    }


def _time(workload: Workload, peer: Peer, connection: Any, folder: Path) -> float:
    gc.collect()
    os.sync()  # or one pays for what the other left unwritten
    start = time.perf_counter()
    workload.run(peer, connection, folder, workload.operations)
    return time.perf_counter() - start


def _spread(values: list[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]


def main() -> int:
    """Print a table; optionally write everything as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="run only workloads whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, minidb {minidb.IMPLEMENTATION}, "
        f"SQLite {sqlite3.sqlite_version}; median of {options.rounds} interleaved rounds; "
        "ratio = minidb's time / sqlite3's, [least, greatest]"
    )
    print(f"{'workload':<32}{'minidb us':>12}{'sqlite3 us':>12}{'ratio':>8}")
    results = []
    for workload in WORKLOADS:
        if options.names and not any(name in workload.name for name in options.names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = measure(workload, options.rounds, Path(folder))
        results.append(result)
        low, middle, high = result["ratio"]
        print(
            f"{workload.name:<32}{result['minidb'][1] * 1e6:>12.2f}{result['sqlite3'][1] * 1e6:>12.2f}"
            f"{middle:>8.2f}  [{low:.2f}, {high:.2f}]",
            flush=True,
        )
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
