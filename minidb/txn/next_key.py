"""Next-key locking: a scanned range -> the keys and gaps to lock.

    keys in the index     a     c     f     k
    scanned               [b ........ g)
    locked                 (a .. c] (c .. f] (f .. k]       each key found with the gap before it, and the
    next key

Together that is every key behind the last one before the range, up to and including the first one beyond it.
A new key in there waits, and so does a change of any row there, whether or not it meets the reader's
condition: coarser than a predicate, but to test it takes no more than comparing keys. Where no index serves,
the scan goes over the whole table, and so does the lock.

Source: Gray and Reuter, Transaction Processing, 1993; Mohan, ARIES/KVL, VLDB 1990. We keep one lock for the
whole interval instead of one a key, so a gap needs no attention when keys come and go at its borders.
"""

from __future__ import annotations

from minidb.storage.snapshot import Snapshot
from minidb.txn.read_set import end_of


def widened(latest: Snapshot, prefix: bytes, start: bytes, stop: bytes | None) -> tuple[bytes, bytes | None]:
    """The interval that next-key locks on [start, stop) cover: borders as for a range, [start, stop)."""
    end = end_of(prefix)
    before = latest.first(prefix, start, reverse=True) if start > prefix else None
    beyond = latest.first(stop, end) if stop is not None and (end is None or stop < end) else None
    low = prefix if before is None else before[0] + b"\x00"
    high = end if beyond is None else beyond[0] + b"\x00"
    return low, high
