"""BEGIN ... END: declarations, statements, handlers; and GET DIAGNOSTICS.

    declare                     an error here is for an enclosing block
    savepoint
      statements  --error-->    back to the savepoint; the first handler that names the error runs
    release

What a handler undoes is data, settings and schema changes. Locks that the block took stay until the
transaction ends (PostgreSQL gives them back): whoever comes next waits a little longer, nobody sees a
difference in data.

Conflicts (40001, 40P01) can be caught, by name and by OTHERS, as in PostgreSQL. The block's writes are
undone, so what then commits is still a transaction of its level; but under REPEATABLE READ the snapshot is
still the old one, and the same write meets the same conflict: only the whole transaction can be tried again.
"""

from __future__ import annotations

from minidb.errors import Error
from minidb.session.plpgsql.control import Leave, Target
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.node import Node, Signal, run_all
from minidb.session.plpgsql.raising import handled_error
from minidb.session.plpgsql.targets import RowTargets
from minidb.session.result import Columns
from minidb.sql.plpgsql.conditions import QUERY_CANCELED, catches
from minidb.txn.interrupt import STATEMENT_TIMEOUT
from minidb.value.sql_types import BIGINT, TEXT, Value


class Handler:
    """WHEN conditions THEN statements; `slots` are those of SQLSTATE and SQLERRM."""

    __slots__ = ("conditions", "slots", "statements")

    def __init__(self, conditions: tuple[str, ...], slots: tuple[int, int], statements: list[Node]) -> None:
        self.conditions = conditions
        self.slots = slots
        self.statements = statements


class Block(Node):
    """See the module. `initial` sets every variable of the block, each time it is entered."""

    __slots__ = ("_handlers", "_initial", "_statements", "_target")
    what = "statement block"

    def __init__(
        self,
        line: int,
        target: Target,
        initial: list[Node],
        statements: list[Node],
        handlers: list[Handler],
    ) -> None:
        super().__init__(line)
        self._target = target
        self._initial = initial
        self._statements = statements
        self._handlers = handlers

    def run(self, frame: Frame) -> Signal | None:
        if self._initial:
            self._declare(frame)
        signal = self._guarded(frame) if self._handlers else run_all(self._statements, frame)
        if isinstance(signal, Leave) and signal.target is self._target:
            return None
        return signal

    def _declare(self, frame: Frame) -> None:
        node: Node | None = None
        try:
            for node in self._initial:
                node.run(frame)
        except Error as error:
            assert node is not None
            frame.note(error, node.line, "during statement block local variable initialization")
            raise

    def _guarded(self, frame: Frame) -> Signal | None:
        session = frame.session
        caught: Error | None = None
        chosen: Handler | None = None
        try:
            with session.part():
                return run_all(self._statements, frame)
        except Error as error:
            for handler in self._handlers:
                if catches(handler.conditions, error.sqlstate):
                    caught, chosen = error, handler
                    break
            else:
                raise
        # Outside of `except`: what the handler raises is not a consequence of this error.
        assert caught is not None and chosen is not None
        if caught.sqlstate == QUERY_CANCELED:
            self._forget_interrupt(frame)
        frame.values[chosen.slots[0]] = caught.sqlstate
        frame.values[chosen.slots[1]] = caught.message
        frame.errors.append(caught)
        try:
            return run_all(chosen.statements, frame)
        finally:
            frame.errors.pop()

    def _forget_interrupt(self, frame: Frame) -> None:
        """The request has been answered; a timeout strikes once."""
        interrupt = frame.interrupt
        if interrupt.reason == STATEMENT_TIMEOUT or not interrupt.requested:
            interrupt.deadline = None
        interrupt.clear()


class GetDiagnostics(Node):
    """GET [STACKED] DIAGNOSTICS target = item, ..."""

    __slots__ = ("_items", "_stacked", "what")

    def __init__(self, line: int, stacked: bool, items: list[tuple[RowTargets, str]]) -> None:
        super().__init__(line)
        self._stacked = stacked
        self._items = items
        self.what = "GET STACKED DIAGNOSTICS" if stacked else "GET DIAGNOSTICS"

    def run(self, frame: Frame) -> Signal | None:
        if not self._stacked:
            for targets, _ in self._items:
                targets.store(frame, (frame.row_count,), _COUNT)
            return None
        error = handled_error(frame, "GET STACKED DIAGNOSTICS")
        for targets, item in self._items:
            targets.store(frame, (_diagnostic(error, item),), _DIAGNOSTIC)
        return None


_COUNT: Columns = (("row_count", BIGINT),)
_DIAGNOSTIC: Columns = (("diagnostic", TEXT),)


def _diagnostic(error: Error, item: str) -> Value:
    found = {
        "returned_sqlstate": error.sqlstate,
        "message_text": error.message,
        "pg_exception_detail": error.detail,
        "pg_exception_hint": error.hint,
        "pg_exception_context": error.context,
        "column_name": error.column,
        "constraint_name": error.constraint,
        "table_name": error.table,
        "schema_name": None if error.table is None else "public",
    }[item]
    return found or ""
