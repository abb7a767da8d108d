"""What a statement reads: a snapshot, with the transaction's own writes as of one moment over it."""

from __future__ import annotations

from collections.abc import Iterator

from minidb.storage.snapshot import Snapshot
from minidb.txn.overlay import ABSENT, Batch, OverlayView, merged_batches


class Reader:
    """Holds still whatever the transaction writes afterwards, as a result that is read later must."""

    __slots__ = ("snapshot", "view")

    def __init__(self, snapshot: Snapshot, view: OverlayView) -> None:
        self.snapshot = snapshot
        self.view = view

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        value = self.view.get(key)
        return self.snapshot.get(key) if value is ABSENT else value

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """The pairs with start <= key < stop in key order, or from the end."""
        base = self.snapshot.batches(start, stop, reverse=reverse)
        view = self.view
        # What was not written before the view's moment is invisible to it, so an overlay that does not
        # touch the range now needs no merging, whatever is written later.
        if view.position == 0 or not view.overlay.touches(start, stop):
            return base
        return merged_batches(base, view, start, stop, reverse)
