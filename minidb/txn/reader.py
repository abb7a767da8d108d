"""What a statement reads: a snapshot, with the transaction's own writes as of one moment over it.

    Reader       overlay, as of a position       in memory, the newest writes
    HugeReader   huge writes, as of a position   on disk, where a huge transaction's older writes went
    Snapshot     the database

Each has the same `get` and `batches` and rests on the next, so a transaction that was never huge has no
middle, and one that wrote nothing is its snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from minidb.storage.huge import HugeWrites
from minidb.storage.snapshot import Snapshot
from minidb.txn.overlay import ABSENT, Batch, OverlayView, WriteView, merged_batches


class HugeView(WriteView):
    """One pass over a range of huge writes, in the batches that storage gives."""

    __slots__ = ("_batches",)

    def __init__(self, batches: Iterator[list[tuple[bytes, bytes | None]]]) -> None:
        self._batches = batches

    def chunk(
        self, low: bytes, high: bytes | None, after: bytes | None, size: int, reverse: bool
    ) -> tuple[list[tuple[bytes, bytes | None]], bytes | None]:
        batch = next(self._batches, None)
        return (batch, batch[-1][0]) if batch else ([], None)


class HugeReader:
    """A snapshot under the writes that a huge transaction moved to disk before `position`."""

    __slots__ = ("huge", "position", "snapshot")
    watch: ClassVar[None] = None  # nobody remembers what is read from it

    def __init__(self, snapshot: Snapshot, huge: HugeWrites, position: int) -> None:
        self.snapshot = snapshot
        self.huge = huge
        self.position = position

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        written, value = self.huge.get(key, self.position)
        return value if written else self.snapshot.get(key)

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """The pairs with start <= key < stop in key order, or from the end."""
        base = self.snapshot.batches(start, stop, reverse=reverse)
        mine = self.huge.batches(start, stop, self.position, reverse=reverse)
        return merged_batches(base, HugeView(mine), start, stop, reverse)


class Reader:
    """Holds still whatever the transaction writes afterwards, as a result that is read later must."""

    __slots__ = ("base", "view")
    watch: ClassVar[None] = None  # nobody remembers what is read from it

    def __init__(self, base: Snapshot | HugeReader, view: OverlayView) -> None:
        self.base = base
        self.view = view

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        value = self.view.get(key)
        return self.base.get(key) if value is ABSENT else value

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """The pairs with start <= key < stop in key order, or from the end."""
        base = self.base.batches(start, stop, reverse=reverse)
        view = self.view
        # What was not written before the view's moment is invisible to it, so an overlay that does not
        # touch the range now needs no merging, whatever is written later.
        if view.position <= 0 or not view.overlay.touches(start, stop):
            return base
        return merged_batches(base, view, start, stop, reverse)
