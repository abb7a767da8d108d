"""The engine refuses exactly what the model of exact SSI refuses, on the same random schedules.

One thread replays a schedule (conflict_model.py): the model has given up where the engine would wait, so
each statement must succeed, fail, or be refused at COMMIT just as the model says. Only when may differ: the
engine refuses a transaction as soon as its cycle is certain.
"""

from __future__ import annotations

from collections import Counter

import pytest

import minidb
from minidb_testkit.conflict_model import (
    BEGIN,
    COMMIT,
    GIVE_UP,
    READ,
    REFUSED,
    SSI,
    TOO_LATE,
    WRITE,
    Event,
    schedule,
)
from minidb_testkit.levels import LEVELS

KEYS = 6
SERIALIZABLE = [name for name, level in LEVELS.items() if level.serializable]
LOCKING = [name for name in SERIALIZABLE if ("serializable_strategy", "2pl") in LEVELS[name].settings]


class Replay:
    """Connections of one database, one for each active transaction of the model."""

    def __init__(self, path: str, locking: str) -> None:
        self.levels = {SSI: LEVELS["serializable ssi"], "2pl": LEVELS[locking]}
        self.keeper = minidb.connect(path, autocommit=True)
        self.path = path
        self.keeper.execute("CREATE TABLE item (id int PRIMARY KEY, n int)")
        self.keeper.execute(f"INSERT INTO item SELECT i, 0 FROM generate_series(0, {KEYS - 1}) g(i)")
        self.active: dict[int, minidb.Connection] = {}
        self.early: set[int] = set()  # refused before their COMMIT
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        for connection in (*self.active.values(), self.keeper):
            connection.close()

    def play(self, event: Event) -> None:
        """One step; asserts that it ends as the model says."""
        if event.kind == BEGIN:
            level = self.levels[event.strategy]
            settings = dict(level.settings)
            connection = minidb.connect(self.path, autocommit=True, lock_timeout="1ms", **settings)
            connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            connection.execute("SELECT 1")  # takes the snapshot
            self.active[event.number] = connection
            return
        connection = self.active[event.number]
        failed = event.number in self.early or not self.run(connection, event)
        if event.kind in (READ, WRITE):
            if failed:
                self.early.add(event.number)
            return
        self.counts[event.kind] += 1
        assert failed == (event.kind in (REFUSED, TOO_LATE)) or event.kind == GIVE_UP, event
        connection.rollback()
        del self.active[event.number]
        connection.close()

    def run(self, connection: minidb.Connection, event: Event) -> bool:
        """Whether it succeeded; 40001 is the only way to fail."""
        try:
            if event.kind == READ:
                connection.execute("SELECT n FROM item WHERE id = ?", (event.key,)).fetchall()
            elif event.kind in (WRITE, TOO_LATE):
                connection.execute("UPDATE item SET n = n + 1 WHERE id = ?", (event.key,))
            elif event.kind in (COMMIT, REFUSED):
                connection.commit()
        except minidb.SerializationFailure:
            return False
        return True


@pytest.mark.parametrize("locking", LOCKING)
@pytest.mark.parametrize("seed", range(6))
def test_same_refusals(seed: int, locking: str) -> None:
    replay = Replay(f":memory:model-{seed}-{locking}", locking)
    try:
        for event in schedule(seed, steps=1500, keys=KEYS):
            replay.play(event)
        assert replay.counts[REFUSED] > 0 and replay.counts[COMMIT] > 50
    finally:
        replay.close()
