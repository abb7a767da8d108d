"""What the serial executor has done: batches, run times by procedure, the slowest calls."""

from __future__ import annotations

from time import time
from typing import Final

SLOWEST: Final = 20


class ProcedureTimes:
    """The calls of one procedure, or the statements of one kind; seconds."""

    __slots__ = ("calls", "failures", "longest", "total")

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.total = 0.0
        self.longest = 0.0


class SerialStatistics:
    """Written by who leads, so by one thread at a time, but for the batches; read by views at any time."""

    def __init__(self) -> None:
        self.procedures: dict[str, ProcedureTimes] = {}
        self.slowest: list[tuple[float, float, str]] = []  # (seconds, when it ended, name), slowest first
        self._threshold = 0.0  # that a call must exceed to get there
        self.lock_waits = 0  # calls undone because they had to wait for a lock
        self.batches = 0
        self.batched = 0  # calls in them
        self.last_batch = 0
        self.largest_batch = 0

    def add(self, name: str, seconds: float, failed: bool) -> None:
        """A call has run."""
        times = self.procedures.get(name)
        if times is None:
            times = self.procedures[name] = ProcedureTimes()
        times.calls += 1
        times.total += seconds
        if failed:
            times.failures += 1
        if seconds > times.longest:
            times.longest = seconds
        if seconds > self._threshold:
            slowest = [*self.slowest, (seconds, time(), name)]
            slowest.sort(reverse=True)
            self.slowest = slowest[:SLOWEST]
            if len(self.slowest) == SLOWEST:
                self._threshold = self.slowest[-1][0]

    def seconds(self, name: str) -> float:
        """How long such a call has taken so far, on average."""
        times = self.procedures.get(name)
        return 0.0 if times is None else times.total / times.calls

    def add_batch(self, size: int) -> None:
        """A leader has run so many calls for one sync."""
        self.batches += 1
        self.batched += size
        self.last_batch = size
        if size > self.largest_batch:
            self.largest_batch = size
