"""Committed, not yet checkpointed: generations of key -> versions, and the sorted keys that scans need.

    versions[key] = (commit_id, value, older)     newest first; value None is a deletion

One generation is active; a checkpoint seals it and starts the next. Generations are linked oldest to newest,
so whoever holds an old one keeps alive all that was committed since, and can ask what changed. Nothing links
backwards: a sealed generation that is checkpointed and that no snapshot holds disappears by itself.

Invariant: versions of a published commit never change, so a reader that knows the newest commit it may see
needs no lock for `versions`. New keys are collected in a list, and sorted into `keys` only when somebody scans.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sortedcontainers import SortedList

Version = tuple[int, bytes | None, "Version | None"]

ENTRY_OVERHEAD = 250  # bytes of memory that an entry costs besides its key and value


class Generation:
    """The commits between two checkpoints.

    `mutex` guards `keys`, `prefixes` and the folding of `new_keys`; it is taken last and held briefly.
    """

    __slots__ = ("dropped", "huge", "keys", "mutex", "new_keys", "newer", "prefixes", "size", "versions")

    def __init__(self) -> None:
        self.versions: dict[bytes, Version] = {}
        self.new_keys: list[bytes] = []  # in versions, not yet in keys
        self.keys: Any = SortedList()
        self.prefixes: set[bytes] = set()  # storage ids among `keys`
        self.size = 0  # bytes, roughly
        self.dropped: tuple[int, ...] = ()  # storage ids whose keys end to exist with this generation
        self.huge: tuple[tuple[int, frozenset[bytes]], ...] = ()  # (commit_id, prefixes): see huge.py
        self.newer: Generation | None = None
        self.mutex = threading.Lock()

    def insert(self, commit_id: int, writes: Mapping[bytes, bytes | None]) -> None:
        """Add one commit's writes; only the committer, one at a time, may call it."""
        versions = self.versions
        find = versions.get
        new_key = self.new_keys.append
        for key, value in writes.items():
            older = find(key)
            if older is None:
                new_key(key)
            versions[key] = (commit_id, value, older)

    def undo(self, commit_id: int, writes: Iterable[bytes]) -> None:
        """Take back an `insert` that was interrupted half way. Keys may stay in `keys` without versions."""
        for key in writes:
            version = self.versions.get(key)
            if version is not None and version[0] == commit_id:
                if version[2] is None:
                    del self.versions[key]
                else:
                    self.versions[key] = version[2]

    def has_keys_in(self, start: bytes, stop: bytes | None) -> bool:
        """Whether any key, of whatever version, lies in [start, stop)."""
        if self.new_keys:
            self.fold()
        prefixes = self.prefixes
        if not prefixes:
            return False
        prefix = start[:4]
        if stop is not None and prefix not in prefixes and stop[:4] == prefix:
            return False
        with self.mutex:
            for _ in self.keys.irange(start, stop, (True, False)):
                return True
        return False

    def keys_from(
        self, start: bytes, stop: bytes | None, inclusive: tuple[bool, bool], reverse: bool, count: int
    ) -> list[bytes]:
        """The first `count` keys between `start` and `stop`, from the end if `reverse`."""
        if self.new_keys:
            self.fold()
        with self.mutex:
            return list(islice(self.keys.irange(start, stop, inclusive, reverse), count))

    def fold(self) -> None:
        """Sort the new keys in. Committers may append meanwhile: what is there at the start is taken."""
        with self.mutex:
            count = len(self.new_keys)
            if count:
                keys = self.new_keys[:count]
                self.keys.update(keys)
                self.prefixes.update({key[:4] for key in keys})
                del self.new_keys[:count]

    def visible(self, key: bytes, commit_id: int) -> Version | None:
        """The newest version of `key` that a snapshot of `commit_id` sees, a deletion included."""
        version = self.versions.get(key)
        while version is not None and version[0] > commit_id:
            version = version[2]
        return version
