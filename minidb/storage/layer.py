"""A layer: the writes of one huge transaction, in a file of their own, as long as they are not in the root.

The file is an LMDB environment in key order, so that committing it needs no copying: it becomes part of the
database by being named in the checkpoint (huge.py), lies between root and memtable, and is merged into the
root by the next checkpoint, a part at a time. An entry keeps the versions that the transaction went
through, newest first; for everybody else only the newest counts:

    key  ->  position (8)  flag (1: 0 deleted, 1 present)  length (4)  value | older versions, each alike
    FF FF FF FF position  ->  the keys written from that position on: what a savepoint undoes
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import lmdb

from minidb.storage.files import remove
from minidb.storage.lmdb_errors import translated
from minidb.storage.lmdb_store import MAP_SIZE, allocate_lock_file
from minidb.storage.scan import Entry, Item, Run, from_start, from_stop

JOURNAL_PREFIX: Final = b"\xff\xff\xff\xff"  # above every storage id
VERSION: Final = struct.Struct(">QBI")  # position, flag, length
PREFIX: Final = "huge."
_DATA: Final = VERSION.size
_READERS: Final = 100  # scans of its own writes that a transaction may have open

_read_version = VERSION.unpack_from


def open_layer_file(path: str, *, read_only: bool) -> lmdb.Environment:
    """A layer's file; written without syncs, until the transaction that writes it commits."""
    if not read_only:
        allocate_lock_file(path, _READERS)
    try:
        return lmdb.Environment(
            path,
            map_size=MAP_SIZE,
            subdir=False,
            readonly=read_only,
            create=not read_only,
            sync=False,
            metasync=False,
            meminit=False,
            max_dbs=0,
            lock=not read_only,
            max_readers=_READERS,
            lib_version=0,
        )
    except lmdb.Error as error:
        raise translated(error) from None


def newest_value(data: bytes) -> bytes | None:
    """The newest version of an entry; None if that is a deletion."""
    _, flag, length = _read_version(data)
    return data[_DATA : _DATA + length] if flag else None


def newest_entries(items: Iterator[Item], count: int) -> list[Entry]:
    """Up to `count` of a cursor's items, decoded."""
    return [(key, newest_value(data)) for key, data in islice(items, count)]


class Layer:
    """A committed layer, open for reading. Its file is closed with the last view that holds it."""

    __slots__ = ("environment", "name", "transaction")

    def __init__(self, directory: str, name: str, environment: lmdb.Environment | None = None) -> None:
        self.name = name
        if environment is None:
            environment = open_layer_file(os.path.join(directory, name), read_only=True)
        self.environment = environment
        self.transaction: lmdb.Transaction[bytes] = environment.begin()
        self.transaction.get(JOURNAL_PREFIX)  # as in CheckpointTree.begin_read

    def find(self, key: bytes) -> tuple[bool, bytes | None]:
        """Whether the layer has written `key`, and the value; None for a deletion."""
        data = self.transaction.get(key)
        return (False, None) if data is None else (True, newest_value(data))

    def items(self, start: bytes, stop: bytes | None, reverse: bool = False) -> Iterator[Item]:
        """The encoded entries of a range."""
        if stop is None or stop > JOURNAL_PREFIX:
            stop = JOURNAL_PREFIX
        cursor = self.transaction.cursor()
        return from_stop(cursor, start, stop) if reverse else from_start(cursor, start, stop)


class LayerRun(Run):
    """The entries of one layer in a range."""

    __slots__ = ("_values", "items")

    def __init__(self, layer: Layer, start: bytes, stop: bytes | None, reverse: bool) -> None:
        self.keys = []
        self.done = False
        self.items = layer.items(start, stop, reverse)
        self._values: dict[bytes, bytes | None] = {}

    def fill(self, count: int) -> None:
        if self.keys or self.done:
            return
        entries = newest_entries(self.items, count)
        self.done = len(entries) < count
        self._values = dict(entries)
        self.keys = list(self._values)

    def take(self, bound: bytes | None, reverse: bool) -> list[Entry]:
        if not self.keys:
            return []
        values = self._values
        return [(key, values[key]) for key in self.cut(bound, reverse)]


def remove_layer_files(directory: str, names: Iterable[str]) -> None:
    """Remove layers that have been merged. Old snapshots may still read them: the disk forgets them later."""
    for name in names:
        remove(os.path.join(directory, name))
        remove(os.path.join(directory, f"{name}-lock"))


def left_over_files(directory: str, layers: tuple[str, ...]) -> list[str]:
    """Files of transactions that did not commit, of layers merged just before a crash, and lock files.

    A layer that is only read needs no lock file, and must not have one: LMDB takes a file to be the same as
    another that was given the same inode after it was removed.
    """
    return [name for name in os.listdir(directory) if name.startswith(PREFIX) and name not in layers]


def release_memory(path: str) -> None:
    """Give back the memory that pages of a mapped file take, which the system's page cache has anyway.

    LMDB reads through a memory map: what was read counts as this process's memory until the system needs it.
    Where a huge transaction reads or writes each page once, that would add up to all of it.
    """
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split(maxsplit=5) for line in file if line.rstrip("\n").endswith(path)]
    except OSError:  # not on Linux
        return
    for fields in lines:
        start, stop = [int(address, 16) for address in fields[0].split("-")]
        _advise(start, stop - start)


def _advise(start: int, size: int) -> None:
    import ctypes

    library: Any = ctypes.CDLL(None)
    library.madvise(
        ctypes.c_void_p(start), ctypes.c_size_t(size), 4
    )  # MADV_DONTNEED: a file's pages come back
