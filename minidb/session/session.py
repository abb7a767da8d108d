"""A session: one client's transaction, settings and statements.

text -> prepared (cache) -> run in the open transaction, an implicit one, or on a bare snapshot

SessionState              state.py               transaction, savepoints, settings
  StatementRunner         statement_runner.py    preparing and running one statement
    InnerStatementRunner  inner_runner.py        the statements of routines
      Session             here                   what the driver calls: hot paths, statements, scripts
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from time import monotonic, time
from typing import Any

from minidb.errors import (
    DatabaseError,
    Error,
    ProgrammingError,
)
from minidb.plan.definitions import Begin, Utility
from minidb.session import shape, utility
from minidb.session.database import Database
from minidb.session.fast_call import FastCall, find_fast_call
from minidb.session.inner_runner import InnerStatementRunner
from minidb.session.prepared import BEGIN_AND_END, Prepared
from minidb.session.result import Result, out_of_memory
from minidb.session.serial_call import CallInputs
from minidb.session.statement_runner import Parameters
from minidb.sql.parse import ParsedStatement, parse
from minidb.sql.token_sequence import too_deep
from minidb.txn.control import StatementRestart

ROWS_AT_ONCE = 5_000  # of executemany: an endless generator must not be gathered whole


class Session(InnerStatementRunner):
    """See the module. Used by one thread at a time, but for `interrupt` and `is_waiting`."""

    def __init__(self, database: Database, autocommit: bool) -> None:
        super().__init__(database, autocommit)
        self._fast_calls: dict[str, FastCall] = {}

    # --- hot paths: None means "take the general path" --------------------------------------------

    def run_fast_query(self, prepared: Prepared, parameters: Any) -> list[Any] | None:
        """The rows of a prepared fast query, or None."""
        fast = prepared.fast_query
        transaction = self.transaction
        self.present = prepared
        assert fast is not None
        if transaction is None and not self.autocommit and not self.closed:
            self.begin()
            transaction = self.transaction
        if transaction is None:
            store = self.database.store
            reader = store.durable if self.settings["synchronous_commit"] else store.latest
            catalog = self.database.catalog
            if prepared.catalog is not catalog or catalog.version > reader.commit_id or self.closed:
                return None
            if self.serializable_alone and not self.database.transactions.is_safe(reader):
                return None
            rows = fast(reader, parameters)
        else:
            if self.failed or (transaction.deferrable and not transaction.used):
                return None
            transaction.new_statement()
            if transaction.catalog_changed or prepared.catalog is not self.database.catalog:
                return None
            if prepared.catalog.version > transaction.snapshot.commit_id:
                return None
            try:
                reads = transaction.reads
                if reads is None:
                    rows = fast(transaction, parameters)
                else:
                    if transaction.locks_reads:
                        transaction.lock_tables_read(prepared.tables_read)
                    rows = fast(transaction, parameters)
                    if len(reads.keys) > reads.limit:
                        reads.coarsen()
            except StatementRestart:
                return None
            except BaseException:
                self._fail(transaction, None)
                raise
        return None if rows is NotImplemented else rows

    def run_fast_change(self, prepared: Prepared, parameters: Any) -> int | None:
        """The row count of a prepared fast change, or None."""
        transaction = self.transaction
        self.present = prepared
        if transaction is None:
            return self._run_fast_alone(prepared, parameters)
        if self.failed or self._open_results or self.settings["statement_timeout"]:
            return None
        self.interruption.requested = False  # what was meant for an earlier statement came too late
        transaction.new_statement()
        if transaction.catalog_changed or prepared.catalog is not self.database.catalog:
            return None
        if prepared.catalog.version > transaction.snapshot.commit_id:
            return None
        fast = prepared.fast_change
        assert fast is not None
        start = transaction.base_position + transaction.statement_start  # where the statement began
        try:
            if transaction.reads is None:
                count = fast(transaction, parameters)
            else:
                if transaction.locks_reads:
                    transaction.lock_tables_read(prepared.tables_read)
                count = fast(transaction, parameters)
                transaction.check()
        except StatementRestart:
            self.database.tally.restarts += 1
            transaction.rollback_to(start)
            return None
        except BaseException:
            self._fail(transaction, start)
            raise
        return None if count is NotImplemented else count

    def _run_fast_alone(self, prepared: Prepared, parameters: Any) -> int | None:
        """A fast change that opens a transaction: one of its own in autocommit mode."""
        if self.closed or self.settings["statement_timeout"]:
            return None
        if self.serial:
            return self._run_fast_serially(prepared, parameters)
        self.begin()
        if not self.autocommit:
            return self.run_fast_change(prepared, parameters)
        try:
            count = self.run_fast_change(prepared, parameters)
            if count is None:
                assert self.transaction is not None
                self._discard(self.transaction)
            else:
                self.commit()
        except BaseException:
            self.rollback()
            raise
        return count

    def _run_fast_serially(self, prepared: Prepared, parameters: Any) -> int | None:
        if not self.autocommit or self.timer is not None:
            return None  # to be refused, or to be watched
        self.interruption.deadline = None
        inputs = CallInputs(prepared.text, parameters)
        count: int | None = self.run_serially(
            prepared.tag, partial(self.run_fast_change, prepared, parameters), inputs
        )
        return count

    # --- calls ------------------------------------------------------------------------------------

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """CALL of a procedure with these input values: its row as Python values, None if it yields none."""
        if self._may_call_fast():
            fast = self.fast_call(name, arguments)
            if fast is not None:
                return self._call_fast(fast, arguments)
        result = self.execute(self.call_text(name, len(arguments)), arguments)
        if result.columns is None:
            return None
        (row,) = result.next_batch()
        return row if result.convert is None else result.convert(row)

    def _may_call_fast(self) -> bool:
        """Whether a call would be a transaction of its own that nobody watches."""
        return self.transaction is None and self.autocommit and self._may_be_short()

    def _may_be_short(self) -> bool:
        """Whether no timeout watches a statement that does not go through `statement`."""
        return self.timer is None and not self.settings["statement_timeout"] and not self.closed

    def _begin_short(self, text: str) -> None:
        """What `statement` does where nothing watches; `_end_short` follows."""
        interruption = self.interruption
        interruption.requested = False
        interruption.deadline = None
        self.present = text
        self.statement_began = time()
        self.running = True

    def _end_short(self) -> None:
        self.running = False
        self.statement_ended = time()

    def fast_call(self, name: str, arguments: Sequence[Any]) -> FastCall | None:
        """The short way of a call with these arguments; None if it has to go the general way."""
        database = self.database
        fast = self._fast_calls.get(name)
        if fast is None or fast.catalog is not database.catalog or fast.procedures is not database.procedures:
            fast = find_fast_call(database, name)
            if fast is None:
                return None
            self._fast_calls[name] = fast
        return fast if fast.takes(arguments) else None

    def _call_fast(self, fast: FastCall, arguments: Sequence[Any]) -> Any:
        self._begin_short(fast.text)
        try:
            if self.serial:
                work = partial(self.call_now, fast, arguments)
                return self.run_serially(fast.routine.name, work, CallInputs(fast.text, arguments))
            self.begin()
            try:
                found = self.call_now(fast, arguments)
            except BaseException:
                self.rollback()
                raise
            self.commit()
            return found
        except RecursionError:
            raise too_deep() from None
        except MemoryError:
            raise out_of_memory() from None
        finally:
            self._end_short()

    def call_now(self, fast: FastCall, arguments: Sequence[Any]) -> Any:
        """In the transaction that was just begun."""
        if self.catalog is fast.catalog:
            try:
                return fast.run(self, arguments)
            except StatementRestart:
                assert self.transaction is not None
                self.database.tally.restarts += 1
                self.transaction.rollback_to(0)
        return self.call_inside(fast.text, arguments)

    # --- statements -------------------------------------------------------------------------------

    def execute(self, text: str, parameters: Parameters = ()) -> Result:
        """Run one statement."""
        known = self.prepared.get(text)
        if known is not None:
            found: Result | None = None
            if known.called is not None:
                found = self._run_call(known, parameters)
            elif isinstance(known.statement, BEGIN_AND_END) and not parameters:
                found = self._begin_or_end(known.statement, text)
            if found is not None:
                return found
        self.interruption.clear()
        with self.statement(text):
            lifted = shape.lift(text) if not parameters and not self.failed else None
            if lifted is not None:
                prepared = self._prepared_shape(lifted[0], lifted[1])
                if prepared is not None:
                    return self._run(prepared, lifted[1], lifted[0])
            prepared = self._prepare(text, parameters)
            return self._run(prepared, parameters, text)

    def _run_call(self, prepared: Prepared, parameters: Parameters) -> Result | None:
        """A CALL that hands its parameters on, by the short way of calls; None if that does not take it."""
        assert prepared.called is not None
        if isinstance(parameters, Mapping) or len(parameters) != len(prepared.names):
            return None
        fast = self.fast_call(prepared.called, parameters) if self._may_call_fast() else None
        if fast is None or fast.catalog is not prepared.catalog:
            return None
        row = self._call_fast(fast, parameters)
        return Result("CALL", fast.routine.columns, [row]) if fast.routine.columns else Result("CALL")

    def _begin_or_end(self, statement: Utility, text: str) -> Result | None:
        """BEGIN, COMMIT and ROLLBACK where there is nothing to be said about them, and nobody who watches."""
        if (
            isinstance(statement, Begin) is not (self.transaction is None)
            or self.failed
            or self.serial
            or not self._may_be_short()
        ):
            return None
        self._begin_short(text)
        try:
            return utility.run(self, statement, [])
        finally:
            self._end_short()

    def execute_script(self, script: str) -> Iterator[Result]:
        """Run the statements of a script one by one, each when the caller asks for its result."""
        self.interruption.clear()
        with self.statement(script):
            statements = parse(script)
        for parsed in statements:
            with self.statement(parsed):
                prepared = self._prepare_parsed(parsed, ())
                result = self._run(prepared, (), parsed)
            yield result

    def execute_many(self, text: str, rows: Iterable[Parameters]) -> int:
        """Run a statement for each set of parameters; all or nothing if no transaction is open."""
        self.interruption.clear()
        with self.statement(text):
            return self.run_many(text, rows)

    def run_many(self, text: str, rows: Iterable[Parameters]) -> int:
        """`execute_many` inside of the present statement: its timeout goes on, an interrupt stays."""
        implicit = self.transaction is None
        if implicit and self.serial:
            gathered = list(rows)
            inputs = CallInputs(text, gathered, many=True)
            total: int = self.run_serially("executemany", partial(self.run_many, text, gathered), inputs)
            return total
        if implicit:
            self.begin()
        transaction = self.transaction
        assert transaction is not None
        start = transaction.savepoint()
        total = 0
        source = iter(rows)
        try:
            while chunk := list(islice(source, ROWS_AT_ONCE)):
                self.interruption.check()
                total += self._execute_chunk(text, chunk)
        except BaseException:
            self._fail(transaction, start)
            if implicit and self.autocommit:
                self.rollback()
            raise
        if implicit and self.autocommit:
            self.commit()
        return total

    def _execute_chunk(self, text: str, rows: list[Parameters]) -> int:
        total = 0
        prepared = self._prepare(text, rows[0])
        if prepared.bulk_change is not None and prepared.catalog is self.catalog and not self.failed:
            done = self._bulk(prepared, rows)
            if done is not None:
                return done
        for parameters in rows:
            self.interruption.check()
            prepared = self._prepare(text, parameters)
            result = self._run(prepared, parameters, text)
            if result.columns is not None:
                result.close()
                if not prepared.changes_rows:
                    raise ProgrammingError("executemany() takes only statements that change rows")
            total += max(result.rowcount, 0)
        return total

    def _bulk(self, prepared: Prepared, rows: list[Any]) -> int | None:
        """The number of rows changed, at C speed; None, with nothing done, where the fast form declines."""
        transaction = self.transaction
        assert transaction is not None and prepared.bulk_change is not None
        start = transaction.savepoint()
        try:
            if transaction.locks_reads:
                transaction.lock_tables_read(prepared.tables_read)
            count: Any = prepared.bulk_change(transaction, rows)
            transaction.check()
        except StatementRestart:
            self.database.tally.restarts += 1
            count = NotImplemented
        except BaseException:
            self._fail(transaction, start)
            raise
        if count is NotImplemented:
            transaction.rollback_to(start)
            transaction.new_statement()
            return None
        return int(count)

    @contextmanager
    def statement(self, text: str | ParsedStatement) -> Iterator[None]:
        """The running of one statement: its time-out, what watchers see of it, and its failure."""
        timeout = self.settings["statement_timeout"]
        self.interruption.deadline = monotonic() + timeout / 1000 if timeout else None
        transaction = self.transaction
        self._fresh = transaction is None or not transaction.used
        timer = self.timer
        if timer is not None:
            self._enter(timer)
        self.present = text
        self.statement_began = time()
        self.running = True
        try:
            yield
        except Error as error:
            if error.sqlstate == "25P04" and transaction is not None and transaction is self.transaction:
                self._terminate(transaction)
            # Running it has failed the transaction by itself; here come those that were never run.
            if transaction is not None and transaction is self.transaction and not self.failed:
                if isinstance(error, DatabaseError):
                    self._fail(transaction, None)
            raise
        except RecursionError:
            raise too_deep() from None
        except MemoryError:
            raise out_of_memory() from None
        finally:
            self.running = False
            self.statement_ended = time()
            if self.timer is not None:
                if timer is None:
                    self._enter(self.timer)  # this statement has set the timeout
                self.timer.leave(self.transaction)
