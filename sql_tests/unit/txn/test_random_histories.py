"""Random histories: no cycle at SERIALIZABLE, whatever is mixed; and cycles where the level allows them."""

from __future__ import annotations

import pytest

import minidb
from minidb_testkit.history import DependencyGraph, serial_order
from minidb_testkit.history_soak import judge
from minidb_testkit.levels import ALL_LEVELS
from minidb_testkit.random_history import COMMITTED, Shape, record_stepped, record_threads

SERIALIZABLE = [name for name, level in ALL_LEVELS.items() if level.serializable]
WEAKER = [name for name, level in ALL_LEVELS.items() if not level.serializable]


@pytest.mark.parametrize("level", WEAKER)
def test_the_checker_finds_cycles(level: str) -> None:
    verdict = judge(record_stepped(1, 400, [level]))
    assert verdict.problems == []
    assert verdict.cycle


def test_the_checker_finds_cycles_among_threads() -> None:
    verdict = judge(record_threads(1, 400, ["repeatable read"]))
    assert verdict.problems == []
    assert verdict.cycle


@pytest.mark.parametrize("levels", [*[[name] for name in SERIALIZABLE], SERIALIZABLE], ids=" and ".join)
@pytest.mark.parametrize("exact", [True, False])
def test_serializable_histories_have_no_cycle(levels: list[str], exact: bool) -> None:
    recording = record_stepped(2, 400, levels, Shape(exact=exact))
    verdict = judge(recording)
    assert verdict.problems == []
    assert verdict.cycle is None
    assert recording.outcomes[COMMITTED] > 200
    if exact:
        assert [(each.name, each.failure) for each in verdict.false_aborts] == []


@pytest.mark.parametrize("memory", [1, 10, 60])
def test_correctness_does_not_depend_on_memory(memory: int) -> None:
    """Read sets and the conflict graph become coarser: that may refuse more, and lets nothing pass."""
    verdict = judge(record_stepped(5, 400, SERIALIZABLE, Shape(memory=memory)))
    assert verdict.problems == []
    assert verdict.cycle is None


def test_serializable_threads_have_no_cycle() -> None:
    verdict = judge(record_threads(3, 400, SERIALIZABLE))
    assert verdict.problems == []
    assert verdict.cycle is None


def test_a_seed_is_a_history() -> None:
    first, second = [record_stepped(7, 150, list(ALL_LEVELS)) for _ in range(2)]
    assert first.history == second.history
    assert first.outcomes == second.outcomes


def test_small_histories_the_other_way() -> None:
    """The graph has no cycle where some serial order gives the same results: interpreting is a witness."""
    shape = Shape(ids=4, values=3, sessions=3, longest=3)
    for seed in range(40):
        recording = record_stepped(seed, 6, SERIALIZABLE, shape)
        assert serial_order(recording.history, recording.end) is not None, seed
    cycles = 0
    for seed in range(60):
        recording = record_stepped(seed, 6, ["repeatable read"], shape)
        if DependencyGraph(recording.history).cycle() is None:
            assert serial_order(recording.history, recording.end) is not None, seed
        else:
            cycles += 1
    assert cycles > 0  # else the level was too kind for this to mean anything


def test_what_a_rolled_back_insert_found_stays_as_it_was() -> None:
    """The key existed: that was read under its lock alone, so the lock outlives ROLLBACK TO."""
    path = ":memory:rolled-back-insert"
    with (
        minidb.connect(path, autocommit=True, isolation_level="serializable") as one,
        minidb.connect(path, autocommit=True, isolation_level="serializable") as other,
    ):
        one.executescript("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)")
        one.executescript(
            "BEGIN; SAVEPOINT s; INSERT INTO t VALUES (2, 9) ON CONFLICT DO NOTHING; ROLLBACK TO s"
        )
        other.executescript("BEGIN; SELECT v FROM t WHERE id = 1; SET LOCAL lock_timeout = '20ms'")
        with pytest.raises(minidb.LockNotAvailable):
            other.execute("DELETE FROM t WHERE id = 2")
        other.rollback()
        one.executescript("UPDATE t SET v = 3 WHERE id = 1; COMMIT")
