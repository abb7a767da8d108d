"""What a SERIALIZABLE transaction has read: keys, and ranges with the condition that their rows had to meet.

    SELECT ... WHERE id = 7              the key of row 7, found or not
    SELECT ... WHERE k > 3 AND v = 'x'   a range of the index on k, with the condition v = 'x'

A range stands for all rows that it could ever hold, so a row that appears in it later (a phantom) is known to
have been looked for. Whether it *would* have been found is asked of the row itself, old and new: one that
does not satisfy the scan's condition before and after a change was not read, whatever its key.

Memory is bounded: past `limit` keys, those of the table with most of them become one range; past a share of
that many ranges, a table is read as a whole. That only makes the set larger: it may refuse more, never less.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

PREFIX: Final = 4  # bytes of a key that hold its storage id
KEYS_PER_RANGE: Final = 20  # a range costs about as much memory as this many keys


def end_of(prefix: bytes) -> bytes | None:
    """The first key beyond all that begin with `prefix`."""
    number = int.from_bytes(prefix, "big") + 1
    return number.to_bytes(PREFIX, "big") if number < 1 << (8 * PREFIX) else None


_NOTHING: Final[frozenset[bytes]] = frozenset()


class ReadRange:
    """The keys of one storage id in [start, stop). Subclasses look at the rows behind them."""

    __slots__ = ("prefix", "start", "stop")

    def __init__(self, prefix: bytes, start: bytes, stop: bytes | None) -> None:
        self.prefix = prefix  # of the keys that are asked about
        self.start = start
        self.stop = stop

    def holds(self, key: bytes, data: bytes) -> bool:
        """Whether the pair is one that the reader was looking for."""
        return self.start <= key and (self.stop is None or key < self.stop)

    def meets(self, key: bytes, old: bytes | None, new: bytes | None) -> bool:
        """Whether a write changes what the reader found, or would find."""
        if old is not None and self.holds(key, old):
            return True
        return new is not None and self.holds(key, new)

    def widened(self, start: bytes, stop: bytes | None) -> ReadRange:
        """The same with other borders, and no condition."""
        return ReadRange(self.prefix, start, stop)

    def condition(self) -> str | None:
        """What it asks of a row besides its key, for people."""
        return None


def whole(prefix: bytes) -> ReadRange:
    """Everything under one storage id."""
    return ReadRange(prefix, prefix, end_of(prefix))


class ReadSet:
    """See the module. Filled by one transaction's thread, read by others once it has committed."""

    __slots__ = ("existence", "existence_later", "existence_ranges", "keys", "limit", "ranges", "whole")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.keys: set[bytes] = set()
        # Tuples and a frozen set: most transactions read keys only, and an empty one of these costs nothing.
        self.ranges: tuple[ReadRange, ...] = ()
        self.whole: frozenset[bytes] = _NOTHING  # prefixes of which everything counts as read
        # Constraints look at the newest state instead of the snapshot, and only at whether a key exists:
        # key or range -> the commit as of which they looked, first and last (what was undone in between may
        # have given back the lock that kept the answer).
        self.existence: dict[bytes, int] = {}
        self.existence_later: dict[bytes, int] = {}
        self.existence_ranges: tuple[tuple[ReadRange, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.ranges or self.whole or self.existence or self.existence_ranges)

    def has_ranges(self) -> bool:
        """Whether it is more than keys."""
        return bool(self.ranges or self.whole or self.existence_ranges)

    def add_keys(self, keys: list[bytes]) -> None:
        """These keys were looked up, found or not."""
        self.keys.update(keys)
        if len(self.keys) > self.limit:
            self.coarsen()

    def add_range(self, read: ReadRange) -> None:
        """A range is about to be scanned."""
        if read.prefix in self.whole:
            return
        self.ranges += (read,)
        if len(self.ranges) > self.limit // KEYS_PER_RANGE:
            prefix, _ = Counter([each.prefix for each in self.ranges]).most_common(1)[0]
            self.read_whole(prefix)

    def add_existence(self, key: bytes, seen: int) -> None:
        """Whether the key exists was found out as of the commit `seen`, the newest."""
        if self.existence.setdefault(key, seen) != seen:
            self.existence_later[key] = seen
        if len(self.existence) > self.limit:
            prefix, _ = Counter([each[:PREFIX] for each in self.existence]).most_common(1)[0]
            first = min([at for each, at in self.existence.items() if each[:PREFIX] == prefix])
            for each in [each for each in self.existence if each[:PREFIX] == prefix]:
                del self.existence[each]
                self.existence_later.pop(each, None)
            self._see_whole(prefix, first, seen)

    def add_existence_range(self, read: ReadRange, seen: int) -> None:
        """The same of the rows of a range."""
        self.existence_ranges += ((read, seen),)
        if len(self.existence_ranges) > self.limit // KEYS_PER_RANGE:
            prefix, _ = Counter([each.prefix for each, _ in self.existence_ranges]).most_common(1)[0]
            self._see_whole(prefix, seen, seen)

    def _see_whole(self, prefix: bytes, first: int, last: int) -> None:
        """All of a storage id, as of commits between two: as of both, which has the edges of either."""
        first = min([first, *[seen for read, seen in self.existence_ranges if read.prefix == prefix]])
        ranges = [each for each in self.existence_ranges if each[0].prefix != prefix]
        self.existence_ranges = (*ranges, (whole(prefix), first), (whole(prefix), last))

    def coarsen(self) -> None:
        """Fewer keys: those of the storage ids with most of them become a range, or all."""
        counts = Counter([key[:PREFIX] for key in self.keys])
        ranged = {read.prefix for read in self.ranges if type(read) is ReadRange}
        for prefix, _ in counts.most_common():
            if len(self.keys) <= self.limit // 2:
                return
            mine = [key for key in self.keys if key[:PREFIX] == prefix]
            self.keys.difference_update(mine)
            if prefix in self.whole:
                continue
            if prefix in ranged:
                self.read_whole(prefix)
            else:
                self.add_range(ReadRange(prefix, min(mine), max(mine) + b"\x00"))

    def is_full(self) -> bool:
        """Whether one range more would make it coarser."""
        return len(self.ranges) >= self.limit // KEYS_PER_RANGE

    def read_whole(self, prefix: bytes) -> None:
        """Count everything under a storage id as read."""
        self.whole |= {prefix}
        self.ranges = tuple([read for read in self.ranges if read.prefix != prefix])

    def size(self) -> int:
        """Roughly how many keys' worth of memory it takes."""
        ranges = len(self.ranges) + len(self.existence_ranges)
        return len(self.keys) + len(self.existence) + ranges * KEYS_PER_RANGE

    def prefixes(self) -> set[bytes]:
        """The storage ids of which anything was read."""
        found = {key[:PREFIX] for key in self.keys}
        found.update([key[:PREFIX] for key in self.existence])
        found.update([read.prefix for read in self.ranges])
        found.update([read.prefix for read, _ in self.existence_ranges])
        return found | self.whole
