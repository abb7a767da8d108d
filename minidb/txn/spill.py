"""An overlay on its way to disk: its undo list, turned round, is the list of versions it went through.

A huge transaction keeps only its newest writes in memory. The others are in a file of storage's (huge.py
there), with the position of each, so that savepoints and statements that must not see their own writes work
there as they do in memory.
"""

from __future__ import annotations

from operator import itemgetter

from minidb.txn.overlay import ABSENT, Undo, Writes

Version = tuple[bytes, int, bytes | None]  # key, position, value; None: deleted


def written_versions(undo: Undo, writes: Writes, base: int) -> list[Version]:
    """Every write of an overlay whose undo list begins at position `base`, in order."""
    if len(undo) == len(writes) and all(map(itemgetter(0), undo)):
        # Each key was written once, so both are in the order of the writes.
        return list(zip(writes, range(base, base + len(undo)), writes.values(), strict=True))
    then: Writes = dict(writes)
    versions: list[Version] = []
    for place in range(len(undo) - 1, -1, -1):
        key, previous = undo[place]
        if isinstance(previous, list):
            versions.extend([(new, base + place, then.pop(new)) for new in reversed(previous)])
            continue
        if not key:
            continue  # the trace of a dropped range
        versions.append((key, base + place, then[key]))
        if previous is ABSENT:
            del then[key]
        else:
            then[key] = previous
    versions.reverse()
    return versions
