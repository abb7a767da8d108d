"""What a statement yields: a stream of row batches, or a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from minidb.errors import InternalError, OperationalError
from minidb.sql.token_sequence import too_deep
from minidb.value.sql_types import Row, SqlType

_FEW: Final = 8  # rows: a first batch that is shorter is usually the last

Columns = tuple[tuple[str, SqlType], ...]
Converter = Callable[[Row], Row]


def out_of_memory() -> OperationalError:
    """Python could not give the memory that a statement asked for."""
    return OperationalError("out of memory", sqlstate="53200")


class RowSource(Protocol):
    """Anything that yields batches: the executor's operators."""

    def next_batch(self) -> list[Row]:
        """More rows; an empty list is the end."""

    def close(self) -> None:
        """Release what it holds."""


def change_tag(command: str, count: int) -> str:
    """The tag of an INSERT, UPDATE or DELETE of so many rows."""
    return f"{command} 0 {count}" if command == "INSERT" else f"{command} {count}"


class Result:
    """The outcome of one statement.

    columns  None for statements without a result set
    rowcount rows affected, or -1 while a query still streams
    tag      PostgreSQL's command tag: `SELECT`, `INSERT 0 3`, `CREATE TABLE`
    convert  internal values to Python's for the driver, or None if they are the same
    """

    __slots__ = ("_buffer", "_error", "_failed", "_source", "columns", "convert", "rowcount", "tag")

    def __init__(
        self,
        tag: str,
        columns: Columns | None = None,
        rows: list[Row] | None = None,
        source: RowSource | None = None,
        rowcount: int = -1,
        convert: Converter | None = None,
    ) -> None:
        self.tag = tag
        self.columns = columns
        self.rowcount = rowcount
        self.convert = convert
        self._buffer: list[Row] = rows or []
        self._source = source
        self._error: str | None = None
        self._failed: Callable[[], None] | None = None

    def begin(self, failed: Callable[[], None] | None) -> None:
        """Compute the first rows, so that what fails at once fails here; `failed` is told of later errors.

        A short result is computed to its end: nothing of it is left open.
        """
        rows = self.next_batch()
        if len(rows) < _FEW and self._source is not None:
            more = self.next_batch()
            rows = rows + more if more else rows
        self._buffer = rows
        self._failed = failed

    @property
    def known_count(self) -> int:
        """The rows affected; of a query the rows to come, or -1 while it streams."""
        if self.rowcount >= 0 or self.columns is None or self._source is not None:
            return self.rowcount
        return len(self._buffer)

    @property
    def streaming(self) -> bool:
        """Whether more rows may still have to be computed."""
        return self._source is not None

    def next_batch(self) -> list[Row]:
        """More rows, as internal values; an empty list is the end."""
        if self._buffer:
            rows, self._buffer = self._buffer, []
            return rows
        if self._source is None:
            if self._error is not None:
                raise InternalError(self._error, sqlstate="24000")
            return []
        try:
            rows = self._source.next_batch()
        except BaseException as error:
            self.close()
            if self._failed is not None:
                self._failed()
            if isinstance(error, RecursionError):
                raise too_deep() from None
            if isinstance(error, MemoryError):
                raise out_of_memory() from None
            raise
        if not rows:
            self.close()
        return rows

    def materialise(self) -> None:
        """Compute the rest now: the transaction is about to change under the stream."""
        rows = self._buffer
        self._buffer = []
        while batch := self.next_batch():
            rows.extend(batch)
        self._buffer = rows

    def invalidate(self, reason: str) -> None:
        """The stream's transaction is gone: fetching more is an error."""
        if self._source is not None:
            self.close()
            self._error = reason

    def close(self) -> None:
        """Release the operators; idempotent."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
