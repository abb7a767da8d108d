"""Reading stored tables: the whole table, a range of a key, or single keys.

    FullScan, KeyRange of the primary key    batches of (key, row) from storage, decoded in bulk
    KeyRange of an index                     batches of (entry, row's key), then a get for each row
    KeyLookup                                a get for each key (two through an index)

The first batches are small, so that LIMIT 1 reads little; storage makes them grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from minidb.catalog.row_keys import index_keys_of, keys_of
from minidb.exec.context import ExecutionContext
from minidb.exec.key_bounds import KeyParts, RangeBounds, lookup_keys
from minidb.exec.long_keys import LongKeys, Pairs, may_be_long
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.plan.nodes import KeyLookup, KeyRange, Scan
from minidb.storage.key_codec import prefix_successor
from minidb.value.sql_types import Row

_key_of = itemgetter(0)
_value_of = itemgetter(1)

RowMaker = Callable[[list[Row]], list[Row]]


def stored_row_maker(slots: tuple[int, ...]) -> RowMaker:
    """Stored rows -> rows of just `slots`. A stored row has one element more than the table has slots."""
    if not slots:
        return lambda rows: [()] * len(rows)
    if len(slots) == 1:
        (only,) = slots
        return lambda rows: [(row[only],) for row in rows]
    if slots == tuple(range(len(slots))):
        pick: Any = itemgetter(slice(len(slots)))
    else:
        pick = itemgetter(*slots)
    return lambda rows: list(map(pick, rows))


class KeyFinder:
    """The storage keys at which the rows of a `KeyLookup` may be, under the present outer values."""

    __slots__ = ("_access", "_context", "_index", "_key_of", "_parts", "_prefix")

    def __init__(self, plan: Scan, access: KeyLookup, context: ExecutionContext) -> None:
        keys = keys_of(plan.table)
        self._access = access
        self._context = context
        self._parts = KeyParts(plan.table, access.index)
        self._prefix = keys.prefix
        self._index = access.index is not None
        key_of = keys.key_of if access.index is None else index_keys_of(access.index).encode
        assert key_of is not None
        self._key_of = key_of

    def find(self) -> list[bytes]:
        """The keys, each once, in their order."""
        values = lookup_keys(self._parts, self._access.keys, self._context)
        keys = [self._key_of(value) for value in values]
        if len(keys) > 1:
            keys = sorted(set(keys))
        if self._index:
            get = self._context.transaction.get
            return [self._prefix + row_key for row_key in map(get, keys) if row_key is not None]
        return keys


class ScanOperator(Operator):
    """The rows of one table; see the module for the ways to them."""

    __slots__ = (
        "_context", "_decode", "_fetches", "_finder", "_found", "_long_keys", "_make", "_may_be_long",
        "_plan", "_ranges", "_row_prefix", "_where", "_with_key",
    )  # fmt: skip

    def __init__(self, plan: Scan, context: ExecutionContext) -> None:
        keys = keys_of(plan.table)
        access = plan.access
        self._plan = plan
        self._context = context
        self._row_prefix = keys.prefix
        self._decode = keys.codec.decode_many
        self._make = stored_row_maker(plan.slots)
        self._with_key = plan.key is not None
        self._where = None if plan.where is None else plan.where.filter_batch
        self._ranges = RangeBounds(plan.table, access) if isinstance(access, KeyRange) else None
        self._finder = KeyFinder(plan, access, context) if isinstance(access, KeyLookup) else None
        self._fetches = isinstance(access, KeyRange) and access.index is not None
        self._may_be_long = self._ranges is not None and may_be_long(self._ranges.parts)
        self._long_keys: LongKeys | None = None
        self._found: Iterator[Pairs] | None = None

    def next_batch(self) -> list[Row]:
        found = self._found
        if found is None:
            found = self._found = self._open()
        context = self._context
        while True:
            context.check_cancel()
            pairs = next(found, None)
            if pairs is None:
                return []
            arranges = self._long_keys is not None and self._long_keys.concerns(pairs)
            if self._fetches:
                pairs = self._fetch(pairs)
            stored = self._decode(list(map(_value_of, pairs)))
            if arranges or self._with_key:
                keys = list(map(_key_of, pairs))
                if arranges and self._long_keys is not None:
                    keys, stored = self._long_keys.arrange(keys, stored)
                rows = self._make(stored)
                if self._with_key:
                    rows = [(*row, key) for row, key in zip(rows, keys, strict=True)]
            else:
                rows = self._make(stored)
            if self._where is not None:
                rows = self._where(rows, context)
            if rows:
                return rows

    def _open(self) -> Iterator[Pairs]:
        transaction = self._context.transaction
        reverse = self._plan.reverse
        batches: Iterator[Pairs]
        if self._ranges is not None:
            bounds = self._ranges.compute(self._context)
            if bounds is None:
                return iter(())
            batches = transaction.batches(bounds.start, bounds.stop, reverse=reverse)
            if self._may_be_long:
                self._long_keys = LongKeys(self._ranges.parts, bounds, reverse)
                return self._long_keys.whole_groups(batches)
            return batches
        if self._finder is not None:
            return self._look_up(self._finder.find())
        batches = transaction.batches(self._row_prefix, prefix_successor(self._row_prefix), reverse=reverse)
        return batches

    def _fetch(self, entries: Pairs) -> Pairs:
        """Index entries -> (row's storage key, row)."""
        prefix = self._row_prefix
        return self._rows_at([prefix + row_key for _, row_key in entries])

    def _rows_at(self, keys: list[bytes]) -> Pairs:
        found = map(self._context.transaction.get, keys)
        return [(key, data) for key, data in zip(keys, found, strict=True) if data is not None]

    def _look_up(self, keys: list[bytes]) -> Iterator[Pairs]:
        if self._plan.reverse:
            keys.reverse()
        for start in range(0, len(keys), BATCH_ROWS):
            yield self._rows_at(keys[start : start + BATCH_ROWS])

    def reset(self) -> None:
        self._found = None

    def close(self) -> None:
        self._found = iter(())
