"""Derived tables dissolve: a projection that only renames or computes little is replaced by its expressions.

    Project x + 1                       Project t.a * 2 + 1
      Filter x > 3                ->      Filter t.a * 2 > 3
        Project x := t.a * 2                Scan t
          Scan t

What stands above refers to what the projection computed, by id; those ids are replaced in every expression
on the way up. A projection stays where its row is somebody's whole row, by position (the top of a statement,
of a sub-plan, an input of a UNION, DISTINCT), and where computing it in several places, or above an outer
join that makes its row NULL, would not be the same.
"""

from __future__ import annotations

from typing import Final

from minidb.expr.node import Column, Expr
from minidb.plan.changes import Change
from minidb.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    HashJoin,
    Join,
    Limit,
    NestedLoop,
    Plan,
    Project,
    Sort,
)
from minidb.plan.traverse import (
    contains_subquery,
    contains_volatile,
    map_children,
    map_expressions,
    substitute,
)

_SMALL: Final = 8  # nodes of an expression that may be computed twice


def flatten(plan: Plan) -> Plan:
    """Dissolve the projections inside the plan that need not be there."""
    return _Flattening().whole(plan)


class _Flattening:
    """`values`: what the columns of dissolved projections stand for."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[int, Expr] = {}

    def whole(self, plan: Plan) -> Plan:
        """A plan whose own columns must stay."""
        return self.visit(plan, keep=True, nullable=False)

    def visit(self, plan: Plan, keep: bool, nullable: bool) -> Plan:
        """`keep`: the plan's columns must stay; `nullable`: a join above may make its rows NULL."""
        match plan:
            case Project(source, columns, expressions):
                source = self.visit(source, False, nullable)
                changed = tuple([self.expression(expression) for expression in expressions])
                nulled = {column.id for column in source.columns} if nullable else None
                if not keep and all(_dissolves(expression, nulled) for expression in changed):
                    for column, expression in zip(columns, changed, strict=True):
                        self.values[column.id] = expression
                    return source
                return Project(source, columns, changed)
            case Filter(source, where):
                source = self.visit(source, keep, nullable)
                return Filter(source, self.expression(where))
            case Sort() | Limit():
                source = self.visit(plan.source, keep, nullable)
                return self.own(map_children(plan, lambda _: source))
            case Distinct():
                source = self.visit(plan.source, keep or not plan.on, nullable)
                return self.own(map_children(plan, lambda _: source))
            case Aggregate():
                source = self.visit(plan.source, False, False)
                return self.own(map_children(plan, lambda _: source))
            case Join() | HashJoin() | NestedLoop():
                left = self.visit(plan.left, keep, nullable or plan.kind in ("right", "full"))
                keep_right = keep and plan.kind not in ("semi", "anti")
                right = self.visit(plan.right, keep_right, nullable or plan.kind in ("left", "full"))
                inputs = iter((left, right))
                return self.own(map_children(plan, lambda _: next(inputs)))
            case Change():
                return map_children(plan, self.whole)
            case _:
                return self.own(map_children(plan, self.whole))

    def own(self, plan: Plan) -> Plan:
        """The node with dissolved columns replaced in its own expressions."""
        return map_expressions(plan, self.expression) if self.values else plan

    def expression(self, expression: Expr) -> Expr:
        """With dissolved columns replaced."""
        return substitute(expression, self.values) if self.values else expression


def _dissolves(expression: Expr, nulled: set[int] | None) -> bool:
    """`nulled`: what a join above may make NULL; None if nothing."""
    if type(expression) is Column:
        return nulled is None or expression.id in nulled
    if nulled is not None or contains_volatile(expression) or contains_subquery(expression):
        return False
    return _size(expression, _SMALL) >= 0


def _size(expression: Expr, left: int) -> int:
    """How much of `left` remains after the expression's nodes; negative if they are more."""
    left -= 1
    for operand in expression.children():
        if left < 0:
            break
        left = _size(operand, left)
    return left
