"""A session's transaction and its savepoints.

A transaction that was begun and met an error is `failed`: it accepts nothing but its end, or a rollback to a
savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minidb.errors import InternalError, NotSupportedError
from minidb.session import settings as settings_
from minidb.session.state_base import SessionBase
from minidb.txn.characteristics import Characteristics
from minidb.txn.control import StatementRestart
from minidb.txn.isolation import SERIAL, IsolationLevel
from minidb.txn.state import AdvisoryKey
from minidb.txn.transaction import Transaction


def needs_autocommit() -> NotSupportedError:
    """What a statement gets that would begin a transaction which stays open."""
    return NotSupportedError(
        "serial execution needs autocommit: no transaction stays open between statements",
        hint="Connect with autocommit=True.",
    )


class SessionState(SessionBase):
    """See the module. `Session` adds the running of statements."""

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
            if self.is_in(transaction):
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

    def begin(
        self, level: str | None = None, read_only: bool | None = None, deferrable: bool | None = None
    ) -> Transaction:
        """Open a transaction with these characteristics, or the session's defaults."""
        if self.transaction is not None:
            raise InternalError("there is already a transaction in progress", sqlstate="25001")
        chosen = self._defaults
        if chosen is None or level is not None or read_only is not None or deferrable is not None:
            chosen = self._characteristics(level, read_only, deferrable)
        if self.serial or chosen.level is IsolationLevel.SERIALIZABLE:
            self._refuse_if_serial(chosen.level)
        transaction = self.database.transactions.begin_with(chosen, self.interruption)
        transaction.session = self
        self.transaction = transaction
        newest = self.database.catalog
        visible = newest.version <= transaction.snapshot.commit_id
        self.catalog = newest if visible else self._catalog_of(transaction)
        return transaction

    def serial_characteristics(self) -> Characteristics:
        """Those of a transaction on the serial executor."""
        found = self._serial_defaults
        if found is None:
            settings, control = self.settings, self.database.transactions.serial
            found = self._serial_defaults = Characteristics(
                IsolationLevel.SERIALIZABLE,
                control,
                settings["default_transaction_read_only"],
                lock_timeout_ms=settings["lock_timeout"],
            )
        return found

    def _characteristics(
        self, level: str | None, read_only: bool | None, deferrable: bool | None
    ) -> Characteristics:
        """These, or the session's defaults, which are kept."""
        settings = self.settings
        isolation = IsolationLevel.named(level or settings["default_transaction_isolation"])
        found = Characteristics(
            isolation,
            self.database.transactions.control_of(
                isolation, settings["serializable_strategy"], settings["range_locking"]
            ),
            settings["default_transaction_read_only"] if read_only is None else read_only,
            settings["default_transaction_deferrable"] if deferrable is None else deferrable,
            settings["lock_timeout"],
            settings["synchronous_commit"],
        )
        if level is None and read_only is None and deferrable is None:
            self._defaults = found
        return found

    def _refuse_if_serial(self, isolation: IsolationLevel) -> None:
        """No transaction that stays open between statements runs on the serial executor."""
        if self.database.serial:
            raise NotSupportedError(
                "BEGIN is not supported: the database is open for serial execution",
                detail="It runs one transaction at a time, and would wait for you to end this one.",
                hint="Put the transaction into a procedure and CALL it; each single statement is a "
                "transaction of its own.",
            )
        if isolation is IsolationLevel.SERIALIZABLE and self.settings["serializable_strategy"] == SERIAL:
            if not self.autocommit:
                raise needs_autocommit()
            raise NotSupportedError(
                "BEGIN is not supported with serializable_strategy 'serial'",
                detail="All others would wait for you to end the transaction.",
                hint="Put the transaction into a procedure and CALL it, or use the strategy 'ssi' or '2pl'.",
            )

    def commit(self) -> bool:
        """Commit the open transaction; False if it had failed and was rolled back instead."""
        if self.calls:
            self._refuse_in_call()
        transaction = self.transaction
        if transaction is None:
            return True
        if self.timer is not None:
            self._enter(self.timer)
            self.timer.leave(None)
            if self._terminated is not None:
                raise self._why_failed()
        if self.failed:
            self.rollback()
            return False
        if transaction.catalog_changed:
            transaction.on_commit = self.database.publish_catalog
            transaction.on_commit_failed = self.database.revoke_catalog
        tally = self.database.tally
        try:
            if transaction.huge is not None or transaction.reads is not None:
                # What is still to be fetched is computed now: its own writes may lie in a file that ends with
                # it, and what it reads is part of what SERIALIZABLE certifies.
                for result in self._open_results:
                    result.materialise()
            transaction.commit()
        except BaseException as error:
            transaction.rollback()
            tally.rollbacks += 1
            self._note_abort(error)
            self._end(self._settings_before)
            raise
        tally.commits += 1
        self._end(self._settings_after)
        if not transaction.synchronous_commit and not transaction.never_waits:
            self.database.store.throttle()
        return True

    def rollback(self) -> None:
        """Undo the open transaction."""
        self._refuse_in_call()
        transaction = self.transaction
        if transaction is None:
            return
        if self.timer is not None:
            self._enter(self.timer)
            self.timer.leave(None)
        self.database.tally.rollbacks += 1
        self._discard(transaction)

    def _discard(self, transaction: Transaction) -> None:
        """Undo a transaction without counting it, as where its one statement begins again in another."""
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
        self._terminated = None
        if self._open_results:
            self._open_results.clear()
        if self._savepoints:
            self._savepoints.clear()
        if self._private:
            self._private.clear()
        if settings is not None:
            self._use_settings(settings)
            self._settings_before = self._settings_after = None

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
            self.database.tally.restarts += 1
            if own:
                self._discard(transaction)
            else:
                transaction.rollback_to(start)
            raise
        except BaseException:
            self._fail(transaction, start)
            if own and self.autocommit:
                self.rollback()
            raise
        if own and self.autocommit:
            self.commit()

    def set_transaction(self, level: str | None, read_only: bool | None, deferrable: bool | None) -> None:
        """SET TRANSACTION: before the first query, except that read-only may be switched on at any time."""
        transaction = self.transaction
        if transaction is None:
            if self.autocommit:
                return  # PostgreSQL: a warning, and no effect outside of a transaction block
            self.begin(level, read_only, deferrable)
            return
        if deferrable is not None and deferrable != transaction.deferrable:
            if transaction.used:
                raise InternalError(
                    "SET TRANSACTION [NOT] DEFERRABLE must be called before any query", sqlstate="25001"
                )
            self._refuse_after_savepoint("SET TRANSACTION [NOT] DEFERRABLE")
            transaction.deferrable = deferrable
        if level is not None and level != transaction.level.value:
            if transaction.used:
                raise InternalError(
                    "SET TRANSACTION ISOLATION LEVEL must be called before any query", sqlstate="25001"
                )
            self._refuse_after_savepoint("SET TRANSACTION ISOLATION LEVEL")
            self._begin_again(transaction, level, read_only)
        elif read_only is not None and read_only != transaction.read_only:
            if not read_only and transaction.used:
                raise InternalError(
                    "transaction read-write mode must be set before any query", sqlstate="25001"
                )
            if transaction.used or transaction.reads is None:
                transaction.read_only = read_only
            else:
                self._begin_again(transaction, transaction.level.value, read_only)

    def _begin_again(self, transaction: Transaction, level: str, read_only: bool | None) -> None:
        """Nothing but LOCK TABLE has happened in the transaction: begin it anew, with other properties."""
        wanted = transaction.read_only if read_only is None else read_only
        self.transaction = None
        try:
            self.begin(level, wanted, transaction.deferrable).take_over_table_locks(transaction)
        finally:
            transaction.rollback()

    def set_serializable(self, name: str, text: str | None, local: bool) -> None:
        """SET [LOCAL] of how SERIALIZABLE works: in such a transaction only before its first query."""
        if self.database.serial and text is not None:
            raise InternalError(
                f'parameter "{name}" cannot be set: the database is open for serial execution',
                sqlstate="55P02",
                hint="Everything runs alone there, one statement or call after the other.",
            )
        transaction = self.transaction
        if transaction is None:
            self.set(name, text, local)
            return
        _, value = settings_.parse(name, text)
        if value == self.settings[name]:
            self.set(name, text, local)
            return
        if transaction.level is IsolationLevel.SERIALIZABLE:
            if transaction.used:
                raise InternalError(f"SET {name} must be called before any query", sqlstate="25001")
            self._refuse_after_savepoint(f"SET {name}")
        self.set(name, text, local)
        if not transaction.used:
            self._begin_again(transaction, transaction.level.value, None)

    def _refuse_after_savepoint(self, what: str) -> None:
        if self._savepoints:
            raise InternalError(f"{what} must not be called in a subtransaction", sqlstate="25001")

    # --- savepoints -------------------------------------------------------------------------------

    def savepoint(self, name: str) -> None:
        """SAVEPOINT name."""
        transaction = self._require_transaction("SAVEPOINT")
        if self.failed:
            raise self._why_failed()
        settings = (self.settings, self._settings_before, self._settings_after)
        self._savepoints.append((name, transaction.savepoint(), transaction.mark_locks(), settings))

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO name: also revives a failed transaction."""
        transaction = self._require_transaction("ROLLBACK TO SAVEPOINT")
        if self._terminated is not None:
            raise self._why_failed()
        position = self._find_savepoint(name)
        self._invalidate_results("the query's transaction was rolled back to a savepoint")
        _, start, locked, settings = self._savepoints[position]
        del self._savepoints[position + 1 :]
        try:
            transaction.rollback_to(start)
        except BaseException:
            transaction.rollback_to(start)  # Ctrl-C in the midst of it
            raise
        if locked is not None:
            transaction.release_locks_since(locked)
        if settings[0] is not self.settings:
            _, self._settings_before, self._settings_after = settings
            self._adopt(settings[0], transaction)
        self.failed = False
        self.catalog_has_changed()

    def release(self, name: str) -> None:
        """RELEASE name."""
        self._require_transaction("RELEASE SAVEPOINT")
        if self.failed:
            raise self._why_failed()
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

    # --- life -------------------------------------------------------------------------------------

    def advisory_lock(self, key: AdvisoryKey, *, shared: bool, session: bool, wait: bool) -> bool:
        """pg_advisory_lock and its kind. A statement that calls them runs in a transaction (`prepare`)."""
        if self.transaction is not None:
            return self.advisory.lock(self.transaction, key, shared=shared, session=session, wait=wait)
        with self.implicit_transaction() as transaction:  # called by another function
            return self.advisory.lock(transaction, key, shared=shared, session=session, wait=wait)

    def close(self) -> None:
        """Roll back and leave the database; idempotent."""
        if not self.closed:
            self.closed = True
            try:
                self.rollback()
                self.advisory.unlock_all()
                if self.timer is not None:
                    self.timer.close()
            finally:
                self.database.release(self.id)
