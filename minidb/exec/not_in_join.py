"""NOT IN as a join: a left row passes if no right row equals it, nor could if its NULLs were known.

right side empty                          every left row passes
x NOT IN (..., NULL)                      no left row passes
NULL NOT IN (...)                         no left row with a NULL passes
(a, b) NOT IN (...), or with a residual   a part that is unequal decides; rows with NULLs are compared singly
"""

from __future__ import annotations

from typing import Any

from minidb.exec.context import ExecutionContext
from minidb.exec.join_tables import JoinKeys
from minidb.exec.operator import Operator
from minidb.plan.nodes import HashJoin
from minidb.value.sql_types import Row

Parts = tuple[Any, ...]


class NotInJoinOperator(Operator):
    """The left rows of which NOT IN is true."""

    __slots__ = (
        "_by_key", "_context", "_left", "_left_keys", "_loaded", "_residual", "_right",
        "_right_keys", "_some", "_whole", "_with_nulls",
    )  # fmt: skip

    def __init__(self, plan: HashJoin, left: Operator, right: Operator, context: ExecutionContext) -> None:
        self._context = context
        self._left = left
        self._right = right
        self._left_keys = JoinKeys(plan.left_keys, context)
        self._right_keys = JoinKeys(plan.right_keys, context)
        self._residual = plan.residual
        self._whole = len(plan.left_keys) == 1 and plan.residual is None  # the simple case
        self._start()

    def _start(self) -> None:
        self._loaded = False
        self._some = False  # whether the right side has any row
        self._by_key: dict[Parts, list[Row]] = {}
        self._with_nulls: list[tuple[Parts, Row]] = []

    def _load(self) -> None:
        while rows := self._right.next_batch():
            self._some = True
            for key, row in zip(zip(*self._right_keys.columns(rows), strict=True), rows, strict=True):
                if None in key:
                    self._with_nulls.append((key, row))
                elif not self._whole:
                    self._by_key.setdefault(key, []).append(row)
                elif key not in self._by_key:
                    self._by_key[key] = []
        self._loaded = True

    def next_batch(self) -> list[Row]:
        if not self._loaded:
            self._load()
        while True:
            rows = self._left.next_batch()
            if not rows or not self._some:
                return rows
            keys = zip(*self._left_keys.columns(rows), strict=True)
            if not self._whole:
                kept = [row for key, row in zip(keys, rows, strict=True) if not self._may_match(key, row)]
            elif self._with_nulls:
                return []
            else:
                by_key = self._by_key
                kept = [
                    row
                    for key, row in zip(keys, rows, strict=True)
                    if key[0] is not None and key not in by_key
                ]
            if kept:
                return kept

    def _may_match(self, key: Parts, row: Row) -> bool:
        """Whether the comparison with some right row is true or unknown."""
        self._context.check_cancel()
        if None not in key:
            candidates = self._by_key.get(key, [])
        else:
            candidates = [
                right for other, rights in self._by_key.items() if _compatible(key, other) for right in rights
            ]
        candidates = candidates + [right for other, right in self._with_nulls if _compatible(key, other)]
        if self._residual is None or not candidates:
            return bool(candidates)
        return True in self._residual.evaluate_batch([row + right for right in candidates], self._context)

    def reset(self) -> None:
        self._left.reset()
        self._right.reset()
        self._start()

    def close(self) -> None:
        self._left.close()
        self._right.close()


def _compatible(one: Parts, other: Parts) -> bool:
    """Whether no part is known to be unequal."""
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))
