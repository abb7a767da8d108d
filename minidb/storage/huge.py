"""Huge transactions: own writes that outgrow memory go to a file, which at commit becomes a layer of the
database.

    while it runs  write(...) puts sorted chunks into the file huge.N, unsynced, a bounded transaction each
    commit         sync the file; checkpoint what came before; name the file in the checkpoint: committed
    afterwards     the next checkpoint merges it into the root, a bounded part at a time, and removes it

Nobody waits meanwhile: others commit to log and memtable all the time. That is correct because the
transaction holds locks on all that it wrote until its commit has ended, so no commit that lies above the
layer has written one of its keys; and what it read was committed before the checkpoint that precedes it. A
crash before the checkpoint names the file leaves a file that the next open removes; a crash during the
merge repeats the merge.

Positions are the transaction's own: the index of each write in its undo list, which writes that were made
all at once have in common. A reader at a position sees
the writes before it, which is what a statement that must not see its own writes needs, and what a savepoint
returns to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

import lmdb
import msgspec

from minidb.storage.files import file_error, remove, sync_directory
from minidb.storage.layer import (
    JOURNAL_PREFIX,
    PREFIX,
    VERSION,
    Layer,
    open_layer_file,
    release_memory,
)
from minidb.storage.lmdb_errors import translated
from minidb.storage.row_codec import checksummed
from minidb.storage.scan import Entry, from_start, from_stop

_CHUNK_KEYS: Final = 10_000  # per LMDB transaction: bounds its pages in memory
_JOURNAL_KEYS: Final = 1_000
_FIRST_BATCH: Final = 32
_LARGEST_BATCH: Final = 2048

_pack_version = VERSION.pack
_read_version = VERSION.unpack_from
_HEADER: Final = VERSION.size

Write = tuple[bytes, int, "bytes | None"]  # key, position, value; None: deleted


def _value_at(data: bytes, position: int | None) -> tuple[bool, bytes | None]:
    """What a reader at `position` sees of an entry: whether it was written by then, and the value."""
    start = 0
    while start < len(data):
        written, flag, length = _read_version(data, start)
        start += _HEADER
        if position is None or written < position:
            return True, data[start : start + length] if flag else None
        start += length
    return False, None


def _without(data: bytes, position: int) -> bytes:
    """An entry without the versions from `position` on."""
    start = 0
    while start < len(data):
        written, _, length = _read_version(data, start)
        if written < position:
            return data[start:]
        start += _HEADER + length
    return b""


class HugeWrites:
    """The writes of one transaction, one thread at a time. Ended by `Store.commit_huge` or `abort`."""

    def __init__(self, directory: str, number: int) -> None:
        self.directory = directory
        self.name = f"{PREFIX}{number}"
        self.path = os.path.join(directory, self.name)
        self.prefixes: set[bytes] = set()  # storage ids written
        self.committed = False  # and visible
        self._environment: lmdb.Environment | None = open_layer_file(self.path, read_only=False)
        self._reader: lmdb.Transaction[bytes] | None = None

    def write(self, writes: Sequence[Write]) -> None:
        """Add writes, in the order of their positions, all of which are above those of earlier calls."""
        versions: dict[bytes, bytes] = {}
        for key, position, value in writes:
            if value is None:
                version = _pack_version(position, 0, 0)
            else:
                value = checksummed(key, value)
                version = _pack_version(position, 1, len(value)) + value
            older = versions.get(key)
            versions[key] = version if older is None else version + older
        keys = sorted(versions)
        self.prefixes.update({key[:4] for key in keys})
        try:
            start = 0
            while start < len(writes):
                start = self._write_journal(writes, start)
            for start in range(0, len(keys), _CHUNK_KEYS):
                self._write_chunk([(key, versions[key]) for key in keys[start : start + _CHUNK_KEYS]])
        except lmdb.Error as error:
            raise translated(error, self.path) from None
        self._reader = None
        release_memory(self.path)

    def _write_chunk(self, entries: list[tuple[bytes, bytes]]) -> None:
        with self._open().begin(write=True) as transaction:
            get, put = transaction.get, transaction.put
            for key, version in entries:
                older = get(key)
                put(key, version if older is None else version + older)

    def _write_journal(self, writes: Sequence[Write], start: int) -> int:
        """Note the keys of a number of writes from `start` on; returns where to go on."""
        end = min(start + _CHUNK_KEYS, len(writes))
        with self._open().begin(write=True) as transaction:
            while start < end:
                stop = start + _JOURNAL_KEYS
                while stop < len(writes) and writes[stop][1] == writes[stop - 1][1]:
                    stop += 1  # a position has one entry
                part = writes[start:stop]
                journal_key = JOURNAL_PREFIX + part[0][1].to_bytes(8, "big")
                transaction.put(journal_key, msgspec.msgpack.encode([key for key, _, _ in part]), append=True)
                start = stop
        return start

    def get(self, key: bytes, position: int | None = None) -> tuple[bool, bytes | None]:
        """Whether `key` was written (before `position`), and its value; None is a deletion."""
        try:
            data = self._read().get(key)
        except lmdb.Error as error:
            raise translated(error) from None
        return (False, None) if data is None else _value_at(data, position)

    def batches(
        self, start: bytes, stop: bytes | None, position: int | None = None, *, reverse: bool = False
    ) -> Iterator[list[Entry]]:
        """The entries (key, value or None for a deletion) in [start, stop) written before `position`."""
        if stop is None or stop > JOURNAL_PREFIX:
            stop = JOURNAL_PREFIX
        size = _FIRST_BATCH
        batch: list[Entry] = []
        try:
            cursor = self._read().cursor()
            items = from_stop(cursor, start, stop) if reverse else from_start(cursor, start, stop)
            for key, data in items:
                written, value = _value_at(data, position)
                if written:
                    batch.append((key, value))
                    if len(batch) == size:
                        yield batch
                        batch = []
                        size = min(2 * size, _LARGEST_BATCH)
        except lmdb.Error as error:
            raise translated(error) from None
        if batch:
            yield batch

    def rollback_to(self, position: int) -> None:
        """Forget the writes from `position` on."""
        try:
            with self._open().begin(write=True) as transaction:
                for journal_key in _journal_from(transaction, position):
                    data = transaction.get(journal_key)
                    assert data is not None
                    for key in msgspec.msgpack.decode(data, type=list[bytes]):
                        entry = transaction.get(key)
                        if entry is not None:
                            left = _without(entry, position)
                            if not left:
                                transaction.delete(key)
                            elif len(left) != len(entry):
                                transaction.put(key, left)
                    if int.from_bytes(journal_key[4:], "big") >= position:
                        transaction.delete(journal_key)
        except lmdb.Error as error:
            raise translated(error, self.path) from None
        self._reader = None

    def seal(self) -> None:
        """Make the file durable. What `Store.commit_huge` does first."""
        try:
            self._open().sync(True)
            sync_directory(self.directory)
        except lmdb.Error as error:
            raise translated(error, self.path) from None
        except OSError as error:
            raise file_error("could not sync", self.path, error) from None

    def into_layer(self) -> Layer:
        """The sealed file as a layer; this object is done."""
        layer = Layer(self.directory, self.name, self._open())
        self._reader = None
        self._environment = None
        return layer

    def abort(self) -> None:
        """Remove the file. Harmless after the end."""
        self._reader = None
        if self._environment is not None:
            self._environment.close()
            self._environment = None
            remove(self.path)
            remove(f"{self.path}-lock")

    def _open(self) -> lmdb.Environment:
        assert self._environment is not None, "the transaction has ended"
        return self._environment

    def _read(self) -> lmdb.Transaction[bytes]:
        """A read transaction on all that was written; scans that began earlier keep theirs."""
        if self._reader is None:
            self._reader = self._open().begin()
        return self._reader


def _journal_from(transaction: lmdb.Transaction[bytes], position: int) -> list[bytes]:
    """The journal keys whose writes may be from `position` on, newest first."""
    keys: list[bytes] = []
    with transaction.cursor() as cursor:
        for key in cursor.iterprev(True, False) if cursor.last() else ():
            if key[:4] != JOURNAL_PREFIX:
                break
            keys.append(key)
            if int.from_bytes(key[4:], "big") < position:
                break  # this one may reach across the position; those before cannot
    return keys
