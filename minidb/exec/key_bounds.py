"""Key expressions -> the bytes at which a scan starts and stops, and the keys of a lookup.

    equal 7, low 3, high 9 inclusive     prefix . 7 . 3   up to   successor(prefix . 7 . 9)
    a DESC part                          the same with low and high exchanged
    a bounded part                       leaves out the part's NULLs, wherever they sort

A bound that is longer than the part of a long key that storage keeps is cut there; the range then holds
more than was asked for, and `exact` is False: each row must be compared again.
"""

from __future__ import annotations

import struct
from typing import Final

from minidb.catalog.schema import IndexSchema, Table
from minidb.expr.node import EvaluationContext, Expr
from minidb.plan.nodes import KeyRange
from minidb.storage.key_codec import (
    KEPT_PREFIX,
    NULL_FIRST,
    NULL_LAST,
    PartEncoder,
    part_encoder,
    prefix_successor,
    storage_prefix,
)
from minidb.value.sql_types import INTEGER_KINDS, SqlType, Value

_BELOW: Final = b"\x00"  # sorts before every encoded part
_ABOVE: Final = b"\xff"  # and after


class KeyParts:
    """The key columns of the primary key or of an index: `slots`, None for an expression, and encoders."""

    __slots__ = ("descending", "encoders", "nulls_first", "prefix", "slots", "types")

    def __init__(self, table: Table, index: IndexSchema | None) -> None:
        if index is None:
            self.prefix = storage_prefix(table.storage_id)
            self.slots: list[int | None] = list(table.primary_key)
            self.types = [table.slot_types[slot] for slot in table.primary_key]
            self.descending = [False] * len(self.slots)
            self.nulls_first = [False] * len(self.slots)
        else:
            self.prefix = storage_prefix(index.storage_id)
            self.slots = [key.slot for key in index.keys]
            self.types = [key.type for key in index.keys]
            self.descending = [key.descending for key in index.keys]
            self.nulls_first = [key.nulls_first for key in index.keys]
        self.encoders: list[PartEncoder] = [
            part_encoder(type_, down, first)
            for type_, down, first in zip(self.types, self.descending, self.nulls_first, strict=True)
        ]


class Bounds:
    """A range of whole keys, not cut: [start, stop)."""

    __slots__ = ("exact", "full_start", "full_stop", "start", "stop")

    def __init__(self, start: bytes, stop: bytes | None) -> None:
        self.full_start = start
        self.full_stop = stop
        self.start = start[:KEPT_PREFIX]
        self.stop = stop
        self.exact = len(start) <= KEPT_PREFIX
        if stop is not None and len(stop) > KEPT_PREFIX:
            self.stop = prefix_successor(stop[:KEPT_PREFIX])
            self.exact = False

    def holds(self, key: bytes) -> bool:
        """Whether an encoded, uncut key lies in the range."""
        return key >= self.full_start and (self.full_stop is None or key < self.full_stop)


class RangeBounds:
    """Computes the `Bounds` of a `KeyRange` under the present parameters and outer values."""

    __slots__ = ("_access", "_equal", "_part", "parts")

    def __init__(self, table: Table, access: KeyRange) -> None:
        self.parts = parts = KeyParts(table, access.index)
        self._access = access
        count = len(access.equal)
        self._equal = list(zip(access.equal, parts.encoders[:count], parts.types[:count], strict=True))
        self._part = count

    def compute(self, context: EvaluationContext) -> Bounds | None:
        """The range; None if nothing can be in it."""
        access = self._access
        key = self.parts.prefix
        for expression, encode, type_ in self._equal:
            value = expression.evaluate((), context)
            if value is None:
                return None
            part = encode_part(encode, type_, value)
            if part in (_BELOW, _ABOVE):
                return None
            key += part
        if access.low is None and access.high is None and not access.not_null:
            return Bounds(key, prefix_successor(key))
        low = high = None
        if access.low is not None:
            low = self._encode_bound(access.low, context)
            if low is None:
                return None
        if access.high is not None:
            high = self._encode_bound(access.high, context)
            if high is None:
                return None
        low_inclusive, high_inclusive = access.low_inclusive, access.high_inclusive
        if self.parts.descending[self._part]:
            low, high = high, low
            low_inclusive, high_inclusive = high_inclusive, low_inclusive
        return self._between(key, low, low_inclusive, high, high_inclusive)

    def _between(
        self, key: bytes, low: bytes | None, low_inclusive: bool, high: bytes | None, high_inclusive: bool
    ) -> Bounds | None:
        nulls_first = self.parts.nulls_first[self._part]
        if low == _ABOVE or high == _BELOW:
            return None
        start: bytes | None
        if low is None or low == _BELOW:
            start = prefix_successor(key + bytes((NULL_FIRST,))) if nulls_first else key
        elif low_inclusive:
            start = key + low
        else:
            start = prefix_successor(key + low)
        if high is None or high == _ABOVE:
            stop = prefix_successor(key) if nulls_first else key + bytes((NULL_LAST,))
        elif high_inclusive:
            stop = prefix_successor(key + high)
        else:
            stop = key + high
        if start is None or (stop is not None and start >= stop):
            return None
        return Bounds(start, stop)

    def _encode_bound(self, expression: Expr, context: EvaluationContext) -> bytes | None:
        value = expression.evaluate((), context)
        if value is None:
            return None
        number = self._part
        part = encode_part(self.parts.encoders[number], self.parts.types[number], value)
        if self.parts.descending[number] and part in (_BELOW, _ABOVE):
            return _ABOVE if part == _BELOW else _BELOW
        return part


def encode_part(encode: PartEncoder, type_: SqlType, value: Value) -> bytes:
    """The part's bytes; an integer that no column can hold becomes `_BELOW` or `_ABOVE` all of them."""
    try:
        return encode(value)
    except struct.error:
        if type_.kind not in INTEGER_KINDS:
            raise
        return _BELOW if value < 0 else _ABOVE


def lookup_keys(
    parts: KeyParts, keys: tuple[tuple[Expr, ...], ...], context: EvaluationContext
) -> list[tuple[Value, ...]]:
    """The values of each key that can find something: without NULLs and integers that are out of range."""
    found: list[tuple[Value, ...]] = []
    for key in keys:
        values = tuple([expression.evaluate((), context) for expression in key])
        if None in values:
            continue
        for value, type_ in zip(values, parts.types, strict=True):
            if type_.kind in INTEGER_KINDS and not -(2**63) <= value < 2**63:
                break
        else:
            found.append(values)
    return found
