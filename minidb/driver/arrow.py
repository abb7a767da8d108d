"""Arrow on cursors: results as a stream of record batches, Arrow data into a table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from minidb.errors import InterfaceError, ProgrammingError
from minidb.session.arrow import ROWS_PER_BATCH, arrow_schema, python_rows, record_batch, sql_type
from minidb.session.result import Columns, Result
from minidb.session.session import Session
from minidb.sql.object_names import quoted

if TYPE_CHECKING:
    import pyarrow

MODES = ("create", "append", "replace", "create_append")


def record_batch_reader(
    columns: Columns, rows: list[Any], result: Result | None
) -> pyarrow.RecordBatchReader:
    """`rows` and then what `result` still yields, in batches of about 16,384 rows."""
    import pyarrow as pa

    schema = arrow_schema(columns)

    def batches() -> Iterator[pyarrow.RecordBatch]:
        pending = rows
        more = result.next_batch() if result is not None else []
        while more:
            pending = pending + more
            if len(pending) >= ROWS_PER_BATCH:
                yield record_batch(pending, columns, schema)
                pending = []
            more = result.next_batch() if result is not None else []
        if pending:
            yield record_batch(pending, columns, schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def ingest(session: Session, table: str, data: Any, mode: str) -> int:
    """`Cursor.adbc_ingest`: one statement's worth of work, undone whole on an error."""
    if mode not in MODES:
        raise ProgrammingError(f"unknown ingest mode {mode!r}: one of {', '.join(MODES)}", sqlstate="22023")
    if session.serial and session.transaction is None:
        gathered = _reader(data).read_all()  # the call may have to run again
        count: int = session.run_serially("ingest", partial(ingest, session, table, gathered, mode), None)
        return count
    reader = _reader(data)
    name = quoted(table)
    columns = [(quoted(field.name), sql_type(field.type)) for field in reader.schema]
    definition = ", ".join([f"{column} {type_}" for column, type_ in columns])
    session.interruption.clear()
    with session.statement(f"COPY {name} FROM STDIN"), session.implicit_transaction():
        if mode == "replace":
            session.run_text(f"DROP TABLE IF EXISTS {name}")
        if mode != "append":
            exists = "IF NOT EXISTS " if mode == "create_append" else ""
            session.run_text(f"CREATE TABLE {exists}{name} ({definition})")
        places = ", ".join(["?"] * len(columns))
        insert = f"INSERT INTO {name} ({', '.join([c for c, _ in columns])}) VALUES ({places})"
        return sum(session.run_many(insert, list(python_rows(batch))) for batch in reader)


def _reader(data: Any) -> pyarrow.RecordBatchReader:
    import pyarrow as pa

    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table):
        return data.to_reader(ROWS_PER_BATCH)
    if isinstance(data, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(data.schema, [data])
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    raise InterfaceError(f"adbc_ingest takes Arrow data, not {type(data).__name__}", sqlstate="22023")
