"""One table under change: a row goes in, changes or goes out together with its index entries.

A writer belongs to one statement. What a row's change means to other tables is not decided here: foreign
keys hear of it (`ForeignKeyQueue`) and act when the statement has changed all its rows.

The order within a row is PostgreSQL's: generated columns, NOT NULL, CHECK, the primary key, the other
unique keys in the order of their creation.
"""

from __future__ import annotations

from minidb.catalog.row_keys import PREFIX_LENGTH, key_slots, keys_of, slots_getter
from minidb.errors import IntegrityError
from minidb.exec.constraints import RowConstraints, unique_violation
from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_queue import ForeignKeyQueue
from minidb.exec.index_writer import IndexWriter
from minidb.plan.changes import Target
from minidb.txn.lock_modes import ROW_EXCLUSIVE, UPDATE
from minidb.value.sql_types import Row


class UpdateShape:
    """What the updates of one statement have in common: may rows move, which indexes may change, and the
    columns (if any) whose change is one of a key, to which foreign keys may refer."""

    __slots__ = ("indexes", "key_values", "moves")

    def __init__(self, moves: bool, indexes: list[IndexWriter], keys: tuple[int, ...]) -> None:
        self.moves = moves
        self.indexes = indexes
        self.key_values = slots_getter(keys) if keys else None


class TableWriter:
    """See the module. `foreign_keys` is the statement's, shared by the writers of all its tables."""

    __slots__ = (
        "constraints",
        "context",
        "foreign_keys",
        "indexes",
        "keys",
        "table",
        "target",
        "transaction",
    )

    def __init__(
        self, target: Target, context: ExecutionContext, foreign_keys: ForeignKeyQueue | None
    ) -> None:
        table = target.table
        self.target = target
        self.table = table
        self.context = context
        self.transaction = context.transaction
        self.keys = keys_of(table)
        self.indexes = [IndexWriter(table, index, context) for index in target.indexes]
        self.constraints = RowConstraints(table, target.not_null, target.checks, context)
        self.foreign_keys = foreign_keys
        self.transaction.lock_table(table.id, ROW_EXCLUSIVE)

    def complete(self, row: Row) -> Row:
        """The row with its generated columns computed."""
        if not self.target.generated:
            return row
        values = list(row)
        for slot, expression in self.target.generated:
            values[slot] = expression.evaluate(row, self.context)
        return tuple(values)

    def insert(self, row: Row) -> bytes:
        """Store a new, complete row; its storage key."""
        self.constraints.test(row)
        return self.store(row)

    def store(self, row: Row) -> bytes:
        """Store a new row that satisfies its constraints, all but the keys."""
        keys = self.keys
        if keys.row_key is not None:
            key = keys.row_key(row)
            if not self.transaction.insert(key, keys.codec.encode(row)):
                values = slots_getter(self.table.primary_key)(row)
                raise unique_violation(self.table, None, values)
        else:
            key = keys.row_id_key(self.transaction.next_row_id(self.table.storage_id))
            self.transaction.put_entry(key, keys.codec.encode(row))
        if self.indexes:
            row_key = key[PREFIX_LENGTH:]
            for index in self.indexes:
                index.insert(row, row_key)
        if self.foreign_keys is not None:
            self.foreign_keys.inserted(self.table.id, row)
        return key

    def insert_batch(self, rows: list[Row]) -> None:
        """Store new, complete rows.

        All at once if all goes well. If anything is wrong with any of them, one by one: then the error is
        the first row's that is wrong, as if there were no batches.
        """
        start = self.transaction.savepoint()
        try:
            done = self._insert_many(rows)
        except IntegrityError:
            done = False
        if not done:
            self.transaction.rollback_to(start)
            for row in rows:
                self.insert(row)

    def _insert_many(self, rows: list[Row]) -> bool:
        if self.constraints.checks or self.constraints.not_null:
            test = self.constraints.test
            for row in rows:
                test(row)
        keys = self.keys
        encode_many = keys.codec.encode_many
        transaction = self.transaction
        if keys.row_key is not None:
            stored = list(map(keys.row_key, rows))
            if transaction.insert_many(stored, encode_many(rows)) is not None:
                return False
        else:
            storage_id = self.table.storage_id
            stored = [keys.row_id_key(transaction.next_row_id(storage_id)) for _ in rows]
            transaction.put_entries(dict(zip(stored, encode_many(rows), strict=True)))
        if self.indexes:
            row_keys = [key[PREFIX_LENGTH:] for key in stored]
            for index in self.indexes:
                if not index.insert_many(rows, row_keys):
                    return False
        if self.foreign_keys is not None:
            for row in rows:
                self.foreign_keys.inserted(self.table.id, row)
        return True

    def shape(self, slots: frozenset[int]) -> UpdateShape:
        """What updates that assign these slots (and the generated ones) have to touch."""
        changed = slots | {slot for slot, _ in self.target.generated}
        moves = not changed.isdisjoint(self.table.primary_key)
        affected = [index for index in self.indexes if moves or not changed.isdisjoint(index.needs)]
        return UpdateShape(moves, affected, tuple(key_slots(self.table) & changed))

    def update(self, key: bytes, old: Row, new: Row, shape: UpdateShape) -> bytes:
        """Change a row from `old` to the complete row `new`; its storage key, which may be another one."""
        self.constraints.test(new)
        keys = self.keys
        new_key = key
        if shape.moves and keys.row_key is not None:
            new_key = keys.row_key(new)
        if new_key == key:
            values_of = shape.key_values
            if values_of is not None and values_of(old) != values_of(new):
                self.transaction.lock(key, UPDATE)  # `put` alone would let those pass who lock the key only
            self.transaction.put(key, keys.codec.encode(new))
        else:
            self.transaction.delete(key)
            if not self.transaction.insert(new_key, keys.codec.encode(new)):
                raise unique_violation(self.table, None, slots_getter(self.table.primary_key)(new))
        if shape.indexes:
            old_row_key = key[PREFIX_LENGTH:]
            new_row_key = new_key[PREFIX_LENGTH:]
            for index in shape.indexes:
                index.update(old, new, old_row_key, new_row_key)
        if self.foreign_keys is not None:
            self.foreign_keys.updated(self.table.id, old, new)
        return new_key

    def delete(self, key: bytes, old: Row) -> None:
        """Remove a row."""
        self.transaction.delete(key)
        if self.indexes:
            row_key = key[PREFIX_LENGTH:]
            for index in self.indexes:
                index.delete(old, row_key)
        if self.foreign_keys is not None:
            self.foreign_keys.deleted(self.table.id, old)
