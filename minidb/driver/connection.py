"""PEP 249's Connection: a session on a database, with transactions.

Without `autocommit` the first statement opens a transaction that `commit()` or `rollback()` ends, as PEP 249
has it; with it each statement is a transaction of its own, and `BEGIN` opens a longer one.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from os import PathLike
from types import TracebackType
from typing import Any, ClassVar

import minidb.errors as errors
from minidb.catalog.describe import describe
from minidb.catalog.describe_routines import describe_routines
from minidb.driver.cursor import Cursor, Parameters, RowFactory
from minidb.driver.database import Database
from minidb.driver.transaction_block import TransactionBlock
from minidb.errors import InterfaceError
from minidb.session.async_calls import AsyncCalls
from minidb.session.database import open_database
from minidb.session.notices import Notice, NoticeHandler
from minidb.session.session import Session
from minidb.session.system_views import describe_views


class Connection:
    """Made by `minidb.connect`. One thread at a time; only what is "from other threads" may come from any.

    `row_factory`, a function of cursor and row such as `minidb.dict_row`, shapes the rows of cursors to come;
    None: tuples. Methods fail with InterfaceError (08003) once the connection is closed.
    """

    Warning: ClassVar = errors.Warning
    Error: ClassVar = errors.Error
    InterfaceError: ClassVar = errors.InterfaceError
    DatabaseError: ClassVar = errors.DatabaseError
    DataError: ClassVar = errors.DataError
    OperationalError: ClassVar = errors.OperationalError
    IntegrityError: ClassVar = errors.IntegrityError
    InternalError: ClassVar = errors.InternalError
    ProgrammingError: ClassVar = errors.ProgrammingError
    NotSupportedError: ClassVar = errors.NotSupportedError

    def __init__(self, session: Session) -> None:
        self._session = session
        self._closed = False
        self._calls: AsyncCalls | None = None
        self.row_factory: RowFactory | None = None

    def cursor(self) -> Cursor:
        """A new cursor. Cursors of one connection share its transaction."""
        self._check_open()
        return Cursor(self, self._session, self.row_factory)

    def execute(self, operation: str, parameters: Parameters = ()) -> Cursor:
        """A new cursor that has run the statement; see `Cursor.execute`."""
        self._check_open()
        return Cursor(self, self._session, self.row_factory).execute(operation, parameters)

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Cursor:
        """A new cursor that has run the statement for each set of parameters; see `Cursor.executemany`."""
        return self.cursor().executemany(operation, seq_of_parameters)

    def executescript(self, script: str) -> Cursor:
        """A new cursor that has run several statements, separated by semicolons."""
        return self.cursor().executescript(script)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a procedure with the values of its input arguments; the row of its results, or None.

        The row is a tuple, or what `row_factory` makes of it. As CALL does, it runs in the open transaction,
        or, in autocommit mode, in one of its own. Errors: 42883 if there is none that takes them,
        42725 if several do.
        """
        self._check_open()
        if self.row_factory is None:
            return self._session.call(name, arguments)
        cursor = self.execute(self._session.call_text(name, len(arguments)), arguments)
        return cursor.fetchone() if cursor.description is not None else None

    def call_async(self, name: str, *arguments: Any) -> Future[Any]:
        """Under serial execution: queue a call and return at once. The future gives what `call` would.

        Calls of one connection run in the order in which they were made, with the settings of that moment.
        `close` waits for them.
        """
        self._check_open()
        if self._calls is None:
            self._calls = AsyncCalls(self._session)
        return self._calls.submit(name, arguments)

    @property
    def database(self) -> Database:
        """What all connections of this process to the database share."""
        self._check_open()
        return Database(self._session.database)

    # --- transactions -----------------------------------------------------------------------------

    def commit(self) -> None:
        """End the transaction, if one is open; when this returns, it is durable.

        One that has failed is rolled back. Errors: SerializationFailure (40001) under SERIALIZABLE, and then
        it is rolled back, too; 25P03 and 25P04 if a timeout has ended it.
        """
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

        Without `isolation_level` (any of SQL's four, in any case) and `read_only` the connection's defaults
        hold. A block inside of a transaction is a savepoint; one that asks for another level or mode is an
        error (25001). A `deferrable` one, if `serializable` and `read_only`, waits for a snapshot with which
        it can neither fail nor make others fail. `retry` (True: 10 attempts; or a number of attempts) applies
        to `run` and to the decorator: on 40001 and 40P01 the function runs again after a jittered,
        exponentially growing pause, and the last attempt's error is raised. A `with` block's body cannot be
        run again: there, `retry` is refused (0A000).
        """
        self._check_open()
        return TransactionBlock(self._session, isolation_level, read_only, deferrable, retry)

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits by itself. Cannot be changed inside of a transaction (25001)."""
        return self._session.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._check_open()
        self._session.set_autocommit(value)

    @property
    def isolation_level(self) -> str:
        """The level of transactions to come, in lower case; setting one that does not exist is 22023."""
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
        """The tables, views and sequences, a line each; or one's definition (42P01). For people to read."""
        self._check_open()
        return describe(self._session.visible_catalog(), name)

    def describe_system(self, name: str | None = None) -> list[str]:
        """The system views, a line each; or one view's columns (42P01). For people to read."""
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
        """What statements said besides their results (RAISE NOTICE ...): the last 100, the newest last."""
        return self._session.notices.recent

    def add_notice_handler(self, handler: NoticeHandler) -> None:
        """Call `handler` with each `Notice` to come, in the statement's thread, as it is raised."""
        self._session.notices.handlers.append(handler)

    def remove_notice_handler(self, handler: NoticeHandler) -> None:
        """Call it no more; ValueError if it was not added."""
        self._session.notices.handlers.remove(handler)

    # --- from other threads -----------------------------------------------------------------------

    def interrupt(self) -> None:
        """Stop the running statement, if any: it fails with 57014. A signal handler may call this, too."""
        self._session.interrupt()

    def is_waiting(self) -> bool:
        """Whether the running statement is waiting for a lock at this moment."""
        return self._session.is_waiting()

    def waiting_for(self) -> str | None:
        """What lock the running statement is waiting for and who has it, for people to read; or None.

        Such as `FOR UPDATE on row (1) of table account, blocked by transaction 7`.
        """
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
            try:
                if self._calls is not None:
                    self._calls.close()
            finally:
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
        if getattr(self, "_closed", True):
            return
        if _inside_engine():
            # The garbage collector runs at any allocation, also where this thread holds one of the engine's
            # mutexes; another thread can wait for it. (threading.Thread would take locks itself.)
            start_new_thread(self.close, ())
        else:
            self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InterfaceError("the connection is closed")


def _inside_engine() -> bool:
    """Whether the present thread runs the engine's code, below the frame that asks for the caller."""
    frame = sys._getframe(1).f_back  # none above it: the interpreter ends
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("minidb."):
            return True
        frame = frame.f_back
    return False


def connect(
    path: str,
    *,
    autocommit: bool | None = None,
    isolation_level: str | None = None,
    read_only: bool = False,
    execution: str | None = None,
    record_calls: str | None = None,
    **settings: Any,
) -> Connection:
    """Open a database, creating it if it does not exist.

    path             a directory, by convention `name.db`; `:memory:` for a private, temporary one;
                     `:memory:name` for a temporary one that connections of this process share
    autocommit       each statement its own transaction; False by default, but for serial execution
    isolation_level  `read committed` (default), `repeatable read` or `serializable`
    read_only        transactions of this connection may not write (25006), and read what is durable
    execution        `concurrent` (default) or `serial`: each statement and call runs alone, as a transaction
                     of its own, and BEGIN is refused. All connections of the process must agree
    record_calls     under serial execution: a file that every call is recorded in, for `minidb replay`
    settings         session settings as in SET, by text, number (milliseconds, kilobytes) or bool:
                     `serializable_strategy`, `range_locking`, `lock_timeout="2s"`, `statement_timeout`,
                     `idle_in_transaction_session_timeout`, `transaction_timeout`, `synchronous_commit=False`,
                     `work_mem="64MB"`, `timezone`, `client_min_messages`, `application_name`, ...

    Errors: OperationalError if it is in use by another process or cannot be opened, DataCorrupted if damaged,
    ProgrammingError for a setting that does not exist (42704) or not with this value (22023).
    """
    if not isinstance(path, str):
        path = path.__fspath__() if isinstance(path, PathLike) else None
        if not isinstance(path, str):
            raise InterfaceError("connect() takes a path, or ':memory:'", sqlstate="22023")
    if execution not in (None, "concurrent", "serial"):
        raise InterfaceError("execution is 'concurrent' or 'serial'", sqlstate="22023")
    serial = execution == "serial"
    if serial and autocommit is False:
        raise InterfaceError(
            "serial execution needs autocommit: no transaction stays open between statements",
            sqlstate="22023",
        )
    if record_calls is not None and not serial:
        raise InterfaceError("record_calls needs execution='serial'", sqlstate="22023")
    session = Session(open_database(path, serial=serial), serial if autocommit is None else autocommit)
    try:
        if record_calls is not None:
            session.database.record_calls(record_calls)
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
