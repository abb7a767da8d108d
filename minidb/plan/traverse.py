"""Walking and rebuilding plans and the expressions in them: what every rule needs.

A rule names the nodes that it cares about and leaves the rest to `map_children`. Columns are named by id;
`column_ids` are those that an expression needs from its row, which for a `Subquery` are the enclosing
query's columns that its plan refers to (its `outer_values`), never the columns of the plan itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from minidb.expr.node import Column, Constant, Expr, Parameter
from minidb.plan.changes import Change, Delete, Insert, Update
from minidb.plan.nodes import (
    Aggregate,
    AggregateCall,
    Cte,
    Distinct,
    Filter,
    FunctionScan,
    HashJoin,
    Join,
    KeyLookup,
    KeyRange,
    Limit,
    Lock,
    MultiJoin,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    SortKey,
    Values,
    With,
)
from minidb.plan.subqueries import QuantifiedComparison, Subquery

PlanFunction = Callable[[Plan], Plan]
ExprFunction = Callable[[Expr], Expr]


# --- plans ----------------------------------------------------------------------------------------


def children(plan: Plan) -> tuple[Plan, ...]:
    """The inputs of a node (not the plans inside its expressions)."""
    match plan:
        case Scan() | Values() | FunctionScan():
            return ()
        case Filter() | Project() | Sort() | Limit() | Distinct() | Aggregate() | Lock() | Change():
            return (plan.source,)
        case Join() | HashJoin() | NestedLoop() | SetOperation():
            return (plan.left, plan.right)
        case MultiJoin():
            return plan.relations + tuple([semi.right for semi in plan.filters])
        case With():
            inputs: list[Plan] = []
            for cte in plan.ctes:
                inputs.append(cte.plan)
                if cte.step is not None:
                    inputs.append(cte.step)
            inputs.append(plan.body)
            return tuple(inputs)
        case _:
            return ()


def map_children(plan: Plan, visit: PlanFunction) -> Plan:
    """The same node over `visit`ed inputs; the node itself if none of them changed."""
    match plan:
        case Scan() | Values() | FunctionScan():
            return plan
        case Filter(source, where):
            new = visit(source)
            return plan if new is source else Filter(new, where)
        case Project(source, columns, expressions):
            new = visit(source)
            return plan if new is source else Project(new, columns, expressions)
        case Sort(source, keys, limit):
            new = visit(source)
            return plan if new is source else Sort(new, keys, limit)
        case Limit(source, count, offset, ties):
            new = visit(source)
            return plan if new is source else Limit(new, count, offset, ties)
        case Distinct(source, on):
            new = visit(source)
            return plan if new is source else Distinct(new, on)
        case Aggregate(source, group, expressions, calls):
            new = visit(source)
            return plan if new is source else Aggregate(new, group, expressions, calls)
        case Join() | HashJoin() | NestedLoop() | SetOperation():
            left, right = visit(plan.left), visit(plan.right)
            if left is plan.left and right is plan.right:
                return plan
            return replace(plan, left=left, right=right)
        case MultiJoin(relations, conjuncts, filters):
            changed = tuple([visit(relation) for relation in relations])
            rights = tuple([replace(semi, right=visit(semi.right)) for semi in filters])
            return MultiJoin(changed, conjuncts, rights)
        case Lock() | Change():
            new = visit(plan.source)
            return plan if new is plan.source else replace(plan, source=new)
        case With(ctes, body):
            new_ctes = tuple([_map_cte(cte, visit) for cte in ctes])
            new = visit(body)
            same = all(each is old for each, old in zip(new_ctes, ctes, strict=True))
            return plan if same and new is body else With(new_ctes, new)
        case _:
            return plan


def _map_cte(cte: Cte, visit: PlanFunction) -> Cte:
    plan = visit(cte.plan)
    step = None if cte.step is None else visit(cte.step)
    if plan is cte.plan and step is cte.step:
        return cte
    return Cte(cte.id, cte.name, plan, step, cte.union_all)


def walk_plan(plan: Plan) -> list[Plan]:
    """The node and all below it, parents first, without the plans inside expressions."""
    found = [plan]
    for node in found:  # grows while it is walked
        found.extend(children(node))
    return found


def walk_statement(plan: Plan) -> list[Plan]:
    """The node and all below it, the plans inside expressions too."""
    found = [plan]
    for node in found:
        found.extend(children(node))
        for expression in expressions(node):
            found.extend([subquery.plan for subquery in subqueries(expression)])
    return found


# --- the expressions of a plan --------------------------------------------------------------------


def expressions(plan: Plan) -> list[Expr]:
    """The expressions of the node itself that are evaluated over its inputs' rows (or a scan's own)."""
    match plan:
        case Scan(access=access, where=where):
            found = [] if where is None else [where]
            if isinstance(access, KeyLookup):
                for key in access.keys:
                    found.extend(key)
            elif isinstance(access, KeyRange):
                found.extend(access.equal)
                found.extend([bound for bound in (access.low, access.high) if bound is not None])
            return found
        case Filter(where=where):
            return [where]
        case Project():
            return list(plan.expressions)
        case Values(rows=rows):
            return [value for row in rows for value in row]
        case FunctionScan(arguments=arguments):
            return list(arguments)
        case Sort(keys=keys, limit=limit):
            found = [key.expression for key in keys]
            return found if limit is None else [*found, limit]
        case Limit(count=count, offset=offset, ties=ties):
            found = [each for each in (count, offset) if each is not None]
            return found + [key.expression for key in ties]
        case Distinct(on=on):
            return list(on)
        case Aggregate():
            found = list(plan.group_expressions)
            for call in plan.calls:
                found.extend(call.arguments)
                found.extend([key.expression for key in call.order_by])
                if call.where is not None:
                    found.append(call.where)
            return found
        case Join(on=on) | NestedLoop(on=on):
            return [] if on is None else [on]
        case HashJoin(residual=residual):
            found = [*plan.left_keys, *plan.right_keys]
            return found if residual is None else [*found, residual]
        case MultiJoin(conjuncts=conjuncts, filters=filters):
            return [*conjuncts, *[semi.on for semi in filters if semi.on is not None]]
        case Lock(marks=marks):
            return [mark.key for mark in marks]
        case Change():
            return _change_expressions(plan)
        case _:
            return []


def _change_expressions(plan: Change) -> list[Expr]:
    found = list(plan.returning)
    if isinstance(plan, Update):
        found.extend([value for _, value in plan.assignments])
    if isinstance(plan, Update | Delete):
        found.extend(plan.old)
        if plan.key is not None:
            found.append(plan.key)
    if isinstance(plan, Insert) and plan.on_conflict is not None:
        found.extend([value for _, value in plan.on_conflict.assignments or ()])
        if plan.on_conflict.where is not None:
            found.append(plan.on_conflict.where)
    return found


def map_expressions(plan: Plan, visit: ExprFunction) -> Plan:
    """The same node with the expressions that `expressions` lists replaced (plain lists of columns stay)."""
    match plan:
        case Scan():
            return _map_scan(plan, visit)
        case Filter(source, where):
            changed = visit(where)
            return plan if changed is where else Filter(source, changed)
        case Project(source, columns, values):
            new = _map_tuple(values, visit)
            return plan if new is values else Project(source, columns, new)
        case Values(columns, rows):
            new_rows = tuple([_map_tuple(row, visit) for row in rows])
            same = all(each is old for each, old in zip(new_rows, rows, strict=True))
            return plan if same else Values(columns, new_rows)
        case FunctionScan(arguments=arguments):
            new = _map_tuple(arguments, visit)
            return plan if new is arguments else replace(plan, arguments=new)
        case Sort(source, keys, limit):
            new_keys, new_limit = map_sort_keys(keys, visit), _map_optional(limit, visit)
            return plan if new_keys is keys and new_limit is limit else Sort(source, new_keys, new_limit)
        case Limit(source, count, offset, ties):
            return Limit(
                source,
                _map_optional(count, visit),
                _map_optional(offset, visit),
                map_sort_keys(ties, visit),
            )
        case Distinct(source, on):
            new = _map_tuple(on, visit)
            return plan if new is on else Distinct(source, new)
        case Aggregate(source, group, values, calls):
            new_calls = tuple([_map_call(call, visit) for call in calls])
            return Aggregate(source, group, _map_tuple(values, visit), new_calls)
        case Join(on=on) | NestedLoop(on=on):
            changed_on = _map_optional(on, visit)
            return plan if changed_on is on else replace(plan, on=changed_on)
        case HashJoin():
            return replace(
                plan,
                left_keys=_map_tuple(plan.left_keys, visit),
                right_keys=_map_tuple(plan.right_keys, visit),
                residual=_map_optional(plan.residual, visit),
            )
        case MultiJoin(relations, conjuncts, filters):
            new_filters = tuple([replace(semi, on=_map_optional(semi.on, visit)) for semi in filters])
            return MultiJoin(relations, _map_tuple(conjuncts, visit), new_filters)
        case Change():
            return _map_change(plan, visit)
        case _:
            return plan


def _map_tuple(values: tuple[Expr, ...], visit: ExprFunction) -> tuple[Expr, ...]:
    changed = [visit(value) for value in values]
    for new, old in zip(changed, values, strict=True):
        if new is not old:
            return tuple(changed)
    return values


def _map_optional(value: Expr | None, visit: ExprFunction) -> Expr | None:
    return None if value is None else visit(value)


def map_sort_keys(keys: tuple[SortKey, ...], visit: ExprFunction) -> tuple[SortKey, ...]:
    """The sort keys over other expressions; the tuple itself if none changed."""
    changed = [visit(key.expression) for key in keys]
    if all(new is key.expression for new, key in zip(changed, keys, strict=True)):
        return keys
    return tuple(
        [SortKey(new, key.descending, key.nulls_first) for new, key in zip(changed, keys, strict=True)]
    )


def _map_call(call: AggregateCall, visit: ExprFunction) -> AggregateCall:
    arguments = _map_tuple(call.arguments, visit)
    where = _map_optional(call.where, visit)
    order_by = map_sort_keys(call.order_by, visit)
    if arguments is call.arguments and where is call.where and order_by is call.order_by:
        return call
    return AggregateCall(call.column, call.function, arguments, call.distinct, where, order_by)


def _map_scan(scan: Scan, visit: ExprFunction) -> Scan:
    where = _map_optional(scan.where, visit)
    access = scan.access
    match access:
        case KeyLookup(index, keys):
            access = KeyLookup(index, tuple([_map_tuple(key, visit) for key in keys]))
        case KeyRange():
            access = replace(
                access,
                equal=_map_tuple(access.equal, visit),
                low=_map_optional(access.low, visit),
                high=_map_optional(access.high, visit),
            )
    if where is scan.where and access is scan.access:
        return scan
    return replace(scan, where=where, access=access)


def _map_change(plan: Change, visit: ExprFunction) -> Change:
    returning = _map_tuple(plan.returning, visit)
    match plan:
        case Update():
            assignments = tuple([(slot, visit(value)) for slot, value in plan.assignments])
            return replace(plan, returning=returning, assignments=assignments)
        case Insert(on_conflict=conflict) if conflict is not None:
            sets = conflict.assignments
            changed = None if sets is None else tuple([(slot, visit(value)) for slot, value in sets])
            conflict = replace(conflict, assignments=changed, where=_map_optional(conflict.where, visit))
            return replace(plan, returning=returning, on_conflict=conflict)
        case _:
            return replace(plan, returning=returning)


# --- expressions ----------------------------------------------------------------------------------


def column_ids(expression: Expr) -> set[int]:
    """The ids of the columns that the expression needs."""
    found: set[int] = set()
    collect_column_ids(expression, found)
    return found


def collect_column_ids(expression: Expr, found: set[int]) -> None:
    """Add the ids of the columns that the expression needs to `found`."""
    kind = type(expression)
    if kind is Column:
        found.add(expression.id)  # type: ignore[attr-defined]
    elif kind is not Constant and kind is not Parameter:
        for child in expression.children():
            collect_column_ids(child, found)


def substitute(expression: Expr, values: Mapping[int, Expr]) -> Expr:
    """The expression with columns replaced by what `values` says for their ids."""
    kind = type(expression)
    if kind is Column:
        return values.get(expression.id, expression)  # type: ignore[attr-defined]
    if kind is Constant or kind is Parameter:
        return expression
    operands = expression.children()
    if not operands:
        return expression
    changed = [substitute(operand, values) for operand in operands]
    for new, old in zip(changed, operands, strict=True):
        if new is not old:
            return expression.with_children(tuple(changed))
    return expression


def contains_volatile(expression: Expr) -> bool:
    """Whether evaluating it twice may give different results, or have effects (plans inside included)."""
    if expression.is_volatile():
        return True
    for operand in expression.children():
        if contains_volatile(operand):
            return True
    return isinstance(expression, Subquery) and plan_is_volatile(expression.plan)


def contains_subquery(expression: Expr) -> bool:
    """Whether a plan is run to evaluate it."""
    if isinstance(expression, Subquery):
        return True
    return any(contains_subquery(operand) for operand in expression.children())


def plan_is_volatile(plan: Plan) -> bool:
    """Whether running the plan twice may give different rows, or have effects."""
    for node in walk_plan(plan):
        if isinstance(node, Lock | Change) or (isinstance(node, FunctionScan) and node.volatile):
            return True
        for expression in expressions(node):
            if contains_volatile(expression):
                return True
    return False


def subqueries(expression: Expr) -> list[Subquery]:
    """The outermost sub-plan expressions in it."""
    if isinstance(expression, Subquery):
        return [expression]
    found: list[Subquery] = []
    for operand in expression.children():
        found.extend(subqueries(operand))
    return found


def scanned_tables(plan: Plan) -> tuple[int, ...]:
    """The ids of the stored tables that the plan reads, those of its sub-plans included."""
    found: dict[int, None] = {}
    todo = [plan]
    for each in todo:  # grows while it is walked
        for node in walk_plan(each):
            if isinstance(node, Scan):
                found[node.table.id] = None
            todo.extend([subquery.plan for part in expressions(node) for subquery in subqueries(part)])
    return tuple(found)


def free_columns(plan: Plan) -> dict[int, Column]:
    """The columns of enclosing queries that the plan refers to, by id, in order of appearance."""
    found: dict[int, Column] = {}
    produced: set[int] = set()
    _collect_references(plan, found, produced)
    return {id_: column for id_, column in found.items() if id_ not in produced}


def _collect_references(plan: Plan, found: dict[int, Column], produced: set[int]) -> None:
    """All columns referred to in the plan, and all that some node of it yields."""
    for node in walk_plan(plan):
        for column in node.columns:
            produced.add(column.id)
        if isinstance(node, Change):
            _note_target_columns(node, produced)
        for expression in expressions(node):
            _collect_columns(expression, found, produced)


def _note_target_columns(change: Change, produced: set[int]) -> None:
    produced.update([column.id for column in change.targets[0].row])
    if isinstance(change, Insert) and change.on_conflict is not None:
        produced.update([column.id for column in change.on_conflict.excluded])


def _collect_columns(expression: Expr, found: dict[int, Column], produced: set[int]) -> None:
    if type(expression) is Column:
        found.setdefault(expression.id, expression)
        return
    if isinstance(expression, Subquery):
        bound = set(expression.outer_ids)
        for id_, column in subquery_references(expression).items():
            if id_ not in bound:
                found.setdefault(id_, column)
    for operand in expression.children():
        _collect_columns(operand, found, produced)


def subquery_references(subquery: Subquery) -> dict[int, Column]:
    """The enclosing columns that the sub-plan, or the comparison with its rows, refers to."""
    found = free_columns(subquery.plan)
    if isinstance(subquery, QuantifiedComparison) and subquery.test is not None:
        own = {column.id for column in subquery.plan.columns}
        compared: dict[int, Column] = {}
        _collect_columns(subquery.test, compared, set())
        for id_, column in compared.items():
            if id_ not in own:
                found.setdefault(id_, column)
    return found
