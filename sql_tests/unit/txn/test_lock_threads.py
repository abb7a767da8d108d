"""The lock table under real threads: nobody is let in twice, no wake-up is lost, nothing is left behind.

The threads switch every few microseconds, so that the unlocked fast paths meet the queues in all orders.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from itertools import count
from threading import Thread

import pytest

from minidb.errors import DeadlockDetected, LockNotAvailable
from minidb.storage.snapshot import Snapshot
from minidb.storage.view import View
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.lock_modes import (
    ACCESS_EXCLUSIVE,
    KEY_SHARE,
    NO_KEY_UPDATE,
    ROW_CONFLICTS,
    ROW_EXCLUSIVE,
    SHARE,
    SHARE_ROW,
    TABLE_CONFLICTS,
    UPDATE,
)
from minidb.txn.lock_table import LockTable
from minidb.txn.state import LockTarget, TransactionState

THREADS = 6
ROUNDS = 400
PREFIX = b"rows"
KEYS = [PREFIX + bytes([number]) for number in range(5)]
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


class Arena:
    """The lock table, and beside it who believes to hold what."""

    def __init__(self) -> None:
        self.active: dict[int, TransactionState] = {}
        self.locks = LockTable(self.active)
        self.number = count(1)
        self.inside: dict[LockTarget, dict[TransactionState, int]] = {}
        self.failures: list[BaseException] = []
        self.deadlocks = 0
        self.granted = 0
        self.implicit = 0

    def begin(self) -> TransactionState:
        snapshot = Snapshot(0, View(None, ()))
        transaction = TransactionState(
            next(self.number), IsolationLevel.READ_COMMITTED, snapshot, Interrupt()
        )
        self.active[transaction.id] = transaction
        return transaction

    def enter(self, transaction: TransactionState, target: LockTarget, mode: int) -> None:
        conflicts = (TABLE_CONFLICTS if isinstance(target, int) else ROW_CONFLICTS)[mode]
        inside = self.inside.setdefault(target, {})
        inside[transaction] = inside.get(transaction, 0) | mode
        for other, modes in list(inside.items()):
            assert other is transaction or not modes & conflicts, f"two in {target!r}"
        self.granted += 1

    def end(self, transaction: TransactionState) -> None:
        for inside in list(self.inside.values()):
            inside.pop(transaction, None)
        self.locks.release_all(transaction)

    def run(self, work: list[Thread]) -> None:
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(PATIENCE_S)
            if thread.is_alive():
                with self.locks.mutex:
                    waits = {each.id: each.waiting.target for each in self.active.values() if each.waiting}
                pytest.fail(f"stuck: {waits}")
        assert not self.failures, self.failures
        assert not self.locks.owners
        assert not self.locks.queues
        assert not self.active


def contend(
    arena: Arena, seed: int, modes: list[int], tables: bool, escalate: bool, implicit: bool = False
) -> None:
    chance = random.Random(seed)
    try:
        for _ in range(ROUNDS):
            transaction = arena.begin()
            transaction.lock_timeout_ms = chance.choice([0, 0, 0, 1])
            try:
                for _ in range(chance.randint(1, 4)):
                    if tables and chance.random() < 0.3:
                        table = chance.randrange(2)
                        mode = chance.choice([ROW_EXCLUSIVE, ROW_EXCLUSIVE, SHARE, ACCESS_EXCLUSIVE])
                        if arena.locks.lock_table(transaction, table, mode, wait=chance.random() < 0.8):
                            arena.enter(transaction, table, mode)
                    else:
                        key = chance.choice(KEYS)
                        mode = chance.choice(modes)
                        if arena.locks.lock_row(transaction, key, mode, wait=chance.random() < 0.8):
                            arena.enter(transaction, key, mode)
                if implicit and chance.random() < 0.5:
                    new = chance.sample(KEYS, 2)
                    if arena.locks.implicit.lock_new(transaction, new, limit=4):
                        arena.implicit += 1
                        for key in new:
                            arena.enter(transaction, key, UPDATE)
                if escalate and chance.random() < 0.3 and arena.locks.escalate(transaction, PREFIX):
                    for key in KEYS:
                        arena.locks.lock_row(transaction, key, UPDATE)
                        arena.enter(transaction, key, UPDATE)
            except DeadlockDetected:
                arena.deadlocks += 1
            except LockNotAvailable:
                pass  # timed out: as good an end as any
            arena.end(transaction)
    except BaseException as error:
        arena.failures.append(error)
        raise


@pytest.mark.parametrize(
    ("modes", "tables", "escalate", "implicit"),
    [
        ([UPDATE], False, False, False),
        ([KEY_SHARE, SHARE_ROW, NO_KEY_UPDATE, UPDATE], False, False, False),
        ([KEY_SHARE, NO_KEY_UPDATE, UPDATE], True, False, False),
        ([KEY_SHARE, UPDATE], False, True, False),
        ([KEY_SHARE, UPDATE], False, False, True),
        ([KEY_SHARE, SHARE_ROW, NO_KEY_UPDATE, UPDATE], True, True, True),
    ],
    ids=["exclusive", "row modes", "tables", "escalation", "implicit", "all"],
)
def test_exclusion_and_progress(modes: list[int], tables: bool, escalate: bool, implicit: bool) -> None:
    arena = Arena()
    arena.run(
        [
            Thread(target=contend, args=(arena, seed, modes, tables, escalate, implicit), daemon=True)
            for seed in range(THREADS)
        ]
    )
    assert arena.granted > ROUNDS
    assert (arena.implicit > 0) == implicit
    assert not arena.locks.implicit.batches


def test_one_hot_row_is_a_counter() -> None:
    """Ordered locking never deadlocks, and nobody's turn is lost."""
    arena = Arena()
    total = [0]

    def work() -> None:
        try:
            for _ in range(500):
                transaction = arena.begin()
                arena.locks.lock_row(transaction, KEYS[0])
                before = total[0]
                sum(range(20))
                total[0] = before + 1
                arena.locks.release_all(transaction)
        except BaseException as error:
            arena.failures.append(error)
            raise

    arena.run([Thread(target=work, daemon=True) for _ in range(THREADS)])
    assert total[0] == 500 * THREADS
    assert arena.locks.deadlocks == 0


def test_interrupts_wake_waiters_whenever_they_come() -> None:
    """An interrupt that races with the start of the wait is not lost."""
    arena = Arena()
    holder = arena.begin()
    arena.locks.lock_row(holder, KEYS[0])
    outcomes: list[str] = []
    for _ in range(200):
        waiter = arena.begin()

        def wait(transaction: TransactionState = waiter) -> None:
            try:
                arena.locks.lock_row(transaction, KEYS[0])
            except Exception as error:
                outcomes.append(getattr(error, "sqlstate", repr(error)))
            arena.locks.release_all(transaction)

        thread = Thread(target=wait, daemon=True)
        thread.start()
        waiter.interrupt.request()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    arena.locks.release_all(holder)
    assert outcomes == ["57014"] * 200
    assert not arena.locks.queues
