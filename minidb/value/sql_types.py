"""SQL types: what a column or an expression yields, with its modifiers.

A `SqlType` is a kind and, where the kind takes them, modifiers: `NUMERIC(10,2)`, `VARCHAR(20)`.
How each kind's values look in Python, everywhere below the driver (NULL is always None):

    boolean                     bool
    smallint, integer, bigint   int
    real, double precision      float
    numeric                     decimal.Decimal (its exponent is the display scale)
    text, varchar, char         str
    bytea                       bytes
    date, time, timestamp       datetime.date, datetime.time, datetime.datetime (naive)
    timestamp with time zone    datetime.datetime, aware, always in UTC
    interval                    minidb.value.interval.Interval
    uuid                        uuid.UUID
    json, jsonb                 str (the JSON text; jsonb's is normalised)
    unknown                     str: a quoted literal whose type the context decides; or a bare NULL
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

Value = Any  # one SQL value, as the table above says
Row = tuple[Any, ...]


class Kind(Enum):
    """The type without its modifiers; the value is PostgreSQL's name for it."""

    BOOLEAN = "boolean"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    REAL = "real"
    DOUBLE = "double precision"
    NUMERIC = "numeric"
    TEXT = "text"
    VARCHAR = "character varying"
    CHAR = "character"
    BYTEA = "bytea"
    DATE = "date"
    TIME = "time without time zone"
    TIMESTAMP = "timestamp without time zone"
    TIMESTAMPTZ = "timestamp with time zone"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    JSONB = "jsonb"
    UNKNOWN = "unknown"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash costs a Python call per look-up


@dataclass(frozen=True, slots=True)
class SqlType:
    """A kind with its modifiers: `length` of VARCHAR and CHAR, `precision` and `scale` of NUMERIC.

    Times, timestamps and intervals may have a `precision` too: the digits kept of a second.
    """

    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        """PostgreSQL's `format_type` spelling, e.g. `character varying(20)`, `numeric(10,2)`."""
        if self.length is not None:
            return f"{self.kind.value}({self.length})"
        if self.precision is not None:
            if self.kind is Kind.NUMERIC:
                return f"{self.kind.value}({self.precision},{self.scale or 0})"
            first, space, rest = self.kind.value.partition(" ")
            return f"{first}({self.precision}){space}{rest}"
        return self.kind.value


BOOLEAN = SqlType(Kind.BOOLEAN)
SMALLINT = SqlType(Kind.SMALLINT)
INTEGER = SqlType(Kind.INTEGER)
BIGINT = SqlType(Kind.BIGINT)
REAL = SqlType(Kind.REAL)
DOUBLE = SqlType(Kind.DOUBLE)
NUMERIC = SqlType(Kind.NUMERIC)
TEXT = SqlType(Kind.TEXT)
VARCHAR = SqlType(Kind.VARCHAR)
CHAR = SqlType(Kind.CHAR, length=1)
BYTEA = SqlType(Kind.BYTEA)
DATE = SqlType(Kind.DATE)
TIME = SqlType(Kind.TIME)
TIMESTAMP = SqlType(Kind.TIMESTAMP)
TIMESTAMPTZ = SqlType(Kind.TIMESTAMPTZ)
INTERVAL = SqlType(Kind.INTERVAL)
UUID = SqlType(Kind.UUID)
JSON = SqlType(Kind.JSON)
JSONB = SqlType(Kind.JSONB)
UNKNOWN = SqlType(Kind.UNKNOWN)

INTEGER_KINDS = frozenset({Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT})
FLOAT_KINDS = frozenset({Kind.REAL, Kind.DOUBLE})
NUMERIC_KINDS = INTEGER_KINDS | FLOAT_KINDS | {Kind.NUMERIC}
TEXT_KINDS = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.CHAR})

INTEGER_BOUNDS: dict[Kind, tuple[int, int]] = {
    Kind.SMALLINT: (-(2**15), 2**15 - 1),
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.BIGINT: (-(2**63), 2**63 - 1),
}
