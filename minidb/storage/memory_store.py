"""The store's interface in the fewest lines that are right: every commit is a whole sorted list of its own.

For tests, which run the same random history against this and against `Store`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from minidb.storage.key_codec import storage_prefix

Item = tuple[bytes, bytes]
_BATCH = 100


class MemorySnapshot:
    """All pairs as of one commit."""

    def __init__(self, commit_id: int, pairs: list[Item], changed: dict[bytes, int]) -> None:
        self.commit_id = commit_id
        self.pairs = pairs
        self.changed = changed  # key -> the newest commit that wrote it

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        return dict(self.pairs).get(key)

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[list[Item]]:
        """The pairs with start <= key < stop in key order, or from the end."""
        first = bisect_left(self.pairs, (start,))
        last = len(self.pairs) if stop is None else bisect_left(self.pairs, (stop,))
        found = self.pairs[first : max(first, last)]
        if reverse:
            found.reverse()
        for position in range(0, len(found), _BATCH):
            yield found[position : position + _BATCH]


class MemoryStore:
    """`Store` without files, threads, or haste."""

    def __init__(self) -> None:
        self.commit_mutex = threading.RLock()
        self.latest = MemorySnapshot(0, [], {})
        self.durable = self.latest

    def commit(self, writes: Mapping[bytes, bytes | None], dropped: Sequence[int] = ()) -> int:
        """Publish one commit."""
        commit_id = self.latest.commit_id + 1
        ended = {storage_prefix(storage_id) for storage_id in dropped}
        pairs = dict(self.latest.pairs)
        changed = dict(self.latest.changed)
        for key, value in writes.items():
            changed[key] = commit_id
            if value is None:
                pairs.pop(key, None)
            else:
                pairs[key] = value
        kept = [(key, value) for key, value in pairs.items() if key[:4] not in ended]
        self.latest = self.durable = MemorySnapshot(commit_id, sorted(kept), changed)
        return commit_id

    def sync(self, commit_id: int) -> None:
        """Nothing outlives the process."""

    def newest_change(self, key: bytes, since: MemorySnapshot) -> int:
        """The id of the newest commit of `key` that `since` does not see, or 0."""
        commit_id = self.latest.changed.get(key, 0)
        return commit_id if commit_id > since.commit_id else 0
