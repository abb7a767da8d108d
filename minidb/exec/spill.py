"""Rows that do not fit in memory: appended to a temporary file in blocks, read back block by block.

    SpillFile   append(rows) ... then blocks() in the order written; any number of readers
    RowBuffer   batches in memory up to a budget, then in a SpillFile: read by batch number

The file has no name (it is unlinked at once) and vanishes with the last reference. A block is a MessagePack
list of rows; the columns' SQL types say how to read it back, as MessagePack alone knows no numeric or uuid.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import GenericAlias
from typing import Any, Final

import msgspec

from minidb.errors import DiskFull
from minidb.storage.row_codec import PYTHON_TYPES
from minidb.value.interval import Interval
from minidb.value.sql_types import Row, SqlType

BLOCK_ROWS: Final = 1024


def _encode_interval(value: Any) -> Any:
    if isinstance(value, Interval):
        return (value.months, value.days, value.microseconds)
    raise TypeError(f"cannot spill a {type(value).__name__}")


def _decode_interval(type_: type, value: Any) -> Any:
    assert type_ is Interval
    return Interval(*value)


def row_bytes(rows: Sequence[Row]) -> int:
    """About how much memory the rows take, judged by a sample."""
    if not rows:
        return 0
    step = max(1, len(rows) // 16)
    sample = rows[::step]
    getsizeof = sys.getsizeof
    total = 0
    for row in sample:
        total += getsizeof(row) + 8
        for value in row:
            if value is not None:
                total += getsizeof(value)
    return total * len(rows) // len(sample)


def _open_unnamed() -> int:
    """A descriptor of a new temporary file that has no name any more."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="minidb-")
    except OSError as error:
        raise DiskFull(f"could not create a temporary file: {error.strerror}") from error
    os.unlink(path)
    return descriptor


class SpillFile:
    """Blocks of rows of the given column types in an anonymous temporary file."""

    __slots__ = ("_blocks", "_decoder", "_encoder", "_end", "_file", "rows")

    def __init__(self, types: Sequence[SqlType]) -> None:
        columns = [PYTHON_TYPES[type_.kind] | None for type_ in types]
        self._file = -1
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_encode_interval)
        rows: Any = GenericAlias(list, (GenericAlias(tuple, tuple(columns)),))  # list[tuple[*columns]]
        self._decoder = msgspec.msgpack.Decoder(rows, dec_hook=_decode_interval)
        self._file = _open_unnamed()
        self._blocks: list[tuple[int, int]] = []  # offset, length
        self._end = 0
        self.rows = 0

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows as blocks of at most BLOCK_ROWS."""
        for start in range(0, len(rows), BLOCK_ROWS):
            data = self._encoder.encode(rows[start : start + BLOCK_ROWS])
            try:
                written = os.pwrite(self._file, data, self._end)
                while written < len(data):
                    written += os.pwrite(self._file, data[written:], self._end + written)
            except OSError as error:
                raise DiskFull(f"could not write to a temporary file: {error.strerror}") from error
            self._blocks.append((self._end, len(data)))
            self._end += len(data)
        self.rows += len(rows)

    @property
    def bytes(self) -> int:
        """The file's size."""
        return self._end

    @property
    def block_count(self) -> int:
        """How many blocks there are."""
        return len(self._blocks)

    def block(self, number: int) -> list[Row]:
        """The rows of one block."""
        offset, length = self._blocks[number]
        rows: list[Row] = self._decoder.decode(os.pread(self._file, length, offset))
        return rows

    def blocks(self) -> Iterator[list[Row]]:
        """All blocks, in the order written."""
        for number in range(len(self._blocks)):
            yield self.block(number)

    def close(self) -> None:
        """Give the file's space back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()


class RowBuffer:
    """Rows kept for reading several times: in memory up to `limit` bytes, beyond that in a file."""

    __slots__ = ("_batches", "_bytes", "_limit", "_spill", "_types")

    def __init__(self, types: Sequence[SqlType], limit: int) -> None:
        self._types = types
        self._limit = limit
        self._batches: list[list[Row]] = []
        self._bytes = 0
        self._spill: SpillFile | None = None

    def append(self, rows: list[Row]) -> None:
        """Add a batch."""
        if self._spill is not None:
            self._spill.append(rows)
            return
        self._bytes += row_bytes(rows)
        if self._bytes > self._limit:
            self._spill = SpillFile(self._types)
            self._spill.append(rows)
        else:
            self._batches.append(rows)

    def batch(self, number: int) -> list[Row]:
        """The `number`-th batch; none beyond the end."""
        if number < len(self._batches):
            return self._batches[number]
        if self._spill is not None and number - len(self._batches) < self._spill.block_count:
            return self._spill.block(number - len(self._batches))
        return []

    @property
    def batch_count(self) -> int:
        """How many batches there are so far."""
        return len(self._batches) + (self._spill.block_count if self._spill is not None else 0)

    def close(self) -> None:
        """Drop the rows."""
        self._batches = []
        if self._spill is not None:
            self._spill.close()
            self._spill = None
