"""Joins by trying pairs: any condition, any kind; and index lookups and LATERAL through `bindings`.

without bindings   the right side is read once and kept (in a file if it is large); blocks of left rows
                   meet blocks of right rows, so that the condition is evaluated for many pairs at a time
with bindings      each left row's values go into `context.outer`, and the right side runs again
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from typing import Final

from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.exec.spill import RowBuffer
from minidb.expr.node import Expr
from minidb.plan.nodes import Join, JoinKind, NestedLoop
from minidb.value.sql_types import Row

MOST_PAIRS: Final = 2 * BATCH_ROWS  # tried at a time


class JoinCondition:
    """Which of some pairs join. NOT IN (`null_aware`) counts a pair unless the condition is false."""

    __slots__ = ("_context", "_null_aware", "_on")

    def __init__(self, on: Expr | None, null_aware: bool, context: ExecutionContext) -> None:
        self._on = on
        self._null_aware = null_aware
        self._context = context

    @property
    def tests(self) -> bool:
        """Whether there is anything to test."""
        return self._on is not None

    def test(self, pairs: list[Row]) -> list[bool] | None:
        """A flag per pair; None if all join."""
        if self._on is None:
            return None
        results = self._on.evaluate_batch(pairs, self._context)
        if self._null_aware:
            return [result is not False for result in results]
        return results


class NestedLoopOperator(Operator):
    """The join of a left side with a right side that does not depend on it."""

    __slots__ = (
        "_condition", "_context", "_kept", "_kind", "_left", "_left_nulls", "_matched", "_output", "_right",
        "_right_nulls", "_right_types",
    )  # fmt: skip

    def __init__(
        self, plan: NestedLoop | Join, left: Operator, right: Operator, context: ExecutionContext
    ) -> None:
        null_aware = isinstance(plan, Join) and plan.null_aware
        self._context = context
        self._kind: JoinKind = plan.kind
        self._left = left
        self._right = right
        self._condition = JoinCondition(plan.on, null_aware, context)
        self._left_nulls: Row = (None,) * len(plan.left.columns)
        self._right_nulls: Row = (None,) * len(plan.right.columns)
        self._right_types = [column.type for column in plan.right.columns]
        self._kept: RowBuffer | None = None
        self._matched: list[bytearray] = []  # per right batch, for RIGHT and FULL
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            self._output = self._run()
        return next(self._output, [])

    def _keep_right(self) -> RowBuffer:
        kept = RowBuffer(self._right_types, self._context.work_mem)
        pending: list[Row] = []
        while rows := self._right.next_batch():
            pending = pending + rows if pending else rows
            if len(pending) >= BATCH_ROWS // 2:
                kept.append(pending)
                pending = []
        if pending:
            kept.append(pending)
        return kept

    def _run(self) -> Iterator[list[Row]]:
        kept = self._kept = self._keep_right()
        keeps_right = self._kind in ("right", "full")
        if keeps_right:
            self._matched = [bytearray(len(kept.batch(number))) for number in range(kept.batch_count)]
        while rows := self._left.next_batch():
            yield from self._join_batch(rows, kept)
            if kept.batch_count == 0 and self._kind in ("inner", "semi", "right"):
                return
        if keeps_right:
            nulls = self._left_nulls
            for number, matched in enumerate(self._matched):
                unmatched = [
                    nulls + row for row, found in zip(kept.batch(number), matched, strict=True) if not found
                ]
                if unmatched:
                    yield unmatched

    def _join_batch(self, rows: list[Row], kept: RowBuffer) -> Iterator[list[Row]]:
        kind = self._kind
        matched = bytearray(len(rows))
        only_left = kind in ("semi", "anti")
        for number in range(kept.batch_count):
            rights = kept.batch(number)
            step = max(1, MOST_PAIRS // len(rights))
            for start in range(0, len(rows), step):
                self._context.check_cancel()
                joined = self._pairs(rows, start, start + step, rights, number, matched, only_left)
                if joined and not only_left:
                    yield joined
        if kind in ("inner", "right"):
            return
        if kind == "semi":
            kept_rows = list(compress(rows, matched))
        else:
            nulls: Row = () if kind == "anti" else self._right_nulls
            kept_rows = [row + nulls for row, found in zip(rows, matched, strict=True) if not found]
        if kept_rows:
            yield kept_rows

    def _pairs(
        self,
        rows: list[Row],
        start: int,
        stop: int,
        rights: list[Row],
        number: int,
        matched: bytearray,
        only_left: bool,
    ) -> list[Row]:
        """The joined pairs of `rows[start:stop]` and a right batch; marks who found a partner."""
        lefts = range(start, min(stop, len(rows)))
        if only_left:
            candidates = [left for left in lefts if not matched[left]]
        else:
            candidates = list(lefts)
        joined = [rows[left] + right for left in candidates for right in rights]
        mask = self._condition.test(joined)
        if mask is not None:
            if True not in mask:
                return []
            joined = list(compress(joined, mask))
        if self._kind == "inner":
            return joined
        width = len(rights)
        for position, left in enumerate(candidates):
            if mask is None or True in mask[position * width : (position + 1) * width]:
                matched[left] = 1
        if self._matched:
            found = self._matched[number]
            for position in range(width):
                if not found[position] and candidates and (mask is None or True in mask[position::width]):
                    found[position] = 1
        return joined

    def reset(self) -> None:
        self._left.reset()
        self._right.reset()
        self._output = None
        self._drop()

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        self._matched = []

    def close(self) -> None:
        self._output = None
        self._drop()
        self._left.close()
        self._right.close()
