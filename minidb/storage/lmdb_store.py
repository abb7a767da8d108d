"""The checkpoint: one LMDB file with one tree of all keys, written by checkpoints only, read by everybody.

LMDB is fast and never wrong as long as some of its hazards are avoided, all of them here:

- the map is 1 TB and sparse from the start, so that it never needs resizing, which kills open transactions;
- `lib_version` is pinned, since the wheel carries two libraries with incompatible formats;
- neither `writemap` (SIGBUS on a full disk) nor, for lasting files, `sync=False` (corruption on power loss);
- the file's size is compared with its last page at open: reading a truncated file is SIGBUS;
- its lock file, a sparse memory map too, has its blocks allocated: touching it on a full disk is SIGBUS;
- nobody opens LMDB's files by other means while they are open: closing such a handle would drop LMDB's locks;
- a write transaction begins and ends within one call, in one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Final

import lmdb
import msgspec

from minidb.errors import DataCorrupted
from minidb.storage.files import file_error, reserve
from minidb.storage.key_codec import storage_prefix
from minidb.storage.lmdb_errors import translated

MAP_SIZE: Final = 1 << 40
FILE_NAME: Final = "checkpoint"
LOCK_NAME: Final = "checkpoint-lock"
POSITION_KEY: Final = storage_prefix(2) + b"position"
_LOCK_SLOT: Final = 64  # bytes, for each reader
_LOCK_HEADER_SLOTS: Final = 16  # more than the header takes


class LogPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where the log goes on after what a checkpoint holds."""

    commit_id: int  # the newest commit in the checkpoint
    segment: int  # the first log segment that may hold newer ones
    layers: tuple[str, ...] = ()  # files of huge transactions to be merged, oldest first


class CheckpointTree:
    """An open LMDB environment. `temporary` ones are never synced."""

    def __init__(
        self, directory: str, *, read_only: bool = False, temporary: bool = False, max_readers: int = 2048
    ) -> None:
        self.path = os.path.join(directory, FILE_NAME)
        if not read_only:
            allocate_lock_file(self.path, max_readers)
        try:
            self.environment = lmdb.Environment(
                self.path,
                map_size=MAP_SIZE,
                subdir=False,
                readonly=read_only,
                metasync=not temporary,
                sync=not temporary,
                mode=0o666,
                create=not read_only,
                meminit=False,
                max_readers=max_readers,
                max_dbs=0,
                lock=not read_only or _lock_is_writable(directory),
                lib_version=0,
            )
        except lmdb.Error as error:
            raise translated(error) from None
        try:
            if not read_only:
                self.environment.reader_check()
            self._check_size()
        except BaseException:
            self.close()
            raise

    def _check_size(self) -> None:
        try:
            size = os.stat(self.path).st_size
        except OSError as error:
            raise file_error("could not read checkpoint file", self.path, error) from None
        needed = self.file_bytes()
        if size < needed:
            raise DataCorrupted(f'checkpoint file "{self.path}" is truncated: {size} of {needed} bytes')

    def file_bytes(self) -> int:
        """The size that the file must have."""
        page = int(self.environment.stat()["psize"])
        return (int(self.environment.info()["last_pgno"]) + 1) * page

    def live_bytes(self) -> int:
        """The pages that hold data; the rest of the file is free for reuse."""
        stat = self.environment.stat()
        return int(stat["psize"]) * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"])

    def begin_read(self) -> lmdb.Transaction[bytes]:
        """A read transaction on the newest root, ready to be shared between threads."""
        try:
            root = self.environment.begin()
            root.get(POSITION_KEY)  # what the first access to a tree sets up must not be done by two threads
            return root
        except lmdb.Error as error:
            raise translated(error) from None

    def position(self) -> LogPosition:
        """The log position of the newest checkpoint."""
        try:
            with self.environment.begin() as root:
                data = root.get(POSITION_KEY)
        except lmdb.Error as error:
            raise translated(error) from None
        if data is None:
            raise DataCorrupted(f'checkpoint file "{self.path}" has no log position')
        try:
            return msgspec.msgpack.decode(data, type=LogPosition)
        except msgspec.MsgspecError as error:
            raise DataCorrupted(f'checkpoint file "{self.path}": {error}') from None

    def write(
        self, position: LogPosition, change: Callable[[lmdb.Transaction[bytes]], None] | None = None
    ) -> None:
        """Make one new root: `change` and `position`, atomically and durably."""
        try:
            with self.environment.begin(write=True) as transaction:
                if change is not None:
                    change(transaction)
                transaction.put(POSITION_KEY, msgspec.msgpack.encode(position))
        except lmdb.Error as error:
            raise translated(error, self.path) from None

    def close(self) -> None:
        """Close the file. Read transactions still referenced are ended; using them raises."""
        self.environment.close()


def allocate_lock_file(path: str, max_readers: int) -> None:
    """Have disk blocks for all of the lock file of an environment that is about to be opened."""
    lock = f"{path}-lock"
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            reserve(descriptor, 0, max(size, (max_readers + _LOCK_HEADER_SLOTS) * _LOCK_SLOT))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise file_error("could not create lock file", lock, error) from None


def put_all(transaction: lmdb.Transaction[bytes], items: Iterable[tuple[bytes, bytes]]) -> None:
    """Store all pairs, which should be in key order."""
    with transaction.cursor() as cursor:
        cursor.putmulti(items)


def delete_prefix(transaction: lmdb.Transaction[bytes], prefix: bytes) -> None:
    """Delete every key that starts with `prefix`."""
    with transaction.cursor() as cursor:
        found = cursor.set_range(prefix)
        while found and cursor.key()[: len(prefix)] == prefix:
            found = cursor.delete()


def _lock_is_writable(directory: str) -> bool:
    lock: Any = os.path.join(directory, LOCK_NAME)
    return os.access(lock, os.W_OK) if os.path.exists(lock) else os.access(directory, os.W_OK)
