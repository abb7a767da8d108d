"""One index of a table under change: which entry a row has, and how entries come and go."""

from __future__ import annotations

from collections.abc import Callable

from minidb.catalog.row_keys import index_keys_of, slots_getter
from minidb.catalog.schema import Table
from minidb.exec.constraints import unique_violation
from minidb.exec.context import ExecutionContext
from minidb.expr.node import Expr
from minidb.plan.changes import TargetIndex, needed_slots
from minidb.storage.key_codec import fit
from minidb.value.sql_types import Row, Value


class IndexWriter:
    """Keeps one index in step with its table. `needs` are the slots on which entries depend."""

    __slots__ = (
        "context",
        "encode",
        "needs",
        "predicate",
        "schema",
        "table",
        "transaction",
        "unique",
        "values_of",
    )

    def __init__(self, table: Table, index: TargetIndex, context: ExecutionContext) -> None:
        keys = index_keys_of(index.schema)
        self.table = table
        self.schema = index.schema
        self.context = context
        self.transaction = context.transaction
        self.unique = keys.unique
        self.encode = keys.encode
        self.values_of: Callable[[Row], tuple[Value, ...]] = (
            slots_getter(keys.slots) if keys.slots is not None else _evaluator(index.keys, context)
        )
        self.predicate = index.predicate
        self.needs = needed_slots(index)

    def covers(self, row: Row) -> bool:
        """Whether the row has an entry: always, but for a partial index."""
        return self.predicate is None or self.predicate.evaluate(row, self.context) is True

    def unique_key(self, row: Row) -> bytes | None:
        """The key at which the row would meet an equal one; None if it cannot."""
        if not self.unique or not self.covers(row):
            return None
        values = self.values_of(row)
        return None if None in values else self.encode(values)

    def entry(self, row: Row, row_key: bytes) -> bytes | None:
        """The key of the row's entry; `row_key` is the row's storage key without its prefix."""
        if not self.covers(row):
            return None
        values = self.values_of(row)
        if self.unique and None not in values:
            return self.encode(values)
        return fit(self.encode(values) + row_key)

    def insert(self, row: Row, row_key: bytes) -> None:
        """Add the row's entry; 23505 if an equal one is there."""
        if self.predicate is not None and self.predicate.evaluate(row, self.context) is not True:
            return
        values = self.values_of(row)
        if self.unique and None not in values:
            if not self.transaction.insert(self.encode(values), row_key):
                raise unique_violation(self.table, self.schema, values)
        else:
            self.transaction.put_entry(fit(self.encode(values) + row_key), row_key)

    def delete(self, row: Row, row_key: bytes) -> None:
        """Remove the row's entry."""
        key = self.entry(row, row_key)
        if key is not None:
            self._delete(key, row)

    def _delete(self, key: bytes, row: Row) -> None:
        if self.unique and None not in self.values_of(row):
            self.transaction.delete(key)  # locked: others may wait to insert an equal key
        else:
            self.transaction.delete_entry(key)

    def update(self, old: Row, new: Row, old_key: bytes, new_key: bytes) -> None:
        """Move the row's entry, if that is different at all."""
        before = self.entry(old, old_key)
        after = self.entry(new, new_key)
        if before == after and old_key == new_key:
            return
        if before is not None:
            self._delete(before, old)
        if after is None:
            return
        if not self.unique:
            self.transaction.put_entry(after, new_key)
            return
        values = self.values_of(new)
        if None in values:
            self.transaction.put_entry(after, new_key)
        elif not self.transaction.insert(after, new_key):
            raise unique_violation(self.table, self.schema, values)

    def insert_many(self, rows: list[Row], row_keys: list[bytes]) -> bool:
        """Add the entries of many new rows; False (and some may be there) if a unique key is taken."""
        if self.predicate is not None:
            kept = [
                (row, row_key)
                for row, row_key in zip(rows, row_keys, strict=True)
                if self.predicate.evaluate(row, self.context) is True
            ]
            rows = [row for row, _ in kept]
            row_keys = [row_key for _, row_key in kept]
        encode = self.encode
        many_values = list(map(self.values_of, rows))
        if not self.unique:
            self.transaction.put_entries(
                {
                    fit(encode(values) + row_key): row_key
                    for values, row_key in zip(many_values, row_keys, strict=True)
                }
            )
            return True
        entries: list[bytes] = []
        singles: list[bytes] = []
        shared: dict[bytes, bytes] = {}
        for values, row_key in zip(many_values, row_keys, strict=True):
            if None in values:
                shared[fit(encode(values) + row_key)] = row_key
            else:
                entries.append(encode(values))
                singles.append(row_key)
        if shared:
            self.transaction.put_entries(shared)
        return self.transaction.insert_many(entries, singles) is None


def _evaluator(keys: tuple[Expr, ...], context: ExecutionContext) -> Callable[[Row], tuple[Value, ...]]:
    functions = [key.evaluate for key in keys]

    def values_of(row: Row) -> tuple[Value, ...]:
        return tuple([function(row, context) for function in functions])

    return values_of
