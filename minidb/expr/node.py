"""Bound expressions: typed, immutable, evaluated by a method per node.

Two forms of the same tree. The binder and the planner name columns by *id* (`Column`, unique in a
statement, so a rule may move an expression anywhere). Before execution `plan/resolve.py` turns each
`Column` into a `Slot`, a position in the input row, or an `OuterSlot`, a value that an enclosing
query has put into the context. Only resolved expressions can be evaluated.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from minidb.value.sql_types import Row, SqlType, Value

ANY_CHANCE: Final = Random()


class EvaluationContext:
    """What an expression may see besides its row: one per execution of a statement.

    `parameters` are the statement's bound values, `outer` the values of enclosing queries' columns,
    `subquery_rows` runs a resolved sub-plan (the executor overrides it).
    """

    __slots__ = ("now", "once", "outer", "parameters", "settings")

    def __init__(
        self,
        parameters: Sequence[Value],
        settings: dict[str, Any],
        now: datetime.datetime,
    ) -> None:
        self.parameters = parameters
        self.settings = settings
        self.now = now  # the transaction's start, aware, UTC
        self.outer: dict[int, Value] = {}
        self.once: dict[int, Value] = {}  # the values of `Once` nodes, by their identity

    def subquery_rows(self, plan: object, limit: int | None) -> list[Row]:
        """The rows of a resolved sub-plan under the present `outer` values (memoised if uncorrelated)."""
        raise NotImplementedError

    def subquery_contains(self, plan: object) -> Value:
        """The result of an `= ANY` sub-plan expression, found by hash; NotImplemented: compare row by row."""
        return NotImplemented

    def sequence_value(self, operation: str, name: str, value: int | None) -> int:
        """nextval / currval / setval / lastval."""
        raise NotImplementedError

    def clock(self) -> datetime.datetime:
        """clock_timestamp()."""
        return datetime.datetime.now(datetime.UTC)

    def chance(self) -> Random:
        """Where random() and gen_random_uuid() come from."""
        return ANY_CHANCE

    def session_id(self) -> int:
        """The number of the session that runs the statement: pg_backend_pid."""
        raise NotImplementedError

    def advisory_lock(
        self, first: int, second: int | None, *, shared: bool, session: bool, wait: bool
    ) -> bool:
        """pg_advisory_lock and its kind: False if it would have to wait, and must not."""
        raise NotImplementedError

    def advisory_unlock(self, first: int, second: int | None, *, shared: bool) -> bool:
        """pg_advisory_unlock: False if the session does not hold it."""
        raise NotImplementedError

    def advisory_unlock_all(self) -> None:
        """pg_advisory_unlock_all."""

    def routine_rows(self, routine: int, values: list[Value]) -> list[Row]:
        """The rows that a user's function, by its id, yields for these arguments."""
        raise NotImplementedError

    def check_cancel(self) -> None:
        """Raise QueryCanceled if the statement was interrupted or timed out; cheap, but once a batch."""
        raise NotImplementedError


class Expr:
    """A bound expression of type `type`. Subclasses are frozen dataclasses."""

    __slots__ = ()
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        """The value for this row; None is NULL."""
        raise NotImplementedError

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        """The values for many rows; nodes override it where that is faster."""
        evaluate = self.evaluate
        return [evaluate(row, context) for row in rows]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        """The rows for which this condition is true; nodes override it where that is faster."""
        return [row for row, result in zip(rows, self.evaluate_batch(rows, context), strict=True) if result]

    def children(self) -> tuple[Expr, ...]:
        """The operands."""
        return ()

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        """The same node over other operands, in the order of `children()`."""
        return self

    def holds_plan(self) -> bool:
        """Whether it is a subquery: its value comes from a plan, not only from its operands."""
        return False

    def is_volatile(self) -> bool:
        """Whether this node itself (not its operands) may differ from call to call: random(), nextval()."""
        return False

    def is_stable(self) -> bool:
        """Whether it is fixed within one statement but not beyond: now(), parameters, settings."""
        return False


@dataclass(frozen=True)
class Constant(Expr):
    """A literal, or a folded expression."""

    value: Value
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.value

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [self.value] * len(rows)


@dataclass(frozen=True)
class Parameter(Expr):
    """The statement's `index`-th parameter, from 0."""

    index: int
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return context.parameters[self.index]

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [context.parameters[self.index]] * len(rows)

    def is_stable(self) -> bool:
        return True


@dataclass(frozen=True)
class Column(Expr):
    """A column of some relation in the statement, by its id. Not evaluable: see `Slot`."""

    id: int
    name: str
    type: SqlType
    relation: str = ""  # the table's alias, for EXPLAIN


@dataclass(frozen=True)
class Slot(Expr):
    """Position `index` of the input row: a resolved `Column`."""

    index: int
    type: SqlType
    name: str = ""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return row[self.index]

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        index = self.index
        return [row[index] for row in rows]


@dataclass(frozen=True)
class OuterSlot(Expr):
    """A column of an enclosing query, by its id in `context.outer`: a resolved, correlated `Column`."""

    id: int
    type: SqlType
    name: str = ""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return context.outer[self.id]


@dataclass(frozen=True)
class Once(Expr):
    """An operand without columns whose value holds for the whole statement: computed at its first use."""

    operand: Expr
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        once = context.once
        key = id(self)
        if key not in once:
            once[key] = self.operand.evaluate(row, context)
        return once[key]

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [self.evaluate((), context)] * len(rows) if rows else []

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Once(children[0], self.type)


# Nodes that have one value for all rows of a batch, whatever the row.
SAME_FOR_ALL_ROWS = (Constant, Parameter, OuterSlot, Once)


def transform(expression: Expr, visit: Any) -> Expr:
    """Rebuild bottom-up: `visit(node)` after its operands; it returns the node or a replacement."""
    children = expression.children()
    if children:
        changed = tuple([transform(child, visit) for child in children])
        if any(new is not old for new, old in zip(changed, children, strict=True)):
            expression = expression.with_children(changed)
    result: Expr = visit(expression)
    return result


def walk(expression: Expr) -> list[Expr]:
    """The node and all below it, parents first."""
    found = [expression]
    for child in expression.children():
        found.extend(walk(child))
    return found
