"""What a view's query reads: the relations it names, and which of their columns.

A view is stored as text, so DROP and ALTER must know what the text depends on, and `*` must go on meaning
the columns that it meant when the view was made (`View.horizons`).
"""

from __future__ import annotations

from sqlglot import exp

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Table, View
from minidb.expr.node import walk
from minidb.expr.user_function import UserFunction
from minidb.plan.nodes import FunctionScan, NestedLoop, Plan, Scan, SetOperation, With
from minidb.plan.traverse import collect_column_ids, expressions, subqueries, walk_plan
from minidb.sql.names import identifier

Dependencies = tuple[tuple[int, tuple[int, ...]], ...]


def dependencies(catalog: Catalog, tree: exp.Expression, plan: Plan) -> Dependencies:
    """(id, slots) of each table the query names, (id, all places) of each view."""
    named: dict[int, set[int]] = {}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier):
            found = catalog.relation(identifier(table.this))
            if isinstance(found, Table):
                named.setdefault(found.id, set())
            elif isinstance(found, View):
                named[found.id] = set(range(len(found.columns)))
    plans = _all_plans(plan)
    used = {column.id for column in plan.columns}
    for node in plans:
        for expression in expressions(node):
            collect_column_ids(expression, used)
    used |= _passed_through(plans)
    for node in plans:
        if isinstance(node, Scan) and node.table.id in named:
            for column, slot in zip(node.columns, node.slots, strict=False):
                if column.id in used:
                    named[node.table.id].add(slot)
    for routine in routines_called(plan):
        named[routine] = set()
    return tuple([(id_, tuple(sorted(slots))) for id_, slots in sorted(named.items())])


def relations_named(catalog: Catalog, tree: exp.Expression) -> set[int]:
    """The ids of the tables and views that a statement names."""
    found: set[int] = set()
    for table in tree.find_all(exp.Table):
        relation = (
            catalog.relation(identifier(table.this)) if isinstance(table.this, exp.Identifier) else None
        )
        if isinstance(relation, Table | View):
            found.add(relation.id)
    return found


def routines_called(plan: Plan) -> set[int]:
    """The ids of the users' functions that a plan calls."""
    found: set[int] = set()
    for node in _all_plans(plan):
        if isinstance(node, FunctionScan) and node.routine:
            found.add(node.routine)
        for expression in expressions(node):
            found.update([part.routine for part in walk(expression) if isinstance(part, UserFunction)])
    return found


def _all_plans(plan: Plan) -> list[Plan]:
    """The nodes of the plan and of the sub-plans in its expressions."""
    found: list[Plan] = []
    pending = [plan]
    while pending:
        for node in walk_plan(pending.pop()):
            found.append(node)
            for expression in expressions(node):
                pending.extend([subquery.plan for subquery in subqueries(expression)])
    return found


def _passed_through(plans: list[Plan]) -> set[int]:
    """Columns that are used by their place, not by name: the inputs of UNION, CTEs and sub-plans."""
    found: set[int] = set()
    for node in plans:
        if isinstance(node, SetOperation):
            for side in (node.left, node.right):
                found.update([column.id for column in side.columns])
        elif isinstance(node, With):
            for cte in node.ctes:
                found.update([column.id for column in cte.plan.columns])
        elif isinstance(node, NestedLoop):
            found.update([column.id for column in node.bindings])
    return found


def horizons(catalog: Catalog, depends: Dependencies) -> tuple[tuple[int, int], ...]:
    """How many slots of each table, columns of each view, there are now."""
    found: list[tuple[int, int]] = []
    for id_, _ in depends:
        object_ = catalog.object_by_id(id_)
        if isinstance(object_, Table):
            found.append((id_, len(object_.slot_types)))
        elif isinstance(object_, View):
            found.append((id_, len(object_.columns)))
    return tuple(found)
