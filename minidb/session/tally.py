"""How often what happened since the database was opened: a row each of `minidb_counters`.

Counted where a transaction ends or fails, never per statement or row, so that the hot paths pay nothing. What
locks and the store count is theirs.
"""

from __future__ import annotations

import threading


class Tally:
    """Plain attributes, incremented by whoever makes the event happen.

    `x += 1` between two attributes is not interrupted by the GIL: no call and no backward jump is in it.
    """

    def __init__(self) -> None:
        self.commits = 0
        self.rollbacks = 0
        self.restarts = 0  # of statements under READ COMMITTED
        self._aborts: dict[str, int] = {}
        self._mutex = threading.Lock()

    def abort(self, sqlstate: str) -> None:
        """A transaction has failed."""
        with self._mutex:
            self._aborts[sqlstate] = self._aborts.get(sqlstate, 0) + 1

    def aborts(self) -> list[tuple[str, int]]:
        """(SQLSTATE, how many transactions failed with it)."""
        with self._mutex:
            return sorted(self._aborts.items())
