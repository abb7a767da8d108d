"""What a session keeps: settings, the catalog that names go by, open results, timeouts of its transactions.

Settings follow the transaction, as in PostgreSQL: SET is undone by ROLLBACK, SET LOCAL by any end.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from random import Random
from secrets import randbits
from time import time
from typing import Any

from minidb.catalog import catalog as catalogs
from minidb.catalog.catalog import Catalog
from minidb.errors import Error, InFailedTransaction, InternalError, OperationalError
from minidb.exec.context import ExecutionContext
from minidb.expr.node import ANY_CHANCE
from minidb.plan.nodes import Plan
from minidb.session import settings as settings_
from minidb.session import watcher
from minidb.session.database import Database
from minidb.session.inner_statement import InnerStatement
from minidb.session.notices import Notices
from minidb.session.prepared import Prepared
from minidb.session.result import Columns, Result
from minidb.session.sequences import Sequences
from minidb.session.watcher import TransactionTimer
from minidb.sql.parse import ParsedStatement
from minidb.txn.advisory_locks import AdvisoryLocks
from minidb.txn.characteristics import Characteristics
from minidb.txn.control import MustWait
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import SERIAL
from minidb.txn.savepoint_locks import LockMark
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import SqlType, Value

IN_FAILED_TRANSACTION = "current transaction is aborted, commands ignored until end of transaction block"

# Statements that may come before SET TRANSACTION: they are no queries.
_NO_SNAPSHOT = re.compile(
    r"\s*(?:set|show|reset|savepoint|release|begin|start|commit|end|rollback|abort)\b", re.IGNORECASE
).match
MOST_CALLS = 500  # of routines, inside of each other; Python's own limit may be reached before


class SessionBase:
    """See the module. `SessionState` adds the transaction's beginning and end."""

    def __init__(self, database: Database, autocommit: bool) -> None:
        self.database = database
        self.autocommit = autocommit
        self.settings: dict[str, Any] = settings_.defaults()
        self.serializable_alone = False  # whether a lone SELECT must be a SERIALIZABLE transaction
        self.serial = database.serial  # whether statements run on the serial executor
        self._defaults: Characteristics | None = None  # of transactions, by these settings
        self._serial_defaults: Characteristics | None = None  # of those on the serial executor
        self.transaction: Transaction | None = None
        self.failed = False  # the open transaction accepts only its end
        self.closed = False
        self.prepared = database.prepared  # by text: what the cursor's hot path looks up
        self.interruption = Interrupt()
        self.catalog: Catalog = database.catalog  # of the open transaction's present statement
        self._private: dict[Any, Prepared] = {}  # prepared under uncommitted DDL
        # Name, position, locks, and `settings` with the two below it.
        self._savepoints: list[tuple[str, int, LockMark | None, tuple[Any, Any, Any]]] = []
        self._settings_before: dict[str, Any] | None = None  # what ROLLBACK goes back to
        self._settings_after: dict[str, Any] | None = None  # what COMMIT leaves
        self._open_results: list[Result] = []
        self._fresh = True  # the transaction had no snapshot when the statement began
        self.timer: TransactionTimer | None = None  # if one of the settings is used that need it
        self._terminated: Error | None = None  # what ended the open transaction, until that has been told
        # For those who watch. A fast statement leaves no times: it would cost it a tenth of its own.
        self.id = database.enter(self)
        self.opened = self.statement_began = self.statement_ended = time()
        self.present: str | ParsedStatement | Prepared = ""  # the statement that runs, or ran last
        self.running = False  # in the general path
        self.advisory = AdvisoryLocks(database.transactions.locks, self.id)
        self._chance: Random | None = None  # of the running call under serial execution
        self._seed: int | None = None
        self.given: tuple[float, int | None] | None = None  # time and seed of a call that is replayed
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

    # --- timeouts of transactions -----------------------------------------------------------------

    def _heed_timeouts(self) -> None:
        """The settings have changed. With a timeout of transactions no statement takes the short path."""
        idle_ms = self.settings["idle_in_transaction_session_timeout"]
        transaction_ms = self.settings["transaction_timeout"]
        if not self.settings["statement_timeout"]:
            self.interruption.deadline = None
        if self.timer is None:
            if not idle_ms and not transaction_ms:
                return
            self.timer = watcher.watcher.timer(self.interruption)
            self.prepared = {}
        self.timer.idle_ms, self.timer.transaction_ms = idle_ms, transaction_ms
        if not idle_ms and not transaction_ms:
            self.timer.close()
            self.timer = None
            self.prepared = self.database.prepared

    def _enter(self, timer: TransactionTimer) -> None:
        """Keep the watcher away while the session works; notice that it was there before."""
        terminated = timer.enter(self.transaction)
        if terminated is not None and self.transaction is not None:
            self._terminated = terminated
            self._terminate(self.transaction)

    def enter(self) -> None:
        """The driver works with the transaction otherwise than by a statement; `leave` follows."""
        if self.timer is not None:
            self._enter(self.timer)

    def leave(self) -> None:
        """See `enter`."""
        if self.timer is not None:
            self.timer.leave(self.transaction)

    def is_in(self, transaction: Transaction) -> bool:
        """Whether that is still the session's transaction, whatever was done meanwhile."""
        return self.transaction is transaction

    def _terminate(self, transaction: Transaction) -> None:
        """All of a transaction has failed, whatever savepoints it has."""
        self._savepoints.clear()
        self._fail(transaction, None)

    def _why_failed(self) -> Error:
        """What a statement gets in a failed transaction; once, what ended it behind the client's back."""
        terminated, self._terminated = self._terminated, None
        return terminated if terminated is not None else InFailedTransaction(IN_FAILED_TRANSACTION)

    def _fail(self, transaction: Transaction, start: Any) -> None:
        """Undo the failed statement; the transaction accepts nothing more but its end.

        If it has no savepoint to go back to, all of it is undone now, so that nobody waits for its locks.
        """
        if transaction is self.transaction:
            if not self.failed:
                self._note_abort(self._terminated or sys.exc_info()[1])
            self.failed = True
            if not self._parts:  # what is undone of a part, nobody outside of it has begun to read
                self._invalidate_results("the query's transaction has failed")
            if not self._savepoints and not self._parts:
                transaction.rollback()
            elif start is not None:
                transaction.rollback_to(start)

    def _note_abort(self, error: BaseException | None) -> None:
        """Count the transaction's failure; Ctrl-C is a cancel."""
        if isinstance(error, MustWait):
            return
        if isinstance(error, Error):
            sqlstate = error.sqlstate
        else:
            sqlstate = "57014" if isinstance(error, KeyboardInterrupt) else Error.default_sqlstate
        self.database.tally.abort(sqlstate)

    # --- the catalog ------------------------------------------------------------------------------

    def _current_catalog(self, text: str = "") -> Catalog:
        """What names mean to the next statement; takes its snapshot, if it is one that needs it."""
        transaction = self.transaction
        if transaction is None:
            return self.database.catalog
        if not self.failed and (transaction.used or not _NO_SNAPSHOT(text)):
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

    def chance(self) -> Random:
        """Where random() comes from: in a call under serial execution, from a seed that can be recorded."""
        if self.transaction is None or not self.transaction.never_waits:
            return ANY_CHANCE
        if self._chance is None:
            if self._seed is None:
                self._seed = randbits(63)
            self._chance = Random(self._seed)
        return self._chance

    @property
    def is_recorded(self) -> bool:
        """Whether the running call must depend on its recorded inputs only."""
        transaction = self.transaction
        recorded = self.given is not None or self.database.call_log is not None
        return recorded and transaction is not None and transaction.never_waits

    def visible_catalog(self) -> Catalog:
        """The schema objects that a statement run now would see."""
        return self._current_catalog()

    def catalog_to_show(self) -> Catalog:
        """What a system view reads: the running statement's."""
        return self.database.catalog if self.transaction is None else self.catalog

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
                self._use_settings({**self.settings, **changed})
            return
        if self._settings_before is None:
            self._settings_before = self._settings_after = self.settings
        if not local and self._settings_after is not None:
            self._settings_after = {**self._settings_after, **changed}
        self._adopt({**self.settings, **changed}, transaction)

    def _adopt(self, settings: dict[str, Any], transaction: Transaction) -> None:
        """Settings that change within a transaction."""
        self._use_settings(settings)
        transaction.lock_timeout_ms = self.settings["lock_timeout"]
        transaction.synchronous_commit = self.settings["synchronous_commit"]

    def _use_settings(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._defaults = self._serial_defaults = None
        self.serializable_alone = settings["default_transaction_isolation"] == "serializable"
        self.serial = self.database.serial or (
            self.serializable_alone and settings["serializable_strategy"] == SERIAL
        )
        self._heed_timeouts()

    def interrupt(self) -> None:
        """Stop the running statement, from any thread."""
        self.interruption.request()

    def is_waiting(self) -> bool:
        """Whether the running statement waits for a lock, asked from any thread."""
        transaction = self.transaction
        return transaction is not None and transaction.waiting is not None

    def waiting_for(self) -> str | None:
        """What the running statement waits for, and who has it; asked from any thread."""
        transaction = self.transaction
        return None if transaction is None else transaction.waiting_for()
