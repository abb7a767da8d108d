"""Equi-joins: the right side goes into a hash table, the left side streams past it.

    right -> table too big for work_mem? -> both sides divided by hash into files, then pair by pair (grace)

A key with a NULL part equals nothing. RIGHT and FULL mark the table's rows that found a partner and
deliver the others at the end. NOT IN (`null_aware`) has an operator of its own: not_in_join.py.

The table is kept over a reset if nothing it was made from can have changed: a recursive query's step, or the
right side of a nested loop, then hashes its constant part once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress, repeat
from typing import Any, Final

from minidb.exec.context import ExecutionContext
from minidb.exec.join_tables import JoinKeys, JoinTable
from minidb.exec.operator import BATCH_ROWS, Operator, SharedRows
from minidb.exec.partitions import Partitions
from minidb.exec.plan_facts import plan_facts
from minidb.exec.spill import row_bytes
from minidb.plan.nodes import HashJoin
from minidb.value.sql_types import Row

MOST_PAIRS: Final = 4 * BATCH_ROWS  # joined rows made at a time
DEEPEST: Final = 4  # partitions of partitions; beyond that one key is simply frequent


class HashJoinOperator(Operator):
    """See the module."""

    __slots__ = (
        "_context", "_keeps_left", "_keeps_right", "_kind", "_left", "_left_keys", "_left_nulls",
        "_output", "_plan", "_residual", "_right", "_right_keys", "_right_nulls", "_seen",
        "_table",
    )  # fmt: skip

    def __init__(self, plan: HashJoin, left: Operator, right: Operator, context: ExecutionContext) -> None:
        assert not plan.null_aware
        self._plan = plan
        self._context = context
        self._left = left
        self._right = right
        self._kind = plan.kind
        self._left_keys = JoinKeys(plan.left_keys, context)
        self._right_keys = JoinKeys(plan.right_keys, context)
        self._residual = None if plan.residual is None else plan.residual.evaluate_batch
        self._left_nulls: Row = (None,) * len(plan.left.columns)
        self._right_nulls: Row = (None,) * len(plan.right.columns)
        self._keeps_left = plan.kind in ("left", "full")
        self._keeps_right = plan.kind in ("right", "full")
        self._seen: dict[int, SharedRows] = {}  # the CTEs that there were when the table was made
        self._table: JoinTable | None = None  # the whole right side, if it fitted
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            self._output = self._run()
        return next(self._output, [])

    def _run(self) -> Iterator[list[Row]]:
        if self._table is not None:
            if self._is_constant():
                return self._probe(self._table, self._left_batches())
            self._table = None
        self._right.reset()
        self._seen = dict(self._context.ctes)
        table = JoinTable(self._keeps_right)
        used = 0
        set_aside: list[list[Row]] = []
        budget = self._context.work_mem
        while rows := self._right.next_batch():
            table.add(self._right_keys.of(rows), rows)
            set_aside.append(rows)
            used += row_bytes(rows) + 100 * len(rows)
            if used > budget:
                del table
                return self._in_partitions(set_aside)
        self._table = table
        return self._probe(table, self._left_batches())

    def _is_constant(self) -> bool:
        """Whether the table of the last run still is what the right side would yield."""
        if self._keeps_right:  # its rows are marked
            return False
        facts = plan_facts(self._plan.right)
        ctes = self._context.ctes
        return not (facts.outer or facts.volatile) and all(
            ctes.get(id_) is self._seen.get(id_) for id_ in facts.ctes
        )

    def _left_batches(self) -> Iterator[list[Row]]:
        while rows := self._left.next_batch():
            yield rows

    # --- in memory --------------------------------------------------------------------------------

    def _probe(self, table: JoinTable, batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
        if self._kind in ("semi", "anti") and self._residual is None:
            yield from self._filter_left(table, batches)
            return
        by_key = table.by_key
        unique = table.unique
        if table.is_empty() and self._kind in ("inner", "semi", "right"):
            batches = iter(())  # no left row finds a partner, nobody needs them
        largest = table.largest()
        simple = self._residual is None and not table.numbered
        nothing: list[Row] = [self._right_nulls] if self._keeps_left else []
        for rows in batches:
            self._context.check_cancel()
            keys = self._left_keys.of(rows)
            if simple and unique is not None:
                rights = map(unique.get, keys, repeat(self._right_nulls if self._keeps_left else None))
                joined = [left + right for left, right in zip(rows, rights, strict=True) if right is not None]
                if joined:
                    yield joined
            elif simple and largest * len(rows) <= MOST_PAIRS:
                found = map(by_key.get, keys, repeat(nothing))
                joined = [left + right for left, some in zip(rows, found, strict=True) for right in some]
                if joined:
                    yield joined
            else:
                yield from self._probe_in_pieces(table, rows, keys)
        if self._keeps_right:
            nulls = self._left_nulls
            unmatched = table.unmatched()
            for start in range(0, len(unmatched), BATCH_ROWS):
                yield [nulls + row for row in unmatched[start : start + BATCH_ROWS]]

    def _filter_left(self, table: JoinTable, batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """SEMI and ANTI without a residual: only whether the key is there counts."""
        has = table.by_key.__contains__ if table.unique is None else table.unique.__contains__
        semi = self._kind == "semi"
        for rows in batches:
            keys = self._left_keys.of(rows)
            if semi:
                kept = list(compress(rows, map(has, keys)))
            else:
                kept = [row for row, found in zip(rows, map(has, keys), strict=True) if not found]
            if kept:
                yield kept

    def _probe_in_pieces(self, table: JoinTable, rows: list[Row], keys: list[Any]) -> Iterator[list[Row]]:
        """The general case: some thousand pairs at a time, each left row's success noted."""
        matched = bytearray(len(rows))
        wants_pairs = self._kind not in ("semi", "anti")
        lefts: list[int] = []
        rights: list[Any] = []
        for number, partners in enumerate(table.partners(keys)):
            if not partners:
                continue
            for start in range(0, len(partners), MOST_PAIRS):
                some = partners[start : start + MOST_PAIRS]
                lefts += [number] * len(some)
                rights += some
                if len(lefts) >= MOST_PAIRS:
                    joined = self._join_pairs(table, rows, lefts, rights, matched)
                    lefts, rights = [], []
                    if joined and wants_pairs:
                        yield joined
        if lefts:
            joined = self._join_pairs(table, rows, lefts, rights, matched)
            if joined and wants_pairs:
                yield joined
        if self._kind == "semi":
            kept = list(compress(rows, matched))
        elif self._kind == "anti":
            kept = [row for row, found in zip(rows, matched, strict=True) if not found]
        elif self._keeps_left:
            nulls = self._right_nulls
            kept = [row + nulls for row, found in zip(rows, matched, strict=True) if not found]
        else:
            return
        if kept:
            yield kept

    def _join_pairs(
        self, table: JoinTable, rows: list[Row], lefts: list[int], rights: list[Any], matched: bytearray
    ) -> list[Row]:
        """The joined rows of these pairs that satisfy the residual; marks both partners."""
        self._context.check_cancel()
        if table.numbered:
            all_rights = table.rows
            joined = [rows[left] + all_rights[right] for left, right in zip(lefts, rights, strict=True)]
        else:
            joined = [rows[left] + right for left, right in zip(lefts, rights, strict=True)]
        if self._residual is not None:
            mask = self._residual(joined, self._context)
            joined = list(compress(joined, mask))
            lefts = list(compress(lefts, mask))
            rights = list(compress(rights, mask))
        for left in lefts:
            matched[left] = 1
        if table.numbered:
            for right in rights:
                table.matched[right] = 1
        return joined

    # --- in partitions ----------------------------------------------------------------------------

    def _in_partitions(self, read: list[list[Row]]) -> Iterator[list[Row]]:
        """Divide what was read of the right side and the rest of it, then the left side."""

        def right_batches() -> Iterator[list[Row]]:
            while read:
                yield read.pop()
            while rows := self._right.next_batch():
                yield rows

        return self._join_divided(right_batches(), self._left_batches(), 0)

    def _divide(
        self, batches: Iterator[list[Row]], keys: JoinKeys, types: list[Any], depth: int
    ) -> Partitions:
        partitions = Partitions(types, depth)
        for rows in batches:
            self._context.check_cancel()
            partitions.add_all(keys.of(rows), rows)
        return partitions

    def _join_divided(
        self, rights: Iterator[list[Row]], lefts: Iterator[list[Row]], depth: int
    ) -> Iterator[list[Row]]:
        plan = self._plan
        right_types = [column.type for column in plan.right.columns]
        left_types = [column.type for column in plan.left.columns]
        right_files = self._divide(rights, self._right_keys, right_types, depth).finish()
        left_files = self._divide(lefts, self._left_keys, left_types, depth).finish()
        for number, (right, left) in enumerate(zip(right_files, left_files, strict=True)):
            right_blocks = right.blocks() if right is not None else iter(())
            left_blocks = left.blocks() if left is not None else iter(())
            if right is not None and right.bytes > self._context.work_mem and depth < DEEPEST:
                yield from self._join_divided(right_blocks, left_blocks, depth + 1)
            else:
                table = JoinTable(self._keeps_right)
                for rows in right_blocks:
                    self._context.check_cancel()
                    table.add(self._right_keys.of(rows), rows)
                yield from self._probe(table, left_blocks)
            right_files[number] = left_files[number] = None

    def reset(self) -> None:
        self._left.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._table = None
        self._left.close()
        self._right.close()
