"""SELECT ... FOR UPDATE and its weaker forms: locks each row before it is delivered.

A lock waits for its present holder; under NOWAIT it fails instead (55P03), under SKIP LOCKED the row is left
out. If a row that is locked turns out to have changed since the snapshot, the level decides: READ COMMITTED
restarts the statement on a new snapshot (the locks stay, so it comes through eventually), REPEATABLE READ
fails with 40001. FOR KEY SHARE only cares for the row's key: a change that left it alone is none. Rows beyond
a LIMIT above are not locked.
"""

from __future__ import annotations

from minidb.catalog.row_keys import key_slots, keys_of, slots_getter
from minidb.errors import InternalError, LockNotAvailable
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import Operator
from minidb.exec.pipeline import NO_LIMIT
from minidb.plan.nodes import Lock, RowMark
from minidb.txn.lock_modes import KEY_SHARE, ROW_NAMES, ROW_SHARE
from minidb.value.sql_types import Row


class LockOperator(Operator):
    """Passes on its source's rows, locked."""

    __slots__ = ("_begun", "_context", "_marks", "_pending", "_skips", "_source", "_wanted")

    def __init__(self, plan: Lock, source: Operator, context: ExecutionContext) -> None:
        self._source = source
        self._context = context
        position = {column.id: number for number, column in enumerate(plan.source.columns)}
        self._marks = [(position[mark.key.id], mark) for mark in plan.marks]
        self._skips = any(mark.wait == "skip" for mark in plan.marks)
        self._begun = False
        self._pending: list[Row] = []
        self._wanted = NO_LIMIT

    def next_batch(self) -> list[Row]:
        if not self._begun:
            self._begun = True
            self._lock_tables()
        while self._wanted:
            rows = self._pending or self._source.next_batch()
            if not rows:
                break
            self._pending = rows[self._wanted :]
            locked = self._lock(rows[: self._wanted])
            self._wanted -= len(locked)
            if locked:
                return locked
        return []

    def _lock(self, rows: list[Row]) -> list[Row]:
        """Those of the rows that could be locked: all, but under SKIP LOCKED."""
        for position, mark in self._marks:
            keys = [row[position] for row in rows]
            got = [key is None or self._lock_row(key, mark) for key in keys]  # None: no row, by an outer join
            if not all(got):
                rows = [row for row, granted in zip(rows, got, strict=True) if granted]
        return rows

    def _lock_row(self, key: bytes, mark: RowMark) -> bool:
        transaction = self._context.transaction
        if mark.mode != KEY_SHARE:
            granted: bool = transaction.lock_row(key, mark.mode, mark.wait == "block")
        else:
            granted = transaction.lock(key, KEY_SHARE, mark.wait == "block")
            if granted and not self._has_same_key(key, mark):
                transaction.lock_row(key, KEY_SHARE)
        if not granted and mark.wait == "error":
            raise LockNotAvailable(f'could not obtain lock on row in relation "{mark.table.name}"')
        return granted

    def _has_same_key(self, key: bytes, mark: RowMark) -> bool:
        """Whether the newest version of a row has the key columns of the one that the statement sees."""
        transaction = self._context.transaction
        seen, newest = transaction.get(key), transaction.get_latest(key)
        if seen is None or newest is None:
            return seen is newest
        if seen == newest:
            return True
        decode, values_of = keys_of(mark.table).codec.decode, slots_getter(tuple(key_slots(mark.table)))
        return values_of(decode(seen)) == values_of(decode(newest))

    def _lock_tables(self) -> None:
        transaction = self._context.transaction
        for _, mark in self._marks:
            if transaction.read_only:
                raise InternalError(
                    f"cannot execute SELECT {ROW_NAMES[mark.mode]} in a read-only transaction",
                    sqlstate="25006",
                )
            transaction.lock_table(mark.table.id, ROW_SHARE)  # NOWAIT and SKIP LOCKED are for rows only

    def reset(self) -> None:
        self._source.reset()
        self._pending = []
        self._wanted = NO_LIMIT

    def close(self) -> None:
        self._source.close()

    def expect(self, rows: int) -> None:
        self._wanted = rows
        if not self._skips:
            self._source.expect(rows)
