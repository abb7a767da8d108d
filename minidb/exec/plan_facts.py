"""What a resolved plan depends on besides the database: outer values, CTEs, volatile functions.

Asked once per plan, to decide what may be kept when a part of a statement runs again and again: a
sub-plan's result, the hash table of a join inside a recursive step.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from minidb.expr.node import Expr, OuterSlot
from minidb.plan.changes import Change
from minidb.plan.nodes import CteScan, Lock, NestedLoop, Plan, Subquery, With


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

    def visit(self, node: Any) -> None:
        """Note what `node` says, then go on to all it holds."""
        if isinstance(node, Expr):
            self.visit_expression(node)
        elif isinstance(node, Plan):
            self.visit_plan(node)
        if isinstance(node, tuple):
            for item in node:
                if isinstance(item, tuple) or is_dataclass(item):
                    self.visit(item)
        elif is_dataclass(node):
            for field in fields(node):
                value = getattr(node, field.name)
                if isinstance(value, tuple) or is_dataclass(value):
                    self.visit(value)

    def visit_expression(self, node: Expr) -> None:
        """References to outer columns, and those that a sub-plan's own query binds."""
        if isinstance(node, OuterSlot):
            self.outer.add(node.id)
        elif isinstance(node, Subquery):
            for id_, value in zip(node.outer_ids, node.outer_values, strict=True):
                if not isinstance(value, OuterSlot):
                    self.bound.add(id_)
        if node.is_volatile():
            self.volatile = True

    def visit_plan(self, node: Plan) -> None:
        """Bindings of nested loops, CTEs, and nodes with side effects."""
        if isinstance(node, NestedLoop):
            self.bound.update([column.id for column in node.bindings])
        elif isinstance(node, CteScan):
            self.scanned.add(node.cte)
        elif isinstance(node, With):
            self.defined.update([cte.id for cte in node.ctes])
        elif isinstance(node, Lock | Change):
            self.volatile = True


_KEPT: Final = 512
_known: dict[int, tuple[Plan, PlanFacts]] = {}


def plan_facts(plan: Plan) -> PlanFacts:
    """The facts of `plan`, remembered by its identity: plans are immutable and live in statement caches."""
    found = _known.get(id(plan))
    if found is not None and found[0] is plan:
        return found[1]
    survey = _Survey()
    survey.visit(plan)
    facts = PlanFacts(
        frozenset(survey.outer - survey.bound), frozenset(survey.scanned - survey.defined), survey.volatile
    )
    if len(_known) >= _KEPT:
        _known.clear()
    _known[id(plan)] = (plan, facts)
    return facts
