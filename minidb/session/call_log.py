"""The log of calls: what went into a database under serial execution, in the order of the commits.

    magic      "minidb calls 1\\n"
    record     length, CRC-32 (4 bytes each, big-endian), MessagePack of a `RecordedCall`

A call's record holds all that it depends on besides the database: statement, parameters, the session's
settings, the time that now() gives, and the seed of random() and gen_random_uuid() if they were used. Failed
calls leave no record, but where they drew from sequences, the sequences' positions; opening a database leaves
them too. So running the records again, one by one, in an empty database gives the same content (replay.py).

Invariant: the log holds every call that the database holds. A record is made before its commit, and synced
before the store syncs what it has (`Store.before_sync`). After a crash it may hold a few calls more, which
nobody was told of: records name their commit, and what is not in the database is cut off when it is opened.
"""

from __future__ import annotations

import datetime
import json
import os
import struct
import threading
import uuid
import zlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from minidb.errors import DatabaseError, DataCorrupted, InternalError, NotSupportedError, OperationalError
from minidb.session import settings as settings_
from minidb.session.serial_call import CallInputs
from minidb.value.interval import Interval

MAGIC: Final = b"minidb calls 1\n"
_HEADER: Final = struct.Struct(">II")

# Settings that may change what a call does; timeouts do not: a call that they stop leaves nothing.
RECORDED_SETTINGS: Final = ("timezone", "default_transaction_read_only")


class RecordedCall(msgspec.Struct, array_like=True, omit_defaults=True):
    """One record. `text` is empty where only the positions of sequences are told."""

    commit: int  # the newest commit after it
    text: str = ""
    parameters: Any = None  # see `encoded`
    many: bool = False
    time: float = 0.0
    seed: int | None = None
    settings: dict[str, str] = {}
    counters: dict[str, tuple[int, bool]] = {}  # sequence -> its last value, and whether that was given out


class CallLog:
    """A log that is written. One thread at a time appends; any may flush."""

    def __init__(self, path: str, newest: int) -> None:
        """Open or create it for a database whose newest commit is `newest`."""
        self.path = path
        self._pending: list[bytes] = []
        self._last_size = 0
        self._mutex = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._position = self._resume(newest)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            raise _file_error(path, error) from None

    def _resume(self, newest: int) -> int:
        """Cut off what a crash left behind; the end."""
        size = os.fstat(self._file).st_size
        if size == 0:
            if newest:
                raise InternalError(
                    "a log of calls must begin with an empty database", sqlstate="55000",
                    hint="What the database holds already could not be replayed.",
                )  # fmt: skip
            os.pwrite(self._file, MAGIC, 0)
            os.fsync(self._file)
            return len(MAGIC)
        end = first = 0
        for record, stop in _records(self.path):
            first = first or record.commit
            if record.commit > newest:
                break
            end = stop
        if first > newest:
            raise InternalError("the log of calls belongs to another database", sqlstate="55000")
        end = end or len(MAGIC)
        os.ftruncate(self._file, end)
        return end

    def append(self, record: RecordedCall) -> None:
        """Add a record, durable after `flush`. Called where commits are made, before the commit."""
        frame = _framed(record)
        self._last_size = len(frame)
        self._pending.append(frame)

    def withdraw(self) -> None:
        """The commit of the last record has failed."""
        with self._mutex:
            if self._pending:
                self._pending.pop()
            else:  # it was flushed with others
                self._position -= self._last_size
                os.ftruncate(self._file, self._position)

    def flush(self) -> None:
        """Make all records durable."""
        if not self._pending:
            return
        with self._mutex:
            count = len(self._pending)
            data = b"".join(self._pending[:count])
            try:
                os.pwrite(self._file, data, self._position)
                os.fdatasync(self._file)
            except OSError as error:
                raise _file_error(self.path, error) from None
            self._position += len(data)
            del self._pending[:count]

    def close(self) -> None:
        """Flush and give the file up."""
        try:
            self.flush()
        finally:
            os.close(self._file)


def record_of(
    inputs: CallInputs,
    commit: int,
    time: float,
    seed: int | None,
    settings: Mapping[str, Any],
) -> RecordedCall:
    """A call's record."""
    if inputs.many:
        parameters: Any = [encoded_parameters(each) for each in inputs.parameters]
    else:
        parameters = encoded_parameters(inputs.parameters)
    changed = {
        name: settings_.SETTINGS[name].show(settings[name])
        for name in RECORDED_SETTINGS
        if settings[name] != settings_.SETTINGS[name].default
    }
    return RecordedCall(commit, inputs.text, parameters, inputs.many, time, seed, changed)


def read_calls(path: str) -> list[RecordedCall]:
    """All records; a torn tail is left out, damage before it is an error."""
    return [record for record, _ in _records(path)]


def _records(path: str) -> list[tuple[RecordedCall, int]]:
    """Each record, and where it ends."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise _file_error(path, error) from None
    if not data.startswith(MAGIC):
        raise DataCorrupted(f'"{path}" is not a log of calls')
    found: list[tuple[RecordedCall, int]] = []
    position = len(MAGIC)
    decoder = msgspec.msgpack.Decoder(RecordedCall)
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + length
        body = data[position + _HEADER.size : end]
        if len(body) < length:
            break
        if zlib.crc32(body) != checksum:
            if end < len(data):
                raise DataCorrupted(f'"{path}" is damaged at byte {position}')
            break
        found.append((decoder.decode(body), end))
        position = end
    return found


def _framed(record: RecordedCall) -> bytes:
    body = msgspec.msgpack.encode(record)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def _file_error(path: str, error: OSError) -> DatabaseError:
    return OperationalError(f'log of calls "{path}": {error.strerror}', sqlstate="58030")


# --- values ---------------------------------------------------------------------------------------

_PLAIN: Final = (bool, float, str, bytes, type(None))


def encoded(value: Any) -> Any:
    """A parameter as MessagePack can hold it: [tag, parts] where it has no such type."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else ["int", str(value)]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, datetime.datetime):
        return ["timestamp", value.isoformat()]
    if isinstance(value, datetime.date):
        return ["date", value.isoformat()]
    if isinstance(value, datetime.time):
        return ["time", value.isoformat()]
    if isinstance(value, datetime.timedelta):
        return ["timedelta", [value.days, value.seconds, value.microseconds]]
    if isinstance(value, Interval):
        return ["interval", [value.months, value.days, value.microseconds]]
    if isinstance(value, uuid.UUID):
        return ["uuid", str(value)]
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        return ["json", json.dumps(value)]
    raise NotSupportedError(f"parameters of type {type(value).__name__} cannot be recorded")


def encoded_parameters(parameters: Any) -> Any:
    """A statement's parameters, by place or by name."""
    if isinstance(parameters, Mapping):
        return {name: encoded(value) for name, value in parameters.items()}
    return [encoded(value) for value in parameters]


def decoded(value: Any) -> Any:
    """The parameter that was encoded."""
    if not isinstance(value, list):
        return value
    tag, text = value
    return _DECODERS[tag](text)


def decoded_parameters(parameters: Any) -> Any:
    """A statement's parameters, by place or by name."""
    if isinstance(parameters, dict):
        return {name: decoded(value) for name, value in parameters.items()}
    return [decoded(value) for value in parameters]


_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "int": int,
    "decimal": Decimal,
    "timestamp": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "interval": lambda parts: Interval(*parts),
    "uuid": uuid.UUID,
    "json": json.loads,
}
