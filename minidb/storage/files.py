"""The few things the store does to files, with errors that carry PostgreSQL's codes."""

from __future__ import annotations

import errno
import os
import sys

from minidb.errors import DiskFull, OperationalError

_SQLSTATES = {
    errno.EPERM: "42501",
    errno.EACCES: "42501",
    errno.EROFS: "42501",
    errno.ENOENT: "58P01",
    errno.ENOTDIR: "58P01",
    errno.EEXIST: "58P02",
    errno.ENFILE: "53000",
    errno.EMFILE: "53000",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def file_error(action: str, path: str, error: OSError) -> OperationalError:
    """What to raise when `action` ("could not open file", say) failed on `path`."""
    message = f'{action} "{path}": {os.strerror(error.errno or 0)}'
    if error.errno in _FULL:
        return DiskFull(message)
    return OperationalError(message, sqlstate=_SQLSTATES.get(error.errno or 0, "58030"))


def write_all(descriptor: int, data: bytes, position: int) -> None:
    """Write all of `data` at `position`; the system may take several calls for it."""
    written = os.pwrite(descriptor, data, position)
    while written < len(data):
        data = data[written:]
        position += written
        written = os.pwrite(descriptor, data, position)


def sync_data(descriptor: int) -> None:
    """Make what was written to the file survive a power failure."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


def write_and_begin(descriptor: int, data: bytes, position: int) -> None:
    """`write_all`, and have the disk begin with it, so that a sync soon after finds it half done."""
    write_all(descriptor, data, position)
    if sys.platform != "darwin":
        # Linux submits the dirty pages without waiting for them; PostgreSQL's pg_flush_data does the same.
        os.posix_fadvise(descriptor, position, len(data), os.POSIX_FADV_DONTNEED)


def sync_directory(path: str) -> None:
    """Make creations, renames and removals in a directory survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(descriptor: int, start: int, size: int) -> None:
    """Have the disk's blocks for [start, start + size) allocated: writing there cannot run out of space."""
    if sys.platform == "darwin":
        zeros = bytes(min(size, 1 << 20))
        for position in range(start, start + size, len(zeros)):
            write_all(descriptor, zeros, position)
    else:
        os.posix_fallocate(descriptor, start, size)


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
