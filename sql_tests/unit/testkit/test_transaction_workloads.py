"""The transaction benchmarks, for a moment each: that they run at every level, and keep what they promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.clients import PEERS, SQLITE_NAME, Workload, connect, run_slice
from benchmarks.sibench import SIBench
from benchmarks.smallbank import SmallBank
from benchmarks.write_skew import WriteSkew
from minidb_testkit.left_behind import left_behind
from minidb_testkit.levels import LEVELS

WORKLOADS = ["smallbank", "sibench", "write skew"]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(
    "make", [lambda: SmallBank(100, 5), lambda: SIBench(20, 1), lambda: WriteSkew(3)], ids=WORKLOADS
)
def test_workload(make: Callable[[], Workload], peer: str, tmp_path: Path) -> None:
    workload = make()
    keeper = connect(tmp_path, peer, False)
    clients = [connect(tmp_path, peer, False) for _ in range(3)]
    try:
        workload.create(keeper.connection)
        counts = run_slice(workload, clients, 0.15, 1)
        assert counts.failures == []
        assert counts.committed.total() > 0
        assert 0 < counts.latency(0.5) <= counts.latency(0.99)
        serializable = peer == SQLITE_NAME or LEVELS[peer].serializable
        assert workload.broken(keeper.connection, counts.total, serializable) is None
        assert workload.broken(keeper.connection, counts.total + 1, serializable) is not None
        if peer != SQLITE_NAME:
            assert left_behind(keeper.connection._session.database) == []
    finally:
        for client in (*clients, keeper):
            client.close()
