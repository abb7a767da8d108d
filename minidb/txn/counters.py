"""Counters that no rollback sets back: sequences, and the ids of tables and indexes.

    storage id 1 . counter's id    ->  the last value that may have been given out, and whether it was

A counter lives in memory and logs ahead: one small commit of its own reserves the next values (32 at first,
more while it is busy), and they are given out without touching the log. After a crash it goes on behind what
was reserved: values may be skipped, none comes twice. The reservation need not be synced by itself: whatever
used a value commits after it in the log, so it is durable only if the reservation is.

Lock order: Store.commit_mutex, which the serial executor may hold already, then Counter.mutex. What needs no
reservation takes the second only.
"""

from __future__ import annotations

import struct
from threading import Lock
from typing import Final

from minidb.errors import DataError
from minidb.storage.store import Store
from minidb.txn.commit import Committer

COUNTER_STORAGE: Final = 1
_PREFIX: Final = COUNTER_STORAGE.to_bytes(4, "big")
_STATE: Final = struct.Struct(">q?")
_ID: Final = struct.Struct(">Q")

_LEAST_AHEAD: Final = 32
_MOST_AHEAD: Final = 1024


class CounterExhausted(DataError):
    """The next value would pass the counter's limit, and it does not cycle."""

    default_sqlstate = "2200H"


class Counter:
    """One counter. Its limits may change at any time (ALTER SEQUENCE): they apply from the next value on."""

    __slots__ = (
        "_ahead",
        "_committer",
        "_key",
        "_left",
        "called",
        "cycle",
        "increment",
        "maximum",
        "minimum",
        "mutex",
        "name",
        "value",
    )

    def __init__(self, store: Store, committer: Committer, id: int, start: int) -> None:
        self._committer = committer
        self._key = _PREFIX + _ID.pack(id)
        self._ahead = _LEAST_AHEAD
        self._left = 0  # values that are reserved and not given out
        self.mutex = Lock()
        self.value = start
        self.called = False
        stored = store.latest.get(self._key)
        if stored is not None:
            self.value, self.called = _STATE.unpack(stored)
        self.increment = 1
        self.minimum = 1
        self.maximum = 2**63 - 1
        self.cycle = False
        self.name = ""  # of the sequence, for errors

    def next(self) -> int:
        """nextval."""
        with self.mutex:
            value = self._following()
            if self._left > 0:
                self._left -= 1
                self.value = value
                self.called = True
                return value
        with self._committer.store.commit_mutex, self.mutex:
            value = self._following()
            if self._left == 0:
                self._reserve(value, self._ahead)
                self._ahead = min(2 * self._ahead, _MOST_AHEAD)
            self._left -= 1
            self.value = value
            self.called = True
            return value

    def next_many(self, count: int) -> list[int]:
        """nextval, `count` times, with one reservation for all."""
        with self._committer.store.commit_mutex, self.mutex:
            if count > self._left:
                # A cycle or the limit within the run is left to the slow way, which knows what to do there.
                first = self._following()
                last = first + (count - 1) * self.increment
                if self.minimum <= last <= self.maximum:
                    self._reserve(first, count + _LEAST_AHEAD)
            if count <= self._left:
                first = self._following()
                last = first + (count - 1) * self.increment
                if self.minimum <= last <= self.maximum:
                    self._left -= count
                    self.value = last
                    self.called = True
                    return list(range(first, last + self.increment, self.increment))
        return [self.next() for _ in range(count)]

    def set(self, value: int, called: bool = True) -> None:
        """setval."""
        if not self.minimum <= value <= self.maximum:
            raise DataError(
                f'setval: value {value} is out of bounds for sequence "{self.name}" '
                f"({self.minimum}..{self.maximum})",
                sqlstate="22003",
            )
        with self._committer.store.commit_mutex, self.mutex:
            self._committer.autonomously({self._key: _STATE.pack(value, called)})
            self.value = value
            self.called = called
            self._left = 0

    def flush(self) -> None:
        """Store exactly where the counter is, so that a clean restart skips nothing."""
        with self._committer.store.commit_mutex, self.mutex:
            if self._left:
                self._committer.autonomously({self._key: _STATE.pack(self.value, self.called)})
                self._left = 0

    def _following(self) -> int:
        if not self.called:
            return self.value
        value = self.value + self.increment
        if value > self.maximum and self.increment > 0:
            if not self.cycle:
                raise CounterExhausted(
                    f'nextval: reached maximum value of sequence "{self.name}" ({self.maximum})'
                )
            self._left = 0
            return self.minimum
        if value < self.minimum and self.increment < 0:
            if not self.cycle:
                raise CounterExhausted(
                    f'nextval: reached minimum value of sequence "{self.name}" ({self.minimum})'
                )
            self._left = 0
            return self.maximum
        return value

    def _reserve(self, first: int, count: int) -> None:
        limit = self.maximum if self.increment > 0 else self.minimum
        fitting = (limit - first) // self.increment + 1
        count = max(1, min(count, fitting))
        last = first + (count - 1) * self.increment
        self._committer.autonomously({self._key: _STATE.pack(last, True)})
        self._left = count


class Counters:
    """All counters in use, by id."""

    __slots__ = ("_committer", "_counters", "_mutex", "_store")

    def __init__(self, store: Store, committer: Committer) -> None:
        self._store = store
        self._committer = committer
        self._counters: dict[int, Counter] = {}
        self._mutex = Lock()

    def get(
        self,
        id: int,
        start: int = 1,
        increment: int = 1,
        minimum: int = 1,
        maximum: int = 2**63 - 1,
        cycle: bool = False,
        name: str = "",
    ) -> Counter:
        """The counter of that id; `start` counts only if it never ran."""
        counter = self._counters.get(id)
        if counter is None:
            with self._mutex:
                counter = self._counters.get(id)
                if counter is None:
                    counter = self._counters[id] = Counter(self._store, self._committer, id, start)
        if counter.increment != increment:
            counter.flush()  # what is reserved was counted in the old steps
            counter.increment = increment
        counter.minimum = minimum
        counter.maximum = maximum
        counter.cycle = cycle
        counter.name = name
        return counter

    def forget_all(self) -> None:
        """Leave the counters as they are stored."""
        with self._mutex:
            self._counters.clear()

    def flush(self) -> None:
        """Store exactly where every counter is."""
        for counter in list(self._counters.values()):
            counter.flush()
