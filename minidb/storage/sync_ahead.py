"""fdatasync of a file while the thread goes on, by a thread of the C library that needs nothing of Python's.

    begin()     what was written so far is on its way to the disk     returns at once
    ended       whether it has arrived
    finish()    waits for that

A thread of Python's own could do the same, but at its end it would have to wait for Python's lock, up to 5 ms
beside a thread that does not let go. Linux's own io_submit(2) gives the work to the processor that is busy.

https://man7.org/linux/man-pages/man3/aio_fsync.3.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from time import perf_counter
from typing import Final

from minidb.storage.direct_write import LONGEST_LOOK

_NO_SIGNAL: Final = 1  # SIGEV_NONE


class _Notification(ctypes.Structure):
    """struct sigevent, of the GNU C library on a machine of 64 bits."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("rest", ctypes.c_char * 48),
    )


class _Request(ctypes.Structure):
    """struct aiocb, of the same. What follows the fields that we set is the library's."""

    _fields_ = (
        ("descriptor", ctypes.c_int),
        ("operation", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("notification", _Notification),
        ("rest", ctypes.c_char * 256),
    )


class SyncAhead:
    """Of one open file, from one thread at a time. OSError if this system has no such thing."""

    __slots__ = ("_at_once", "_busy", "_list", "_process", "_reference", "_request", "_soon", "_waiting")

    def __init__(self, descriptor: int) -> None:
        if sys.platform != "linux" or sys.maxsize < 2**32 or "CS_GNU_LIBC_VERSION" not in os.confstr_names:
            raise OSError("another C library")
        self._at_once = ctypes.PyDLL(None, use_errno=True)  # its calls keep Python's lock
        self._waiting = ctypes.CDLL(None)  # these give it up
        self._request = _Request(descriptor=descriptor, notification=_Notification(kind=_NO_SIGNAL))
        self._reference = ctypes.byref(self._request)
        self._list = (ctypes.c_void_p * 1)(ctypes.addressof(self._request))
        self._soon = True  # the last one had ended soon: worth looking for
        self._busy = False
        self._process = os.getpid()

    def begin(self) -> bool:
        """False if this system does not do it."""
        self._busy = self._at_once.aio_fsync(os.O_DSYNC, self._reference) == 0
        return self._busy

    @property
    def ended(self) -> bool:
        """Whether `finish` would not wait."""
        return not self._busy or self._error() != errno.EINPROGRESS

    def finish(self) -> None:
        """Return when what was begun is on the disk; OSError if the disk has failed."""
        if self._busy:
            self._wait()
            error = self._error()
            self._at_once.aio_return(self._reference)
            self._busy = False
            if error:
                raise OSError(error, os.strerror(error))

    def close(self) -> None:
        """Wait for what was begun, whatever becomes of it: the library has our memory until then."""
        if self._busy and os.getpid() == self._process:  # a fork has nobody who works for it
            self._wait()
        self._busy = False

    def _error(self) -> int:
        return int(self._at_once.aio_error(self._reference))

    def _wait(self) -> None:
        if not self.ended:
            began = perf_counter()
            while self._soon and not self.ended and perf_counter() - began < LONGEST_LOOK:
                os.sched_yield()
            while not self.ended:
                self._waiting.aio_suspend(self._list, 1, None)
            self._soon = perf_counter() - began < LONGEST_LOOK


def sync_ahead(descriptor: int) -> SyncAhead | None:
    """For the open file, or None where this system has no such thing."""
    try:
        return SyncAhead(descriptor)
    except (OSError, AttributeError):
        return None
