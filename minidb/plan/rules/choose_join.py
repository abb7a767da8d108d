"""Which algorithm joins, and in which order.

    MultiJoin a.x = b.y and b.z = c.w       ->   Hash Join b.z = c.w
      a, b, c                                      Nested Loop
                                                     a
                                                     b by its index on y, y = a.x
                                                   c

Inner joins are ordered freely (`plan/join_order.py`); the others stay in place and only get an algorithm:

    an equality of the sides      hash join, or index lookups into the right side for few left rows
    anything else                 nested loop, the right side read once
    semi join with few keys       the distinct keys first, then lookups into the left side
"""

from __future__ import annotations

from dataclasses import replace

from minidb.plan.changes import Change, Insert
from minidb.plan.estimate import Estimator
from minidb.plan.join_method import chosen_join
from minidb.plan.join_order import order_joins
from minidb.plan.nodes import (
    Aggregate,
    Cte,
    Distinct,
    Join,
    MultiJoin,
    Plan,
    Project,
    Scan,
    SetOperation,
    With,
)
from minidb.plan.traverse import map_children


def choose_join(plan: Plan, estimator: Estimator | None = None) -> Plan:
    """An algorithm for every join of the plan."""
    return _Choice(Estimator(plan) if estimator is None else estimator).visit(plan, in_order=True)


class _Choice:
    """`in_order`: whether somebody counts the columns of a plan, so that sides must not be exchanged."""

    __slots__ = ("estimator",)

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def visit(self, plan: Plan, in_order: bool) -> Plan:
        """The plan with its joins chosen."""
        match plan:
            case Scan():
                return plan
            case Project() | Aggregate():
                return map_children(plan, self._any_order)
            case SetOperation() | Insert() | Distinct(on=()):
                return map_children(plan, self._same_order)
            case Change():
                return map_children(plan, self._any_order)
            case With(ctes, body):
                return With(tuple([self._cte(cte) for cte in ctes]), self.visit(body, in_order))
            case MultiJoin():
                return self._multi_join(plan, in_order)
            case Join():
                left = self.visit(plan.left, in_order)
                right = self.visit(plan.right, in_order and plan.kind not in ("semi", "anti"))
                chosen = chosen_join(Join(plan.kind, left, right, plan.on, plan.null_aware), self.estimator)[
                    1
                ]
                return _in_order(chosen, plan) if in_order else chosen
            case _:
                return map_children(plan, lambda child: self.visit(child, in_order))

    def _any_order(self, plan: Plan) -> Plan:
        return self.visit(plan, in_order=False)

    def _same_order(self, plan: Plan) -> Plan:
        return self.visit(plan, in_order=True)

    def _cte(self, cte: Cte) -> Cte:
        step = None if cte.step is None else self.visit(cte.step, in_order=True)
        return Cte(cte.id, cte.name, self.visit(cte.plan, in_order=True), step, cte.union_all)

    def _multi_join(self, plan: MultiJoin, in_order: bool) -> Plan:
        relations = [self.visit(relation, in_order) for relation in plan.relations]
        filters = [replace(semi, right=self.visit(semi.right, False)) for semi in plan.filters]
        chosen = order_joins(relations, plan.conjuncts, filters, self.estimator)
        return _in_order(chosen, plan) if in_order else chosen


def _in_order(chosen: Plan, wanted: Plan) -> Plan:
    """The chosen plan with the wanted one's columns in their order."""
    columns = wanted.columns
    return chosen if chosen.columns == columns else Project(chosen, columns, columns)
