"""PEP 249's Connection: a session on a database, with transactions.

Without `autocommit` the first statement opens a transaction that `commit()` or `rollback()` ends, as PEP 249
has it; with it each statement is a transaction of its own, and `BEGIN` opens a longer one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import minidb.errors as errors
from minidb.catalog.describe import describe
from minidb.catalog.describe_routines import describe_routines
from minidb.driver.cursor import Cursor, Parameters, RowFactory
from minidb.driver.database import Database
from minidb.driver.transaction_block import TransactionBlock
from minidb.errors import InterfaceError
from minidb.session.database import open_database
from minidb.session.notices import Notice, NoticeHandler
from minidb.session.session import Session
from minidb.session.system_views import describe_views


class Connection:
    """Made by `minidb.connect`. One thread at a time; only what is "from other threads" may come from any."""

    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    def __init__(self, session: Session) -> None:
        self._session = session
        self._closed = False
        self.row_factory: RowFactory | None = None

    def cursor(self) -> Cursor:
        """A new cursor. Cursors of one connection share its transaction."""
        self._check_open()
        return Cursor(self, self._session, self.row_factory)

    def execute(self, operation: str, parameters: Parameters = ()) -> Cursor:
        """A new cursor that has run the statement."""
        self._check_open()
        return Cursor(self, self._session, self.row_factory).execute(operation, parameters)

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Cursor:
        """A new cursor that has run the statement for each set of parameters."""
        return self.cursor().executemany(operation, seq_of_parameters)

    def executescript(self, script: str) -> Cursor:
        """A new cursor that has run several statements, separated by semicolons."""
        return self.cursor().executescript(script)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a procedure with the values of its input arguments; the row of its results, or None.

        As CALL does, it runs in the open transaction, or, in autocommit mode, in one of its own.
        """
        self._check_open()
        cursor = self.execute(self._session.call_text(name, len(arguments)), arguments)
        return cursor.fetchone() if cursor.description is not None else None

    @property
    def database(self) -> Database:
        """What all connections of this process to the database share."""
        self._check_open()
        return Database(self._session.database)

    # --- transactions -----------------------------------------------------------------------------

    def commit(self) -> None:
        """End the transaction, if one is open; when this returns, it is durable."""
        self._check_open()
        self._session.commit()

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        self._check_open()
        self._session.rollback()

    def transaction(
        self,
        *,
        isolation_level: str | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        retry: bool | int = False,
    ) -> TransactionBlock:
        """A transaction as a `with` block, a decorator, or (`.run(function)`) a runner that can retry.

        A block inside of a block is a savepoint. A `deferrable` one, if `serializable` and `read_only`, waits
        for a snapshot with which it can neither fail nor make others fail. `retry` (True: 10 attempts; or a
        number of attempts) applies to `run` and to the decorator: on 40001 and 40P01 the function runs again
        after a jittered, exponentially growing pause. A `with` block's body cannot be run again: there,
        `retry` is refused.
        """
        self._check_open()
        return TransactionBlock(self._session, isolation_level, read_only, deferrable, retry)

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits by itself. Cannot be changed inside of a transaction."""
        return self._session.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._check_open()
        self._session.set_autocommit(value)

    @property
    def isolation_level(self) -> str:
        """The level of transactions to come: `read committed`, `repeatable read`, `serializable`."""
        return str(self._session.settings["default_transaction_isolation"])

    @isolation_level.setter
    def isolation_level(self, value: str) -> None:
        self._check_open()
        self._session.set("default_transaction_isolation", str(value))

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open (also a failed one)."""
        return self._session.in_transaction

    @property
    def in_failed_transaction(self) -> bool:
        """Whether the open transaction has failed and accepts only ROLLBACK."""
        return self._session.failed

    def describe(self, name: str | None = None) -> list[str]:
        """The tables, views and sequences, a line each; or one table's definition. For people to read."""
        self._check_open()
        return describe(self._session.visible_catalog(), name)

    def describe_system(self, name: str | None = None) -> list[str]:
        """The system views, a line each; or one view's columns. For people to read."""
        self._check_open()
        return describe_views(name)

    def describe_routines(self, name: str | None = None) -> list[str]:
        """The functions and procedures, a line each; or those of one name, with their bodies."""
        self._check_open()
        session = self._session
        return describe_routines(session.visible_catalog(), session.database.python_procedures(), name)

    # --- messages ---------------------------------------------------------------------------------

    @property
    def notices(self) -> deque[Notice]:
        """What statements said besides their results (RAISE NOTICE ...): the last ones, the newest last."""
        return self._session.notices.recent

    def add_notice_handler(self, handler: NoticeHandler) -> None:
        """Call `handler` with each `Notice` to come, as it is raised."""
        self._session.notices.handlers.append(handler)

    def remove_notice_handler(self, handler: NoticeHandler) -> None:
        """Call it no more."""
        self._session.notices.handlers.remove(handler)

    # --- from other threads -----------------------------------------------------------------------

    def interrupt(self) -> None:
        """Stop the running statement, from another thread or a signal handler: it fails with 57014."""
        self._session.interrupt()

    def is_waiting(self) -> bool:
        """Whether the running statement is waiting for a lock at this moment."""
        return self._session.is_waiting()

    def waiting_for(self) -> str | None:
        """What lock the running statement is waiting for and who has it, for people to read; or None."""
        return self._session.waiting_for()

    # --- life -------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Roll back what is open and give up the session; idempotent."""
        if not self._closed:
            self._closed = True
            self._session.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or roll back on an exception, then close (as psycopg does)."""
        if self._closed:
            return
        try:
            if kind is None:
                self.commit()
            else:
                self.rollback()
        finally:
            self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InterfaceError("the connection is closed")


def connect(
    path: str,
    *,
    autocommit: bool = False,
    isolation_level: str | None = None,
    read_only: bool = False,
    **settings: Any,
) -> Connection:
    """Open a database, creating it if it does not exist.

    path             a directory, by convention `name.db`; `:memory:` for a private, temporary one;
                     `:memory:name` for a temporary one that connections of this process share
    autocommit       each statement its own transaction
    isolation_level  `read committed` (default), `repeatable read` or `serializable`
    read_only        transactions of this connection may not write
    settings         session settings as in SET: `lock_timeout="2s"`, `synchronous_commit=False`, ...

    Errors: OperationalError if it is in use by another process or cannot be opened, DataCorrupted if damaged.
    """
    if not isinstance(path, str):
        path = getattr(path, "__fspath__", lambda: None)()
        if not isinstance(path, str):
            raise InterfaceError("connect() takes a path, or ':memory:'", sqlstate="22023")
    session = Session(open_database(path), autocommit)
    try:
        if isolation_level is not None:
            session.set("default_transaction_isolation", str(isolation_level))
        if read_only:
            session.set("default_transaction_read_only", "on")
        for name, value in settings.items():
            session.set(name, str(value).lower() if isinstance(value, bool) else str(value))
    except BaseException:
        session.close()
        raise
    return Connection(session)
