"""What all branches of an OR ask for is asked for once, outside it.

    (a = b AND x < 1) OR (a = b AND y > 2)    ->    a = b AND (x < 1 OR y > 2)
    a OR (a AND b)                            ->    a

So the common conjunct can join relations or choose an index, which an OR cannot (TPC-H's query 19). Both hold
in three-valued logic too. Volatile conditions are left alone.
"""

from __future__ import annotations

from minidb.expr.logic import And, Or
from minidb.expr.node import Expr
from minidb.plan.nodes import Filter, Join, Plan
from minidb.plan.predicates import join, split
from minidb.plan.traverse import contains_subquery, contains_volatile, map_children


def factor_or(plan: Plan) -> Plan:
    """Factor the conditions of every filter and join."""
    plan = map_children(plan, factor_or)
    match plan:
        case Filter(source, where):
            changed = factored(where)
            return plan if changed is where else Filter(source, changed)
        case Join(kind, left, right, on, null_aware) if on is not None:
            changed = factored(on)
            return plan if changed is on else Join(kind, left, right, changed, null_aware)
        case _:
            return plan


def factored(condition: Expr) -> Expr:
    """The condition with the common conjuncts of each OR taken out."""
    if isinstance(condition, And):
        operands = [factored(operand) for operand in condition.operands]
        if all(new is old for new, old in zip(operands, condition.operands, strict=True)):
            return condition
        return join([conjunct for operand in operands for conjunct in split(operand)]) or condition
    if not isinstance(condition, Or):
        return condition
    if contains_subquery(condition) or contains_volatile(condition):
        return condition
    branches = [split(operand) for operand in condition.operands]
    common = [conjunct for conjunct in branches[0] if all(conjunct in branch for branch in branches[1:])]
    if not common:
        return condition
    rests = [[conjunct for conjunct in branch if conjunct not in common] for branch in branches]
    if all(rests):
        common.append(Or(tuple([join(rest) or condition for rest in rests])))
    return join(common) or condition
