"""COPY: a table from a file, a table or a query to a file.

    COPY t [(a, b)] FROM 'file' (FORMAT csv, HEADER, DELIMITER ';', NULL 'n/a')
    COPY t | (query) TO 'file' (FORMAT parquet)

Formats: text (PostgreSQL's own), and through pyarrow csv, parquet, arrow (Arrow's IPC file, or its stream). A
failed load keeps nothing; its error names the row of the file. Reading is batch by batch, so a file may be
larger than memory. Parquet has no type for an interval of months, days and time: there it is its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from minidb.catalog.schema import Table
from minidb.errors import DataError, Error, NotSupportedError, OperationalError, ProgrammingError
from minidb.plan.definitions import Copy
from minidb.session import copy_text, settings
from minidb.session.arrow import ROWS_PER_BATCH, arrow_schema, arrow_type, python_rows, record_batch
from minidb.session.result import Columns, Result
from minidb.session.state import SessionState
from minidb.sql.object_names import quoted
from minidb.value.interval import format_interval
from minidb.value.sql_types import TEXT, Kind, Row
from minidb.value.text import to_text

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("text", "csv", "parquet", "arrow")
_OPTIONS = frozenset({"format", "header", "delimiter", "null"})
# What pyarrow's CSV reader parses as PostgreSQL does; the rest comes as text and is cast like a literal.
_PARSED_BY_ARROW = frozenset(
    {Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.DOUBLE, Kind.REAL, Kind.TEXT, Kind.VARCHAR, Kind.CHAR}
)
_CSV_ROW = re.compile(r"(?:In CSV column #\d+: )?(?:CSV parse error: )?.*?Row #(\d+): (.*)", re.DOTALL)


def run(session: SessionState, statement: Copy) -> Result:
    """Carry out COPY; the tag counts the rows."""
    options = _options(statement)
    count = _from(session, statement, options) if not statement.to else _to(session, statement, options)
    return Result(f"COPY {count}", rowcount=count)


@contextmanager
def _file_errors(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise OperationalError(
            f'could not open file "{path}": no such file or directory', sqlstate="58P01"
        ) from None
    except PermissionError:
        raise OperationalError(f'could not open file "{path}": permission denied', sqlstate="42501") from None
    except OSError as error:
        raise OperationalError(f'could not use file "{path}": {error}', sqlstate="58030") from None


def _options(statement: Copy) -> dict[str, Any]:
    given = dict(statement.options)
    unknown = set(given) - _OPTIONS
    if unknown:
        raise NotSupportedError(f"COPY option {min(unknown)!r} is not supported")
    ending = statement.path.rpartition(".")[2].lower()
    inferred = {"csv": "csv", "parquet": "parquet", "arrow": "arrow", "feather": "arrow"}.get(ending, "text")
    format_ = str(given.get("format", inferred)).lower()
    if format_ not in FORMATS:
        raise NotSupportedError(
            f'COPY format "{format_}" is not supported', hint=f"Use one of: {', '.join(FORMATS)}."
        )
    plain = format_ == "text"
    delimiter = str(given.get("delimiter", copy_text.DELIMITER if plain else ","))
    if len(delimiter) != 1 or delimiter in (
        "\\.abcdefghijklmnopqrstuvwxyz0123456789\r\n" if plain else '"\r\n'
    ):
        raise ProgrammingError("COPY delimiter must be a single one-byte character", sqlstate="22023")
    null = str(given.get("null", copy_text.NULL if plain else ""))
    if "\n" in null or "\r" in null:
        raise ProgrammingError(
            "COPY null representation cannot use newline or carriage return", sqlstate="22023"
        )
    if delimiter in null:
        raise ProgrammingError("COPY delimiter must not appear in the NULL specification", sqlstate="22023")
    header = given.get("header", False)
    if not isinstance(header, bool):
        header = settings.parse_boolean("header", str(header))
    if format_ in ("parquet", "arrow") and set(given) & {"header", "delimiter", "null"}:
        raise ProgrammingError(
            "HEADER, DELIMITER and NULL are for the formats text and csv", sqlstate="42601"
        )
    return {"format": format_, "delimiter": delimiter, "header": header, "null": null}


# --- COPY FROM ------------------------------------------------------------------------------------


def _from(session: SessionState, statement: Copy, options: dict[str, Any]) -> int:
    table = statement.table
    assert table is not None
    columns = tuple(
        [
            (column.name, column.type)
            for slot in statement.slots
            for column in table.columns
            if column.slot == slot
        ]
    )
    names = ", ".join([quoted(name) for name, _ in columns])
    places = ", ".join(["?"] * len(columns))
    insert = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({places})"
    total = 0
    with session.implicit_transaction(), _file_errors(statement.path):
        for rows in _rows(statement.path, columns, options):
            total += _load(session, insert, rows, total, table)
    return total


def _load(session: SessionState, insert: str, rows: list[tuple[Any, ...]], before: int, table: Table) -> int:
    """Insert a batch; if it fails, once more row by row to find the row to blame."""
    transaction = session.transaction
    try:
        with session.part():
            return session.run_many(insert, rows)
    except Error as error:
        if session.transaction is not transaction or isinstance(error, OperationalError):
            raise
        for number, row in enumerate(rows, before + 1):
            try:
                session.run_many(insert, [row])
            except Error as first:
                first.detail = f"{first.detail + ' ' if first.detail else ''}COPY {table.name}, row {number}"
                first.args = (f"{first.message} (row {number} of the file)",)
                raise first from None
        raise error


def _rows(path: str, columns: Columns, options: dict[str, Any]) -> Iterator[list[Row]]:
    """The file's rows, batch by batch."""
    if options["format"] == "text":
        try:
            with open(path, encoding="utf-8") as file:
                yield from copy_text.read(
                    file, columns, options["delimiter"], options["null"], options["header"]
                )
        except UnicodeDecodeError as error:
            raise _bad_file(path, str(error)) from None
        return
    for batch in _batches(path, columns, options):
        try:
            rows = list(python_rows(batch))
        except (ValueError, OverflowError) as error:  # a date beyond Python's, a text that is not UTF-8
            raise _bad_file(path, str(error)) from None
        yield rows


def _batches(path: str, columns: Columns, options: dict[str, Any]) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    try:
        if options["format"] == "csv":
            yield from _csv_batches(path, columns, options)
        elif options["format"] == "parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                order = _order(file.schema_arrow.names, columns)
                for batch in file.iter_batches(ROWS_PER_BATCH):
                    yield batch.select(order)
        else:
            with pa.memory_map(path) as source:
                opened = _open_ipc(source)
                order = _order(opened.schema.names, columns)
                for batch in opened:
                    yield batch.select(order)
    except pa.ArrowNotImplementedError as error:
        raise NotSupportedError(f'"{path}" holds what can\'t be read: {error}') from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError, pa.ArrowSerializationError) as error:
        raise _bad_file(path, str(error)) from None


def _open_ipc(source: Any) -> Any:
    import pyarrow as pa

    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_stream(source)
    return _IpcFile(file)


class _IpcFile:
    """An Arrow IPC file as an iterable of its batches, like a stream."""

    def __init__(self, file: Any) -> None:
        self.schema = file.schema
        self._file = file

    def __iter__(self) -> Iterator[Any]:
        for index in range(self._file.num_record_batches):
            yield self._file.get_batch(index)


def _order(names: list[str], columns: Columns) -> list[int]:
    """Positions in the file of the wanted columns: by name if all are there, else by place."""
    folded = [name.lower() for name in names]
    wanted = [name for name, _ in columns]
    if all(name in names for name in wanted):
        return [names.index(name) for name in wanted]
    if all(name in folded for name in wanted):
        return [folded.index(name) for name in wanted]
    if len(names) != len(wanted):
        missing = [name for name in wanted if name not in names]
        raise DataError(
            f"the file has {len(names)} columns, {len(wanted)} are expected",
            sqlstate="22P04",
            detail=f"Not in the file: {', '.join(missing)}.",
        )
    return list(range(len(names)))


def _csv_batches(path: str, columns: Columns, options: dict[str, Any]) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    names = [name for name, _ in columns]
    types = {
        name: arrow_type(type_) if type_.kind in _PARSED_BY_ARROW else pa.string() for name, type_ in columns
    }
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(
            column_names=names, skip_rows=1 if options["header"] else 0, use_threads=False
        ),
        parse_options=csv.ParseOptions(delimiter=options["delimiter"], newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[options["null"]],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with reader:
        yield from reader


def _bad_file(path: str, message: str) -> DataError:
    row = _CSV_ROW.match(message)
    if row is not None:
        return DataError(f"{row[2].strip()} (row {row[1]} of the file)", sqlstate="22P02")
    return DataError(f'could not read "{path}": {message}', sqlstate="22P04")


# --- COPY TO --------------------------------------------------------------------------------------


def _to(session: SessionState, statement: Copy, options: dict[str, Any]) -> int:
    assert statement.source is not None
    columns: Columns = tuple([(column.name, column.type) for column in statement.source.columns])
    schema = arrow_schema(columns)
    total = 0
    with session.implicit_transaction(), _file_errors(statement.path):
        result = session.stream_plan(statement.source, columns)
        try:
            with _writer(statement.path, columns, schema, options) as write:
                while rows := result.next_batch():
                    total += len(rows)
                    write(rows)
        finally:
            result.close()
    return total


@contextmanager
def _writer(
    path: str, columns: Columns, schema: pyarrow.Schema, options: dict[str, Any]
) -> Iterator[Callable[[list[Any]], None]]:
    """A function that appends rows to the file; the file is complete when the block ends."""
    import pyarrow as pa

    if options["format"] == "text":
        delimiter, null = options["delimiter"], options["null"]
        with open(path, "w", encoding="utf-8", newline="") as file:
            if options["header"]:
                copy_text.write_header(file, columns, delimiter)
            yield lambda rows: copy_text.write(file, rows, columns, delimiter, null)
    elif options["format"] == "csv":
        with open(path, "w", encoding="utf-8", newline="") as file:
            if options["header"]:
                names = [_csv_field(name, options["delimiter"], options["null"]) for name, _ in columns]
                file.write(options["delimiter"].join(names) + "\n")
            yield lambda rows: _write_csv(file, rows, columns, options)
    elif options["format"] == "parquet":
        import pyarrow.parquet as pq

        spelled = tuple([(name, TEXT if type_.kind is Kind.INTERVAL else type_) for name, type_ in columns])
        schema = arrow_schema(spelled)
        with pq.ParquetWriter(path, schema) as parquet:
            yield lambda rows: parquet.write_batch(record_batch(_spelled(rows, columns), spelled, schema))
    else:
        with pa.ipc.new_file(path, schema) as ipc:
            yield lambda rows: ipc.write_batch(record_batch(rows, columns, schema))


def _spelled(rows: list[Any], columns: Columns) -> list[Any]:
    """The rows with their intervals as texts."""
    places = {place for place, (_, type_) in enumerate(columns) if type_.kind is Kind.INTERVAL}
    if not places:
        return rows
    return [
        tuple(
            [
                format_interval(value) if place in places and value is not None else value
                for place, value in enumerate(row)
            ]
        )
        for row in rows
    ]


def _write_csv(file: TextIO, rows: list[Any], columns: Columns, options: dict[str, Any]) -> None:
    """PostgreSQL's CSV: NULL is the bare null text; what could be taken for it, or is special, is quoted."""
    delimiter, null = options["delimiter"], options["null"]
    texts = []
    for values, (_, type_) in zip(zip(*rows, strict=True), columns, strict=True):
        texts.append(
            [
                null if value is None else _csv_field(to_text(value, type_), delimiter, null)
                for value in values
            ]
        )
    file.write("".join([delimiter.join(fields) + "\n" for fields in zip(*texts, strict=True)]))


def _csv_field(text: str, delimiter: str, null: str) -> str:
    if text == null or text == "" or any(c in text for c in ('"', delimiter, "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text
