"""The closures of `fast_query.py` that read storage: one key, a few keys, a range of a key.

What they are made for is decided once, when they are compiled; what they are given is checked at each run:
a parameter must have exactly the Python type and range that the key's encoder expects.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from minidb.catalog.row_keys import index_keys_of, keys_of
from minidb.exec.fast_conditions import parameter_context
from minidb.exec.key_bounds import KeyParts
from minidb.exec.long_keys import VARIABLE_LENGTH
from minidb.exec.read_ranges import scan_range
from minidb.exec.scan import stored_row_maker
from minidb.expr.node import Constant, Expr, Parameter
from minidb.plan.nodes import KeyLookup, KeyRange, Scan
from minidb.storage.key_codec import (
    INTEGER_CODE,
    KEPT_PREFIX,
    MAXIMUM_KEY,
    NULL_FIRST,
    NULL_LAST,
    PartEncoder,
    prefix_successor,
)
from minidb.value.sql_types import INTEGER_BOUNDS, INTEGER_KINDS, Kind, Row, SqlType, Value

FastQuery = Callable[[Any, Any], Any]
RowPicker = Callable[[Row], Row]

LONGEST_RESULT: Final = 2000  # rows; more are streamed by the operators

_PYTHON_TYPES: Final[dict[Kind, type]] = {
    Kind.BOOLEAN: bool,
    Kind.SMALLINT: int,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.DOUBLE: float,
    Kind.NUMERIC: Decimal,
    Kind.TEXT: str,
    Kind.VARCHAR: str,
    Kind.BYTEA: bytes,
    Kind.DATE: datetime.date,
    Kind.UUID: uuid.UUID,
}
_TEXT: Final = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.UNKNOWN})


class Operand:
    """A key part's value: a parameter of one exact Python type, or a constant."""

    __slots__ = ("greatest", "index", "least", "python_type", "value")

    def __init__(self, index: int | None, value: Value, type_: SqlType) -> None:
        self.index = index
        self.value = value
        self.python_type = _PYTHON_TYPES[type_.kind]
        # by the narrower of parameter and column: beyond it the operators know what to say
        self.least, self.greatest = INTEGER_BOUNDS.get(type_.kind, (0, 0))

    def of(self, parameters: Sequence[Value]) -> Value:
        """The value, or NotImplemented."""
        if self.index is None:
            return self.value
        value: Value = parameters[self.index]
        if type(value) is not self.python_type:
            return NotImplemented
        if type(value) is int and not self.least <= value <= self.greatest:
            return NotImplemented
        if type(value) is str and "\x00" in value:
            return NotImplemented
        return value


def operand_for(expression: Expr, column: SqlType) -> Operand | None:
    """The operand for a key column of this type, or None if the fast path cannot make it."""
    kind = expression.type.kind
    if kind in INTEGER_KINDS and column.kind in INTEGER_KINDS:
        type_ = min(expression.type, column, key=lambda each: INTEGER_BOUNDS[each.kind][1])
    elif kind is column.kind or (kind in _TEXT and column.kind in _TEXT):
        type_ = column
    else:
        return None
    if type_.kind not in _PYTHON_TYPES:
        return None
    if isinstance(expression, Parameter):
        if expression.type.length is not None or expression.type.precision is not None:
            return None
        return Operand(expression.index, None, type_)
    if isinstance(expression, Constant) and expression.value is not None:
        operand = Operand(None, expression.value, type_)
        value = operand.value
        if type(value) is operand.python_type and (
            type(value) is not int or operand.least <= value <= operand.greatest
        ):
            return operand
    return None


def _operands(expressions: Sequence[Expr], types: Sequence[SqlType]) -> list[Operand] | None:
    operands = [
        operand_for(expression, type_)
        for expression, type_ in zip(expressions, types[: len(expressions)], strict=True)
    ]
    found = [operand for operand in operands if operand is not None]
    return found if len(found) == len(operands) else None


def _row_picker(slots: tuple[int, ...]) -> RowPicker:
    if len(slots) == 1:
        (only,) = slots
        return lambda row: (row[only],)
    if slots == tuple(range(len(slots))):
        return itemgetter(slice(len(slots)))
    return itemgetter(*slots)


# --- one key --------------------------------------------------------------------------------------


def compile_lookup(plan: Scan, access: KeyLookup, count: int) -> FastQuery | None:
    """The closure for one key, or a few."""
    keys = keys_of(plan.table)
    parts = KeyParts(plan.table, access.index)
    every = [_operands(key, parts.types) for key in access.keys]
    if len(every) > 1:
        several = [operands for operands in every if operands is not None]
        return _compile_lookups(plan, access, several, count) if len(several) == len(every) else None
    operands = every[0]
    if operands is None:
        return None
    decode = keys.codec.narrowed(plan.slots).decode
    pick = _row_picker(plan.slots)
    if access.index is None:
        only = operands[0]
        if len(operands) == 1 and only.python_type is int and only.index == 0 and count == 1:
            return _integer_lookup(parts.prefix, only.greatest, decode, pick)
    key_of = keys.key_of if access.index is None else index_keys_of(access.index).encode
    assert key_of is not None
    return _general_lookup(
        operands, key_of, keys.prefix if access.index is not None else None, count, decode, pick
    )


def _integer_lookup(
    prefix: bytes, greatest: int, decode: Callable[[bytes], Row], pick: RowPicker
) -> FastQuery:
    """The case that matters most: one integer, one parameter. Negative ones go the long way."""
    pack = struct.Struct(f">{len(prefix) + 1}sq").pack
    start = prefix + bytes((INTEGER_CODE,))

    def run(reader: Any, parameters: Any) -> Any:
        if type(parameters) is not tuple and type(parameters) is not list:
            return NotImplemented
        if len(parameters) != 1:
            return NotImplemented
        value = parameters[0]
        if type(value) is not int or not 0 <= value <= greatest:
            return NotImplemented
        data = reader.get(pack(start, value))
        return [] if data is None else [pick(decode(data))]

    return run


def _general_lookup(
    operands: list[Operand],
    key_of: Callable[[tuple[Value, ...]], bytes],
    row_prefix: bytes | None,
    count: int,
    decode: Callable[[bytes], Row],
    pick: RowPicker,
) -> FastQuery:
    """Any key; `row_prefix` is given for an index, whose entry holds the rest of the row's key."""
    only = operands[0].of if len(operands) == 1 else None

    def run(reader: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        if only is not None:
            value = only(parameters)
            if value is NotImplemented:
                return NotImplemented
            data = reader.get(key_of((value,)))
        else:
            values = tuple([operand.of(parameters) for operand in operands])
            if NotImplemented in values:
                return NotImplemented
            data = reader.get(key_of(values))
        if data is not None and row_prefix is not None:
            data = reader.get(row_prefix + data)
        return [] if data is None else [pick(decode(data))]

    return run


def _compile_lookups(
    plan: Scan, access: KeyLookup, every: list[list[Operand]], count: int
) -> FastQuery | None:
    """id IN (?, ?, ...): the keys in their order, each once."""
    if len(every) > LONGEST_RESULT:
        return None
    keys = keys_of(plan.table)
    key_of = keys.key_of if access.index is None else index_keys_of(access.index).encode
    assert key_of is not None
    prefix = keys.prefix
    decode = keys.codec.narrowed(plan.slots).decode_through
    make = stored_row_maker(plan.slots)
    through_index = access.index is not None
    reverse = plan.reverse

    def run(reader: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        found: set[bytes] = set()
        for operands in every:
            values = tuple([operand.of(parameters) for operand in operands])
            if NotImplemented in values:
                return NotImplemented
            found.add(key_of(values))
        get = reader.get
        datas = list(map(get, sorted(found, reverse=reverse)))
        if through_index:
            datas = [None if row_key is None else get(prefix + row_key) for row_key in datas]
        return decode([data for data in datas if data is not None], make)

    return run


# --- a range --------------------------------------------------------------------------------------


class _Range:
    """Computes where a scan starts and stops; see key_bounds.py, of which this is the part for short keys."""

    __slots__ = (
        "_encoders", "_equal", "_high", "_high_inclusive", "_low", "_low_inclusive", "_nulls_first",
        "_prefix",
    )  # fmt: skip

    def __init__(
        self,
        access: KeyRange,
        parts: KeyParts,
        equal: list[Operand],
        low: Operand | None,
        high: Operand | None,
    ) -> None:
        self._prefix = parts.prefix
        self._encoders: list[PartEncoder] = parts.encoders
        self._equal = equal
        self._low, self._high = low, high
        self._low_inclusive, self._high_inclusive = access.low_inclusive, access.high_inclusive
        self._nulls_first = bool(low or high) and parts.nulls_first[len(equal)]
        if (low or high) and parts.descending[len(equal)]:
            self._low, self._high = high, low
            self._low_inclusive, self._high_inclusive = access.high_inclusive, access.low_inclusive

    def compute(self, parameters: Sequence[Value]) -> Any:
        """(start, stop), or NotImplemented."""
        key = self._prefix
        encoders = self._encoders
        part = 0
        for operand in self._equal:
            value = operand.of(parameters)
            if value is NotImplemented:
                return value
            key += encoders[part](value)
            part += 1
        start: bytes | None = key
        stop: bytes | None
        low, high = self._low, self._high
        if low is None and high is None:
            stop = prefix_successor(key)
        else:
            encode = encoders[part]
            if low is not None:
                value = low.of(parameters)
                if value is NotImplemented:
                    return value
                start = key + encode(value)
                if not self._low_inclusive:
                    start = prefix_successor(start)
            elif self._nulls_first:
                start = key + bytes((NULL_FIRST + 1,))
            if high is not None:
                value = high.of(parameters)
                if value is NotImplemented:
                    return value
                stop = key + encode(value)
                if self._high_inclusive:
                    stop = prefix_successor(stop)
            else:
                stop = prefix_successor(key) if self._nulls_first else key + bytes((NULL_LAST,))
        if start is None or stop is None or len(start) > KEPT_PREFIX or len(stop) > KEPT_PREFIX:
            return NotImplemented
        return start, stop


def compile_range(plan: Scan, access: KeyRange, limit: int | None, count: int) -> FastQuery | None:
    """The closure for a range of which some bound or leading part is given, or a limit."""
    parts = KeyParts(plan.table, access.index)
    equal = _operands(access.equal, parts.types)
    if equal is None or (access.not_null and access.low is None and access.high is None):
        return None
    if not equal and access.low is None and access.high is None and limit is None:
        return None  # the whole table: the operators stream it
    bounds: list[Operand | None] = []
    for bound in (access.low, access.high):
        if bound is None:
            bounds.append(None)
            continue
        operand = operand_for(bound, parts.types[len(equal)])
        if operand is None:
            return None
        bounds.append(operand)
    range_ = _Range(access, parts, equal, bounds[0], bounds[1])
    may_be_long = any(type_.kind in VARIABLE_LENGTH for type_ in parts.types)
    return _range_query(plan, range_, limit, count, access.index is not None, may_be_long)


def _range_query(
    plan: Scan, range_: _Range, limit: int | None, count: int, through_index: bool, may_be_long: bool
) -> FastQuery:
    compute = range_.compute
    keys = keys_of(plan.table)
    prefix = keys.prefix
    decode = keys.codec.narrowed(plan.slots).decode_through
    make = stored_row_maker(plan.slots)
    reverse = plan.reverse
    enough = LONGEST_RESULT + 1 if limit is None else limit
    if enough > LONGEST_RESULT + 1:
        enough = LONGEST_RESULT + 1

    def run(reader: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        found = compute(parameters)
        if found is NotImplemented:
            return found
        start, stop = found
        pairs: list[tuple[bytes, bytes]] = []
        watch = reader.watch
        if watch is not None:
            if limit is not None:
                return NotImplemented  # the operators know how far they read
            reader = watch.range(scan_range(plan, start, stop, parameter_context(tuple(parameters))))
        if start < stop:
            for batch in reader.batches(start, stop, reverse=reverse):
                pairs = pairs + batch if pairs else batch
                if len(pairs) >= enough:
                    break
        if len(pairs) > LONGEST_RESULT:
            return NotImplemented
        if len(pairs) > enough:
            pairs = pairs[:enough]
        if may_be_long and any(len(key) >= MAXIMUM_KEY for key, _ in pairs):
            return NotImplemented
        if through_index:
            get = reader.get
            found_rows = [get(prefix + row_key) for _, row_key in pairs]
            return decode([data for data in found_rows if data is not None], make)
        return decode([data for _, data in pairs], make)

    return run
