"""INSERT: rows of the source go into the table batch by batch; ON CONFLICT looks before it stores.

With ON CONFLICT each proposed row first locks the arbiter keys that it would occupy, then looks at the
newest committed state, so that no other transaction can come between the look and the insert. An existing
row that DO UPDATE changes may be newer than the snapshot: writing it is up to the isolation level.
"""

from __future__ import annotations

from minidb.errors import IntegrityError
from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_actions import ChangeStatement
from minidb.exec.index_writer import IndexWriter
from minidb.exec.operator import Operator
from minidb.exec.table_writer import TableWriter
from minidb.plan.changes import Insert, OnConflict
from minidb.txn.lock_modes import NO_KEY_UPDATE
from minidb.value.sql_types import Row


def run_insert(
    plan: Insert, source: Operator, statement: ChangeStatement, context: ExecutionContext
) -> tuple[int, list[Row]]:
    """Insert all rows of the plan's source; the number of rows stored or updated, and RETURNING's rows."""
    writer = statement.writer(plan.targets[0].table.id)
    conflicts = ConflictWriter(plan.on_conflict, writer, context) if plan.on_conflict is not None else None
    count = 0
    returned: list[Row] = []
    try:
        while batch := source.next_batch():
            if plan.targets[0].generated:
                batch = [writer.complete(row) for row in batch]
            if conflicts is None:
                writer.insert_batch(batch)
                stored = batch
            else:
                stored = [row for proposed in batch if (row := conflicts.insert(proposed)) is not None]
            count += len(stored)
            if plan.returning and stored:
                columns = [expression.evaluate_batch(stored, context) for expression in plan.returning]
                returned.extend(zip(*columns, strict=True))
    finally:
        source.close()
    return count, returned


class ConflictWriter:
    """INSERT ... ON CONFLICT of one statement."""

    __slots__ = (
        "_action",
        "_arbiters",
        "_assignments",
        "_context",
        "_primary",
        "_shape",
        "_touched",
        "_writer",
    )

    def __init__(self, action: OnConflict, writer: TableWriter, context: ExecutionContext) -> None:
        self._action = action
        self._writer = writer
        self._context = context
        names = action.arbiters
        table = writer.table
        self._primary = bool(table.primary_key) and (names is None or table.primary_key_name in names)
        self._arbiters: list[IndexWriter] = [
            index
            for index in writer.indexes
            if index.unique and (names is None or index.schema.name in names)
        ]
        self._assignments = action.assignments
        self._shape = writer.shape(frozenset([slot for slot, _ in action.assignments or ()]))
        self._touched: set[bytes] = set()  # rows that DO UPDATE must not meet (again)

    def insert(self, row: Row) -> Row | None:
        """Store the row, or act on the one in its way; the row as stored, None if nothing was."""
        writer = self._writer
        writer.constraints.test(row)
        key = self._conflicting_row(row)
        if key is None:
            stored = writer.store(row)
            if self._assignments is not None:
                self._touched.add(stored)
            return row
        if self._assignments is None:
            return None
        return self._update(key, row)

    def _conflicting_row(self, row: Row) -> bytes | None:
        """The storage key of the row that has one of the arbiter keys already; locks the keys."""
        writer = self._writer
        transaction = writer.transaction
        if self._primary:
            assert writer.keys.row_key is not None
            key = writer.keys.row_key(row)
            transaction.lock(key, NO_KEY_UPDATE)
            if transaction.get_latest(key) is not None:
                self._check_visible(key)
                return key
        for index in self._arbiters:
            entry = index.unique_key(row)
            if entry is not None:
                transaction.lock(entry, NO_KEY_UPDATE)
                row_key: bytes | None = transaction.get_latest(entry)
                if row_key is not None:
                    self._check_visible(entry)
                    return writer.keys.prefix + row_key
        return None

    def _check_visible(self, key: bytes) -> None:
        """Under REPEATABLE READ a conflict with a row that the snapshot does not show cannot be acted on."""
        transaction = self._writer.transaction
        transaction.saw_existence(key)
        if not transaction.control.snapshot_per_statement:
            transaction.lock_row(key, NO_KEY_UPDATE)

    def _update(self, key: bytes, proposed: Row) -> Row | None:
        writer = self._writer
        transaction = writer.transaction
        if key in self._touched:
            raise IntegrityError(
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
                sqlstate="21000",
                hint="Ensure that no rows proposed for insertion within the same command have "
                "duplicate constrained values.",
            )
        if transaction.control.snapshot_per_statement:
            transaction.lock(key, NO_KEY_UPDATE)
        else:
            transaction.lock_row(key, NO_KEY_UPDATE)  # a row that WHERE leaves alone must be visible, too
        watch = self._context.watch
        if watch is not None:
            watch.keys([key], True)
        data = transaction.get_latest(key)
        assert data is not None, "an index entry without its row"
        count = len(writer.table.slot_types)
        existing = writer.keys.codec.decode(data)[:count]
        both = existing + proposed
        action = self._action
        if action.where is not None and action.where.evaluate(both, self._context) is not True:
            return None
        values = list(existing)
        assert self._assignments is not None
        for slot, expression in self._assignments:
            values[slot] = expression.evaluate(both, self._context)
        changed = writer.complete(tuple(values))
        self._touched.add(writer.update(key, existing, changed, self._shape))
        return changed
