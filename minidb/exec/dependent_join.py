"""Joins whose right side depends on the left row: index nested loops and LATERAL.

a key lookup by left columns   the keys of a whole left batch are looked up together
any other lookup               row by row, without running an operator
anything else                  the left row's values go into `context.outer`, the right side runs again
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

from minidb.exec.context import ExecutionContext
from minidb.exec.nested_loop_join import JoinCondition
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.exec.point_lookup import BatchLookup, PointLookup, batch_lookup
from minidb.plan.nodes import JoinKind, KeyLookup, NestedLoop, Plan, Scan
from minidb.value.sql_types import Row


class DependentJoinOperator(Operator):
    """The join of a left side with a right side that runs anew for each left row."""

    __slots__ = (
        "_batch_lookup", "_bindings", "_condition", "_context", "_kind", "_left", "_lookup", "_output",
        "_right", "_right_nulls",
    )  # fmt: skip

    def __init__(
        self, plan: NestedLoop, left: Operator, right: Operator | None, context: ExecutionContext
    ) -> None:
        assert plan.kind not in ("right", "full")
        self._context = context
        self._kind: JoinKind = plan.kind
        self._left = left
        self._right = right  # None if `is_lookup`
        self._batch_lookup = batch_lookup(plan)
        self._lookup: PointLookup | None = None
        if self._batch_lookup is None and is_lookup(plan.right):
            assert isinstance(plan.right, Scan)
            self._lookup = PointLookup(plan.right, context)
        self._bindings = [
            (column.id, slot) for column, slot in zip(plan.bindings, plan.binding_slots, strict=True)
        ]
        self._condition = JoinCondition(plan.on, False, context)
        self._right_nulls: Row = (None,) * len(plan.right.columns)
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            self._output = (
                self._run() if self._batch_lookup is None else self._run_batches(self._batch_lookup)
            )
        return next(self._output, [])

    def _run_batches(self, lookup: BatchLookup) -> Iterator[list[Row]]:
        """Each left row has at most one partner, all found together."""
        kind = self._kind
        while rows := self._left.next_batch():
            self._context.check_cancel()
            partners = lookup.find(rows, self._context)
            if self._condition.tests:
                partners = self._confirmed(rows, partners)
            if kind == "inner":
                joined = [row + right for row, right in zip(rows, partners, strict=True) if right is not None]
            elif kind == "left":
                nulls = self._right_nulls
                joined = [
                    row + (nulls if right is None else right)
                    for row, right in zip(rows, partners, strict=True)
                ]
            else:
                wanted = kind == "semi"
                joined = [
                    row for row, right in zip(rows, partners, strict=True) if (right is not None) is wanted
                ]
            if joined:
                yield joined

    def _confirmed(self, rows: list[Row], partners: list[Row | None]) -> list[Row | None]:
        """The partners with which the condition holds."""
        places = [place for place, right in enumerate(partners) if right is not None]
        pairs = [row + right for row, right in zip(rows, partners, strict=True) if right is not None]
        mask = self._condition.test(pairs)
        confirmed: list[Row | None] = [None] * len(rows)
        if mask is not None:
            for place in compress(places, mask):
                confirmed[place] = partners[place]
        return confirmed

    def _run(self) -> Iterator[list[Row]]:
        context = self._context
        joined: list[Row] = []
        most = 16  # like a scan's batches, small at first: a LIMIT above may want only a few
        while rows := self._left.next_batch():
            context.check_cancel()
            outer = context.outer
            for row in rows:
                for id_, slot in self._bindings:
                    outer[id_] = row[slot]
                if self._lookup is not None:
                    self._add(joined, row, self._lookup.rows())
                else:
                    yield from self._run_right(joined, row)
                if len(joined) >= most:
                    yield joined
                    joined = []
                    most = min(2 * most, BATCH_ROWS)
        if joined:
            yield joined

    def _run_right(self, joined: list[Row], row: Row) -> Iterator[list[Row]]:
        """Join `row` with all the right side's batches; long results are delivered in between."""
        right = self._right
        assert right is not None
        right.reset()
        kind = self._kind
        found = False
        while rights := right.next_batch():
            pairs = self._matching(row, rights)
            if not pairs:
                continue
            found = True
            if kind in ("semi", "anti"):
                break
            joined += pairs
            if len(joined) >= BATCH_ROWS:
                yield list(joined)
                joined.clear()
        self._add_unmatched(joined, row, found)

    def _add(self, joined: list[Row], row: Row, rights: list[Row]) -> None:
        pairs = self._matching(row, rights) if rights else rights
        if self._kind in ("inner", "left"):
            joined += pairs
        self._add_unmatched(joined, row, bool(pairs))

    def _matching(self, row: Row, rights: list[Row]) -> list[Row]:
        pairs = [row + right for right in rights]
        mask = self._condition.test(pairs)
        return pairs if mask is None else list(compress(pairs, mask))

    def _add_unmatched(self, joined: list[Row], row: Row, found: bool) -> None:
        kind = self._kind
        if kind == "semi":
            if found:
                joined.append(row)
        elif not found:
            if kind == "left":
                joined.append(row + self._right_nulls)
            elif kind == "anti":
                joined.append(row)

    def reset(self) -> None:
        self._left.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._left.close()
        if self._right is not None:
            self._right.close()


def is_lookup(right: Plan) -> bool:
    """Whether the right side needs no operator."""
    return isinstance(right, Scan) and isinstance(right.access, KeyLookup)
