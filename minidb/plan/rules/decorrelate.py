"""EXISTS and IN in a WHERE become semi and anti joins, so that the sub-plan runs once instead of per row.

    Filter EXISTS(SELECT .. FROM s WHERE s.x = t.x AND s.y > 1)     Semi Join on s.x = t.x
      t                                                        ->     t
                                                                      Filter s.y > 1: s

    a IN (SELECT b ...)             semi join on a = b
    NOT EXISTS (...)                anti join
    a NOT IN (SELECT b ...)         anti join, null-aware: a NULL on either side rejects the row; only where
                                    the sub-plan is not correlated otherwise

The correlated conjuncts move from the sub-plan's filters to the join's condition. That is only possible if
nothing between them and the top of the sub-plan (an aggregate, a LIMIT, an outer join) depends on them;
what cannot be moved stays an expression.
"""

from __future__ import annotations

from minidb.expr.compare import Comparison, with_operator
from minidb.expr.logic import Not
from minidb.expr.node import Column, Constant, Expr
from minidb.plan.join_method import equal_sides
from minidb.plan.nodes import Distinct, Filter, Join, Limit, Plan, Project, Sort
from minidb.plan.predicates import join, split
from minidb.plan.subqueries import Exists, QuantifiedComparison, Subquery
from minidb.plan.traverse import (
    collect_column_ids,
    contains_subquery,
    free_columns,
    map_children,
    plan_is_volatile,
    substitute,
)


def decorrelate(plan: Plan) -> Plan:
    """Every filter's EXISTS and IN conjuncts as joins, where that is possible."""
    if isinstance(plan, Filter) and contains_subquery(plan.where):
        source = plan.source
        kept: list[Expr] = []
        for conjunct in split(plan.where):
            joined = _as_join(source, conjunct)
            if joined is None:
                kept.append(conjunct)
            else:
                source = joined
        condition = join(kept)
        plan = source if condition is None else Filter(source, condition)
    return map_children(plan, decorrelate)


def _as_join(source: Plan, conjunct: Expr) -> Plan | None:
    """`source` filtered by the conjunct as a join with its sub-plan, or None."""
    negated = False
    while isinstance(conjunct, Not):
        negated = not negated
        conjunct = conjunct.operand
    if isinstance(conjunct, Exists):
        return _exists(source, conjunct, negated)
    if not isinstance(conjunct, QuantifiedComparison) or conjunct.test is None:
        return None
    if not conjunct.every:
        return _not_in(source, conjunct, conjunct.test) if negated else _any(source, conjunct, conjunct.test)
    if not negated and isinstance(conjunct.test, Comparison) and conjunct.test.operator == "<>":
        return _not_in(source, conjunct, with_operator(conjunct.test, "="))
    return None


def _exists(source: Plan, exists: Exists, negated: bool) -> Plan | None:
    if not _refers_to(exists, source):
        return None  # run once for the whole statement as it is
    plan = exists.plan
    while True:  # what cannot make the difference between some rows and none
        match plan:
            case Project(source=inner) | Sort(source=inner) | Distinct(source=inner):
                plan = inner
            case Limit(source=inner, count=Constant(value=count), offset=None) if count is None or count > 0:
                plan = inner
            case _:
                break
    pulled = _Pull(source, exists)
    right = pulled.plan(plan)
    if right is None or plan_is_volatile(exists.plan) or pulled.is_referred_to_by(right):
        return None
    return Join("anti" if negated else "semi", source, right, join(pulled.conjuncts))


def _any(source: Plan, quantified: QuantifiedComparison, test: Expr) -> Plan | None:
    pulled = _Pull(source, quantified)
    plan = quantified.plan
    right: Plan | None
    if not _refers_to(quantified, source, in_test=False):
        right = plan
    else:
        while isinstance(plan, Sort):
            plan = plan.source
        if not isinstance(plan, Project):
            return None
        test = substitute(test, dict(zip([c.id for c in plan.columns], plan.expressions, strict=True)))
        right = pulled.plan(plan.source)
    if right is None or plan_is_volatile(quantified.plan) or pulled.is_referred_to_by(right):
        return None
    condition = join([*split(pulled.expression(test)), *pulled.conjuncts])
    return Join("semi", source, right, condition)


def _not_in(source: Plan, quantified: QuantifiedComparison, test: Expr) -> Plan | None:
    if plan_is_volatile(quantified.plan) or _refers_to(quantified, source, in_test=False):
        return None
    condition = _Pull(source, quantified).expression(test)
    _, others = equal_sides(split(condition), {column.id for column in quantified.plan.columns})
    if others:
        return None
    return Join("anti", source, quantified.plan, condition, null_aware=True)


def _refers_to(subquery: Subquery, source: Plan, *, in_test: bool = True) -> bool:
    """Whether the sub-plan (its comparison not counted) needs the source's columns."""
    free = free_columns(subquery.plan)
    given = dict(zip(subquery.outer_ids, subquery.outer_values, strict=True))
    ids: set[int] = set()
    for id_, column in free.items():
        collect_column_ids(given.get(id_, column), ids)
    return any(column.id in ids for column in source.columns)


class _Pull:
    """Moves the conjuncts that refer to the outer `source` out of a sub-plan."""

    __slots__ = ("conjuncts", "outer", "values")

    def __init__(self, source: Plan, subquery: Subquery) -> None:
        self.conjuncts: list[Expr] = []
        # ids in the sub-plan that stand for outer expressions
        self.values: dict[int, Expr] = {
            id_: value
            for id_, value in zip(subquery.outer_ids, subquery.outer_values, strict=True)
            if not (type(value) is Column and value.id == id_)
        }
        self.outer = {column.id for column in source.columns} | self.values.keys()

    def expression(self, expression: Expr) -> Expr:
        """With what the ids stand for in the outer query."""
        return substitute(expression, self.values) if self.values else expression

    def is_referred_to_by(self, plan: Plan) -> bool:
        """Whether the plan still needs columns of the outer source."""
        return not self.outer.isdisjoint(free_columns(plan))

    def _keep(self, conjuncts: list[Expr]) -> list[Expr]:
        kept: list[Expr] = []
        for conjunct in conjuncts:
            ids: set[int] = set()
            collect_column_ids(conjunct, ids)
            if ids.isdisjoint(self.outer):
                kept.append(conjunct)
            else:
                self.conjuncts.append(self.expression(conjunct))
        return kept

    def plan(self, plan: Plan) -> Plan | None:
        """The plan without the conjuncts that refer to the outer source; its columns all stay visible."""
        match plan:
            case Filter(source, where):
                inner = self.plan(source)
                if inner is None:
                    return None
                condition = join(self._keep(split(where)))
                return inner if condition is None else Filter(inner, condition)
            case Join("inner", left, right, on):
                new_left, new_right = self.plan(left), self.plan(right)
                if new_left is None or new_right is None:
                    return None
                return Join("inner", new_left, new_right, join(self._keep(split(on))))
            case Join("left" | "semi" | "anti", left, right, on, null_aware):
                new_left = self.plan(left)
                return None if new_left is None else Join(plan.kind, new_left, right, on, null_aware)
            case Project():
                return self._project(plan)
            case _:
                return plan

    def _project(self, plan: Project) -> Plan | None:
        """A derived table: the columns that moved conjuncts need must pass through it."""
        before = len(self.conjuncts)
        inner = self.plan(plan.source)
        if inner is None:
            return None
        needed: set[int] = set()
        for conjunct in self.conjuncts[before:]:
            collect_column_ids(conjunct, needed)
        own = {column.id for column in plan.columns}
        extra = tuple([column for column in inner.columns if column.id in needed and column.id not in own])
        return Project(inner, plan.columns + extra, plan.expressions + extra)
