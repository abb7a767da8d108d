"""The rows that refer to a parent: by an index or primary key that begins with the foreign key, or by a scan.

Rows are those of the newest committed state and of the transaction itself, not the snapshot's: the caller
holds the lock on the parent's key, so no other transaction can add children meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from minidb.catalog.row_keys import PREFIX_LENGTH, IndexKeys, index_keys_of, keys_of, slots_getter
from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_queue import ForeignKey, Values
from minidb.storage.key_codec import KeyEncoder, encoder_for, prefix_successor, range_start, range_stop
from minidb.txn.read_set import ReadRange
from minidb.value.sql_types import Row

Found = tuple[bytes, Row]  # storage key, row


class ChildRows:
    """Finds the children of some parents, all of one foreign key."""

    __slots__ = ("_context", "_encode", "_index", "_keys", "_order", "_transaction", "_values_of")

    def __init__(self, foreign_key: ForeignKey, context: ExecutionContext) -> None:
        child = foreign_key.child
        slots = foreign_key.schema.slots
        self._context = context
        self._transaction = context.transaction
        self._keys = keys_of(child)
        self._values_of = slots_getter(slots)
        self._encode: KeyEncoder | None = None
        self._index: IndexKeys | None = None
        self._order: list[int] = []
        wanted = frozenset(slots)
        if frozenset(child.primary_key[: len(slots)]) == wanted:
            types = [child.slot_types[slot] for slot in child.primary_key]
            self._encode = encoder_for(types, prefix=self._keys.prefix)
            self._order = [slots.index(slot) for slot in child.primary_key[: len(slots)]]
            return
        for index in child.indexes:
            leading = [key.slot for key in index.keys[: len(slots)]]
            if index.predicate is None and frozenset(leading) == wanted:
                self._index = index_keys_of(index)
                self._encode = self._index.encode
                self._order = [slots.index(slot) for slot in leading if slot is not None]
                return

    def find(self, parents: list[Values]) -> dict[Values, list[Found]]:
        """The children of each of these parents; values are in the child's types, none is NULL."""
        if self._encode is None:
            return self._find_by_scan(parents)
        found: dict[Values, list[Found]] = {}
        for values in parents:
            prefix = self._encode(tuple([values[place] for place in self._order]))
            pairs = self._pairs(range_start(prefix), range_stop(prefix, True))
            rows = self._rows_of_entries(pairs) if self._index is not None else self._rows(pairs)
            found[values] = [(key, row) for key, row in rows if self._values_of(row) == values]
        return found

    def _find_by_scan(self, parents: list[Values]) -> dict[Values, list[Found]]:
        found: dict[Values, list[Found]] = {values: [] for values in parents}
        values_of = self._values_of
        prefix = self._keys.prefix
        for key, row in self._rows(self._pairs(prefix, prefix_successor(prefix))):
            children = found.get(values_of(row))
            if children is not None:
                children.append((key, row))
        return found

    def _pairs(self, start: bytes, stop: bytes | None) -> Iterable[tuple[bytes, bytes]]:
        self._transaction.saw_rows(ReadRange(start[:PREFIX_LENGTH], start, stop))
        for batch in self._transaction.batches_latest(start, stop):
            self._context.check_cancel()
            yield from batch

    def _rows(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterable[Found]:
        decode = self._keys.codec.decode
        for key, data in pairs:
            yield key, decode(data)

    def _rows_of_entries(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterable[Found]:
        decode = self._keys.codec.decode
        prefix = self._keys.prefix
        for _, row_key in pairs:
            data = self._transaction.get_latest(prefix + row_key)
            if data is not None:
                yield prefix + row_key, decode(data)
