"""A session's state: its transaction, savepoints, settings and open results.

A transaction that was begun and met an error is `failed`: it accepts nothing but its end, or a rollback to a
savepoint. Settings follow the transaction, as in PostgreSQL: SET is undone by ROLLBACK, SET LOCAL by any end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minidb.catalog import catalog as catalogs
from minidb.catalog.catalog import Catalog
from minidb.errors import InFailedTransaction, InternalError, NotSupportedError, OperationalError
from minidb.exec.context import ExecutionContext
from minidb.plan.nodes import Plan
from minidb.session import settings as settings_
from minidb.session.database import Database
from minidb.session.inner_statement import InnerStatement
from minidb.session.notices import Notices
from minidb.session.prepared import Prepared
from minidb.session.result import Columns, Result
from minidb.session.sequences import Sequences
from minidb.txn.control import StatementRestart
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import SqlType, Value

IN_FAILED_TRANSACTION = "current transaction is aborted, commands ignored until end of transaction block"

MOST_CALLS = 500  # of routines, inside of each other; Python's own limit may be reached before


class SessionState:
    """See the module. `Session` adds the running of statements."""

    def __init__(self, database: Database, autocommit: bool) -> None:
        self.database = database
        self.autocommit = autocommit
        self.settings: dict[str, Any] = settings_.defaults()
        self.transaction: Transaction | None = None
        self.failed = False  # the open transaction accepts only its end
        self.closed = False
        self.prepared = database.prepared  # by text: what the cursor's hot path looks up
        self.interruption = Interrupt()
        self.catalog: Catalog = database.catalog  # of the open transaction's present statement
        self._private: dict[Any, Prepared] = {}  # prepared under uncommitted DDL
        self._savepoints: list[tuple[str, Any]] = []
        self._settings_before: dict[str, Any] | None = None  # what ROLLBACK goes back to
        self._settings_after: dict[str, Any] | None = None  # what COMMIT leaves
        self._open_results: list[Result] = []
        self.calls = 0  # routines that run at this moment, inside of each other
        self._call_texts: dict[tuple[str, int], tuple[Catalog, Any, str]] = {}  # by name and input count
        self._parts = 0  # of the running statement that can fail alone
        self.sequences = Sequences(database.transactions)
        self.notices = Notices()

    def run_plan(self, plan: Plan, values: list[Any]) -> int:
        """Run a resolved plan to its end; the number of rows."""
        raise NotImplementedError

    def stream_plan(self, plan: Plan, columns: Columns) -> Result:
        """The rows of a bound query; a transaction is open."""
        raise NotImplementedError

    def run_many(self, text: str, rows: Iterable[Any]) -> int:
        """Run a statement for each set of parameters inside of the present one; how many rows changed."""
        raise NotImplementedError

    def run_inner(self, inner: InnerStatement, values: Sequence[Value], *, fixed: bool) -> Result:
        """Run a statement of a routine to its end; `fixed`: on what the calling statement sees, read-only."""
        raise NotImplementedError

    def run_bound(self, prepared: Prepared, values: list[Value], *, fixed: bool) -> Result:
        """Run a prepared statement inside of the present one; restarts are the caller's affair. `fixed`: as
        in `run_inner`. Rows may still be computed while they are fetched."""
        raise NotImplementedError

    def prepare_typed(self, text: str, types: tuple[SqlType, ...], *, fixed: bool) -> Prepared:
        """The statement that a text is, its parameters of these types; unless `fixed`, on a new snapshot."""
        raise NotImplementedError

    def prepare_inner(self, inner: InnerStatement) -> Prepared:
        """A statement of a routine, prepared for what the open transaction sees."""
        raise NotImplementedError

    def evaluation_context(self, parameters: list[Value]) -> ExecutionContext:
        """What expressions are evaluated in that belong to no plan; they see later changes of the list."""
        raise NotImplementedError

    def enter_call(self) -> None:
        """A routine begins; 54001 if too many call each other."""
        if self.calls >= MOST_CALLS:
            raise OperationalError(
                "stack depth limit exceeded",
                sqlstate="54001",
                hint="Functions call each other too deeply.",
            )
        self.calls += 1

    def leave_call(self) -> None:
        """The routine has ended."""
        self.calls -= 1

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the present statement that may fail without failing the statement: it is undone."""
        transaction = self.transaction
        assert transaction is not None
        start = transaction.savepoint()
        settings = self.settings, self._settings_before, self._settings_after
        self._parts += 1
        try:
            yield
        except BaseException:
            if self.transaction is transaction:
                transaction.rollback_to(start)
                self.failed = False
                self.settings, self._settings_before, self._settings_after = settings
                if self.catalog is not self.database.catalog:
                    self.catalog_has_changed()
            raise
        finally:
            self._parts -= 1

    # --- transactions -----------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.transaction is not None

    @property
    def savepoint_count(self) -> int:
        """How many savepoints are open."""
        return len(self._savepoints)

    def begin(self, level: str | None = None, read_only: bool | None = None) -> None:
        """Open a transaction with these characteristics, or the session's defaults."""
        if self.transaction is not None:
            raise InternalError("there is already a transaction in progress", sqlstate="25001")
        settings = self.settings
        transaction = self.database.transactions.begin(
            IsolationLevel.named(level or settings["default_transaction_isolation"]),
            read_only=settings["default_transaction_read_only"] if read_only is None else read_only,
            interrupt=self.interruption,
        )
        transaction.lock_timeout_ms = settings["lock_timeout"]
        transaction.synchronous_commit = settings["synchronous_commit"]
        self.transaction = transaction
        self.catalog = self._catalog_of(transaction)

    def commit(self) -> bool:
        """Commit the open transaction; False if it had failed and was rolled back instead."""
        self._refuse_in_call()
        transaction = self.transaction
        if transaction is None:
            return True
        if self.failed:
            self.rollback()
            return False
        if transaction.catalog_changed:
            transaction.on_commit = self.database.publish_catalog
            transaction.on_commit_failed = self.database.revoke_catalog
        try:
            if transaction.huge is not None:
                # Its own writes lie in a file that ends with it: what still reads them is computed now.
                for result in self._open_results:
                    result.materialise()
            transaction.commit()
        except BaseException:
            transaction.rollback()
            self._end(self._settings_before)
            raise
        self._end(self._settings_after)
        if not transaction.synchronous_commit:
            self.database.store.throttle()
        return True

    def rollback(self) -> None:
        """Undo the open transaction."""
        self._refuse_in_call()
        transaction = self.transaction
        if transaction is None:
            return
        self._invalidate_results("the query's transaction was rolled back")
        try:
            transaction.rollback()
        except BaseException:
            transaction.rollback()  # Ctrl-C in the midst of it
            raise
        finally:
            self._end(self._settings_before)

    def _refuse_in_call(self) -> None:
        """A routine cannot end the transaction of the statement that called it."""
        if self.calls:
            raise InternalError("invalid transaction termination", sqlstate="2D000")

    def _end(self, settings: dict[str, Any] | None) -> None:
        self.transaction = None
        self.failed = False
        if self._open_results:
            self._open_results.clear()
        if self._savepoints:
            self._savepoints.clear()
        if self._private:
            self._private.clear()
        if settings is not None:
            self.settings = settings
            self._settings_before = self._settings_after = None

    def _fail(self, transaction: Transaction, start: Any) -> None:
        """Undo the failed statement; the transaction accepts nothing more but its end.

        If it has no savepoint to go back to, all of it is undone now, so that nobody waits for its locks.
        """
        if transaction is self.transaction:
            self.failed = True
            if not self._parts:  # what is undone of a part, nobody outside of it has begun to read
                self._invalidate_results("the query's transaction has failed")
            if not self._savepoints and not self._parts:
                transaction.rollback()
            elif start is not None:
                transaction.rollback_to(start)

    @contextmanager
    def implicit_transaction(self) -> Iterator[Transaction]:
        """The open transaction; or, in autocommit mode, one for this statement only."""
        own = self.transaction is None
        if own:
            self.begin()
        transaction = self.transaction
        assert transaction is not None
        start = transaction.savepoint()
        try:
            yield transaction
        except StatementRestart:
            if own:
                self.rollback()
            else:
                transaction.rollback_to(start)
            raise
        except BaseException:
            if own and self.autocommit:
                self.rollback()
            else:
                self._fail(transaction, start)
            raise
        if own and self.autocommit:
            self.commit()

    def set_transaction(self, level: str | None, read_only: bool | None, deferrable: bool | None) -> None:
        """SET TRANSACTION: before the first query, except that read-only may be switched on at any time."""
        if deferrable:
            raise NotSupportedError("DEFERRABLE transactions are not supported")
        transaction = self.transaction
        if transaction is None:
            if self.autocommit:
                return  # PostgreSQL: a warning, and no effect outside of a transaction block
            self.begin(level, read_only)
            return
        if level is not None and level != transaction.level.value:
            if transaction.used:
                raise InternalError(
                    "SET TRANSACTION ISOLATION LEVEL must be called before any query", sqlstate="25001"
                )
            wanted = transaction.read_only if read_only is None else read_only
            transaction.rollback()
            self.transaction = None
            self.begin(level, wanted)
        elif read_only is not None and read_only != transaction.read_only:
            if not read_only and transaction.used:
                raise InternalError(
                    "transaction read-write mode must be set before any query", sqlstate="25001"
                )
            transaction.read_only = read_only

    # --- savepoints -------------------------------------------------------------------------------

    def savepoint(self, name: str) -> None:
        """SAVEPOINT name."""
        transaction = self._require_transaction("SAVEPOINT")
        if self.failed:
            raise InFailedTransaction(IN_FAILED_TRANSACTION)
        self._savepoints.append((name, transaction.savepoint()))

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO name: also revives a failed transaction."""
        transaction = self._require_transaction("ROLLBACK TO SAVEPOINT")
        position = self._find_savepoint(name)
        self._invalidate_results("the query's transaction was rolled back to a savepoint")
        start = self._savepoints[position][1]
        del self._savepoints[position + 1 :]
        try:
            transaction.rollback_to(start)
        except BaseException:
            transaction.rollback_to(start)  # Ctrl-C in the midst of it
            raise
        self.failed = False
        self.catalog_has_changed()

    def release(self, name: str) -> None:
        """RELEASE name."""
        self._require_transaction("RELEASE SAVEPOINT")
        if self.failed:
            raise InFailedTransaction(IN_FAILED_TRANSACTION)
        del self._savepoints[self._find_savepoint(name) :]

    def _find_savepoint(self, name: str) -> int:
        for position in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[position][0] == name:
                return position
        self.failed = True
        raise InternalError(f'savepoint "{name}" does not exist', sqlstate="3B001")

    def _require_transaction(self, statement: str) -> Transaction:
        if self.transaction is None and not self.autocommit:
            self.begin()
        if self.transaction is None:
            raise InternalError(f"{statement} can only be used in transaction blocks", sqlstate="25P01")
        return self.transaction

    # --- the catalog ------------------------------------------------------------------------------

    def _current_catalog(self) -> Catalog:
        """What names mean to the next statement; takes its snapshot."""
        transaction = self.transaction
        if transaction is None:
            return self.database.catalog
        if not self.failed:
            transaction.new_statement()
            if not transaction.catalog_changed:
                self.catalog = self._catalog_of(transaction)
        return self.catalog

    def _catalog_of(self, transaction: Transaction) -> Catalog:
        """The catalog that the transaction's snapshot holds; usually the newest."""
        newest = self.database.catalog
        snapshot = transaction.snapshot.commit_id
        if newest.version <= snapshot:
            return newest
        own = self.catalog
        # Committed versions count up, so `own` is still the snapshot's if the newest is its successor.
        if 0 <= own.version <= snapshot and self.database.predecessor(newest) is own:
            return own
        return catalogs.load(transaction)

    def visible_catalog(self) -> Catalog:
        """The schema objects that a statement run now would see."""
        return self._current_catalog()

    def catalog_has_changed(self) -> None:
        """The transaction's own DDL (or its undoing) has changed what names mean."""
        transaction = self.transaction
        self._private.clear()
        if transaction is not None:
            transaction.next_command()
            self.catalog = (
                catalogs.load(transaction) if transaction.catalog_changed else self._catalog_of(transaction)
            )

    # --- open results -----------------------------------------------------------------------------

    def _invalidate_results(self, reason: str) -> None:
        for result in self._open_results:
            result.invalidate(reason)
        self._open_results.clear()

    def forget_finished_results(self) -> None:
        """Results that were read to their end need no care any more; changes are faster without them."""
        if self._open_results:
            self._open_results = [result for result in self._open_results if result.streaming]

    # --- settings, life ---------------------------------------------------------------------------

    def set_autocommit(self, value: bool) -> None:
        """Change the mode between transactions."""
        if self.transaction is not None:
            raise InternalError("autocommit cannot be changed inside a transaction", sqlstate="25001")
        self.autocommit = value

    def set(self, name: str, text: str | None, local: bool = False) -> None:
        """SET [LOCAL] name = text; None is the default."""
        key, value = settings_.parse(name, text)
        self._change_settings({key: value}, local)

    def reset_all(self) -> None:
        """RESET ALL."""
        self._change_settings(settings_.defaults(), False)

    def _change_settings(self, changed: dict[str, Any], local: bool) -> None:
        transaction = self.transaction
        if transaction is None:
            if not local:  # PostgreSQL: SET LOCAL outside of a transaction has no effect
                self.settings = {**self.settings, **changed}
            return
        if self._settings_before is None:
            self._settings_before = self._settings_after = self.settings
        self.settings = {**self.settings, **changed}
        if not local and self._settings_after is not None:
            self._settings_after = {**self._settings_after, **changed}
        transaction.lock_timeout_ms = self.settings["lock_timeout"]
        transaction.synchronous_commit = self.settings["synchronous_commit"]

    def interrupt(self) -> None:
        """Stop the running statement, from any thread."""
        self.interruption.request()

    def is_waiting(self) -> bool:
        """Whether the running statement waits for a lock, asked from any thread."""
        transaction = self.transaction
        return transaction is not None and transaction.waiting is not None

    def close(self) -> None:
        """Roll back and leave the database; idempotent."""
        if not self.closed:
            self.closed = True
            try:
                self.rollback()
            finally:
                self.database.release()
