"""What a scan looks for, as a SERIALIZABLE transaction remembers or locks it: `ScanRange`.

    Scan t by index (k) from 3, where v = 'x'      is there a row with k >= 3 and v = 'x'?

Asked of a stored row, old or new, at any later time and by another thread: so it keeps its own evaluation
context, with the parameters and outer values of its moment. The borders are those of the key that the scan
goes by, and a row is asked where in that key it would stand. A condition with a sub-plan or a volatile
function cannot be asked later; then every row within the borders counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from minidb.catalog.by_identity import ByIdentity
from minidb.catalog.row_keys import PREFIX_LENGTH, index_keys_of, keys_of, slots_getter
from minidb.catalog.schema import IndexSchema
from minidb.errors import Error
from minidb.exec.fast_conditions import NO_CONTEXT
from minidb.expr.node import Constant, EvaluationContext, Expr, OuterSlot, Parameter
from minidb.plan.explain import scan_conditions
from minidb.plan.nodes import KeyRange, Scan
from minidb.plan.traverse import contains_subquery, contains_volatile
from minidb.txn.read_set import ReadRange
from minidb.value.sql_types import Row, Value

EntryOf = Callable[[Row, bytes], bytes | None]


class RangeShape:
    """What the ranges of one `Scan` have in common."""

    __slots__ = ("_decode", "_entry_of", "_pick", "condition", "plan", "prefix")

    def __init__(self, plan: Scan) -> None:
        keys = keys_of(plan.table)
        access = plan.access
        self.plan = plan
        self.prefix = keys.prefix
        self._decode = keys.codec.decode
        self._pick = slots_getter(plan.slots) if plan.slots else _no_columns
        index = access.index if isinstance(access, KeyRange) else None
        self._entry_of: EntryOf | None = None if index is None else _entry_function(plan, index)
        where = plan.where
        asked_later = where is None or not (contains_subquery(where) or contains_volatile(where))
        self.condition = where if asked_later else None

    def row_of(self, data: bytes) -> Row:
        """The row as the scan's condition sees it."""
        return self._pick(self._decode(data))

    def is_between(self, start: bytes, stop: bytes | None, key: bytes, data: bytes) -> bool:
        """Whether the row stands within these borders of the key that the scan goes by."""
        entry: bytes | None = key
        if self._entry_of is not None:
            entry = self._entry_of(self._decode(data), key[PREFIX_LENGTH:])
        return entry is not None and start <= entry and (stop is None or entry < stop)


class ScanRange(ReadRange):
    """See the module."""

    __slots__ = ("_backward", "_context", "_end", "_shape")

    def __init__(
        self, shape: RangeShape, start: bytes, stop: bytes | None, context: EvaluationContext
    ) -> None:
        super().__init__(shape.prefix, start, stop)
        self._shape = shape
        self._context = context
        self._backward = False
        self._end: bytes | None = None

    def not_begun(self, backward: bool) -> ScanRange:
        """From here on the range is only what `reach` says."""
        self._backward = backward
        if backward:
            self._end = self.start
            self.start = _BEYOND if self.stop is None else self.stop
        else:
            self._end = self.stop
            self.stop = self.start
        return self

    def reach(self, key: bytes | None) -> None:
        """The scan has come up to `key`, or to its end."""
        if self._backward:
            assert self._end is not None
            self.start = self._end if key is None else key
        else:
            self.stop = self._end if key is None else key + b"\x00"

    def holds(self, key: bytes, data: bytes) -> bool:
        shape = self._shape
        try:
            if not shape.is_between(self.start, self.stop, key, data):
                return False
            condition = shape.condition
            return condition is None or condition.evaluate(shape.row_of(data), self._context) is True
        except (Error, NotImplementedError):
            return True  # the scan would have failed there; or a function wants the session that ran it

    def widened(self, start: bytes, stop: bytes | None) -> ReadRange:
        return NextKeyRange(self._shape, start, stop, self._context)

    def condition(self) -> str | None:
        context = self._context

        def value_of(node: Expr) -> Expr:
            if isinstance(node, Parameter):
                return Constant(context.parameters[node.index], node.type)
            if isinstance(node, OuterSlot):
                return Constant(context.outer.get(node.id), node.type)
            return node

        return scan_conditions(self._shape.plan, value_of)


class NextKeyRange(ScanRange):
    """The same borders of a key, and every row within them: no condition."""

    __slots__ = ()

    def holds(self, key: bytes, data: bytes) -> bool:
        try:
            return self._shape.is_between(self.start, self.stop, key, data)
        except (Error, NotImplementedError):
            return True

    def condition(self) -> str | None:
        return None


def scan_range(plan: Scan, start: bytes, stop: bytes | None, context: EvaluationContext) -> ScanRange:
    """What a scan of [start, stop) looks for under the context's parameters and outer values."""
    kept = EvaluationContext(context.parameters, context.settings, context.now)
    if context.outer:
        kept.outer = dict(context.outer)
    return ScanRange(range_shape(plan), start, stop, kept)


def _entry_function(plan: Scan, index: IndexSchema) -> EntryOf:
    """stored row, its key without the prefix -> where it stands in the index; None: it does not."""
    keys = index_keys_of(index)
    entry = keys.entry
    if index.predicate is None and keys.slots is not None:
        values_of = slots_getter(keys.slots)
        return lambda row, row_key: entry(values_of(row), row_key)
    bound = next(each for each in plan.indexes if each.schema.name == index.name)
    predicate = bound.predicate

    def entry_of(row: Row, row_key: bytes) -> bytes | None:
        if predicate is not None and predicate.evaluate(row, NO_CONTEXT) is not True:
            return None
        values: tuple[Value, ...] = tuple([key.evaluate(row, NO_CONTEXT) for key in bound.keys])
        return entry(values, row_key)

    return entry_of


def _no_columns(row: Row | list[Value]) -> tuple[Any, ...]:
    return ()


_BEYOND: Final = b"\xff" * 512  # no key is that long
range_shape: Final = ByIdentity(RangeShape)
