"""What a procedure in Python gets: the transaction of the CALL, to run statements in."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from minidb.driver.cursor import Cursor, Parameters
from minidb.errors import InterfaceError
from minidb.session.session import Session


class ProcedureTransaction:
    """Runs statements for as long as its procedure does. They are undone together with the CALL.

    The transaction's end is the caller's: COMMIT and ROLLBACK are refused. A statement that fails, fails the
    CALL, unless it ran inside of `with transaction.savepoint()` and the error was caught around that.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._closed = False

    def execute(self, operation: str, parameters: Parameters = ()) -> Cursor:
        """Run one statement; its rows are fetched from the cursor. 0A000 for one that ends transactions."""
        self._check_open()
        cursor = Cursor(self, self._session, None)
        cursor.take(self._session.execute_inside(operation, parameters))
        return cursor

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> int:
        """Run one statement for each set of parameters; how many rows it changed."""
        self._check_open()
        return self._session.run_many(operation, seq_of_parameters)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call another procedure; its result row, or None."""
        self._check_open()
        cursor = self.execute(self._session.call_text(name, len(arguments)), arguments)
        return cursor.fetchone() if cursor.description is not None else None

    def savepoint(self) -> AbstractContextManager[None]:
        """A block that is undone by itself if an error leaves it."""
        self._check_open()
        return self._session.part()

    def close(self) -> None:
        """The procedure has ended."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise InterfaceError("the procedure has ended, and its transaction is the caller's again")
