"""The rules, in order, and the loop that applies them."""

from __future__ import annotations

from minidb.plan.nodes import Plan
from minidb.plan.rules.lower_joins import lower_joins
from minidb.plan.traverse import PlanFunction

RULES: tuple[PlanFunction, ...] = (lower_joins,)


def optimize(plan: Plan) -> Plan:
    """An equivalent plan that is cheaper to run; see `resolve` for the last step before running it."""
    for rule in RULES:
        plan = rule(plan)
    return plan
