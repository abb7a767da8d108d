"""minidb: an embedded SQL database for Python whose point is real transactions.

    import minidb

    with minidb.connect("shop.db") as connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO item VALUES (?, ?)", (1, "lamp"))

PEP 249 is in `minidb.driver`; the layers below it, downwards: session, sql and exec, plan, catalog, txn,
storage and expr, value, errors. docs/architecture/ walks through them.
"""

from minidb.driver.connection import Connection, connect
from minidb.driver.cursor import Cursor
from minidb.driver.database import Database
from minidb.driver.dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from minidb.driver.procedure_transaction import ProcedureTransaction
from minidb.driver.replay import digest, replay
from minidb.driver.row_factories import dict_row, named_row
from minidb.errors import (
    DatabaseError,
    DataCorrupted,
    DataError,
    DeadlockDetected,
    DiskFull,
    Error,
    InFailedTransaction,
    IntegrityError,
    InterfaceError,
    InternalError,
    LockNotAvailable,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryCanceled,
    SerializationFailure,
    Warning,
)
from minidb.session.check import check
from minidb.session.implementation import IMPLEMENTATION
from minidb.session.notices import Notice

__version__ = "0.1.0"

__all__ = [
    "BINARY",
    "DATETIME",
    "IMPLEMENTATION",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataCorrupted",
    "DataError",
    "Database",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "DeadlockDetected",
    "DiskFull",
    "Error",
    "InFailedTransaction",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "LockNotAvailable",
    "NotSupportedError",
    "Notice",
    "OperationalError",
    "ProcedureTransaction",
    "ProgrammingError",
    "QueryCanceled",
    "SerializationFailure",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "check",
    "connect",
    "dict_row",
    "digest",
    "named_row",
    "paramstyle",
    "replay",
    "threadsafety",
]
