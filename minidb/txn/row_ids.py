"""Hidden row ids: the key of a row whose table has no primary key. In memory, never logged.

A table's ids go on after the last one stored. That needs no log: an id that was given out and not committed
is in no row, so it may be given out again after a restart. The counter is made once per storage id, from the
latest committed state, and all inserts use it, so uncommitted rows need no look.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Lock

from minidb.storage.key_codec import prefix_successor, storage_prefix
from minidb.storage.store import Store


class RowIds:
    """The next row id of each table."""

    __slots__ = ("_mutex", "_store", "next_of")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mutex = Lock()
        self.next_of: dict[int, Callable[[], int]] = {}  # storage id -> its counter, atomic under the GIL

    def next(self, storage_id: int) -> int:
        """A row id that no other row of the table has or gets."""
        following = self.next_of.get(storage_id)
        if following is None:
            following = self.counter(storage_id)
        return following()

    def counter(self, storage_id: int) -> Callable[[], int]:
        """The function that gives one table's next row id at each call."""
        with self._mutex:
            following = self.next_of.get(storage_id)
            if following is None:
                prefix = storage_prefix(storage_id)
                last = self._store.latest.first(prefix, prefix_successor(prefix), reverse=True)
                start = int.from_bytes(last[0][4:12], "big") + 1 if last is not None else 1
                following = self.next_of[storage_id] = count(start).__next__
            return following
