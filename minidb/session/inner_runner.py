"""Statements inside of routines: commands of the statement that calls the routine, in its transaction.

fixed        on what the calling statement sees, read-only: functions that are not VOLATILE
otherwise    each is a command of its own: it sees what was written before it, and restarts alone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidb.catalog.catalog import Catalog
from minidb.errors import (
    NotSupportedError,
    ProgrammingError,
)
from minidb.exec.context import ExecutionContext
from minidb.plan.changes import Change
from minidb.plan.definitions import Call, Utility
from minidb.plan.nodes import Lock, Plan
from minidb.plan.traverse import walk_plan
from minidb.session import routines, utility
from minidb.session.explicit_locks import wait_to_read
from minidb.session.inner_statement import TRANSACTION_CONTROL, InnerStatement
from minidb.session.prepare import prepare
from minidb.session.prepared import Prepared
from minidb.session.result import Result, change_tag
from minidb.session.statement_runner import Parameters, StatementRunner
from minidb.sql.parse import parse
from minidb.txn.control import StatementRestart
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import Row, SqlType, Value


class InnerStatementRunner(StatementRunner):
    """See the module."""

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
        return self._run_inside(prepared, transaction, values)

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
            found = prepare(statements[0], catalog, types, self.settings, None, self.database.procedures)
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
        result = self._run_inside(prepared, transaction, values)
        result.materialise()
        return result

    def _run_inside(self, prepared: Prepared, transaction: Transaction, values: list[Any]) -> Result:
        if transaction.reads is None:
            return self._run_statement(prepared, transaction, values, prepared.catalog)
        return self._run_serializable(prepared, transaction, values, prepared.catalog)

    def _run_fast_form(self, prepared: Prepared, transaction: Transaction, values: Any) -> Result | None:
        """The result of the statement's fast form, if it has one that takes these values."""
        if transaction.locks.barred:
            return None  # a table may be locked against readers, too
        if transaction.locks_reads:
            transaction.lock_tables_read(prepared.tables_read)
        if prepared.fast_query is not None:
            rows = prepared.fast_query(transaction, values)
            if rows is not NotImplemented:
                return Result("SELECT", prepared.columns, rows, None, len(rows), prepared.convert)
        elif prepared.fast_change is not None and not self._open_results:
            start = transaction.savepoint()
            count = prepared.fast_change(transaction, values)
            if count is not NotImplemented:
                return Result(change_tag(prepared.tag, count), None, None, None, count)
            transaction.rollback_to(start)
        return None

    def _run_fixed(self, prepared: Prepared, transaction: Transaction, values: list[Any]) -> Result:
        statement = prepared.statement
        if not isinstance(statement, Plan) or any(
            isinstance(node, Lock | Change) for node in walk_plan(statement)
        ):
            raise NotSupportedError(f"{prepared.tag} is not allowed in a non-volatile function")
        if transaction.locks.barred:
            wait_to_read(statement, transaction)
        if transaction.locks_reads:
            transaction.lock_tables_read(prepared.tables_read)
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

    def call_inside(self, text: str, arguments: Sequence[Any]) -> Any:
        """Run a CALL in the open transaction, its row as Python values; None if it yields none."""
        self.present = text
        result = self._run(self._prepare(text, arguments), arguments, text)
        if result.columns is None:
            return None
        row = result.next_batch()[0]
        return row if result.convert is None else result.convert(row)

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
        transaction = self.transaction
        catalog = self.database.catalog if transaction is None else self.catalog
        return self.sequences.value(catalog, operation, name, value, transaction)
