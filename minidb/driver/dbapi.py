"""PEP 249's type objects: what `description`'s type codes compare equal to.

minidb.NUMBER == cursor.description[0][1]
"""

from __future__ import annotations

import datetime
import time

from minidb.value.sql_types import Kind

apilevel = "2.0"
threadsafety = 1  # threads may share the module, each with its own connection
paramstyle = "qmark"


class TypeObject:
    """Compares equal to the type codes (PostgreSQL's type names) that it stands for."""

    def __init__(self, name: str, kinds: frozenset[Kind]) -> None:
        self.name = name
        self.codes = frozenset([kind.value for kind in kinds])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeObject):
            return self.codes == other.codes
        return isinstance(other, str) and other in self.codes

    def __hash__(self) -> int:
        return hash(self.codes)

    def __repr__(self) -> str:
        return f"minidb.{self.name}"


STRING = TypeObject(
    "STRING", frozenset({Kind.TEXT, Kind.VARCHAR, Kind.CHAR, Kind.UNKNOWN, Kind.UUID, Kind.JSON, Kind.JSONB})
)
BINARY = TypeObject("BINARY", frozenset({Kind.BYTEA}))
NUMBER = TypeObject(
    "NUMBER",
    frozenset({Kind.BOOLEAN, Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.REAL, Kind.DOUBLE, Kind.NUMERIC}),
)
DATETIME = TypeObject(
    "DATETIME", frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL})
)
ROWID = TypeObject("ROWID", frozenset())

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date at `ticks` seconds since the epoch."""
    return datetime.date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day at `ticks` seconds since the epoch."""
    return datetime.time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local time at `ticks` seconds since the epoch, without zone."""
    return datetime.datetime(*time.localtime(ticks)[:6])
