"""Index entries for the fast forms of changes: indexes over plain columns, for any transaction."""

from __future__ import annotations

from collections.abc import Callable

from minidb.catalog.row_keys import index_keys_of, slots_getter
from minidb.plan.changes import Target, TargetIndex, needed_slots
from minidb.storage.key_codec import MAXIMUM_KEY, fit
from minidb.value.sql_types import Row, Value

StoredRow = Row | list[Value]  # a value per slot, and perhaps one more element


class FastIndex:
    """Makes the entries of one index."""

    __slots__ = ("encode", "unique", "values_of")

    def __init__(self, index: TargetIndex, slots: tuple[int, ...]) -> None:
        keys = index_keys_of(index.schema)
        self.encode = keys.encode
        self.unique = keys.unique
        self.values_of: Callable[[StoredRow], tuple[Value, ...]] = slots_getter(slots)

    def entry(self, row: StoredRow, row_key: bytes) -> tuple[bytes, bool]:
        """The row's entry, and whether an equal row would meet it there."""
        values = self.values_of(row)
        if self.unique and None not in values:
            return self.encode(values), True
        key = self.encode(values) + row_key
        return (key if len(key) < MAXIMUM_KEY else fit(key)), False


def fast_indexes(target: Target, assigned: frozenset[int] | None = None) -> list[FastIndex] | None:
    """The indexes that a change of the assigned slots (None: all) touches; None if one is not that simple."""
    found: list[FastIndex] = []
    for index in target.indexes:
        if assigned is not None and assigned.isdisjoint(needed_slots(index)):
            continue
        slots = index_keys_of(index.schema).slots
        if slots is None or index.predicate is not None:
            return None
        found.append(FastIndex(index, slots))
    return found
