"""The right side of an index nested loop, without an operator run per left row.

BatchLookup   the key is made of left columns and constants: a whole left batch at a time, each key once
PointLookup   the key is any expression: row by row, through `context.outer`
"""

from __future__ import annotations

from typing import Any, Final

from minidb.catalog.by_identity import ByIdentity
from minidb.catalog.row_keys import index_keys_of, keys_of
from minidb.exec.context import ExecutionContext
from minidb.exec.key_bounds import KeyParts
from minidb.exec.scan import scan_shape
from minidb.expr.node import Constant, Expr, OuterSlot, walk
from minidb.plan.nodes import KeyLookup, NestedLoop, Scan
from minidb.plan.subqueries import Subquery
from minidb.value.sql_types import INTEGER_KINDS, Row, Value


class PointLookup:
    """The rows of a `Scan` by `KeyLookup`, under the present outer values."""

    __slots__ = ("_context", "_shape")

    def __init__(self, plan: Scan, context: ExecutionContext) -> None:
        self._context = context
        self._shape = scan_shape(plan)

    def rows(self) -> list[Row]:
        """The rows found."""
        shape = self._shape
        context = self._context
        assert shape.finder is not None
        keys = shape.finder.find(context)
        datas = list(map(context.reader_of(keys, shape.to_change).get, keys))
        if None in datas:
            keys = [key for key, data in zip(keys, datas, strict=True) if data is not None]
            datas = [data for data in datas if data is not None]
        rows = shape.decode(datas, shape.make)
        if shape.with_key:
            rows = [(*row, key) for row, key in zip(rows, keys, strict=True)]
        return rows if shape.where is None else shape.where(rows, context)


class KeyPart:
    """One part of the key: the left row's value at `slot`, or an expression that no row changes."""

    __slots__ = ("_expression", "_slot")

    def __init__(self, slot: int | None, expression: Expr) -> None:
        self._slot = slot
        self._expression = expression

    def column(self, rows: list[Row], context: ExecutionContext) -> list[Value]:
        """The part for each left row."""
        slot = self._slot
        if slot is None:
            return [self._expression.evaluate((), context)] * len(rows)
        return [row[slot] for row in rows]


class BatchLookup:
    """For each row of a left batch the right row with its key, or None."""

    __slots__ = ("_index", "_key_of", "_parts", "_shape", "_where", "plan")

    def __init__(self, plan: NestedLoop, right: Scan, access: KeyLookup, parts: list[KeyPart]) -> None:
        keys = keys_of(right.table)
        key_of = keys.key_of if access.index is None else index_keys_of(access.index).encode
        assert key_of is not None
        self.plan = plan
        self._key_of = key_of
        self._parts = parts
        self._index = access.index is not None
        self._shape = scan_shape(right)
        self._where = right.where

    def find(self, rows: list[Row], context: ExecutionContext) -> list[Row | None]:
        """The right rows, in the order of the left ones."""
        columns = [part.column(rows, context) for part in self._parts]
        values = list(zip(*columns, strict=True))
        found = self._fetch([value for value in dict.fromkeys(values) if None not in value], context)
        return list(map(found.get, values))

    def _fetch(
        self, values: list[tuple[Value, ...]], context: ExecutionContext
    ) -> dict[tuple[Value, ...], Row]:
        shape = self._shape
        keys: list[Any] = list(map(self._key_of, values))
        if self._index:
            prefix = shape.row_prefix
            get = context.reader_of(keys).get
            keys = [None if row_key is None else prefix + row_key for row_key in map(get, keys)]
            get = context.reader_of([key for key in keys if key is not None], shape.to_change).get
            found = [None if key is None else get(key) for key in keys]
        else:
            found = list(map(context.reader_of(keys, shape.to_change).get, keys))
        if None in found:
            values = [value for value, data in zip(values, found, strict=True) if data is not None]
            keys = [key for key, data in zip(keys, found, strict=True) if data is not None]
        rows = shape.decode([data for data in found if data is not None], shape.make)
        if shape.with_key:
            rows = [(*row, key) for row, key in zip(rows, keys, strict=True)]
        if self._where is not None:
            results = self._where.evaluate_batch(rows, context)
            return {
                value: row for value, row, result in zip(values, rows, results, strict=True) if result is True
            }
        return dict(zip(values, rows, strict=True))


def _batch_lookup(plan: NestedLoop) -> BatchLookup | None:
    """A `BatchLookup` for the join's right side, if it has the shape for it."""
    right = plan.right
    if not isinstance(right, Scan) or not isinstance(right.access, KeyLookup) or len(right.access.keys) != 1:
        return None
    slot_of = {column.id: at for column, at in zip(plan.bindings, plan.binding_slots, strict=True)}
    if right.where is not None and _depends(right.where, slot_of):
        return None
    parts: list[KeyPart] = []
    types = KeyParts(right.table, right.access.index).types
    for expression, type_ in zip(right.access.keys[0], types, strict=True):
        if isinstance(expression, OuterSlot):
            if expression.type.kind is not type_.kind and expression.type.kind not in INTEGER_KINDS:
                return None
            parts.append(KeyPart(slot_of.get(expression.id), expression))
        elif isinstance(expression, Constant) and expression.type == type_:
            parts.append(KeyPart(None, expression))
        else:
            return None  # row by row
    return BatchLookup(plan, right, right.access, parts)


def _depends(expression: Expr, slot_of: dict[int, int]) -> bool:
    """Whether the expression refers to the left row; a sub-plan might."""
    return any(
        isinstance(node, Subquery) or (isinstance(node, OuterSlot) and node.id in slot_of)
        for node in walk(expression)
    )


batch_lookup: Final = ByIdentity(_batch_lookup)
