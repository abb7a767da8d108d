"""An SQL statement of a body: prepared once a catalog, run with the variables' values as its parameters.

    fast form (one closure)  ->  rows or a count
    all others               ->  a Result: the session's general path

Each is a command of its own: it sees what earlier ones wrote, under READ COMMITTED on a snapshot of its own,
and begins anew where that level restarts statements. It does not undo itself when it fails: an enclosing
handler, or the calling statement, goes back further than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from minidb.catalog.catalog import Catalog
from minidb.errors import Error, NotSupportedError
from minidb.session.inner_statement import TRANSACTION_CONTROL
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.variables import NO_FIELD, Dependencies, Member, Namespace, ParameterScope
from minidb.session.prepare import prepare
from minidb.session.prepared import Prepared
from minidb.session.result import Columns, Result
from minidb.sql.plpgsql.syntax import Fragment
from minidb.txn.control import StatementRestart
from minidb.value.sql_types import Row, Value

Outcome = int | list[Row] | Result  # a fast change's count, a fast query's rows, all else


class _Bound:
    """The statement under one catalog, with records of certain columns; `pick` takes its parameters out of a
    frame's values."""

    __slots__ = ("catalog", "columns", "dependencies", "fast", "pick", "prepared", "version")

    def __init__(self, prepared: Prepared, scope: ParameterScope) -> None:
        self.prepared = prepared
        self.catalog: Catalog = prepared.catalog
        self.fast: Any = prepared.fast_query or prepared.fast_change
        self.version = prepared.catalog.version
        self.columns: Columns = prepared.columns or ()
        self.dependencies = scope.dependencies
        self.pick = _picker(scope.sources)


def _picker(sources: list[tuple[int, int]]) -> Callable[[list[Value]], Sequence[Value]]:
    """A function from a frame's values to these of them; at C speed if no record's field is among them."""
    if any(field != NO_FIELD for _, field in sources):
        return lambda values: [
            values[slot] if field == NO_FIELD else values[slot][field] for slot, field in sources
        ]
    slots = [slot for slot, _ in sources]
    if len(slots) > 1:
        return itemgetter(*slots)
    return itemgetter(slice(slots[0], slots[0] + 1) if slots else slice(0))


class Command:
    """See the module."""

    __slots__ = ("_arguments", "_bound", "_namespace", "fragment")

    def __init__(self, fragment: Fragment, namespace: Namespace, arguments: list[Member]) -> None:
        self.fragment = fragment
        self._namespace = namespace
        self._arguments = arguments
        self._bound: _Bound | None = None

    def run(self, frame: Frame) -> Outcome:
        """Run it. `frame.columns` are those of the rows, if it has any."""
        bound = self._bound
        try:
            if bound is not None and bound.fast is not None and not frame.fixed:
                interrupt = frame.interrupt
                if interrupt.requested or interrupt.deadline is not None:
                    interrupt.check()
                session = frame.session
                transaction = session.transaction
                assert transaction is not None
                if (
                    transaction.new_statement_sees(bound.version)
                    and bound.catalog is session.database.catalog
                    and (not bound.dependencies or frame.fits(bound.dependencies))
                ):
                    try:
                        if transaction.locks_reads:
                            transaction.lock_tables_read(bound.prepared.tables_read)
                        outcome: Any = bound.fast(transaction, bound.pick(frame.values))
                    except StatementRestart:
                        transaction.rollback_to(transaction.base_position + transaction.statement_start)
                        outcome = NotImplemented
                    if outcome is not NotImplemented:
                        frame.columns = bound.columns
                        return outcome  # type: ignore[no-any-return]
            return self._run_generally(frame)
        except Error as error:
            error.add_context(f'SQL statement "{self.fragment.parsed.text}"')
            raise

    def _run_generally(self, frame: Frame) -> Result:
        session = frame.session
        transaction = session.transaction
        assert transaction is not None
        frame.interrupt.check()
        while True:
            bound = self._bind(frame, session.catalog if frame.fixed else session.visible_catalog())
            start = transaction.savepoint()
            try:
                result = session.run_bound(bound.prepared, list(bound.pick(frame.values)), fixed=frame.fixed)
            except StatementRestart:
                transaction.rollback_to(start)
                continue
            frame.columns = result.columns or ()
            frame.settings_may_have_changed()
            return result

    def rows(self, frame: Frame, wanted: int) -> list[Row]:
        """Its first rows, at least so many if there are; the rest is not computed."""
        outcome = self.run(frame)
        if isinstance(outcome, list):
            return outcome
        if isinstance(outcome, int):
            return []
        return first_rows(outcome, wanted)

    def columns(self, frame: Frame) -> Columns | None:
        """The columns of its rows; None if it yields none."""
        session = frame.session
        return self._bind(
            frame, session.catalog if frame.fixed else session.visible_catalog()
        ).prepared.columns

    def statement(self, frame: Frame) -> object:
        """What was bound: a plan, or for a utility statement what it says."""
        return self._bind(frame, frame.session.catalog).prepared.statement

    def dependencies(self) -> Dependencies:
        """What the present form relies on."""
        return {} if self._bound is None else self._bound.dependencies

    def _bind(self, frame: Frame, catalog: Catalog) -> _Bound:
        bound = self._bound
        if bound is not None and bound.catalog is catalog and frame.fits(bound.dependencies):
            return bound
        parsed = self.fragment.parsed
        if isinstance(parsed.tree, TRANSACTION_CONTROL):
            raise NotSupportedError("unsupported transaction command in PL/pgSQL")
        scope = ParameterScope(self._namespace, self._arguments, frame.shapes)
        try:
            session = frame.session
            prepared = prepare(parsed, catalog, (), session.settings, scope, session.database.procedures)
        except Error as error:
            if error.position is not None:
                error.position += self.fragment.offset
            raise
        bound = self._bound = _Bound(prepared, scope)
        return bound


def first_rows(result: Result, wanted: int) -> list[Row]:
    """The first rows of a result, which is closed."""
    found: list[Row] = []
    while len(found) < wanted and (batch := result.next_batch()):
        found.extend(batch)
    result.close()
    return found
