"""What a resolved plan depends on besides the database: outer values, CTEs, volatile functions.

Asked once per plan, to decide what may be kept when a part of a statement runs again and again: a
sub-plan's result, the hash table of a join inside a recursive step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minidb.expr.node import Expr, OuterSlot, walk
from minidb.plan.changes import Change
from minidb.plan.nodes import CteScan, FunctionScan, Lock, NestedLoop, Plan, With
from minidb.plan.subqueries import QuantifiedComparison, Subquery
from minidb.plan.traverse import expressions, walk_plan


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """`outer`: ids of columns bound outside the plan; `ctes`: ids of CTEs it scans and does not define."""

    outer: frozenset[int]
    ctes: frozenset[int]
    volatile: bool


class _Survey:
    """Collects the facts of one plan."""

    __slots__ = ("bound", "defined", "outer", "scanned", "volatile")

    def __init__(self) -> None:
        self.outer: set[int] = set()
        self.bound: set[int] = set()
        self.scanned: set[int] = set()
        self.defined: set[int] = set()
        self.volatile = False

    def visit_plan(self, plan: Plan) -> None:
        """The plan, its inputs, and their expressions."""
        for node in walk_plan(plan):
            if isinstance(node, NestedLoop):
                self.bound.update([column.id for column in node.bindings])
            elif isinstance(node, CteScan):
                self.scanned.add(node.cte)
            elif isinstance(node, With):
                self.defined.update([cte.id for cte in node.ctes])
            elif isinstance(node, Lock | Change) or (isinstance(node, FunctionScan) and node.volatile):
                self.volatile = True
            for expression in expressions(node):
                self.visit_expression(expression)

    def visit_expression(self, expression: Expr) -> None:
        """References to outer columns, and those that a sub-plan's own query binds."""
        for node in walk(expression):
            if isinstance(node, OuterSlot):
                self.outer.add(node.id)
            elif isinstance(node, Subquery):
                for id_, value in zip(node.outer_ids, node.outer_values, strict=True):
                    if not isinstance(value, OuterSlot):
                        self.bound.add(id_)
                self.visit_plan(node.plan)
                if isinstance(node, QuantifiedComparison) and node.test is not None:
                    self.visit_expression(node.test)
            if node.is_volatile():
                self.volatile = True


_KEPT: Final = 512
_known: dict[int, tuple[Plan, PlanFacts]] = {}


def plan_facts(plan: Plan) -> PlanFacts:
    """The facts of `plan`, remembered by its identity: plans are immutable and live in statement caches."""
    found = _known.get(id(plan))
    if found is not None and found[0] is plan:
        return found[1]
    survey = _Survey()
    survey.visit_plan(plan)
    facts = PlanFacts(
        frozenset(survey.outer - survey.bound), frozenset(survey.scanned - survey.defined), survey.volatile
    )
    if len(_known) >= _KEPT:
        _known.clear()
    _known[id(plan)] = (plan, facts)
    return facts
