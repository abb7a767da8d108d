"""SELECT ... FOR UPDATE and its weaker forms: locks each row before it is delivered.

A lock waits for its present holder. If the row then turns out to have changed since the snapshot, the
level decides: READ COMMITTED restarts the statement on a new snapshot (the locks stay, so it comes through
eventually), REPEATABLE READ fails with 40001. Rows beyond a LIMIT above are not locked.
"""

from __future__ import annotations

from typing import Final

from minidb.errors import InternalError, NotSupportedError
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import Operator
from minidb.exec.pipeline import NO_LIMIT
from minidb.plan.nodes import Lock, Scan
from minidb.plan.traverse import walk_plan
from minidb.txn.lock_modes import KEY_SHARE, NO_KEY_UPDATE, ROW_SHARE, SHARE_ROW, UPDATE
from minidb.value.sql_types import Row

MODES: Final = {
    "for update": UPDATE,
    "for no key update": NO_KEY_UPDATE,
    "for share": SHARE_ROW,
    "for key share": KEY_SHARE,
}


class LockOperator(Operator):
    """Passes on its source's rows, locked."""

    __slots__ = ("_context", "_mode", "_mode_name", "_pending", "_positions", "_source", "_tables", "_wanted")

    def __init__(self, plan: Lock, source: Operator, context: ExecutionContext) -> None:
        mode = MODES.get(plan.mode)
        if mode is None:
            raise NotSupportedError(f"{plan.mode.upper()} is not supported")
        self._mode = mode
        self._mode_name = plan.mode.upper()
        self._source = source
        self._context = context
        position = {column.id: number for number, column in enumerate(plan.source.columns)}
        self._positions = [position[column.id] for column in plan.keys]
        ids = {column.id for column in plan.keys}
        self._tables: list[int] | None = [
            node.table.id
            for node in walk_plan(plan.source)
            if isinstance(node, Scan) and node.key is not None and node.key.id in ids
        ]
        self._pending: list[Row] = []
        self._wanted = NO_LIMIT

    def next_batch(self) -> list[Row]:
        if self._tables is not None:
            self._lock_tables(self._tables)
            self._tables = None
        rows = self._pending or self._source.next_batch()
        if len(rows) > self._wanted:
            rows, self._pending = rows[: self._wanted], rows[self._wanted :]
        else:
            self._pending = []
        self._wanted -= len(rows)
        lock_row = self._context.transaction.lock_row
        mode = self._mode
        for position in self._positions:
            for row in rows:
                key = row[position]
                if key is not None:  # the missing side of an outer join
                    lock_row(key, mode)
        return rows

    def _lock_tables(self, tables: list[int]) -> None:
        transaction = self._context.transaction
        if transaction.read_only:
            raise InternalError(
                f"cannot execute SELECT {self._mode_name} in a read-only transaction", sqlstate="25006"
            )
        for table in tables:
            transaction.lock_table(table, ROW_SHARE)

    def reset(self) -> None:
        self._source.reset()
        self._pending = []
        self._wanted = NO_LIMIT

    def close(self) -> None:
        self._source.close()

    def expect(self, rows: int) -> None:
        self._wanted = rows
        self._source.expect(rows)
