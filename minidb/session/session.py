"""A session: one client's transaction, settings and statements.

    text -> prepared (cache) -> run in the open transaction, an implicit one, or on a bare snapshot

A failed statement is undone to its own start. In a transaction that was begun, the transaction is then
aborted until ROLLBACK (25P02). Under READ COMMITTED a statement that meets a row changed since its snapshot
is undone (its locks stay), takes a new snapshot and runs again.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from time import monotonic
from typing import Any

from minidb.catalog.catalog import Catalog
from minidb.errors import DatabaseError, Error, InFailedTransaction, NotSupportedError, ProgrammingError
from minidb.exec.context import ExecutionContext
from minidb.exec.define import run_definition
from minidb.exec.run import run_change, run_query
from minidb.plan.changes import Change
from minidb.plan.definitions import Call, Commit, Definition, PutRoutine, Rollback, RollbackTo, Utility
from minidb.plan.nodes import Lock, Plan
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.plan.traverse import walk_plan
from minidb.session import routines, shape, utility
from minidb.session.inner_statement import TRANSACTION_CONTROL, InnerStatement
from minidb.session.parameters import bind_values, signature_of
from minidb.session.prepare import prepare
from minidb.session.prepared import Prepared, changes_rows
from minidb.session.result import Columns, Result, out_of_memory
from minidb.session.state import IN_FAILED_TRANSACTION, SessionState
from minidb.sql.parse import ParsedStatement, parse
from minidb.sql.token_sequence import too_deep
from minidb.txn.control import StatementRestart
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import Row, SqlType, Value

Parameters = Sequence[Any] | Mapping[str, Any]

ROWS_AT_ONCE = 5_000  # of executemany: an endless generator must not be gathered whole


class Session(SessionState):
    """See the module. Used by one thread at a time, but for `interrupt` and `is_waiting`."""

    # --- hot paths: None means "take the general path" --------------------------------------------

    def run_fast_query(self, prepared: Prepared, parameters: Any) -> list[Any] | None:
        """The rows of a prepared fast query, or None."""
        fast = prepared.fast_query
        transaction = self.transaction
        assert fast is not None
        if transaction is None:
            if not self.autocommit:
                return None
            store = self.database.store
            reader = store.durable if self.settings["synchronous_commit"] else store.latest
            catalog = self.database.catalog
            if prepared.catalog is not catalog or catalog.version > reader.commit_id or self.closed:
                return None
            rows = fast(reader, parameters)
        else:
            if self.failed:
                return None
            transaction.new_statement()
            if transaction.catalog_changed or prepared.catalog is not self.database.catalog:
                return None
            if prepared.catalog.version > transaction.snapshot.commit_id:
                return None
            try:
                rows = fast(transaction, parameters)
            except BaseException:
                self._fail(transaction, None)
                raise
        return None if rows is NotImplemented else rows

    def run_fast_change(self, prepared: Prepared, parameters: Any) -> int | None:
        """The row count of a prepared fast change, or None."""
        transaction = self.transaction
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
            count = fast(transaction, parameters)
        except StatementRestart:
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
        self.begin()
        if not self.autocommit:
            return self.run_fast_change(prepared, parameters)
        try:
            count = self.run_fast_change(prepared, parameters)
            if count is None:
                self.rollback()
            else:
                self.commit()
        except BaseException:
            self.rollback()
            raise
        return count

    # --- statements -------------------------------------------------------------------------------

    def execute(self, text: str, parameters: Parameters = ()) -> Result:
        """Run one statement."""
        self.interruption.clear()
        with self.statement():
            lifted = shape.lift(text) if not parameters else None
            if lifted is not None:
                prepared = self._prepared_shape(lifted[0], lifted[1])
                if prepared is not None:
                    return self._run(prepared, lifted[1], lifted[0])
            prepared = self._prepare(text, parameters)
            return self._run(prepared, parameters, text)

    def execute_script(self, script: str) -> Iterator[Result]:
        """Run the statements of a script one by one, each when the caller asks for its result."""
        self.interruption.clear()
        with self.statement():
            statements = parse(script)
        for parsed in statements:
            with self.statement():
                prepared = self._prepare_parsed(parsed, ())
                result = self._run(prepared, (), parsed)
            yield result

    def execute_many(self, text: str, rows: Iterable[Parameters]) -> int:
        """Run a statement for each set of parameters; all or nothing if no transaction is open."""
        self.interruption.clear()
        with self.statement():
            return self.run_many(text, rows)

    def run_many(self, text: str, rows: Iterable[Parameters]) -> int:
        """`execute_many` inside of the present statement: its timeout goes on, an interrupt stays."""
        implicit = self.transaction is None
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
            if implicit and self.autocommit:
                self.rollback()
            else:
                self._fail(transaction, start)
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
            count: Any = prepared.bulk_change(transaction, rows)
        except StatementRestart:
            count = NotImplemented
        except BaseException:
            self._fail(transaction, start)
            raise
        if count is NotImplemented:
            transaction.rollback_to(start)
            transaction.new_statement()
            return None
        return int(count)

    # --- for utility statements -------------------------------------------------------------------

    def run_text(self, text: str) -> Result:
        """Run one more statement inside of the present one."""
        return self._run(self._prepare(text, ()), (), text)

    def run_plan(self, plan: Plan, values: list[Any]) -> int:
        """Run a resolved plan to its end; the number of rows."""
        with self.implicit_transaction() as transaction:
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
        context = self._context(self.transaction, self.catalog, [])
        return Result("SELECT", columns, None, run_query(resolve(optimize(plan)), context))

    # --- inside of routines -----------------------------------------------------------------------

    def run_inner(self, inner: InnerStatement, values: Sequence[Value], *, fixed: bool) -> Result:
        """Run a statement of a routine to its end; `fixed`: on what the calling statement sees, read-only."""
        transaction = self.transaction
        assert transaction is not None
        self.interruption.check()
        if fixed:
            prepared = self.prepare_inner(inner)
            return self._run_fixed(prepared, transaction, list(values))
        while True:
            self._current_catalog()
            prepared = self.prepare_inner(inner)
            start = transaction.savepoint()
            try:
                return self._run_command(prepared, transaction, list(values))
            except StatementRestart:
                transaction.rollback_to(start)
            except BaseException:
                self._fail(transaction, start)
                raise

    def run_bound(self, prepared: Prepared, values: list[Value], *, fixed: bool) -> Result:
        """Run a prepared statement inside of the present one; restarts are the caller's affair. `fixed`: as
        in `run_inner`. Rows may still be computed while they are fetched."""
        transaction = self.transaction
        assert transaction is not None
        if fixed:
            return self._run_fixed(prepared, transaction, values)
        if isinstance(prepared.statement, Utility):
            return utility.run(self, prepared.statement, values)
        return self._run_statement(prepared, transaction, values, prepared.catalog)

    def prepare_typed(self, text: str, types: tuple[SqlType, ...], *, fixed: bool) -> Prepared:
        """The statement that a text is, its parameters of these types; unless `fixed`, on a new snapshot."""
        catalog = self.catalog if fixed else self._current_catalog()
        found = self._cached((text, types), catalog)
        if found is None:
            statements = parse(text)
            if len(statements) != 1:
                raise ProgrammingError("EXECUTE takes one statement", sqlstate="42601")
            wanted = len(statements[0].parameters)
            if wanted > len(types):
                raise ProgrammingError(f"there is no parameter ${wanted}", sqlstate="42P02")
            found = prepare(statements[0], catalog, types, self.settings)
            if catalog is self.database.catalog:
                self.database.remember((text, types), found)
            else:
                self._private[(text, types)] = found
        return found

    def _run_command(self, prepared: Prepared, transaction: Transaction, values: list[Any]) -> Result:
        fast = self._run_fast_form(prepared, transaction, values)
        if fast is not None:
            return fast
        if isinstance(prepared.statement, Utility):
            return utility.run(self, prepared.statement, values)
        result = self._run_statement(prepared, transaction, values, prepared.catalog)
        result.materialise()
        return result

    def _run_fast_form(self, prepared: Prepared, transaction: Transaction, values: Any) -> Result | None:
        """The result of the statement's fast form, if it has one that takes these values."""
        if prepared.fast_query is not None:
            rows = prepared.fast_query(transaction, values)
            if rows is not NotImplemented:
                return Result("SELECT", prepared.columns, rows, None, len(rows), prepared.convert)
        elif prepared.fast_change is not None and not self._open_results:
            start = transaction.savepoint()
            count = prepared.fast_change(transaction, values)
            if count is not NotImplemented:
                return Result(prepared.tag, None, None, None, count)
            transaction.rollback_to(start)
        return None

    def _run_fixed(self, prepared: Prepared, transaction: Transaction, values: list[Any]) -> Result:
        statement = prepared.statement
        if not isinstance(statement, Plan) or any(
            isinstance(node, Lock | Change) for node in walk_plan(statement)
        ):
            raise NotSupportedError(f"{prepared.tag} is not allowed in a non-volatile function")
        context = self._context(transaction, prepared.catalog, values)
        result = self._stream(prepared, statement, context)
        result.materialise()
        return result

    def prepare_inner(self, inner: InnerStatement) -> Prepared:
        """A statement of a routine, prepared for what the open transaction sees."""
        found = inner.prepared
        if found is None or found.catalog is not self.catalog:
            procedures = self.database.procedures
            found = prepare(
                inner.parsed, self.catalog, inner.types, self.settings, inner.variables, procedures
            )
            inner.prepared = found
        return found

    def evaluation_context(self, parameters: list[Value]) -> ExecutionContext:
        """What expressions are evaluated in that belong to no plan; they see later changes of the list."""
        return self._context(self.transaction, self.catalog, parameters)

    def routine_rows(self, catalog: Catalog, routine: int, values: list[Value]) -> list[Row]:
        """The rows of a user's function: what the executor's expressions call."""
        found = catalog.routine(routine)
        assert found is not None
        return routines.run(self, catalog, found, values)

    def call_text(self, name: str, count: int) -> str:
        """CALL of the procedure of that name, with a place for each of so many input values."""
        catalog = self.database.catalog if self.transaction is None else self.catalog
        procedures = self.database.procedures
        found = self._call_texts.get((name, count))
        if found is None or found[0] is not catalog or found[1] is not procedures:
            text = routines.call_text(catalog, procedures, name, count)
            found = self._call_texts[(name, count)] = (catalog, procedures, text)
        return found[2]

    def output_places(self, text: str, parameters: Parameters) -> list[int]:
        """The places of the OUT and INOUT arguments in a CALL."""
        statement = self._prepare(text, parameters).statement
        assert isinstance(statement, Call)
        return [place for place, each in enumerate(statement.routine.arguments) if each.mode != "in"]

    def execute_inside(self, text: str, parameters: Parameters) -> Result:
        """Run a statement of a Python procedure: a command of the statement that calls it."""
        transaction = self.transaction
        assert transaction is not None
        self.interruption.check()
        prepared = self._prepare(text, parameters)
        statement = prepared.statement
        if isinstance(statement, TRANSACTION_CONTROL):
            raise NotSupportedError(f"{prepared.text.split()[0].upper()} is not allowed in a procedure")
        start = transaction.savepoint()
        try:
            fast = None if self.failed else self._run_fast_form(prepared, transaction, parameters)
        except StatementRestart:
            transaction.rollback_to(start)
            fast = None
        except BaseException:
            self._fail(transaction, start)
            raise
        result = self._run(prepared, parameters, text) if fast is None else fast
        result.materialise()
        return result

    def sequence_value(self, operation: str, name: str, value: int | None) -> int:
        """nextval, currval, lastval, setval, setval_uncalled: what the executor's expressions call."""
        catalog = self.database.catalog if self.transaction is None else self.catalog
        return self.sequences.value(catalog, operation, name, value)

    # --- preparing --------------------------------------------------------------------------------

    def _prepare(self, text: str, parameters: Parameters) -> Prepared:
        catalog = self._current_catalog()
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
            raise InFailedTransaction(IN_FAILED_TRANSACTION)
        values = bind_values(tuple(parsed.parameters), parameters)
        types = signature_of(values)
        procedures = self.database.procedures
        return prepare(parsed, self._current_catalog(), types, self.settings, None, procedures)

    def _prepared_shape(self, text: str, values: list[Any]) -> Prepared | None:
        """A shape's statement; None if it cannot be prepared as one (the text itself will say why)."""
        try:
            prepared = self._prepare(text, values)
        except Error:
            return None
        return prepared if isinstance(prepared.statement, Plan | Call) else None

    def _cached(self, key: Any, catalog: Catalog) -> Prepared | None:
        cache = self._private if catalog is not self.database.catalog else self.prepared
        found = cache.get(key)
        return found if found is not None and found.catalog is catalog else None

    def _remember(self, key: Any, text: str, prepared: Prepared) -> None:
        if prepared.catalog is self.database.catalog:
            self.database.remember(key, prepared)
            if prepared.fast_query is not None or prepared.fast_change is not None:
                self.database.remember(text, prepared)
        else:
            self._private[key] = prepared

    # --- running ----------------------------------------------------------------------------------

    def _run(self, prepared: Prepared, parameters: Parameters, again: str | ParsedStatement) -> Result:
        statement = prepared.statement
        if self.failed and not isinstance(statement, Commit | Rollback | RollbackTo):
            raise InFailedTransaction(IN_FAILED_TRANSACTION)
        values = self._values(prepared, parameters)
        if isinstance(statement, Utility):
            try:
                return utility.run(self, statement, values)
            except StatementRestart:
                return self._run(self._prepare_again(again, parameters), parameters, again)
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

    def _run_autocommit(
        self, prepared: Prepared, values: list[Any], parameters: Parameters, again: str | ParsedStatement
    ) -> Result:
        statement = prepared.statement
        if isinstance(statement, Plan) and not prepared.locks_rows:
            store = self.database.store
            reader = store.durable if self.settings["synchronous_commit"] else store.latest
            if prepared.catalog is self.database.catalog and prepared.catalog.version <= reader.commit_id:
                context = self._context(reader, prepared.catalog, values)
                result = self._stream(prepared, statement, context)
                result.begin(None)
                return result
        self.begin()
        transaction = self.transaction
        assert transaction is not None
        try:
            result = self._run_in_transaction(prepared, values, parameters, again)
            result.materialise()
            self.commit()
        except BaseException:
            if self.transaction is transaction:
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
                return self._run_statement(prepared, transaction, values, catalog)
            except StatementRestart:
                transaction.rollback_to(start)
            except BaseException:
                self._fail(transaction, start)
                raise

    def _prepare_again(self, again: str | ParsedStatement, parameters: Parameters) -> Prepared:
        if isinstance(again, str):
            return self._prepare(again, parameters)
        return self._prepare_parsed(again, parameters)

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
        if prepared.changes_rows:
            context = self._context(transaction, catalog, values)
            count, rows = run_change(statement, context)
            tag = f"{prepared.tag} 0 {count}" if prepared.tag == "INSERT" else f"{prepared.tag} {count}"
            return Result(
                tag, prepared.columns, rows if prepared.columns else None, None, count, prepared.convert
            )
        if prepared.locks_rows:
            result = self._stream(prepared, statement, self._context(transaction, catalog, values))
            result.materialise()  # all locks are taken, and all restarts done, before a row is handed out
            return result
        # What the stream reads is fixed now, whatever later statements write before it is fetched.
        context = self._context(transaction.reader(), catalog, values)
        result = self._stream(prepared, statement, context)
        result.begin(partial(self._fail, transaction, None))
        if transaction.changed() and result.streaming:
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
        )

    @contextmanager
    def statement(self) -> Iterator[None]:
        timeout = self.settings["statement_timeout"]
        self.interruption.deadline = monotonic() + timeout / 1000 if timeout else None
        transaction = self.transaction
        try:
            yield
        except Error as error:
            # Running it has failed the transaction by itself; here come those that were never run.
            if transaction is not None and transaction is self.transaction and not self.failed:
                if isinstance(error, DatabaseError):
                    self._fail(transaction, None)
            raise
        except RecursionError:
            raise too_deep() from None
        except MemoryError:
            raise out_of_memory() from None
