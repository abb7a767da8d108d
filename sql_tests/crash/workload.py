"""What the crash tests run and kill: transactions whose remains tell whether one was lost or half applied.

Transaction i writes its number under three keys: `all/i`, and `left/s` and `right/s` of slot s = i % SLOTS.
It is acknowledged by a line on a pipe, after the store has said that it is durable.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from minidb.storage.key_codec import storage_prefix
from minidb.storage.lmdb_store import CheckpointTree
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store

SLOTS = 7
ALL, LEFT, RIGHT, GONE = (storage_prefix(storage_id) for storage_id in (16, 17, 18, 19))
OPTIONS = StoreOptions(pause_seconds=1000, checkpoint_seconds=1000)


def number_key(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(4, "big")


def transaction(number: int) -> dict[bytes, bytes | None]:
    value = b"%d" % number
    slot = number % SLOTS
    return {number_key(ALL, number): value, number_key(LEFT, slot): value, number_key(RIGHT, slot): value}


class Writer:
    """Commits transactions one after the other, from where the database left off."""

    def __init__(
        self, path: str, acknowledge: Callable[[int], None], options: StoreOptions = OPTIONS
    ) -> None:
        self.store = Store.open(path, options)
        self.acknowledge = acknowledge
        self.number = verify(self.store, 0)

    def commit(self, count: int = 1) -> None:
        for _ in range(count):
            self.number += 1
            with self.store.commit_mutex:
                commit_id = self.store.commit(transaction(self.number))
            self.store.sync(commit_id)
            self.acknowledge(self.number)

    def commit_huge(self, count: int) -> None:
        """Several transactions' worth in one huge one: all of them or none."""
        huge = self.store.begin_huge()
        writes = [item for step in range(1, count + 1) for item in transaction(self.number + step).items()]
        huge.write([(key, position, value) for position, (key, value) in enumerate(writes)])
        self.store.commit_huge(huge)
        self.number += count
        self.acknowledge(self.number)

    def everything(self) -> None:
        """Each thing that a store does with its files, at least once."""
        self.commit(3)
        self.store.checkpoint()
        self.commit(2)
        self.commit_huge(5)
        self.commit(2)
        with self.store.commit_mutex:
            self.store.sync(self.store.commit({number_key(GONE, 1): b"x"}))
            self.store.sync(self.store.commit({}, [19]))
        self.store.checkpoint()
        self.commit(1)
        abandoned = self.store.begin_huge()
        abandoned.write([(number_key(GONE, 2), 0, b"y")])
        self.commit(1)
        abandoned.abort()
        self.store.close()


def verify(store: Store, acknowledged: int) -> int:
    """Assert that the store holds transactions 1..n, n at least `acknowledged`, each whole; returns n."""
    snapshot = store.latest
    numbers = [int(value) for _, value in snapshot.rows(ALL, LEFT)]
    assert numbers == list(range(1, len(numbers) + 1)), numbers
    last = len(numbers)
    assert last >= acknowledged, f"{acknowledged} was acknowledged, {last} is the last there"
    for slot in range(SLOTS):
        written = [number for number in numbers if number % SLOTS == slot]
        expected = b"%d" % written[-1] if written else None
        assert snapshot.get(number_key(LEFT, slot)) == expected
        assert snapshot.get(number_key(RIGHT, slot)) == expected
    return last


OPERATIONS = (
    "pwrite",
    "fdatasync",
    "fsync",
    "rename",
    "unlink",
    "posix_fallocate",
    "mkdir",
    "ftruncate",
    "open",
)


def die_at(count: int) -> Callable[[], int]:
    """Kill this process just before its `count`-th file operation (0: never); returns a counter of them."""
    seen = [0]

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            seen[0] += 1
            if seen[0] == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return call

    for name in OPERATIONS:
        setattr(os, name, dying(getattr(os, name)))
    write: Any = CheckpointTree.write
    CheckpointTree.write = dying(write)  # type: ignore[method-assign]
    return lambda: seen[0]
