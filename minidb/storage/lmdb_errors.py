"""LMDB's exceptions as ours, so that nothing of LMDB's ever reaches a user."""

from __future__ import annotations

import errno
import os

import lmdb

from minidb.errors import DatabaseError, DataCorrupted, DiskFull, OperationalError

_HARDLY_ANYTHING = 1 << 20  # bytes: LMDB writes less at a time


def translated(error: lmdb.Error, path: str | None = None) -> DatabaseError:
    """The error to raise in place of `error`; `path` is the file that was written."""
    if path is not None and os.strerror(errno.EIO) in str(error) and _is_full(path):
        return DiskFull("no space left on the device that holds the database")
    if isinstance(error, lmdb.MapFullError):
        return DiskFull("the database has reached the largest size it can have")
    if isinstance(error, lmdb.DiskError) or os.strerror(errno.ENOSPC) in str(error):
        return DiskFull("no space left on the device that holds the database")
    if isinstance(
        error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.InvalidError | lmdb.VersionMismatchError
    ):
        return DataCorrupted(f"the checkpoint file is damaged: {error}")
    if isinstance(error, lmdb.ReadersFullError):
        return OperationalError(
            "too many snapshots of different age are held at once",
            sqlstate="53300",
            hint="End long transactions, or raise max_readers.",
        )
    if "closed" in str(error):
        return OperationalError("the database is closed", sqlstate="57P01")
    return OperationalError(f"the checkpoint file cannot be accessed: {error}", sqlstate="58030")


def _is_full(path: str) -> bool:
    """Whether an EIO is what LMDB makes of a write that the disk took in part only."""
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _HARDLY_ANYTHING
