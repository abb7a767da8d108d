"""Drop columns nobody reads: scans deliver only the slots that are needed, projections compute only those.

    Project a                   Project a
      Join on a.x = b.y    ->     Join on a.x = b.y
        Scan a (a, x, z)            Scan a (a, x)
        Scan b (y, w)               Scan b (y)

What is needed goes down as a set of column ids; None where a node's whole row matters: at the top, under
DISTINCT, under a set operation. A volatile expression is computed even if nobody reads it.
"""

from __future__ import annotations

from dataclasses import replace

from minidb.expr.node import Column, Expr
from minidb.plan.changes import Change, Insert
from minidb.plan.nodes import (
    Aggregate,
    Cte,
    Distinct,
    Filter,
    HashJoin,
    Join,
    Limit,
    Lock,
    MultiJoin,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    With,
)
from minidb.plan.traverse import (
    collect_column_ids,
    contains_volatile,
    expressions,
    free_columns,
    map_children,
)

Needed = set[int] | None


def prune_columns(plan: Plan) -> Plan:
    """The plan reading and computing only what is used."""
    return _prune(plan, None)


def _prune(plan: Plan, needed: Needed) -> Plan:
    match plan:
        case Scan():
            return _prune_scan(plan, needed)
        case Project():
            return _prune_project(plan, needed)
        case Filter() | Sort() | Limit() | Lock():
            below = _with_own(plan, needed)
            return map_children(plan, lambda child: _prune(child, below))
        case Distinct(source, on):
            below = _with_own(plan, needed) if on else None
            return Distinct(_prune(source, below), on)
        case Aggregate():
            return _prune_aggregate(plan, needed)
        case Join() | HashJoin() | NestedLoop() | MultiJoin():
            below = _with_own(plan, needed)
            if below is not None and isinstance(plan, NestedLoop) and plan.bindings:
                below.update(free_columns(plan.right))
            if needed is None and isinstance(plan, MultiJoin):
                own = _with_own(plan, set())
                filters = tuple([replace(semi, right=_prune(semi.right, own)) for semi in plan.filters])
                relations = tuple([_prune(relation, None) for relation in plan.relations])
                return MultiJoin(relations, plan.conjuncts, filters)
            if needed is None and not isinstance(plan, MultiJoin) and plan.kind in ("semi", "anti"):
                own = _with_own(plan, set())
                return replace(plan, left=_prune(plan.left, None), right=_prune(plan.right, own))
            return map_children(plan, lambda child: _prune(child, below))
        case SetOperation(kind="union", all=True) if needed is not None:
            return _prune_union(plan, needed)
        case With(ctes, body):
            return With(tuple([_prune_cte(cte) for cte in ctes]), _prune(body, needed))
        case Insert():
            return replace(plan, source=_prune(plan.source, None))
        case Change():
            below = _with_own(plan, set())
            return map_children(plan, lambda child: _prune(child, below))
        case _:
            return map_children(plan, lambda child: _prune(child, None))


def _with_own(plan: Plan, needed: Needed) -> Needed:
    """What is needed below a node: what is needed of it, and what its own expressions read."""
    if needed is None:
        return None
    found = set(needed)
    for expression in expressions(plan):
        collect_column_ids(expression, found)
    return found


def _prune_scan(scan: Scan, needed: Needed) -> Plan:
    if needed is None:
        return scan
    if scan.where is not None:
        needed = set(needed)
        collect_column_ids(scan.where, needed)
    key = scan.key if scan.key is not None and scan.key.id in needed else None
    kept = [
        (column, slot) for column, slot in zip(scan.columns, scan.slots, strict=False) if column.id in needed
    ]
    if len(kept) == len(scan.slots) and key is scan.key:
        return scan
    columns = tuple([column for column, _ in kept])
    if key is not None:
        columns = (*columns, key)
    return replace(scan, columns=columns, slots=tuple([slot for _, slot in kept]), key=key)


def _prune_project(plan: Project, needed: Needed) -> Plan:
    columns, values = plan.columns, plan.expressions
    if needed is not None:
        pairs = [
            (column, value)
            for column, value in zip(columns, values, strict=True)
            if column.id in needed or contains_volatile(value)
        ]
        if all(type(value) is Column and value.id == column.id for column, value in pairs):
            return _prune(plan.source, needed)
        columns = tuple([column for column, _ in pairs])
        values = tuple([value for _, value in pairs])
    below: set[int] = set()
    for value in values:
        collect_column_ids(value, below)
    source = _prune(plan.source, below)
    if source is plan.source and len(values) == len(plan.expressions):
        return plan
    return Project(source, columns, values)


def _prune_aggregate(plan: Aggregate, needed: Needed) -> Plan:
    calls = plan.calls
    if needed is not None:
        # None may be left: without GROUP BY there still is one row, of no columns.
        calls = tuple([call for call in calls if call.column.id in needed])
    kept = Aggregate(plan.source, plan.group, plan.group_expressions, calls)
    below = _with_own(kept, set())
    return map_children(kept, lambda child: _prune(child, below))


def _prune_union(plan: SetOperation, needed: set[int]) -> Plan:
    places = [place for place, column in enumerate(plan.columns) if column.id in needed]
    if len(places) == len(plan.columns):
        return map_children(plan, lambda child: _prune(child, None))

    def side(child: Plan) -> Plan:
        columns = tuple([child.columns[place] for place in places])
        values: tuple[Expr, ...] = columns
        if isinstance(child, Project) and not any(contains_volatile(value) for value in child.expressions):
            values = tuple([child.expressions[place] for place in places])
            child = child.source
        return _prune(Project(child, columns, values), None)

    columns = tuple([plan.columns[place] for place in places])
    return replace(plan, left=side(plan.left), right=side(plan.right), columns=columns)


def _prune_cte(cte: Cte) -> Cte:
    step = None if cte.step is None else _prune(cte.step, None)
    return Cte(cte.id, cte.name, _prune(cte.plan, None), step, cte.union_all)
