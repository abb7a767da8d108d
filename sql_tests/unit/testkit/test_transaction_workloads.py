"""The transaction benchmarks, for a moment each: that they run at every level, and keep what they promise."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

import minidb
from benchmarks.clients import PEERS, SQLITE_NAME, Workload, connect, run_slice
from benchmarks.sibench import SIBench
from benchmarks.smallbank import SmallBank
from benchmarks.tpcc import TpcC
from benchmarks.tpcc_transactions import TRANSACTIONS
from benchmarks.write_skew import WriteSkew
from minidb_testkit import call_soak
from minidb_testkit.left_behind import left_behind
from minidb_testkit.levels import CALL_LEVELS, LEVELS

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


@pytest.mark.parametrize("language", ["plpgsql", "python"])
@pytest.mark.parametrize("peer", CALL_LEVELS)
@pytest.mark.parametrize("make", [lambda: SmallBank(100, 5), lambda: TpcC(2, 300)], ids=["smallbank", "tpcc"])
def test_calls(make: Callable[[], Workload], peer: str, language: str, tmp_path: Path) -> None:
    workload = make()
    workload.language = language
    keeper = connect(tmp_path, "read committed", False)
    clients = [connect(tmp_path, peer, False, calls=True) for _ in range(3)]
    try:
        workload.create(keeper.connection)
        workload.create_procedures(keeper.connection)
        counts = run_slice(workload, clients, 0.3, 1)
        assert counts.failures == []
        assert counts.committed.total() > 0
        assert workload.broken(keeper.connection, counts.total, True) is None
        assert workload.broken(keeper.connection, counts.total + 1, True) is not None
        assert left_behind(keeper.connection._session.database) == []
    finally:
        for client in (*clients, keeper):
            client.close()


@pytest.mark.parametrize("kind", [function.__name__ for function in TRANSACTIONS])
def test_both_languages_do_the_same(kind: str, tmp_path: Path) -> None:
    """Each TPC-C transaction, as a function on sqlite3 and as a PL/pgSQL procedure: the same tables after."""
    workload = TpcC(1, 300)
    contents = []
    for peer in ("read committed", SQLITE_NAME):
        client = connect(tmp_path, peer, False)
        connection = client.connection
        TpcC(1, 300).create(connection)
        if peer != SQLITE_NAME:
            workload.language = "plpgsql"
            workload.create_procedures(connection)
        rng = random.Random(5)
        found = 0
        while found < 5:
            function, arguments = workload.choose(rng)
            if function.__name__ != kind:
                continue
            found += 1
            if peer == SQLITE_NAME:
                function(connection, *arguments)
            else:
                connection.call(kind, *arguments)
        contents.append([connection.execute(query).fetchall() for query in CONTENTS])
        client.close()
    assert contents[0] == contents[1]


CONTENTS = (
    "SELECT w_ytd FROM warehouse ORDER BY w_id",
    "SELECT d_ytd, d_next_o_id FROM district ORDER BY d_id",
    "SELECT c_balance, c_ytd_payment, c_payment_cnt, c_delivery_cnt, c_data FROM customer"
    " ORDER BY c_d_id, c_id",
    "SELECT h_c_id, h_c_d_id, h_amount, h_data FROM history ORDER BY h_c_d_id, h_c_id, h_amount, h_data",
    "SELECT o_c_id, o_carrier_id, o_ol_cnt, o_all_local FROM orders ORDER BY o_d_id, o_id",
    "SELECT no_d_id, no_o_id FROM new_order ORDER BY no_d_id, no_o_id",
    "SELECT ol_i_id, ol_quantity, ol_amount, ol_dist_info, ol_delivery_d IS NULL FROM order_line"
    " ORDER BY ol_d_id, ol_o_id, ol_number",
    "SELECT s_quantity, s_ytd, s_order_cnt, s_remote_cnt FROM stock ORDER BY s_i_id",
)


@pytest.mark.parametrize(
    ("condition", "damage"),
    [
        ("condition 1", "UPDATE district SET d_ytd = d_ytd + 1 WHERE d_id = 3"),
        ("condition 2", "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_id = 3"),
        ("condition 2", "DELETE FROM new_order WHERE no_d_id = 3 AND no_o_id = 10"),
        ("condition 3", "DELETE FROM new_order WHERE no_d_id = 3 AND no_o_id = 9"),
        ("condition 4", "DELETE FROM order_line WHERE ol_d_id = 3 AND ol_o_id = 1 AND ol_number = 1"),
        (
            "the warehouses took",
            "UPDATE warehouse SET w_ytd = w_ytd + 10; UPDATE district SET d_ytd = d_ytd + 1",
        ),
    ],
)
def test_tpcc_finds_what_is_broken(condition: str, damage: str, tmp_path: Path) -> None:
    client = connect(tmp_path, "read committed", False)
    workload = TpcC(1, 300)
    workload.create(client.connection)
    assert workload.broken(client.connection, 0, True) is None
    client.connection.executescript(damage)
    found = workload.broken(client.connection, 0, True)
    assert found is not None and found.startswith(condition)
    client.close()


def test_calls_find_what_is_violated() -> None:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.executescript(call_soak.SCHEMA)
        assert call_soak.violations(connection) == []
        connection.execute(
            "INSERT INTO booking VALUES (1, 1, 5, 8), (2, 1, 8, 9), (3, 2, 7, 9), (4, 1, 7, 8)"
        )
        connection.execute("UPDATE doctor SET on_call = false")
        assert call_soak.violations(connection) == ["no doctor is on call", "room 1 is booked at 5 and at 7"]
