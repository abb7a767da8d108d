"""Scans over keys that storage had to cut: put back the order, and drop what the range does not hold.

Storage keeps the first KEPT_PREFIX bytes of a key that is too long, and a hash. Cut keys with the same kept
bytes lie together, but in the order of their hashes, and a cut bound makes a range too wide. So a scan that
meets such keys computes the whole key of each row again, and sorts and compares by that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from minidb.catalog.row_keys import PREFIX_LENGTH
from minidb.exec.key_bounds import Bounds, KeyParts
from minidb.storage.key_codec import KEPT_PREFIX, MAXIMUM_KEY
from minidb.value.sql_types import Kind, Row

Pairs = list[tuple[bytes, bytes]]

VARIABLE_LENGTH: Final = frozenset(
    {Kind.NUMERIC, Kind.TEXT, Kind.VARCHAR, Kind.CHAR, Kind.BYTEA, Kind.JSON, Kind.JSONB, Kind.UNKNOWN}
)


def may_be_long(parts: KeyParts) -> bool:
    """Whether keys of these parts can be too long, and can be computed again from a row.

    An index on expressions cannot: the planner keeps its conditions in the scan's `where`.
    """
    return any(type_.kind in VARIABLE_LENGTH for type_ in parts.types) and None not in parts.slots


class LongKeys:
    """Rearranges one scan's batches; used only if `may_be_long`."""

    __slots__ = ("_bounds", "_parts", "_reverse")

    def __init__(self, parts: KeyParts, bounds: Bounds, reverse: bool) -> None:
        self._parts = parts
        self._bounds = bounds
        self._reverse = reverse

    def concerns(self, pairs: Pairs) -> bool:
        """Whether a batch must be arranged."""
        return not self._bounds.exact or any(len(key) >= MAXIMUM_KEY for key, _ in pairs)

    def whole_groups(self, batches: Iterator[Pairs]) -> Iterator[Pairs]:
        """The batches, so divided that cut keys with the same kept bytes are in one."""
        held: Pairs = []
        for batch in batches:
            pairs = held + batch
            last = pairs[-1][0]
            held = []
            if len(last) >= MAXIMUM_KEY:
                kept = last[:KEPT_PREFIX]
                end = len(pairs)
                while end and pairs[end - 1][0].startswith(kept):
                    end -= 1
                pairs, held = pairs[:end], pairs[end:]
            if pairs:
                yield pairs
        if held:
            yield held

    def arrange(self, keys: list[bytes], rows: list[Row]) -> tuple[list[bytes], list[Row]]:
        """Storage keys and stored rows, both in the order of the whole keys, only those within the bounds."""
        whole = []
        for key, row in zip(keys, rows, strict=True):
            parts = self._parts
            encoded = parts.prefix + b"".join(
                [
                    encode(row[slot])
                    for encode, slot in zip(parts.encoders, parts.slots, strict=True)
                    if slot is not None
                ]
            )
            if self._bounds.holds(encoded):
                whole.append((encoded, key[PREFIX_LENGTH:], key, row))
        whole.sort(key=_order, reverse=self._reverse)
        return [item[2] for item in whole], [item[3] for item in whole]


def _order(item: tuple[bytes, bytes, bytes, Row]) -> tuple[bytes, bytes]:
    return item[:2]
