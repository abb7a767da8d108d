"""SQL rows to Arrow columns and back. pyarrow is imported when first needed: it costs a shell 0.1 s.

boolean bool            date date32                      numeric(p,s) decimal128(p,s), or decimal256
smallint int16          time time64[us]                  numeric      decimal256(76, 38)
integer int32           timestamp timestamp[us]          bytea        binary
bigint int64            timestamptz timestamp[us, UTC]   interval     month_day_nano_interval
real float32            double precision float64         all others   string
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minidb.errors import DataError, NotSupportedError
from minidb.session.result import Columns
from minidb.value import sql_types
from minidb.value.interval import Interval
from minidb.value.sql_types import Kind, Row, SqlType

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_BATCH = 16_384
_WIDEST_DECIMAL128 = 38
_WIDEST_DECIMAL256 = 76
_UNBOUNDED_SCALE = 38  # as many digits after the point as before it


def arrow_type(type_: SqlType) -> pyarrow.DataType:
    """The Arrow type that a column of this SQL type becomes."""
    import pyarrow as pa

    if type_.kind is Kind.NUMERIC:
        if type_.precision is None or type_.precision > _WIDEST_DECIMAL256:
            return pa.decimal256(_WIDEST_DECIMAL256, _UNBOUNDED_SCALE)
        if type_.precision <= _WIDEST_DECIMAL128:
            return pa.decimal128(type_.precision, type_.scale or 0)
        return pa.decimal256(type_.precision, type_.scale or 0)
    simple: dict[Kind, pyarrow.DataType] = {
        Kind.BOOLEAN: pa.bool_(),
        Kind.SMALLINT: pa.int16(),
        Kind.INTEGER: pa.int32(),
        Kind.BIGINT: pa.int64(),
        Kind.REAL: pa.float32(),
        Kind.DOUBLE: pa.float64(),
        Kind.BYTEA: pa.binary(),
        Kind.DATE: pa.date32(),
        Kind.TIME: pa.time64("us"),
        Kind.TIMESTAMP: pa.timestamp("us"),
        Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        Kind.INTERVAL: pa.month_day_nano_interval(),
    }
    return simple.get(type_.kind, pa.string())


def arrow_schema(columns: Columns) -> pyarrow.Schema:
    """The schema of a result."""
    import pyarrow as pa

    return pa.schema([pa.field(name, arrow_type(type_)) for name, type_ in columns])


def sql_type(type_: pyarrow.DataType) -> SqlType:
    """The SQL type for a column of Arrow data; 0A000 where there is none."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(type_):
        return sql_type(type_.value_type)
    if types.is_decimal(type_):
        return SqlType(Kind.NUMERIC, precision=type_.precision, scale=type_.scale)
    tests: list[tuple[Callable[[Any], bool], SqlType]] = [
        (types.is_boolean, sql_types.BOOLEAN),
        (lambda t: t in (pa.int8(), pa.int16(), pa.uint8()), sql_types.SMALLINT),
        (lambda t: t in (pa.int32(), pa.uint16()), sql_types.INTEGER),
        (lambda t: t in (pa.int64(), pa.uint32()), sql_types.BIGINT),
        (lambda t: t == pa.uint64(), SqlType(Kind.NUMERIC, precision=20, scale=0)),
        (lambda t: t in (pa.float16(), pa.float32()), sql_types.REAL),
        (types.is_float64, sql_types.DOUBLE),
        (lambda t: types.is_string(t) or types.is_large_string(t) or types.is_string_view(t), sql_types.TEXT),
        (lambda t: types.is_binary(t) or types.is_large_binary(t), sql_types.BYTEA),
        (types.is_fixed_size_binary, sql_types.BYTEA),
        (types.is_date, sql_types.DATE),
        (types.is_time, sql_types.TIME),
        (lambda t: types.is_timestamp(t) and t.tz is not None, sql_types.TIMESTAMPTZ),
        (types.is_timestamp, sql_types.TIMESTAMP),
        (lambda t: types.is_duration(t) or types.is_interval(t), sql_types.INTERVAL),
        (types.is_null, sql_types.TEXT),
    ]
    for test, found in tests:
        if test(type_):
            return found
    raise NotSupportedError(f"Arrow type {type_} is not supported")


def record_batch(rows: Sequence[Row], columns: Columns, schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    """Rows of internal values as one batch."""
    import pyarrow as pa

    values: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = []
    for column, (name, type_), field in zip(values, columns, schema, strict=True):
        convert = _TO_ARROW.get(type_.kind)
        if convert is not None:
            column = [None if value is None else convert(value) for value in column]
        try:
            arrays.append(pa.array(column, type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise DataError(
                f'column "{name}" has a value that does not fit Arrow type {field.type}: {error}',
                sqlstate="22003",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _interval(value: Interval) -> Any:
    import pyarrow as pa

    return pa.MonthDayNano([value.months, value.days, value.microseconds * 1000])


_TO_ARROW: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTERVAL: _interval,
    Kind.UUID: str,
}


def python_rows(batch: pyarrow.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """A batch's rows as Python values, as the driver takes them for parameters."""
    columns = [_python_column(column) for column in batch.columns]
    return zip(*columns, strict=True)


def _python_column(column: pyarrow.Array) -> list[Any]:
    import pyarrow as pa

    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = column.dictionary_decode()
    elif (pa.types.is_timestamp(type_) or pa.types.is_time(type_)) and type_.unit == "ns":
        # Python's datetime ends at microseconds: what would be lost is refused by the safe cast.
        target = pa.timestamp("us", tz=type_.tz) if pa.types.is_timestamp(type_) else pa.time64("us")
        column = column.cast(target)
    values: list[Any] = column.to_pylist()
    if pa.types.is_interval(type_):
        return [
            None if value is None else Interval(value.months, value.days, value.nanoseconds // 1000)
            for value in values
        ]
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        return [None if value is None else value.astimezone(datetime.UTC) for value in values]
    return values
