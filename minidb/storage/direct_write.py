"""The shortest way to the disk for a writer who is alone: past the page cache, and without going to sleep.

    begin()     hands the record's blocks to the kernel (O_DIRECT, O_DSYNC)     returns at once
     ...        the commit goes on
    finish()    looks until the result is in the ring that the kernel shares    sleeps only for a slow disk

A write and fdatasync put the thread to sleep twice. Where the disk answers in 50 us, being woken costs half
as much again, the more on a virtual machine, and what runs next has cold caches. Linux can tell the end of a
write (io_submit(2)) in memory that both sides see; with O_DSYNC the end comes when the data, and what is
needed to find it, are on the disk. There is a system call to wait for it as well, for when looking takes too
long: a slow disk is not worth a busy processor.

Blocks are written whole. The last one is kept here, to be written again with the next record; the rest of it
is zeros. Where anything is not as expected `open_direct` says None, and the page cache serves as ever.

https://man7.org/linux/man-pages/man2/io_submit.2.html, https://man7.org/linux/man-pages/man2/open.2.html
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import sys
from time import perf_counter
from typing import Final

BLOCK: Final = 4096
_ROOM: Final = 64 * 1024  # bytes: longer records go the other way
LONGEST_LOOK: Final = 0.0004  # seconds, before it sleeps after all
_TOO_SLOW: Final = 16  # the balance of late answers, two points each, and early ones, minus one
_RING_MAGIC: Final = 0xA10A10A1
_PWRITE: Final = 1
_LOST_SECONDS: Final = 1.0  # for a write of which we do not know whether it has begun

_REFUSALS: Final = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTBLK)
_HEADER: Final = 32  # bytes of the ring before its events
_SLEEP_SECONDS: Final = 0.05  # at a time, when it has looked for long enough

_IO_SETUP, _IO_DESTROY, _IO_GETEVENTS, _IO_SUBMIT = (ctypes.c_long(number) for number in (206, 207, 208, 209))
_ONE, _NONE = ctypes.c_long(1), ctypes.c_long(0)


class _Request(ctypes.Structure):
    """struct iocb, on a little-endian machine."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("modes", ctypes.c_int32),
        ("operation", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("descriptor", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("position", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("signal", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("second_result", ctypes.c_int64),
    )


class _Ring(ctypes.Structure):
    """The head of struct aio_ring, to which the kernel's context points."""

    _fields_ = (
        ("id", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("head", ctypes.c_uint32),
        ("tail", ctypes.c_uint32),
        ("magic", ctypes.c_uint32),
        ("features", ctypes.c_uint32),
        ("unknown_features", ctypes.c_uint32),
        ("header", ctypes.c_uint32),
    )


class _Seconds(ctypes.Structure):
    """struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_AT_ONCE: Final = _Seconds(0, 0)
_SHORTLY: Final = _Seconds(0, int(_SLEEP_SECONDS * 1e9))


class DirectWriter:
    """Appends to one file, from one thread at a time. Ctrl-C may come anywhere: what is asked again is
    answered by the ring, in which each write that has ended has moved the tail on by one.

    busy        a write has begun and is not finished
    slow        looking has taken too long too often: better not to use this any more
    refused     the file system has refused to write like that, or wrote only a part
    """

    __slots__ = (
        "_buffer", "_call", "_context", "_events", "_file", "_late", "_request", "_requests", "_ring",
        "_spare", "_start", "_submitting", "_until", "busy", "refused", "slow",
    )  # fmt: skip

    def __init__(self, path: str) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._file = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_DSYNC | os.O_CLOEXEC)
        try:
            self._buffer = mmap.mmap(-1, _ROOM)
            context = ctypes.c_ulong(0)
            if self._call(_IO_SETUP, _ONE, ctypes.byref(context)) != 0:
                raise OSError(ctypes.get_errno(), "io_setup")
        except BaseException:
            os.close(self._file)
            raise
        self._context = ctypes.c_ulong(context.value)
        ring = self._ring = _Ring.from_address(context.value)
        self._events: ctypes.Array[_Event] = (_Event * ring.count).from_address(context.value + _HEADER)
        self._spare = ctypes.byref(_Event())  # where the kernel may copy an event to
        self._request = _Request(
            operation=_PWRITE,
            descriptor=self._file,
            buffer=ctypes.addressof(ctypes.c_char.from_buffer(self._buffer)),
        )
        self._requests = (ctypes.c_void_p * 1)(ctypes.addressof(self._request))
        self._start = -1  # of the block that the buffer begins with; -1: none
        self._late = 0
        self._until = 0  # where the ring's tail will be when the present write has ended
        self._submitting = False  # whether that has begun is not known yet
        self.busy = False
        self.slow = False
        self.refused = False
        if ring.magic != _RING_MAGIC or ring.header != _HEADER:
            self.close()
            raise OSError("the kernel's ring has another form")

    def begin(self, record: bytes, position: int, limit: int, source: int) -> bool:
        """Begin to write a record that ends the file's contents; no block beyond `limit` is touched.

        `source` is the file opened as usual, to read the part of the block before it if we have not written
        that. False: it must be written in another way.
        """
        start = position & -BLOCK
        begin = position - start
        end = begin + len(record)
        size = (end + BLOCK - 1) & -BLOCK
        if size > _ROOM or start + size > limit or self.busy or self._submitting:
            return False
        buffer = self._buffer
        if start != self._start:
            before = os.pread(source, begin, start)
            if len(before) != begin:
                return False
            buffer[:begin] = before
        buffer[begin:end] = record
        buffer[end:size] = bytes(size - end)
        request, ring = self._request, self._ring
        request.position = start
        request.size = size
        self._start = start
        self._until = (ring.tail + 1) % ring.count
        self._submitting = True
        if self._call(_IO_SUBMIT, self._context, _ONE, self._requests) != 1:
            self._submitting = False
            self._start = -1
            return False
        self.busy = True
        self._submitting = False
        return True

    def finish(self) -> bool:
        """Return when what was begun is on the disk; OSError if the disk has failed. May be repeated.

        False: this file system does not write like that after all, so it has to be written in another way.
        """
        if not self.busy:
            return not self.refused
        ring, until = self._ring, self._until
        if ring.tail != until:
            limit = perf_counter() + LONGEST_LOOK
            while ring.tail != until and perf_counter() < limit:
                os.sched_yield()  # lets other threads have Python's lock, too
            late = ring.tail != until
            self._late = self._late + 2 if late else max(0, self._late - 1)
            self.slow = self._late >= _TOO_SLOW
            self._sleep(None)
        result, size = self._events[until - 1].result, self._request.size
        self._settle()
        if result != size:
            self._start = -1
            if result < 0 and -result not in _REFUSALS:
                raise OSError(-result, os.strerror(-result))
            self.refused = True
            return False
        if size > BLOCK:  # the last block is the first of what comes next
            self._buffer[:BLOCK] = self._buffer[size - BLOCK : size]
            self._start += size - BLOCK
        return True

    def forget(self) -> None:
        """Others have written to the file, or will: wait for what was begun, whatever becomes of it."""
        if self.busy or self._submitting:
            self._sleep(None if self.busy else perf_counter() + _LOST_SECONDS)
            self._settle()
        self._start = -1

    def close(self) -> None:
        """Give file and memory up, after what was begun."""
        if self._file >= 0:
            self.forget()
            self._ring, self._events = _Ring(), (_Event * 1)()  # what they were is about to be unmapped
            self._call(_IO_DESTROY, self._context)
            os.close(self._file)
            self._file = -1

    def _sleep(self, limit: float | None) -> None:
        """Until the write has ended, or that moment."""
        while self._ring.tail != self._until and (limit is None or perf_counter() < limit):
            self._call(_IO_GETEVENTS, self._context, _ONE, _ONE, self._spare, ctypes.byref(_SHORTLY))

    def _settle(self) -> None:
        """The write has ended: its event's place in the ring is free again."""
        if self._ring.head != self._ring.tail:
            self._call(_IO_GETEVENTS, self._context, _NONE, _ONE, self._spare, ctypes.byref(_AT_ONCE))
        self.busy = self._submitting = False


def open_direct(path: str) -> DirectWriter | None:
    """A writer for the file, or None where this system has no such thing."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    try:
        return DirectWriter(path)
    except OSError:
        return None
