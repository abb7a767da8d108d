"""Checkpoints: sealed generations into LMDB, in the background, by size, by time, and soon after the load
pauses.

    tick         what happened                                       does
    ----------   -------------------------------------------------   ------------------------
    every 0.2 s  commits that nobody synced for a tick               sync
    woken        the memtable is past checkpoint_bytes               checkpoint
    every 0.2 s  no commit for pause_seconds                         checkpoint
    every 0.2 s  the oldest unwritten commit is checkpoint_seconds   checkpoint
    asleep       nothing is unwritten                                waits for the next commit

While a snapshot of an older checkpoint is held, LMDB cannot reuse the pages that have been replaced since,
so every checkpoint makes the file grow: then only size and time count, not pauses.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

import lmdb

from minidb.storage.key_codec import storage_prefix
from minidb.storage.layer import Layer, newest_entries, release_memory
from minidb.storage.lmdb_store import CheckpointTree, LogPosition, delete_prefix, put_all
from minidb.storage.memtable import Generation
from minidb.storage.options import StoreOptions
from minidb.storage.row_codec import checksummed
from minidb.storage.scan import Entry

_SLICE: Final = 500  # keys per call into LMDB: other threads get the interpreter in between
_MERGE_BYTES: Final = 8 << 20  # of a layer, merged in one LMDB transaction


def merge_layer(tree: CheckpointTree, layer: Layer, position: LogPosition) -> None:
    """Bring all of a layer into LMDB, in transactions of bounded size; the last one writes `position`.

    Until then the old position names the layer, and a crash repeats the merge from its start.
    """
    items = layer.items(b"", None)
    before = tree.position()
    path = layer.environment.path()
    done = False
    while not done:
        entries: list[Entry] = []
        size = 0
        while not done and size < _MERGE_BYTES:
            part = newest_entries(items, _SLICE)
            entries += part
            size += sum([len(key) + len(value or b"") for key, value in part])
            done = len(part) < _SLICE
        tree.write(position if done else before, partial(_put, entries=entries))
        release_memory(tree.path)
        release_memory(path)


def _put(transaction: lmdb.Transaction[bytes], entries: list[Entry]) -> None:
    present: list[tuple[bytes, bytes]] = []
    for key, value in entries:
        if value is None:
            transaction.delete(key)
        else:
            present.append((key, value))
    for start in range(0, len(present), _SLICE):
        put_all(transaction, present[start : start + _SLICE])


def apply_generations(transaction: lmdb.Transaction[bytes], sealed: Sequence[Generation]) -> None:
    """Bring LMDB up to the newest of `sealed`, which are oldest first."""
    for generation in sealed:
        dropped = {storage_prefix(storage_id) for storage_id in generation.dropped}
        for prefix in sorted(dropped):
            delete_prefix(transaction, prefix)
        _apply(transaction, generation, dropped)


def _apply(transaction: lmdb.Transaction[bytes], generation: Generation, dropped: set[bytes]) -> None:
    generation.fold()
    keys: list[bytes] = list(generation.keys)  # in order: neighbours share LMDB pages
    find = generation.versions.get
    for start in range(0, len(keys), _SLICE):
        entries: list[Entry] = []
        for key in keys[start : start + _SLICE]:
            version = find(key)
            if version is not None and not (dropped and key[:4] in dropped):
                value = version.value
                entries.append((key, None if value is None else checksummed(key, value)))
        _put(transaction, entries)


class Pace:
    """How commits have come, as seen from one tick to the next: whether it is time for a checkpoint."""

    __slots__ = ("oldest_time", "seen_id", "seen_time")

    def __init__(self, last_id: int, now: float) -> None:
        self.seen_id = last_id  # the newest commit at the last tick
        self.seen_time = now  # when it was first seen
        self.oldest_time = now  # when the oldest commit that LMDB lacks was first seen

    def observe(self, last_id: int, written_id: int, now: float) -> bool:
        """Take note of the newest commit; whether it is the same as last time."""
        if self.seen_id <= written_id:
            self.oldest_time = now
        if last_id == self.seen_id:
            return True
        self.seen_id = last_id
        self.seen_time = now
        return False

    def is_due(self, now: float, options: StoreOptions, old_roots_held: bool) -> bool:
        """Whether a pause, or the time since the last checkpoint, asks for one."""
        if now - self.oldest_time > options.checkpoint_seconds:
            return True
        return not old_roots_held and now - self.seen_time >= options.pause_seconds


class Tickable(Protocol):
    """What the background thread drives: the store."""

    def tick(self, now: float) -> float | None:
        """Do what is due; returns the seconds until the next call, or None to sleep until woken."""


class Background:
    """One thread per store, started by its first commit. It does not keep the store alive."""

    __slots__ = ("_closed", "_store", "_thread", "_wakeup")

    def __init__(self, store: Tickable) -> None:
        self._store = weakref.ref(store, lambda _: self._wakeup.set())
        self._wakeup = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def wake(self) -> None:
        """Have `tick` called soon; starts the thread if need be."""
        self._wakeup.set()
        if self._thread is None and not self._closed:
            thread = threading.Thread(target=self._run, name="minidb checkpoints", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is ending: closing will do the work
                return
            self._thread = thread

    def stop(self) -> None:
        """End the thread, after what it is doing."""
        self._closed = True
        self._wakeup.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        delay: float | None = None
        while True:
            self._wakeup.wait(delay)
            self._wakeup.clear()
            store = self._store()
            if store is None or self._closed:
                return
            delay = store.tick(time.monotonic())
            del store
