"""<< and >> of integers as the processor does them: the distance wraps at the word's size, bits fall off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.value.sql_types import Kind

_BITS: Final = {Kind.SMALLINT: 16, Kind.INTEGER: 32, Kind.BIGINT: 64}


def shift(operator: str, kind: Kind) -> Callable[[int, int], int]:
    """The shift operator for values of `kind`."""
    bits = _BITS[kind]
    mask = 63 if bits == 64 else 31  # smallints are shifted as integers
    half, full = 1 << (bits - 1), 1 << bits

    def shift_left(value: int, distance: int) -> int:
        return ((value << (distance & mask)) + half) % full - half

    def shift_right(value: int, distance: int) -> int:
        return value >> (distance & mask)

    return shift_left if operator == "<<" else shift_right
