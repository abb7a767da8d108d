"""Committed, not yet checkpointed: generations of key -> versions, and the sorted keys that scans need.

    versions[key] = Version(commit_id, value, older)     newest first; value None is a deletion

One generation is active; a checkpoint seals it and starts the next. Generations are linked oldest to newest,
so whoever holds an old one keeps alive all that was committed since, and can ask what changed. Nothing links
backwards: a sealed generation that is checkpointed and that no snapshot holds disappears by itself.

Invariant: versions of a published commit never change, so a reader that knows the newest commit it may see
needs no lock for `versions`. New keys are collected in a list, and sorted into `keys` only when somebody
scans.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from itertools import repeat

from minidb.storage.sorted_keys import SortedKeys
from minidb.storage.version import Version

_FEW = 16  # writes that are added faster one by one
ENTRY_OVERHEAD = 250  # bytes of memory that an entry costs besides its key and value


class Generation:
    """The commits between two checkpoints.

    `mutex` guards `keys`, `prefixes` and the folding of `new_keys`; it is taken last and held briefly.
    """

    __slots__ = (
        "dropped",
        "folding",
        "huge",
        "keys",
        "mutex",
        "new_keys",
        "newer",
        "prefixes",
        "size",
        "versions",
    )

    def __init__(self) -> None:
        self.versions: dict[bytes, Version] = {}
        self.new_keys: list[bytes] = []  # in versions, not yet in keys
        self.keys = SortedKeys()
        self.folding = False  # `keys` is being changed, or somebody was interrupted while changing it
        self.prefixes: set[bytes] = set()  # storage ids among `keys`
        self.size = 0  # bytes, roughly
        self.dropped: tuple[int, ...] = ()  # storage ids whose keys end to exist with this generation
        self.huge: tuple[tuple[int, frozenset[bytes]], ...] = ()  # (commit_id, prefixes): see huge.py
        self.newer: Generation | None = None
        self.mutex = threading.Lock()

    def insert(self, commit_id: int, writes: dict[bytes, bytes | None]) -> None:
        """Add one commit's writes; only the committer, one at a time, may call it."""
        versions = self.versions
        if len(writes) > _FEW and self._insert_new(commit_id, writes):
            return
        for key, value in writes.items():
            older = versions.get(key)
            if older is None:
                self.new_keys.append(key)
            versions[key] = Version(commit_id, value, older)

    def _insert_new(self, commit_id: int, writes: dict[bytes, bytes | None]) -> bool:
        """`insert` at C speed of keys that are all new; otherwise nothing is done."""
        versions = self.versions
        before = len(versions)
        with self.mutex:  # keys and versions come together for whoever folds
            new = map(Version, repeat(commit_id), writes.values(), repeat(None))
            deque(map(versions.setdefault, writes, new), maxlen=0)
            if len(versions) == before + len(writes):
                self.new_keys += writes
                return True
            while len(versions) > before:
                versions.popitem()
        return False

    def undo(self, commit_id: int, writes: Iterable[bytes]) -> None:
        """Take back an `insert` that was interrupted half way."""
        self.fold()
        for key in writes:
            version = self.versions.get(key)
            if version is not None and version.commit_id != commit_id:
                continue
            if version is not None and version.older is not None:
                self.versions[key] = version.older
                continue
            with self.mutex:
                self.keys.discard(key)
            self.versions.pop(key, None)

    def may_have_keys_in(self, start: bytes, stop: bytes | None) -> bool:
        """False if certainly no key lies in [start, stop), which is cheap to tell for other tables' keys."""
        if self.new_keys:
            self.fold()
        prefixes = self.prefixes
        if not prefixes:
            return False
        prefix = start[:4]
        return prefix in prefixes or stop is None or stop[:4] != prefix

    def keys_from(
        self, start: bytes, stop: bytes | None, count: int, exclusive: bool, reverse: bool
    ) -> list[bytes]:
        """The first `count` keys of [start, stop), or the last; without `start` itself if `exclusive`."""
        if self.new_keys:
            self.fold()
        with self.mutex:
            if reverse:
                return self.keys.from_stop(start, stop, count)
            return self.keys.from_start(start, stop, count, exclusive)

    def fold(self) -> None:
        """Sort the new keys in. Committers may append meanwhile: what is there at the start is taken."""
        with self.mutex:
            count = len(self.new_keys)
            if count:
                keys = self.new_keys[:count]
                if self.folding:
                    keys = self._all_keys(keys)
                    self.keys = SortedKeys()
                self.folding = True
                self.keys.update(keys)
                self.prefixes.update(_prefixes(keys))
                del self.new_keys[:count]
                self.folding = False

    def _all_keys(self, new_keys: list[bytes]) -> list[bytes]:
        """What `keys` must hold, after a keyboard interrupt has left it in the midst of a change."""
        written = list(self.versions)
        later = self.new_keys[
            len(new_keys) :
        ]  # read after `written`: commits announce a key before they write it
        return list(set(written).difference(later).union(new_keys))


def _prefixes(keys: list[bytes]) -> set[bytes]:
    """The storage ids of sorted keys."""
    first = keys[0][:4]
    return {first} if keys[-1][:4] == first else {key[:4] for key in keys}


def newest_since(oldest: Generation, key: bytes, commit_id: int) -> tuple[Version | None, int]:
    """Of the commits after `commit_id`, in `oldest` and all newer generations: the newest version of the key,
    and the newest huge commit that may have written it, or 0."""
    newest: Version | None = None
    huge_id = 0
    generation: Generation | None = oldest
    while generation is not None:
        found = generation.versions.get(key)
        if found is not None and found.commit_id > commit_id:
            newest = found
        for id_, prefixes in generation.huge:
            if id_ > commit_id and key[:4] in prefixes:
                huge_id = id_
        generation = generation.newer
    return newest, huge_id
