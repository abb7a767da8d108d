"""PEP 249's Cursor: run a statement, fetch its rows.

The hot path is `execute` with a statement already prepared: one dictionary lookup, one closure of the
executor, and the rows are there. Everything else goes through `Session.execute`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidb.driver import arrow
from minidb.errors import InterfaceError, ProgrammingError
from minidb.session.prepared import Prepared
from minidb.session.result import Columns, Converter, Result, change_tag
from minidb.session.session import Session
from minidb.sql.object_names import quoted

if TYPE_CHECKING:
    import pyarrow

Parameters = Sequence[Any] | Mapping[str, Any]
RowFactory = Callable[["Cursor", tuple[Any, ...]], Any]
Description = tuple[str, str, None, int | None, int | None, int | None, bool | None]


class Cursor:
    """Made by `Connection.cursor()`. Iterating yields the rows not fetched yet.

    Rows are tuples, or what `row_factory` makes of them. Fetching fails with 24000 where there is no result.
    """

    def __init__(self, connection: object, session: Session, row_factory: RowFactory | None) -> None:
        self.connection = connection
        self.arraysize = 100
        self.rowcount = -1
        self.row_factory = row_factory
        self._session = session
        self._rows: list[tuple[Any, ...]] = []  # fetched from the engine, not yet by the caller
        self._position = 0
        self._result: Result | None = None  # where more rows may come from
        self._columns: Columns | None = None
        self._convert: Converter | None = None
        self._tag: str | None = None
        self._fast: Prepared | None = None  # ran on the hot path: its tag is made when asked for
        self._closed = False

    # --- running ----------------------------------------------------------------------------------

    def execute(self, operation: str, parameters: Parameters = ()) -> Cursor:
        """Run one statement. Parameters: a sequence for `?` and `$1`, a mapping for `:name`.

        Returns the cursor itself, so that `for row in cursor.execute(...)` works as in sqlite3. `rowcount` is
        how many rows it changed; of a query -1, unless all of its rows were computed at once. Errors: 07001
        if the parameters do not match the statement's, 07006 if one has no SQL type, 42601 for several
        statements.
        """
        session = self._session
        if not self._closed:
            prepared = session.prepared.get(operation)
            if prepared is not None:
                if prepared.fast_query is not None:
                    rows = session.run_fast_query(prepared, parameters)
                    if rows is not None:
                        self._rows = rows
                        self._position = 0
                        self._columns = prepared.columns
                        self._convert = prepared.convert
                        self._result = None
                        self._fast = prepared
                        self.rowcount = len(rows)
                        return self
                elif prepared.fast_change is not None:
                    count = session.run_fast_change(prepared, parameters)
                    if count is not None:
                        self._rows = []
                        self._columns = self._result = None
                        self._fast = prepared
                        self.rowcount = count
                        return self
        self._check_open()
        self._reset()
        self.take(session.execute(operation, parameters))
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Cursor:
        """Run one statement for each set of parameters; `rowcount` is the sum. Rows are not kept.

        If one fails, none of them has happened. Only statements that change rows (42000).
        """
        self._check_open()
        self._reset()
        self.rowcount = self._session.execute_many(operation, seq_of_parameters)
        return self

    def each_result(self, script: str) -> Iterator[Cursor]:
        """Run several statements one by one; yields this cursor after each, to fetch from.

        A text that is not SQL fails before the first of them runs.
        """
        self._check_open()
        for result in self._session.execute_script(script):
            self._reset()
            self.take(result)
            yield self

    def executescript(self, script: str) -> Cursor:
        """Run several statements separated by semicolons; the last one's rows can be fetched."""
        for _ in self.each_result(script):
            pass
        return self

    def callproc(self, procname: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Call a procedure. `parameters` has a place for each of its arguments, OUT ones too.

        Returns a copy of them with the values of OUT and INOUT arguments in their places, which can be
        fetched from the cursor, too.
        """
        self._check_open()
        text = f"CALL {quoted(procname)}({', '.join(['?'] * len(parameters))})"
        self.execute(text, parameters)
        found = list(parameters)
        if self._result is not None:
            self._rows = self._result.next_batch()
            row = self._rows[0] if self._convert is None else self._convert(self._rows[0])
            for place, value in zip(self._session.output_places(text, parameters), row, strict=False):
                if place < len(found):
                    found[place] = value
        return found

    def take(self, result: Result) -> None:
        """Hand this result's rows out."""
        self._rows = []
        self._position = 0
        self._columns = result.columns
        self._convert = result.convert
        self.rowcount = result.known_count
        self._tag = result.tag
        self._fast = None
        self._result = result if result.columns is not None else None

    def _reset(self) -> None:
        if self._result is not None:
            self._result.close()
        self._rows = []
        self._position = 0
        self._result = None
        self._columns = None
        self._convert = None
        self._tag = None
        self._fast = None
        self.rowcount = -1

    # --- fetching ---------------------------------------------------------------------------------

    def fetchone(self) -> Any:
        """The next row, or None."""
        position = self._position
        rows = self._rows
        if position >= len(rows):
            self._check_result()
            if self._result is None:
                return None
            rows = self._rows = self._result.next_batch()
            position = 0
            if not rows:
                self._finish()
                return None
        self._position = position + 1
        row = rows[position]
        if self._convert is not None:
            row = self._convert(row)
        return row if self.row_factory is None else self.row_factory(self, row)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next `size` rows (default `arraysize`), fewer at the end."""
        self._check_result()
        wanted = self.arraysize if size is None else size
        found: list[Any] = []
        while len(found) < wanted:
            if self._position >= len(self._rows) and not self._more():
                break
            taken = self._rows[self._position : self._position + wanted - len(found)]
            self._position += len(taken)
            found.extend(taken)
        return self._finished(found)

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        rows = self._rows
        if self._columns is None or self._closed or self._session.closed:
            self._check_result()
        if self._position:
            rows = rows[self._position :]
        self._rows = []
        self._position = 0
        result = self._result
        if result is not None:
            batch = result.next_batch()
            if not rows:
                rows, batch = batch, result.next_batch()
            while batch:
                rows.extend(batch)
                batch = result.next_batch()
            self._finish()
        return self._finished(rows)

    def _finished(self, rows: list[Any]) -> list[Any]:
        if self._convert is not None:
            rows = list(map(self._convert, rows))
        if self.row_factory is not None:
            factory = self.row_factory
            rows = [factory(self, row) for row in rows]
        return rows

    def _more(self) -> bool:
        if self._result is None:
            return False
        self._rows = self._result.next_batch()
        self._position = 0
        if not self._rows:
            self._finish()
        return bool(self._rows)

    def _finish(self) -> None:
        self._rows = []
        self._position = 0

    def __iter__(self) -> Iterator[Any]:
        while True:
            row = self.fetchone()
            if row is None:
                return
            yield row

    # --- Arrow, with ADBC's names -----------------------------------------------------------------

    def fetch_arrow_table(self) -> pyarrow.Table:
        """All rows that are left, as a `pyarrow.Table`."""
        return self.fetch_record_batch().read_all()

    def fetch_record_batch(self) -> pyarrow.RecordBatchReader:
        """All rows that are left, as a stream of Arrow record batches."""
        self._check_result()
        assert self._columns is not None
        rows = self._rows[self._position :]
        self._finish()
        return arrow.record_batch_reader(self._columns, rows, self._result)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow PyCapsule interface: `pyarrow.table(cursor)`, `polars.DataFrame(cursor)`."""
        return self.fetch_record_batch().__arrow_c_stream__(requested_schema)

    def adbc_ingest(self, table_name: str, data: Any, mode: str = "create") -> int:
        """Load Arrow data (a table, batch, reader or stream) into a table; returns the number of rows.

        mode: `create` (fails if it exists), `append` (fails if it doesn't), `replace`, `create_append`.
        """
        self._check_open()
        self._reset()
        self.rowcount = arrow.ingest(self._session, table_name, data, mode)
        return self.rowcount

    # --- the rest of PEP 249 ----------------------------------------------------------------------

    @property
    def description(self) -> list[Description] | None:
        """A 7-tuple a column: name, type code, None, internal size, precision, scale, None."""
        if self._columns is None:
            return None
        return [
            (name, type_.kind.value, None, type_.length, type_.precision, type_.scale, None)
            for name, type_ in self._columns
        ]

    @property
    def statusmessage(self) -> str | None:
        """The command tag, such as `INSERT 0 1`, `UPDATE 3` or `SELECT`; None after `executemany`."""
        if self._fast is None:
            return self._tag
        return self._fast.tag if self._columns is not None else change_tag(self._fast.tag, self.rowcount)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The result's column names; empty without a result."""
        return tuple([name for name, _ in self._columns or ()])

    @property
    def closed(self) -> bool:
        """Whether `close` was called, on the cursor or its connection."""
        return self._closed or self._session.closed

    def close(self) -> None:
        """Free the cursor; idempotent."""
        self._reset()
        self._closed = True

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """PEP 249 lets it do nothing: minidb needs no sizes."""
        self._check_open()

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 lets it do nothing: values are never cut."""
        self._check_open()

    def nextset(self) -> None:
        """There is one result set a statement: always None."""
        self._check_open()

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed")
        if self._session.closed:
            raise InterfaceError("the connection is closed")

    def _check_result(self) -> None:
        self._check_open()
        if self._columns is None:
            raise ProgrammingError("the last statement produced no result set", sqlstate="24000")
