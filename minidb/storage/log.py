"""The commit log: what makes a commit durable. Segments of checksummed records, appended and synced in
groups.

    log.00000007   | header | record | record | record | reserved space, zeros or remains ...
    record           mark (4)  crc32 (4)  length (4)  commit_id (8)  durable_id (8)  payload

The mark is random, chosen anew with each segment: a record left over from the file's earlier life is never
valid, and a search for records that follow damage is fast. The crc covers all after it. `durable_id` is the
newest commit known to be synced when the record was appended: recovery needs it to tell a torn tail from
damage (recovery.py). Space is reserved ahead of the tail: a sync has no file size to write, and a full disk
is met before a commit is acknowledged, not by its sync.

A checkpoint seals a segment together with its generation of the memtable, and continues in the next, which
it has prepared; so a segment is obsolete as a whole, and becomes the next one prepared, its blocks kept.

The interface is small on purpose (append, flush, roll, trim): a replicated log can take this one's place.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from minidb.errors import DataCorrupted
from minidb.storage.direct_write import DirectWriter, open_direct
from minidb.storage.files import (
    file_error,
    remove,
    reserve,
    sync_data,
    sync_directory,
    write_all,
    write_and_begin,
)
from minidb.storage.sync_ahead import SyncAhead, sync_ahead

MAGIC: Final = b"minidb log\n\x00\x00\x00\x00\x00"
FORMAT: Final = 2
_READABLE: Final = (1, 2)  # in format 1 rows had their checksums in the log already
FILE_HEADER: Final = struct.Struct("<16sI4sQI")  # magic, format, mark, number, crc32
RECORDS_START: Final = 64
RECORD_HEADER: Final = struct.Struct("<4sIIQQ")  # mark, crc32, payload length, commit_id, durable_id
_CHECKED_HEADER: Final = struct.Struct("<IQQ")
_CHECKED_START: Final = 8  # of a record: what the crc covers
CRC_SIZE: Final = 4
SMALLEST_RESERVE: Final = 1 << 20
ALONE: Final = 16  # records in a row that nobody else's joined, after which they go directly to the disk

SPARE_NAME: Final = "log.spare"
_PREFIX: Final = "log."

_encode_payload = msgspec.msgpack.Encoder().encode
_pack_start = struct.Struct("<4sI").pack
_pack_checked = _CHECKED_HEADER.pack
_crc32 = zlib.crc32


def segment_name(number: int) -> str:
    """The file name of segment `number`."""
    return f"{_PREFIX}{number:08d}"


def segment_numbers(directory: str) -> list[int]:
    """The segments that a database directory holds, in order."""
    names = [name[len(_PREFIX) :] for name in os.listdir(directory) if name.startswith(_PREFIX)]
    return sorted([int(name) for name in names if name.isdigit()])


class Segment:
    """A log file open for appending."""

    __slots__ = (
        "_alone", "_direct", "_directly", "_flushing", "_refused", "_sync", "ahead", "descriptor", "mark",
        "number", "path", "pending", "reserved", "tail",
    )  # fmt: skip

    def __init__(self, path: str, descriptor: int, number: int, mark: bytes, reserved: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.number = number
        self.mark = mark
        self.reserved = reserved  # end of the space that the disk has promised
        self.tail = RECORDS_START  # where the next record goes
        self.pending: list[tuple[int, bytes]] = []  # (position, record): appended, not yet synced
        self.ahead = 0  # position of the record that was written before it was appended
        self._alone = 0  # so many records in a row were written ahead, and synced by themselves
        self._direct: DirectWriter | None = None  # once these are many
        self._directly = False  # so the record that was written ahead is on its way
        self._refused = False  # direct writes do not work here
        self._sync: SyncAhead | None = None  # once there was a use for it
        self._flushing = 0  # so many of the pending records are being flushed

    def record(
        self, commit_id: int, durable_id: int, writes: Mapping[bytes, bytes | None], dropped: Sequence[int]
    ) -> bytes:
        """The bytes of one commit."""
        payload = _encode_payload((writes, dropped))
        checked = _pack_checked(len(payload), commit_id, durable_id) + payload
        return _pack_start(self.mark, _crc32(checked)) + checked

    def reserve(self, end: int, step: int) -> None:
        """Have space up to `end`; DiskFull if there is none. Steps grow with the file, up to `step`."""
        wanted = end - self.reserved
        for size in (max(wanted, min(step, self.reserved)), wanted):
            try:
                reserve(self.descriptor, self.reserved, size)
            except OSError as error:
                if size == wanted:
                    raise file_error("could not extend log file", self.path, error) from None
            else:
                self.reserved += size
                return

    def write_ahead(self, record: bytes) -> None:
        """Write the record that is about to be appended: the disk begins while the commit goes on."""
        position = self.tail
        self._alone += 1
        if self._alone == ALONE and not self._refused:
            self._direct = open_direct(self.path)
        direct = self._direct
        self._directly = direct is not None and direct.begin(record, position, self.reserved, self.descriptor)
        if not self._directly:
            if direct is not None:
                direct.forget()
            write_and_begin(self.descriptor, record, position)
        self.ahead = position

    def withdraw(self) -> None:
        """What was written ahead is not appended after all: recovery must not find it."""
        self._in_company()
        write_all(self.descriptor, bytes(RECORD_HEADER.size), self.tail)
        sync_data(self.descriptor)
        self.ahead = 0

    def flush(self, before: Callable[[], None] | None = None) -> None:
        """Write and sync what is pending. If interrupted, doing it again is harmless: positions are fixed.

        `before` makes durable what must not be missing where these commits are.
        """
        count = len(self.pending)  # others append meanwhile
        if count:
            if self._write(count, before):
                sync_data(self.descriptor)
            del self.pending[:count]

    def begin_flush(self, before: Callable[[], None] | None = None) -> None:
        """The same, but the sync goes on until `end_flush`, if this system can do that. Nobody else flushes
        meanwhile."""
        count = len(self.pending)
        if count and self._write(count, before):
            if self._sync is None:
                self._sync = sync_ahead(self.descriptor)
            if self._sync is None or not self._sync.begin():
                sync_data(self.descriptor)
        self._flushing = count

    @property
    def flush_ended(self) -> bool:
        """Whether `end_flush` would not wait."""
        return self._sync is None or self._sync.ended

    def end_flush(self) -> None:
        """Return when what `begin_flush` began is on the disk."""
        if self._sync is not None:
            self._sync.finish()
        count, self._flushing = self._flushing, 0  # Ctrl-C may come in between: rather once more than never
        del self.pending[:count]

    def _write(self, count: int, before: Callable[[], None] | None) -> bool:
        """Write so many of the pending records; whether a sync is needed then."""
        entries = self.pending[:count]
        if before is not None:
            before()
        if entries[0][0] == self.ahead and self._is_written():
            del entries[0]
            if self._directly and not entries:
                return False
        if entries:
            self._in_company()
            data = entries[0][1] if len(entries) == 1 else b"".join([record for _, record in entries])
            write_all(self.descriptor, data, entries[0][0])
        return True

    def _in_company(self) -> None:
        """The page cache is to write again: each way would have to wait for what the other has written."""
        direct, self._direct = self._direct, None
        self._alone = 0
        if direct is not None:
            direct.close()

    def _is_written(self) -> bool:
        """Whether the record that was written ahead need not be written again; the disk has it if it was
        written directly."""
        direct = self._direct
        if not self._directly or direct is None:
            return True
        if direct.finish():
            if direct.slow:
                self._direct = None  # until `_alone` comes by ALONE again
                direct.close()
            return True
        self._refused, self._directly = True, False
        return False

    def close(self) -> None:
        """Close the file; what is pending is not written."""
        if self.descriptor >= 0:
            self._in_company()
            if self._sync is not None:
                self._sync.close()
            os.close(self.descriptor)
            self.descriptor = -1


class CommitLog:
    """The segments of one database directory. `current` is appended to; older ones await their checkpoint.

    A commit may start a segment while a checkpoint prepares one or trims: `_files_mutex`, taken last, keeps
    them from each other's files.
    """

    __slots__ = ("_files_mutex", "_next", "_number", "current", "directory", "step")

    def __init__(self, directory: str, next_number: int, step: int) -> None:
        self.directory = directory
        self.step = step
        self._files_mutex = threading.Lock()
        self.current: Segment | None = None
        self._next: Segment | None = None
        self._number = next_number  # of the next segment to be created

    def start(self) -> Segment:
        """A segment to append to; created now if none was prepared."""
        if self.current is None:
            self.prepare()
            self.current = self._next
            self._next = None
        assert self.current is not None
        return self.current

    def prepare(self) -> None:
        """Create the segment to continue in after the next `roll`, so that no commit waits for it then."""
        with self._files_mutex:
            if self._next is None:
                self._next = self._create(self._number)
                self._number += 1

    def roll(self) -> int:
        """End the current segment, which must be flushed; returns the number that the log continues with."""
        if self.current is not None:
            assert not self.current.pending
            self.current.close()
        self.current = self._next
        self._next = None
        return self._number if self.current is None else self.current.number

    def trim(self, number: int, *, keep_spare: bool = True) -> None:
        """Forget the segments before `number`: a checkpoint has all they hold. One is kept for its blocks."""
        try:
            with self._files_mutex:
                self._trim(number, keep_spare)
        except OSError as error:
            raise file_error("could not remove log files in", self.directory, error) from None

    def _trim(self, number: int, keep_spare: bool) -> None:
        spare = os.path.join(self.directory, SPARE_NAME)
        if not keep_spare:
            remove(spare)
        for old in segment_numbers(self.directory):
            if old < number:
                path = os.path.join(self.directory, segment_name(old))
                if not keep_spare or os.path.exists(spare) or os.path.getsize(path) > 4 * self.step:
                    remove(path)
                else:
                    os.rename(path, spare)

    @property
    def next_number(self) -> int:
        """The number of the next segment to be created."""
        return self._number

    def discard(self) -> None:
        """Close and remove all segments: a checkpoint that names `next_number` has all they hold."""
        self.close()
        self.trim(self._number, keep_spare=False)

    def size(self) -> int:
        """Bytes of log files on disk."""
        total = 0
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX):
                    with contextlib.suppress(FileNotFoundError):  # a checkpoint trims the log meanwhile
                        total += entry.stat().st_size
        return total

    def close(self) -> None:
        """Close the files; what is pending is not written."""
        for segment in (self.current, self._next):
            if segment is not None:
                segment.close()
        self.current = self._next = None

    def _create(self, number: int) -> Segment:
        """A new, empty segment, durable under its name; in the file of an obsolete one if there is one."""
        spare = os.path.join(self.directory, SPARE_NAME)
        path = os.path.join(self.directory, segment_name(number))
        mark = os.urandom(4)
        header = FILE_HEADER.pack(MAGIC, FORMAT, mark, number, 0)[:-CRC_SIZE]
        try:
            descriptor = os.open(spare, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                reserved = max(os.fstat(descriptor).st_size, SMALLEST_RESERVE)
                reserve(descriptor, 0, reserved)
                write_all(descriptor, header + _crc32(header).to_bytes(CRC_SIZE, "little"), 0)
                os.fsync(descriptor)
                os.rename(spare, path)
                sync_directory(self.directory)
            except BaseException:
                os.close(descriptor)
                remove(spare)  # a full disk should not be the fuller for it
                raise
        except OSError as error:
            raise file_error("could not create log file", path, error) from None
        return Segment(path, descriptor, number, mark, reserved)


class LogRecord(msgspec.Struct, frozen=True):
    """One commit, read back."""

    commit_id: int
    durable_id: int
    writes: dict[bytes, bytes | None]
    dropped: list[int]


_decode_payload = msgspec.msgpack.Decoder(tuple[dict[bytes, bytes | None], list[int]]).decode


class SegmentReader:
    """A log file's bytes, and the records in them."""

    __slots__ = ("data", "mark", "number", "path")

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        try:
            with open(path, "rb") as file:
                self.data = file.read()
        except OSError as error:
            raise file_error("could not read log file", path, error) from None
        self.mark = self._check_header()

    def _check_header(self) -> bytes:
        data = self.data[: FILE_HEADER.size]
        if len(data) == FILE_HEADER.size:
            magic, format_, mark, number, crc = FILE_HEADER.unpack(data)
            if crc == _crc32(data[:-CRC_SIZE]) and magic == MAGIC and number == self.number:
                if format_ not in _READABLE:
                    raise DataCorrupted(f'log file "{self.path}" has unknown format {format_}')
                return bytes(mark)
        raise DataCorrupted(f'log file "{self.path}" has a damaged header')

    def end_of(self, position: int, least_id: int) -> int:
        """The end of the record at `position`, with at least that commit id; 0 if there is no valid one."""
        data = self.data
        if position + RECORD_HEADER.size > len(data):
            return 0
        mark, crc, length, commit_id, _ = RECORD_HEADER.unpack_from(data, position)
        body = position + RECORD_HEADER.size
        end: int = body + length
        if mark != self.mark or commit_id < least_id or end > len(data):
            return 0
        if crc != _crc32(memoryview(data)[position + _CHECKED_START : end]):
            return 0
        return end

    def ids_at(self, position: int) -> tuple[int, int]:
        """commit_id and durable_id of a valid record."""
        _, _, _, commit_id, durable_id = RECORD_HEADER.unpack_from(self.data, position)
        return commit_id, durable_id

    def record_at(self, position: int) -> LogRecord:
        """A valid record, decoded."""
        _, _, length, commit_id, durable_id = RECORD_HEADER.unpack_from(self.data, position)
        body = position + RECORD_HEADER.size
        try:
            writes, dropped = _decode_payload(memoryview(self.data)[body : body + length])
        except msgspec.MsgspecError as error:
            raise DataCorrupted(f'log file "{self.path}", commit {commit_id}: {error}') from None
        return LogRecord(commit_id, durable_id, writes, dropped)

    def valid_after(self, position: int, least_id: int) -> int:
        """Where, after `position`, the first valid record of at least that commit id begins; 0 if nowhere."""
        while True:
            position = self.data.find(self.mark, position + 1)
            if position < 0:
                return 0
            if self.end_of(position, least_id):
                return position
