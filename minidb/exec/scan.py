"""Reading stored tables: the whole table, a range of a key, or single keys.

    FullScan, KeyRange of the primary key    batches of (key, row) from storage, decoded in bulk
    KeyRange of an index                     batches of (entry, row's key), then a get for each row
    KeyLookup                                a get for each key (two through an index)

The first batches are small, so that LIMIT 1 reads little; storage makes them grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, Final

from minidb.catalog.by_identity import ByIdentity
from minidb.catalog.row_keys import index_keys_of, keys_of
from minidb.catalog.schema import Table
from minidb.exec.context import ExecutionContext
from minidb.exec.key_bounds import KeyParts, RangeBounds, lookup_keys
from minidb.exec.long_keys import LongKeys, Pairs, may_be_long
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.exec.read_ranges import ScanRange, scan_range
from minidb.plan.nodes import KeyLookup, KeyRange, Scan
from minidb.storage.key_codec import prefix_successor
from minidb.value.sql_types import Row

_key_of = itemgetter(0)
_value_of = itemgetter(1)

RowMaker = Callable[[Iterable[Row]], list[Row]]


def stored_row_maker(slots: tuple[int, ...]) -> RowMaker:
    """Stored rows -> rows of just `slots`. A stored row has one element more than the table has slots."""
    if not slots:
        return lambda rows: [() for _ in rows]
    if len(slots) == 1:
        only = itemgetter(slots[0])
        return lambda rows: list(zip(map(only, rows)))
    if slots == tuple(range(len(slots))):
        pick: Any = itemgetter(slice(len(slots)))
    else:
        pick = itemgetter(*slots)
    return lambda rows: list(map(pick, rows))


class KeyFinder:
    """Finds the storage keys at which the rows of a `KeyLookup` may be."""

    __slots__ = ("_access", "_index", "_key_of", "_parts", "_prefix")

    def __init__(self, table: Table, access: KeyLookup) -> None:
        keys = keys_of(table)
        self._access = access
        self._parts = KeyParts(table, access.index)
        self._prefix = keys.prefix
        self._index = access.index is not None
        key_of = keys.key_of if access.index is None else index_keys_of(access.index).encode
        assert key_of is not None
        self._key_of = key_of

    def find(self, context: ExecutionContext) -> list[bytes]:
        """The keys, each once, in their order, under the present parameters and outer values."""
        values = lookup_keys(self._parts, self._access.keys, context)
        keys = [self._key_of(value) for value in values]
        if len(keys) > 1:
            keys = sorted(set(keys))
        if self._index:
            get = context.reader_of(keys).get
            return [self._prefix + row_key for row_key in map(get, keys) if row_key is not None]
        return keys


class ScanShape:
    """What the executions of one `Scan` have in common."""

    __slots__ = (
        "codec", "counts_only", "decode", "fetches", "finder", "make", "may_be_long", "plan", "ranges",
        "reverse", "row_prefix", "row_stop", "to_change", "where", "with_key",
    )  # fmt: skip

    def __init__(self, plan: Scan) -> None:
        keys = keys_of(plan.table)
        access = plan.access
        self.plan = plan
        self.row_prefix = keys.prefix
        self.row_stop = prefix_successor(keys.prefix)
        self.codec = keys.codec
        self.decode = keys.codec.narrowed(plan.slots).decode_through
        self.make = stored_row_maker(plan.slots)
        self.with_key = plan.key is not None
        self.to_change = self.with_key and not plan.shared  # or to be locked as if
        self.where = None if plan.where is None else plan.where.filter_batch
        self.reverse = plan.reverse
        self.ranges = RangeBounds(plan.table, access) if isinstance(access, KeyRange) else None
        self.finder = KeyFinder(plan.table, access) if isinstance(access, KeyLookup) else None
        self.fetches = isinstance(access, KeyRange) and access.index is not None
        self.may_be_long = self.ranges is not None and may_be_long(self.ranges.parts)
        # count(*): how many rows there are is all that is asked
        self.counts_only = not plan.slots and plan.where is None and not self.with_key


scan_shape: Final = ByIdentity(ScanShape)


class ScanOperator(Operator):
    """The rows of one table; see the module for the ways to them."""

    __slots__ = ("_context", "_found", "_long_keys", "_reached", "_reader", "_shape", "_wanted")

    def __init__(self, plan: Scan, context: ExecutionContext) -> None:
        self._shape = scan_shape(plan)
        self._context = context
        self._reader: Any = context.transaction
        self._long_keys: LongKeys | None = None
        self._found: Iterator[Pairs] | None = None
        self._wanted: int | None = None
        self._reached: ScanRange | None = None  # what was read so far, of a scan that may end early

    def next_batch(self) -> list[Row]:
        found = self._found
        if found is None:
            found = self._found = self._open()
        context = self._context
        shape = self._shape
        while True:
            context.check_cancel()
            pairs = next(found, None)
            if self._reached is not None:
                pairs = self._reach(self._reached, pairs)
            if not pairs:
                return []
            long_keys = self._long_keys
            if long_keys is not None and not long_keys.concerns(pairs):
                long_keys = None
            if shape.counts_only and long_keys is None:
                return [()] * len(pairs)
            if shape.fetches:
                prefix = shape.row_prefix
                pairs = _rows_at(self._reader, [prefix + row_key for _, row_key in pairs])
            datas = list(map(_value_of, pairs))
            if long_keys is not None or shape.with_key:
                keys = list(map(_key_of, pairs))
                if long_keys is not None:
                    keys, stored = long_keys.arrange(keys, shape.codec.decode_many(datas))
                    rows = shape.make(stored)
                else:
                    rows = shape.decode(datas, shape.make)
                if shape.with_key:
                    rows = [(*row, key) for row, key in zip(rows, keys, strict=True)]
            else:
                rows = shape.decode(datas, shape.make)
            if shape.where is not None:
                rows = shape.where(rows, context)
            if rows:
                return rows

    def _open(self) -> Iterator[Pairs]:
        context = self._context
        shape = self._shape
        reverse = shape.reverse
        batches: Iterator[Pairs]
        if shape.ranges is not None:
            bounds = shape.ranges.compute(context)
            if bounds is None:
                return iter(())
            batches = self._batches(bounds.start, bounds.stop)
            if shape.may_be_long:
                self._long_keys = LongKeys(shape.ranges.parts, bounds, reverse)
                return self._long_keys.whole_groups(batches)
            return batches
        if shape.finder is not None:
            return self._look_up(shape.finder.find(context))
        return self._batches(shape.row_prefix, shape.row_stop)

    def _batches(self, start: bytes, stop: bytes | None) -> Iterator[Pairs]:
        context, shape = self._context, self._shape
        watch = context.watch
        if watch is not None:
            read = scan_range(shape.plan, start, stop, context)
            if self._wanted is not None and not shape.may_be_long and not watch.reads_latest:
                self._reached = read.not_begun(shape.reverse)
            self._reader = watch.range(read)
        found: Iterator[Pairs] = self._reader.batches(start, stop, reverse=shape.reverse)
        return found

    def _look_up(self, keys: list[bytes]) -> Iterator[Pairs]:
        if self._shape.reverse:
            keys.reverse()
        for start in range(0, len(keys), BATCH_ROWS):
            some = keys[start : start + BATCH_ROWS]
            yield _rows_at(self._context.reader_of(some, self._shape.to_change), some)

    def _reach(self, read: ScanRange, pairs: Pairs | None) -> Pairs | None:
        """The pairs that are wanted, counted as read: what lies beyond them may change freely."""
        if pairs is None:
            read.reach(None)
            return None
        if self._shape.where is None and self._wanted is not None:
            pairs = pairs[: self._wanted]
            self._wanted -= len(pairs)
        if pairs:
            read.reach(pairs[-1][0])
        return pairs

    def reset(self) -> None:
        self._found = None
        self._reached = self._wanted = None

    def close(self) -> None:
        self._found = iter(())

    def expect(self, rows: int) -> None:
        self._wanted = rows


def _rows_at(reader: Any, keys: list[bytes]) -> Pairs:
    found = map(reader.get, keys)
    return [(key, data) for key, data in zip(keys, found, strict=True) if data is not None]
