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

from minidb.expr.node import Column, Expr
from minidb.plan.changes import Change, Insert
from minidb.plan.cost import plan_cost
from minidb.plan.estimate import Estimator
from minidb.plan.join_method import (
    best_lookup,
    dependent_loop,
    equal_sides,
    hash_costs,
    is_plain_scan,
    loop_cost,
)
from minidb.plan.join_order import order_joins
from minidb.plan.nodes import (
    Aggregate,
    Cte,
    Distinct,
    HashJoin,
    Join,
    MultiJoin,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    With,
)
from minidb.plan.predicates import join, split
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
                chosen = self._join(Join(plan.kind, left, right, plan.on, plan.null_aware))
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
        chosen = order_joins(relations, plan.conjuncts, self.estimator)
        return _in_order(chosen, plan) if in_order else chosen

    def _join(self, plan: Join) -> Plan:
        """An outer, semi or anti join, or an inner one that was not gathered."""
        estimator = self.estimator
        conjuncts = split(plan.on)
        pairs, residual = equal_sides(conjuncts, {column.id for column in plan.right.columns})
        if plan.null_aware:
            return self._null_aware(plan)
        left_rows, right_rows = estimator.rows(plan.left), estimator.rows(plan.right)
        left_cost, right_cost = plan_cost(plan.left, estimator), plan_cost(plan.right, estimator)
        if pairs:
            rows = estimator.rows(plan)
            cost = hash_costs(left_cost, left_rows, right_cost, right_rows, rows)[0]
        else:
            cost = loop_cost(left_cost, left_rows, right_cost, right_rows)
        if plan.kind in ("inner", "left", "semi", "anti") and isinstance(plan.right, Scan):
            if is_plain_scan(plan.right) and conjuncts and left_rows < cost:
                lookup = best_lookup(plan.right, conjuncts, estimator)
                if lookup is not None and left_cost + left_rows * lookup.cost < cost:
                    assert lookup.scan is not None
                    return dependent_loop(plan.kind, plan.left, lookup.scan)
        if plan.kind == "semi" and pairs and not residual:
            reverse = self._by_distinct_keys(plan, pairs, right_rows, right_cost)
            if reverse is not None and reverse[0] < cost:
                return reverse[1]
        if not pairs:
            return NestedLoop(plan.kind, plan.left, plan.right, plan.on)
        left_keys = tuple([pair[0] for pair in pairs])
        right_keys = tuple([pair[1] for pair in pairs])
        return HashJoin(plan.kind, plan.left, plan.right, left_keys, right_keys, join(residual))

    def _null_aware(self, plan: Join) -> Plan:
        pairs, residual = equal_sides(split(plan.on), {column.id for column in plan.right.columns})
        assert not residual, "decorrelate makes null-aware joins of equalities only"
        left_keys = tuple([pair[0] for pair in pairs])
        right_keys = tuple([pair[1] for pair in pairs])
        return HashJoin("anti", plan.left, plan.right, left_keys, right_keys, None, null_aware=True)

    def _by_distinct_keys(
        self, plan: Join, pairs: list[tuple[Expr, Expr]], right_rows: float, right_cost: float
    ) -> tuple[float, Plan] | None:
        """`left where key in (right)`: each different right key once, then the left rows that have it."""
        left = plan.left
        if not isinstance(left, Scan) or not is_plain_scan(left):
            return None
        if not all(isinstance(right, Column) for _, right in pairs):
            return None
        lookup = best_lookup(left, split(plan.on), self.estimator)
        if lookup is None or lookup.scan is None:
            return None
        columns = tuple(dict.fromkeys([right for _, right in pairs if isinstance(right, Column)]))
        keys = Distinct(Project(plan.right, columns, columns))
        cost = right_cost + right_rows + self.estimator.groups(columns, right_rows) * lookup.cost
        return cost, dependent_loop("inner", keys, lookup.scan)


def _in_order(chosen: Plan, wanted: Plan) -> Plan:
    """The chosen plan with the wanted one's columns in their order."""
    columns = wanted.columns
    return chosen if chosen.columns == columns else Project(chosen, columns, columns)
