"""LMDB's exceptions as ours, so that nothing of LMDB's ever reaches a user."""

from __future__ import annotations

import errno
import os

import lmdb

from minidb.errors import DatabaseError, DataCorrupted, DiskFull, OperationalError


def translated(error: lmdb.Error) -> DatabaseError:
    """The error to raise in place of `error`."""
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
