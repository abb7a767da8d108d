"""`connection.transaction()`: a block that commits or rolls back, and a runner that retries.

with connection.transaction(): ...                      a block; inside of another: a savepoint
connection.transaction(retry=True).run(function)        again on 40001 and 40P01
@connection.transaction(retry=5)                        the same as a decorator
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from minidb.errors import Error, InFailedTransaction, InterfaceError, InternalError
from minidb.session.session import Session
from minidb.txn.isolation import IsolationLevel
from minidb.txn.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 0.001
LONGEST_PAUSE_SECONDS = 0.5


class TransactionBlock:
    """Made by `Connection.transaction`, whose docstring says what it does."""

    def __init__(
        self,
        session: Session,
        isolation_level: str | None,
        read_only: bool | None,
        deferrable: bool | None,
        retry: bool | int,
    ) -> None:
        self._session = session
        self._isolation_level = None if isolation_level is None else str(isolation_level)
        self._read_only = read_only
        self._deferrable = deferrable
        self._attempts = (DEFAULT_ATTEMPTS if retry else 1) if isinstance(retry, bool) else retry
        if not isinstance(self._attempts, int) or self._attempts < 1:
            raise InterfaceError("retry takes a number of attempts, at least 1", sqlstate="22023")
        self._savepoints: list[str | None] = []

    def __enter__(self) -> TransactionBlock:
        if self._attempts > 1:
            raise InterfaceError(
                "a with block cannot be run again",
                sqlstate="0A000",
                hint="Use transaction(retry=...).run(function), or the decorator.",
            )
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(kind is None)

    def run(self, function: Callable[[], T]) -> T:
        """Call `function` in a transaction; again from the start if it fails with a retryable error.

        Returns what the function returned. It must not commit. Errors: its own, or the last attempt's; 25P02
        if it caught the error of a statement that failed, and returned.
        """
        pause = FIRST_PAUSE_SECONDS
        nested = self._session.in_transaction
        for attempt in range(1, self._attempts + 1):
            self._begin()
            try:
                result = function()
            except BaseException as error:
                self._end(False)
                if not self._may_retry(error, attempt, nested):
                    raise
            else:
                try:
                    self._end(True)
                    return result
                except Error as error:
                    if not self._may_retry(error, attempt, nested):
                        raise
            # Full jitter: the ones that collided come back at different times.
            time.sleep(random.random() * pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function: each call is a transaction."""

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            return self.run(lambda: function(*args, **kwargs))

        return wrapper

    def _may_retry(self, error: BaseException, attempt: int, nested: bool) -> bool:
        # Inside of an outer transaction the snapshot stays: only the outermost can try again.
        return isinstance(error, Error) and error.retryable and attempt < self._attempts and not nested

    def _begin(self) -> None:
        session = self._session
        session.enter()
        try:
            if session.transaction is not None:
                self._check_fits(session.transaction)
                name = f"_block_{len(self._savepoints) + session.savepoint_count + 1}"
                session.savepoint(name)
                self._savepoints.append(name)
            else:
                session.begin(self._isolation_level, self._read_only, self._deferrable)
                self._savepoints.append(None)
        finally:
            session.leave()

    def _check_fits(self, outer: Transaction) -> None:
        # A savepoint cannot give what was asked for; to go on without it would be to ignore it.
        level = self._isolation_level
        if level is not None and IsolationLevel.named(level) is not outer.level:
            wanted = f"isolation level {level.upper()}"
        elif self._read_only is not None and self._read_only != outer.read_only:
            wanted = "READ ONLY" if self._read_only else "READ WRITE"
        elif self._deferrable is not None and self._deferrable != outer.deferrable:
            wanted = "DEFERRABLE" if self._deferrable else "NOT DEFERRABLE"
        else:
            return
        raise InternalError(
            f"a block inside of a transaction cannot have {wanted}",
            sqlstate="25001",
            hint="Commit or roll back first; without autocommit, any statement has begun a transaction.",
        )

    def _end(self, succeeded: bool) -> None:
        session = self._session
        name = self._savepoints.pop()
        session.enter()
        try:
            if name is None:
                if succeeded:
                    try:
                        if not session.commit():
                            raise InFailedTransaction(
                                "the transaction was rolled back, as a statement in it had failed",
                                hint="An error that the block caught has undone all of it; catch it outside.",
                            )
                    except Error:
                        session.rollback()  # a timeout had ended it: nothing else leaves it open
                        raise
                else:
                    session.rollback()
            elif succeeded:
                session.release(name)
            else:
                session.rollback_to(name)
                session.release(name)
        finally:
            session.leave()
