"""Preparing statements and running them, in the open transaction, an implicit one, or on a bare snapshot.

A failed statement is undone to its own start. In a transaction that was begun, the transaction is then
aborted until ROLLBACK (25P02). Under READ COMMITTED a statement that meets a row changed since its snapshot
is undone (its locks stay), takes a new snapshot and runs again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from minidb.catalog.catalog import Catalog
from minidb.errors import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from minidb.exec.context import ExecutionContext
from minidb.exec.define import run_definition
from minidb.exec.run import run_change, run_query
from minidb.plan.definitions import (
    Analyze,
    Call,
    Commit,
    Copy,
    Definition,
    Do,
    Explain,
    PutRoutine,
    Rollback,
    RollbackTo,
    Utility,
    Vacuum,
)
from minidb.plan.nodes import Plan
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.plan.traverse import scanned_tables
from minidb.session import routines, utility
from minidb.session.call_log import CallLog, RecordedCall, record_of
from minidb.session.explicit_locks import wait_to_read
from minidb.session.parameters import bind_values, signature_of
from minidb.session.prepare import prepare
from minidb.session.prepared import Prepared, changes_rows
from minidb.session.result import Columns, Result, change_tag
from minidb.session.serial_call import CallInputs, SerialCall
from minidb.session.state import SessionState, needs_autocommit
from minidb.sql.parse import ParsedStatement, parse
from minidb.txn.control import StatementRestart
from minidb.txn.transaction import Transaction

# Utility statements that are calls of their own under serial execution.
WORK = Analyze | Call | Copy | Do | Explain | Vacuum

Parameters = Sequence[Any] | Mapping[str, Any]


class StatementRunner(SessionState):
    """See the module."""

    # --- preparing --------------------------------------------------------------------------------

    def _prepare(self, text: str, parameters: Parameters) -> Prepared:
        catalog = self._current_catalog(text)
        signature = signature_of(parameters)
        found = self._cached((text, signature), catalog)
        if found is None:
            statements = parse(text)
            if len(statements) != 1:
                raise ProgrammingError(
                    "cannot insert multiple commands into a prepared statement"
                    if statements
                    else "the text holds no statement",
                    sqlstate="42601",
                    hint="executescript() runs several statements." if statements else None,
                )
            found = self._prepare_parsed(statements[0], parameters)
            self._remember((text, signature), text, found)
        return found

    def _prepare_parsed(self, parsed: ParsedStatement, parameters: Parameters) -> Prepared:
        if self.failed and not parsed.ends_transaction:
            raise self._why_failed()
        values = bind_values(tuple(parsed.parameters), parameters)
        types = signature_of(values)
        procedures = self.database.procedures
        return prepare(parsed, self._current_catalog(parsed.text), types, self.settings, None, procedures)

    def _prepared_shape(self, text: str, values: list[Any]) -> Prepared | None:
        """A shape's statement; None if it cannot be prepared as one (the text itself will say why)."""
        try:
            prepared = self._prepare(text, values)
        except (ProgrammingError, DataError, NotSupportedError):
            return None
        return prepared if isinstance(prepared.statement, Plan | Call) else None

    def _cached(self, key: Any, catalog: Catalog) -> Prepared | None:
        cache = self._private if catalog is not self.database.catalog else self.database.prepared
        found = cache.get(key)
        return found if found is not None and found.catalog is catalog else None

    def _remember(self, key: Any, text: str, prepared: Prepared) -> None:
        if prepared.catalog is self.database.catalog:
            self.database.remember(key, prepared)
            if prepared.has_short_way():
                self.database.remember(text, prepared)
        else:
            self._private[key] = prepared

    # --- running ----------------------------------------------------------------------------------

    def _run(self, prepared: Prepared, parameters: Parameters, again: str | ParsedStatement) -> Result:
        statement = prepared.statement
        if self.failed and not isinstance(statement, Commit | Rollback | RollbackTo):
            raise self._why_failed()
        serial = self.serial and self.transaction is None
        if serial and not self.autocommit and not isinstance(statement, Utility):
            raise needs_autocommit()
        values = self._values(prepared, parameters)
        if isinstance(statement, Utility):
            if serial and isinstance(statement, WORK):
                return self._run_serially(prepared, parameters, again)
            if self._fresh and self.transaction is not None and statement.needs_no_snapshot:
                self.transaction.used = False
            try:
                return utility.run(self, statement, values)
            except StatementRestart:
                return self._run(self._prepare_again(again, parameters), parameters, again)
        if serial:
            found = self._run_on_snapshot(prepared, values)
            return self._run_serially(prepared, parameters, again) if found is None else found
        if self.transaction is None and not self.autocommit:
            self.begin()
        if self.transaction is None:
            return self._run_autocommit(prepared, values, parameters, again)
        return self._run_in_transaction(prepared, values, parameters, again)

    def _values(self, prepared: Prepared, parameters: Parameters) -> list[Any]:
        values = bind_values(prepared.names, parameters)
        return [
            None if value is None else convert(value)
            for value, convert in zip(values, prepared.convert_parameters, strict=True)
        ]

    def _run_serially(
        self, prepared: Prepared, parameters: Parameters, again: str | ParsedStatement
    ) -> Result:
        """The statement as a call of its own on the serial executor."""
        statement = prepared.statement
        if isinstance(statement, Copy) and not statement.to and self.database.call_log is not None:
            raise NotSupportedError("COPY FROM cannot be recorded in a log of calls", hint="Use executemany.")

        def work() -> Result:
            result = self._run(prepared, parameters, again)
            result.materialise()
            return result

        inputs = CallInputs(again if isinstance(again, str) else again.text, parameters)
        name = prepared.tag
        if isinstance(statement, Utility):
            name = statement.routine.name if isinstance(statement, Call) else type(statement).__name__.upper()
        result: Result = self.run_serially(name, work, inputs)
        return result

    def run_serially(self, name: str, work: Callable[[], Any], inputs: CallInputs | None) -> Any:
        """Run some work, alone, as one transaction; what it depends on is recorded, if there are inputs."""
        if not self.autocommit:
            raise needs_autocommit()
        return self.database.executor.run(SerialCall(self, name, work, inputs))

    def perform(self, call: SerialCall, record: bool) -> Any:
        """Called by the serial executor when it is the call's turn, maybe in another thread."""
        database = self.database
        transactions = database.transactions
        interrupt = self.interruption
        if call.settings is not None:
            if call.settings is not self.settings:
                self._use_settings(call.settings)
            if interrupt.requested:
                interrupt.clear()
            limit = self.settings["statement_timeout"]
            interrupt.deadline = monotonic() + limit / 1000 if limit else None
        transaction, call.transaction = call.transaction, None
        if transaction is None:
            transaction = transactions.begin_with(self.serial_characteristics(), interrupt)
        transactions.serial.prepare(transaction, record)
        settings = self.settings
        transaction.session = self
        call.commit_id = database.store.latest.commit_id
        call.synchronous = settings["synchronous_commit"]
        transaction.synchronous_commit = call.urgent and call.synchronous
        self.transaction = transaction
        self.catalog = self._catalog_of(transaction)
        self._chance = self._seed = None
        if self.given is not None:
            transaction.began, self._seed = self.given
        recorder = database.call_log
        before = None if recorder is None else database.counter_positions()
        deadline, timeout = interrupt.deadline, settings["procedure_timeout"]
        if timeout:
            own = monotonic() + timeout / 1000
            if deadline is None or own < deadline:
                interrupt.deadline = interrupt.procedure_deadline = own
        try:
            result = call.work()
            if transaction.refused is None:
                if recorder is None:
                    self.commit()
                else:
                    self._commit_recorded(recorder, call, transaction, before)
                call.commit_id = database.store.latest.commit_id  # nobody else's, nor taken back yet
                before = None
                return result
        except BaseException:
            if transaction.refused is None:
                raise
        finally:
            interrupt.deadline, interrupt.procedure_deadline = deadline, None
            if self.is_in(transaction):
                self.rollback()
            if recorder is not None and before is not None:
                self._record_counters(recorder, before)
        raise transaction.refused  # whatever became of it in a procedure that swallowed it

    def _commit_recorded(
        self, recorder: CallLog, call: SerialCall, transaction: Transaction, before: Any
    ) -> None:
        """Commit, with a record of the call ahead of it."""
        store = self.database.store
        changed = transaction.changed()
        if not changed and self.database.counter_positions() == before:
            self.commit()
            return
        if call.inputs is None:
            raise NotSupportedError("this way of writing cannot be recorded in a log of calls")
        commit = store.latest.commit_id + changed
        recorder.append(record_of(call.inputs, commit, transaction.began, self._seed, self.settings))
        try:
            self.commit()
        except BaseException:
            if store.latest.commit_id < commit:
                recorder.withdraw()
            raise

    def _record_counters(self, recorder: CallLog, before: dict[str, tuple[int, bool]]) -> None:
        """A call that failed has drawn from these sequences all the same."""
        drawn = {
            name: position
            for name, position in self.database.counter_positions().items()
            if before.get(name) != position
        }
        if drawn:
            recorder.append(RecordedCall(self.database.store.latest.commit_id, counters=drawn))

    def replay(self, settings: dict[str, Any], time: float, seed: int | None) -> None:
        """The statement to come is a recorded call, made with these."""
        self._use_settings(settings)
        self.given = (time, seed)

    def _run_on_snapshot(self, prepared: Prepared, values: list[Any]) -> Result | None:
        """A lone SELECT needs no transaction, if what is committed will do: None if not."""
        statement = prepared.statement
        locks = self.database.transactions.locks
        if isinstance(statement, Plan) and not prepared.locks_rows and not locks.barred:
            store = self.database.store
            reader = store.durable if self.settings["synchronous_commit"] else store.latest
            if (
                prepared.catalog is self.database.catalog
                and prepared.catalog.version <= reader.commit_id
                and not (self.serializable_alone and not self.database.transactions.is_safe(reader))
            ):
                context = self._context(reader, prepared.catalog, values)
                result = self._stream(prepared, statement, context)
                result.begin(None)
                return result
        return None

    def _run_autocommit(
        self, prepared: Prepared, values: list[Any], parameters: Parameters, again: str | ParsedStatement
    ) -> Result:
        found = self._run_on_snapshot(prepared, values)
        if found is not None:
            return found
        statement = prepared.statement
        query = isinstance(statement, Plan) and not prepared.locks_rows
        self.begin(read_only=True if query else None)
        transaction = self.transaction
        assert transaction is not None
        try:
            result = self._run_in_transaction(prepared, values, parameters, again)
            result.materialise()
            self.commit()
        except BaseException:
            if self.is_in(transaction):
                self.rollback()
            raise
        return result

    def _run_in_transaction(
        self, prepared: Prepared, values: list[Any], parameters: Parameters, again: str | ParsedStatement
    ) -> Result:
        transaction = self.transaction
        assert transaction is not None
        while True:
            catalog = self._current_catalog()
            if prepared.catalog is not catalog:
                prepared = self._prepare_again(again, parameters)
            start = transaction.savepoint()
            try:
                if transaction.reads is None:
                    return self._run_statement(prepared, transaction, values, catalog)
                return self._run_serializable(prepared, transaction, values, catalog)
            except StatementRestart:
                self.database.tally.restarts += 1
                transaction.rollback_to(start)
            except BaseException:
                self._fail(transaction, start)
                raise

    def _prepare_again(self, again: str | ParsedStatement, parameters: Parameters) -> Prepared:
        if isinstance(again, str):
            return self._prepare(again, parameters)
        return self._prepare_parsed(again, parameters)

    def _run_serializable(
        self, prepared: Prepared, transaction: Transaction, values: list[Any], catalog: Catalog
    ) -> Result:
        """A statement that may find out that the transaction can no longer commit."""
        if transaction.locks_reads:
            transaction.lock_tables_read(prepared.tables_read)
        try:
            result = self._run_statement(prepared, transaction, values, catalog)
        except IntegrityError:
            transaction.check()  # whether it had looked before and found nothing: then retrying may help
            raise
        transaction.check()
        return result

    def _run_statement(
        self, prepared: Prepared, transaction: Transaction, values: list[Any], catalog: Catalog
    ) -> Result:
        statement = prepared.statement
        if isinstance(statement, Definition):
            context = self._context(transaction, catalog, values)
            tag = run_definition(statement, context)
            if transaction.catalog_changed:
                self.catalog_has_changed()
            if isinstance(statement, PutRoutine):
                routines.check_definition(self, statement)
            return Result(tag, rowcount=-1)
        assert isinstance(statement, Plan)
        if transaction.locks.barred:
            wait_to_read(statement, transaction)
        if prepared.changes_rows:
            context = self._context(transaction, catalog, values)
            count, rows = run_change(statement, context)
            tag = change_tag(prepared.tag, count)
            return Result(
                tag, prepared.columns, rows if prepared.columns else None, None, count, prepared.convert
            )
        if prepared.locks_rows:
            result = self._stream(prepared, statement, self._context(transaction, catalog, values))
            result.materialise()  # all locks are taken, and all restarts done, before a row is handed out
            return result
        # What the stream reads is fixed now, whatever later statements write before it is fetched.
        context = self._context(transaction.reader(), catalog, values)
        context.watch = transaction.watch_query()
        result = self._stream(prepared, statement, context)
        if transaction.control.reads_latest:
            result.materialise()  # all locks are taken before a row is handed out
            return result
        result.begin(partial(self._fail, transaction, None))
        if (transaction.changed() or context.watch is not None) and result.streaming:
            self._open_results = [open_ for open_ in self._open_results if open_.streaming]
            self._open_results.append(result)
        return result

    def _stream(self, prepared: Prepared, plan: Plan, context: ExecutionContext) -> Result:
        return Result("SELECT", prepared.columns, None, run_query(plan, context), -1, prepared.convert)

    def _context(self, reader: Any, catalog: Catalog, values: list[Any]) -> ExecutionContext:
        transaction = self.transaction
        now = transaction.started_at if transaction is not None else datetime.datetime.now(datetime.UTC)
        return ExecutionContext(
            reader,
            catalog,
            values,
            self.settings,
            now,
            self.interruption,
            self,
            reader.watch,
        )

    # --- for utility statements -------------------------------------------------------------------

    def run_text(self, text: str) -> Result:
        """Run one more statement inside of the present one."""
        return self._run(self._prepare(text, ()), (), text)

    def run_plan(self, plan: Plan, values: list[Any]) -> int:
        """Run a resolved plan to its end; the number of rows."""
        with self.implicit_transaction() as transaction:
            self._may_read(plan, transaction)
            context = self._context(transaction, self.catalog, values)
            if changes_rows(plan):
                return run_change(plan, context)[0]
            result = Result("SELECT", (), None, run_query(plan, context))
            count = 0
            while batch := result.next_batch():
                count += len(batch)
            return count

    def stream_plan(self, plan: Plan, columns: Columns) -> Result:
        """The rows of a bound query; a transaction is open."""
        assert self.transaction is not None
        plan = resolve(optimize(plan))
        self._may_read(plan, self.transaction)
        context = self._context(self.transaction, self.catalog, [])
        return Result("SELECT", columns, None, run_query(plan, context))

    @staticmethod
    def _may_read(plan: Plan, transaction: Transaction) -> None:
        if transaction.locks_reads:
            transaction.lock_tables_read(scanned_tables(plan))
        if transaction.locks.barred:
            wait_to_read(plan, transaction)
