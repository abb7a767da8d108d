"""A transaction's private writes over its snapshot: undo list, views that hold still, merged scans.

    writes   key -> new value, or None where deleted: what commit hands to the store
    undo     (key, what `writes` held before, or ABSENT), in order: a savepoint is a position in it
             (b"", keys) for many new keys at once; (b"", None) marks a dropped range

A statement must not see its own writes (an UPDATE that moves rows ahead in the index it scans would meet
them again: the Halloween problem), and a half-read result must not change under its reader. So reads go
through an OverlayView: the overlay as it was at one position of the undo list. It costs nothing until
something is written behind it; then the first undo entry after the position tells what a key held there.

Invariant: for every key, folding `undo` backwards over `writes` ends in an overlay without that key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import EllipsisType
from typing import Final

from sortedcontainers import SortedList

Pair = tuple[bytes, bytes]
Batch = list[Pair]


# No entry, where None is an entry that says "deleted". Ellipsis, because the cyclic garbage collector does
# not track it: an undo list of a million entries then costs a collection nothing.
Absent = EllipsisType
ABSENT: Final = ...

Writes = dict[bytes, bytes | None]
Undo = list[tuple[bytes, bytes | Absent | list[bytes] | None]]

_FEW: Final = 16  # keys that are cheaper to filter than to sort
_FIRST_CHUNK: Final = 32
_CHUNK: Final = 2048


class Overlay:
    """What a transaction's writes need once somebody scans them or rolls them back.

    `writes` and `undo` are the transaction's own: it fills them itself, as that path is hot.
    """

    __slots__ = ("epoch", "indexed", "order", "undo", "writes")

    def __init__(self, writes: Writes, undo: Undo) -> None:
        self.writes = writes
        self.undo = undo
        self.epoch = 0  # counts rollbacks: positions before and after one are not comparable
        self.order: SortedList[bytes] | None = None  # the keys of `writes` as of `indexed`, once asked for
        self.indexed = 0  # the undo position up to which `order` is complete

    def rollback_to(self, position: int) -> None:
        """Undo, newest first, everything since `position`."""
        undo, writes, order = self.undo, self.writes, self.order
        indexed = self.indexed
        if order is not None and indexed - position > len(order) // 4:
            order = self.order = None
        for place in range(len(undo) - 1, position - 1, -1):
            key, previous = undo[place]
            if isinstance(previous, list):
                for new in previous:
                    writes.pop(new, None)
                    if order is not None and place < indexed:
                        order.discard(new)
            elif not key:
                continue  # the trace of a dropped range: see Transaction.drop_range
            elif previous is ABSENT:
                # Neither need be there: a keyboard interrupt may have come between undo list and write.
                writes.pop(key, None)
                if order is not None and place < indexed:
                    order.discard(key)
            else:
                writes[key] = previous
        del undo[position:]
        self.epoch += 1
        if indexed > position:
            self.indexed = position

    def ordered(self) -> SortedList[bytes]:
        """The keys in order, brought up to date."""
        undo, order = self.undo, self.order
        if order is None:
            order = self.order = SortedList(self.writes)
        elif self.indexed != len(undo):
            new: list[bytes] = []
            for key, previous in islice(undo, self.indexed, None):
                if previous is ABSENT:
                    new.append(key)
                elif isinstance(previous, list):
                    new += previous
            if new:
                self.order = None  # should we be interrupted
                order.update(new)
                self.order = order
        self.indexed = len(undo)
        return order

    def touches(self, start: bytes, stop: bytes | None) -> bool:
        """Whether any key in [start, stop) is written."""
        writes = self.writes
        if len(writes) <= _FEW:
            if stop is None:
                return bool([None for key in writes if key >= start])
            return bool([None for key in writes if start <= key < stop])
        order = self.ordered()
        place = order.bisect_left(start)
        return place < len(order) and (stop is None or order[place] < stop)


class WriteView:
    """Some writes of a transaction, as of one moment, in key order."""

    __slots__ = ()

    def chunk(
        self, low: bytes, high: bytes | None, after: bytes | None, size: int, reverse: bool
    ) -> tuple[list[tuple[bytes, bytes | None]], bytes | None]:
        """About `size` entries of [low, high) beyond `after`; the last key seen, if there may be more."""
        raise NotImplementedError


class OverlayView(WriteView):
    """The overlay as of one position of its undo list, whatever is written afterwards."""

    __slots__ = ("before", "epoch", "overlay", "position", "seen")

    def __init__(self, overlay: Overlay, position: int) -> None:
        self.overlay = overlay
        self.position = position
        self.before: dict[bytes, bytes | Absent | None] = {}  # keys written since -> what they held
        self.seen = position
        self.epoch = overlay.epoch

    def _catch_up(self) -> None:
        overlay = self.overlay
        undo = overlay.undo
        if self.epoch != overlay.epoch:
            # Something was rolled back. What `before` learned stays true; the undo list may have been cut
            # and regrown, so it is read again from the start.
            self.epoch = overlay.epoch
            self.seen = self.position
        note = self.before.setdefault
        for key, previous in islice(undo, self.seen, None):
            if isinstance(previous, list):
                for new in previous:
                    note(new, ABSENT)
            else:
                note(key, previous)
        self.seen = len(undo)

    def get(self, key: bytes) -> bytes | Absent | None:
        """The value then; None: deleted; ABSENT: not written."""
        overlay = self.overlay
        if self.seen != len(overlay.undo) or self.epoch != overlay.epoch:
            self._catch_up()
        before = self.before
        return before[key] if key in before else overlay.writes.get(key, ABSENT)

    def chunk(
        self, low: bytes, high: bytes | None, after: bytes | None, size: int, reverse: bool
    ) -> tuple[list[tuple[bytes, bytes | None]], bytes | None]:
        overlay = self.overlay
        order = overlay.ordered()
        if self.seen != len(overlay.undo) or self.epoch != overlay.epoch:
            self._catch_up()
        if after is None:
            keys = list(islice(order.irange(low, high, (True, False), reverse), size))
        elif reverse:
            keys = list(islice(order.irange(low, after, (True, False), True), size))
        else:
            keys = list(islice(order.irange(after, high, (False, False)), size))
        writes, before = overlay.writes, self.before
        found: list[tuple[bytes, bytes | None]] = []
        if before:
            for key in keys:
                value = before[key] if key in before else writes[key]
                if value is not ABSENT:
                    found.append((key, value))
        else:
            found = [(key, writes[key]) for key in keys]
        return found, keys[-1] if len(keys) == size else None


def merged_batches(
    base: Iterator[Batch], view: WriteView, start: bytes, stop: bytes | None, reverse: bool
) -> Iterator[Batch]:
    """The snapshot's batches with the view's writes worked in; batches that none of them meets stay whole."""
    size = _FIRST_CHUNK
    after: bytes | None = None
    mine: list[tuple[bytes, bytes | None]] = []
    more = True  # whether the view may have entries beyond `mine`
    batch: Batch | None = next(base, None)
    while True:
        while more and not mine:
            mine, after = view.chunk(start, stop, after, size, reverse)
            more = after is not None
            size = min(2 * size, _CHUNK)
        if not mine:
            if batch:
                yield batch
            yield from base
            return
        if batch is None:
            added = [(key, value) for key, value in mine if value is not None]
            mine = []
            if added:
                yield added
            continue
        # Both sides are known completely up to the nearer of their ends.
        limit = batch[-1][0]
        if after is not None and (after > limit if reverse else after < limit):
            limit = after
        here = _split(batch, limit, reverse)
        ours = _split(mine, limit, reverse)
        result = batch[:here] if here < len(batch) else batch
        batch = batch[here:] if here < len(batch) else next(base, None)
        if ours:
            result = _merge(result, mine[:ours], reverse)
            mine = mine[ours:]
        if result:
            yield result


def _split(pairs: list[Pair] | list[tuple[bytes, bytes | None]], limit: bytes, reverse: bool) -> int:
    """How many of the ordered pairs come no later than `limit`."""
    low, high = 0, len(pairs)
    if high and (pairs[-1][0] >= limit if reverse else pairs[-1][0] <= limit):
        return high
    while low < high:
        middle = (low + high) // 2
        key = pairs[middle][0]
        if key >= limit if reverse else key <= limit:
            low = middle + 1
        else:
            high = middle
    return low


def _merge(batch: Batch, mine: list[tuple[bytes, bytes | None]], reverse: bool) -> Batch:
    """One ordered list of both, `mine` winning; deletions leave gaps."""
    rows: dict[bytes, bytes | None] = dict(batch)
    rows.update(mine)
    # A dict keeps its order when values are replaced: only new keys need the sort.
    pairs = (
        rows.items()
        if len(rows) == len(batch)
        else [(key, rows[key]) for key in sorted(rows, reverse=reverse)]
    )
    return [(key, value) for key, value in pairs if value is not None]
