"""Predicates towards the scans, and inner joins gathered so that they can be ordered.

    Filter a.x = b.y and a.z > 1         MultiJoin a.x = b.y
      Join                         ->      Scan a  where a.z > 1
        Scan a, Scan b                     Scan b

A conjunct goes down as far as the columns that it needs, through projections (rewritten in terms of their
source), groups, sorts and both sides of set operations; not past LIMIT, nor to the side of an outer join
whose rows may be missing. But one that is never true of a missing row makes the join an inner one first.
Volatile conjuncts stay where they are written.

Equalities carry constants along: a.x = b.y and a.x = 5 gives b.y = 5. An OR between relations restricts each:
(a.x = 1 and b.y = 2) or (a.x = 3 and b.z = 4) gives a.x = 1 or a.x = 3.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

from minidb.expr.compare import Equal
from minidb.expr.logic import Or
from minidb.expr.node import Column, Constant, Expr, Parameter
from minidb.plan.changes import Change
from minidb.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Limit,
    Lock,
    MultiJoin,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SemiJoin,
    SetOperation,
    Sort,
    Values,
    With,
)
from minidb.plan.predicates import is_never_true, join, rejects_nulls, split, unique
from minidb.plan.traverse import (
    column_ids,
    contains_subquery,
    contains_volatile,
    map_children,
    substitute,
)


def push_filters(plan: Plan) -> Plan:
    """Every filter as far down as it can go."""
    return _push(plan, [])


def _push(plan: Plan, conjuncts: list[Expr]) -> Plan:
    """The rows of `plan` for which all `conjuncts` are true."""
    for conjunct in conjuncts:
        if is_never_true(conjunct):
            return Values(plan.columns, ())
    match plan:
        case Filter(source, where):
            return _push_from_filter(source, where, conjuncts)
        case Scan():
            if not conjuncts:
                return plan
            if plan.where is not None:
                conjuncts = unique([*split(plan.where), *conjuncts])
            return replace(plan, where=join(conjuncts))
        case Project(source, columns, expressions):
            values = dict(zip([column.id for column in columns], expressions, strict=True))
            movable, kept = _divide(conjuncts, lambda conjunct: _can_be_rewritten(conjunct, values))
            below = [substitute(conjunct, values) for conjunct in movable]
            return _filtered(Project(_push(source, below), columns, expressions), kept)
        case Join():
            return _push_into_join(plan, conjuncts)
        case NestedLoop():
            return _push_into_lateral(plan, conjuncts)
        case MultiJoin(relations, own, filters):
            return _gather(list(relations), [*own, *conjuncts], list(filters))
        case Aggregate(source, group, expressions, calls):
            values = dict(zip([column.id for column in group], expressions, strict=True))
            movable, kept = _divide(conjuncts, lambda conjunct: _is_of(conjunct, values))
            below = [substitute(conjunct, values) for conjunct in movable]
            return _filtered(Aggregate(_push(source, below), group, expressions, calls), kept)
        case Sort(source, keys, None):
            return Sort(_push(source, conjuncts), keys)
        case Distinct(source, ()):
            return Distinct(_push(source, conjuncts))
        case Distinct(source, on):
            ids = {expression.id for expression in on if isinstance(expression, Column)}
            movable, kept = _divide(conjuncts, lambda conjunct: _is_of(conjunct, ids))
            return _filtered(Distinct(_push(source, movable), on), kept)
        case SetOperation():
            left, right = _renaming(plan, plan.left), _renaming(plan, plan.right)
            return replace(
                plan,
                left=_push(plan.left, [substitute(conjunct, left) for conjunct in conjuncts]),
                right=_push(plan.right, [substitute(conjunct, right) for conjunct in conjuncts]),
            )
        case With(ctes, body):
            ctes = tuple(
                [
                    replace(
                        cte, plan=_push(cte.plan, []), step=None if cte.step is None else _push(cte.step, [])
                    )
                    for cte in ctes
                ]
            )
            return With(ctes, _push(body, conjuncts))
        case Lock() | Change() | Limit() | Sort():
            return _filtered(replace(plan, source=_push(plan.source, [])), conjuncts)
        case _:
            return _filtered(map_children(plan, push_filters), conjuncts)


def _push_from_filter(source: Plan, where: Expr, conjuncts: list[Expr]) -> Plan:
    own = split(where)
    if not contains_volatile(where):
        return _push(source, own + conjuncts)
    volatile, movable = _divide(own, contains_volatile)
    return _filtered(_push(source, movable + conjuncts), volatile)


def _filtered(plan: Plan, conjuncts: list[Expr]) -> Plan:
    condition = join(conjuncts)
    return plan if condition is None else Filter(plan, condition)


def _divide(conjuncts: list[Expr], test: Callable[[Expr], bool]) -> tuple[list[Expr], list[Expr]]:
    """Those for which `test` holds, and the others."""
    yes: list[Expr] = []
    no: list[Expr] = []
    for conjunct in conjuncts:
        (yes if test(conjunct) else no).append(conjunct)
    return yes, no


def _can_be_rewritten(conjunct: Expr, values: dict[int, Expr]) -> bool:
    """Whether it may be evaluated below the projection, and its expressions once more there."""
    for id_ in column_ids(conjunct):
        value = values.get(id_)
        if value is None or type(value) is Column or type(value) is Constant:
            continue
        if contains_volatile(value) or contains_subquery(value):
            return False
    return True


def _is_of(conjunct: Expr, ids: Container[int]) -> bool:
    """Whether it needs some columns, and only these."""
    needed = column_ids(conjunct)
    return bool(needed) and all(id_ in ids for id_ in needed)


def _renaming(operation: SetOperation, side: Plan) -> dict[int, Expr]:
    return {out.id: column for out, column in zip(operation.columns, side.columns, strict=True)}


# --- joins ----------------------------------------------------------------------------------------


def _push_into_join(plan: Join, conjuncts: list[Expr]) -> Plan:
    left_ids = {column.id for column in plan.left.columns}
    right_ids = {column.id for column in plan.right.columns}
    plan = _without_missing_rows(plan, conjuncts, left_ids, right_ids)
    if plan.kind == "inner":
        relations: list[Plan] = []
        gathered: list[Expr] = []
        filters: list[SemiJoin] = []
        _collect(plan, relations, gathered, filters)
        return _gather(relations, [*gathered, *conjuncts], filters)
    if plan.kind in ("semi", "anti") and isinstance(plan.left, Join | MultiJoin | Filter):
        return _gather([plan.left], conjuncts, [SemiJoin(plan.kind, plan.right, plan.on, plan.null_aware)])
    return _push_into_outer(plan, conjuncts, left_ids, right_ids)


def _push_into_outer(plan: Join, conjuncts: list[Expr], left_ids: set[int], right_ids: set[int]) -> Plan:
    """Conditions above go to a side that keeps its rows, those of ON to a side that need not."""
    kind = plan.kind
    to_left: list[Expr] = []
    to_right: list[Expr] = []
    above: list[Expr] = []
    on: list[Expr] = []
    for conjunct in conjuncts:
        ids = column_ids(conjunct)
        if kind in ("left", "semi", "anti") and ids.isdisjoint(right_ids):
            to_left.append(conjunct)
        elif kind == "right" and ids.isdisjoint(left_ids):
            to_right.append(conjunct)
        else:
            above.append(conjunct)
    for conjunct in split(plan.on):
        ids = column_ids(conjunct)
        movable = not plan.null_aware and not contains_volatile(conjunct)
        if movable and kind in ("left", "semi", "anti") and ids.isdisjoint(left_ids):
            to_right.append(conjunct)
        elif movable and kind in ("right", "semi") and ids.isdisjoint(right_ids):
            to_left.append(conjunct)
        else:
            on.append(conjunct)
    left, right = _push(plan.left, to_left), _push(plan.right, to_right)
    return _filtered(Join(kind, left, right, join(on), plan.null_aware), above)


def _push_into_lateral(plan: NestedLoop, conjuncts: list[Expr]) -> Plan:
    """The right side runs for each left row, so the order is fixed; what needs right columns stays above."""
    right_ids = {column.id for column in plan.right.columns}
    kind: JoinKind = plan.kind
    if kind == "left" and any(rejects_nulls(conjunct, right_ids) for conjunct in conjuncts):
        kind = "inner"
    to_left, above = _divide(conjuncts, lambda conjunct: column_ids(conjunct).isdisjoint(right_ids))
    left, right = _push(plan.left, to_left), _push(plan.right, [])
    return _filtered(NestedLoop(kind, left, right, plan.on, plan.bindings), above)


def _without_missing_rows(plan: Join, above: list[Expr], left_ids: set[int], right_ids: set[int]) -> Join:
    """An outer join as a narrower one if conditions above refuse the rows that it adds."""
    kind: JoinKind = plan.kind
    if kind in ("left", "full") and any(rejects_nulls(conjunct, right_ids) for conjunct in above):
        kind = "inner" if kind == "left" else "right"
    if kind in ("right", "full") and any(rejects_nulls(conjunct, left_ids) for conjunct in above):
        kind = "inner" if kind == "right" else "left"
    return plan if kind == plan.kind else replace(plan, kind=kind)


def _collect(plan: Plan, relations: list[Plan], conjuncts: list[Expr], filters: list[SemiJoin]) -> None:
    """The relations that are joined by inner joins below `plan`, and the conditions among them."""
    match plan:
        case Join("inner", left, right, on):
            _collect(left, relations, conjuncts, filters)
            _collect(right, relations, conjuncts, filters)
            conjuncts.extend(split(on))
        case Join("semi" | "anti" as kind, left, right, on, null_aware):
            _collect(left, relations, conjuncts, filters)
            filters.append(SemiJoin(kind, right, on, null_aware))
        case Filter(source, where) if not contains_volatile(where):
            _collect(source, relations, conjuncts, filters)
            conjuncts.extend(split(where))
        case MultiJoin(inner, own, semis):
            relations.extend(inner)
            conjuncts.extend(own)
            filters.extend(semis)
        case _:
            relations.append(plan)


def _gather(given: list[Plan], conjuncts: list[Expr], filters: list[SemiJoin]) -> Plan:
    """Inner joins of the relations: each conjunct at its relation, or between several."""
    relations: list[Plan] = []
    conjuncts = list(conjuncts)
    filters = list(filters)
    for relation in given:
        _collect(relation, relations, conjuncts, filters)
    volatile, conjuncts = _divide(conjuncts, contains_volatile)
    conjuncts = unique(conjuncts)
    conjuncts += _carried_constants(conjuncts)
    conjuncts += _restrictions_in_or(relations, conjuncts)
    relations, conjuncts = _with_narrower_joins(relations, conjuncts, filters)
    place_of = {column.id: place for place, relation in enumerate(relations) for column in relation.columns}
    filters = [_push_into_semi_join(semi, place_of, conjuncts) for semi in filters]
    own: list[list[Expr]] = [[] for _ in relations]
    between: list[Expr] = []
    for conjunct in conjuncts:
        places = {place_of[id_] for id_ in column_ids(conjunct) if id_ in place_of}
        if len(places) > 1:
            between.append(conjunct)
        else:  # without any column of the region: before everything else
            own[places.pop() if places else 0].append(conjunct)
    pushed: list[Plan] = []
    for relation, conditions in zip(relations, own, strict=True):
        new = _push(relation, conditions)
        if isinstance(new, MultiJoin):
            pushed.extend(new.relations)
            between.extend(new.conjuncts)
            filters.extend(new.filters)
        elif isinstance(new, Values) and not new.rows:
            columns = tuple([column for each in relations for column in each.columns])
            return Values(columns, ())
        else:
            pushed.append(new)
    if len(pushed) > 1:
        return _filtered(MultiJoin(tuple(pushed), tuple(between), tuple(filters)), volatile)
    joined = _filtered(pushed[0], between)
    for semi in filters:
        joined = Join(semi.kind, joined, semi.right, semi.on, semi.null_aware)
    return _filtered(joined, volatile)


def _push_into_semi_join(semi: SemiJoin, places: Container[int], conjuncts: list[Expr]) -> SemiJoin:
    """Conditions on its right side go there; those of a semi join on the region alone to `conjuncts`."""
    right_ids = {column.id for column in semi.right.columns}
    to_right: list[Expr] = []
    on: list[Expr] = []
    for conjunct in split(semi.on):
        ids = column_ids(conjunct)
        if semi.null_aware or contains_volatile(conjunct):
            on.append(conjunct)
        elif not any(id_ in places for id_ in ids):
            to_right.append(conjunct)
        elif semi.kind == "semi" and ids.isdisjoint(right_ids):
            conjuncts.append(conjunct)
        else:
            on.append(conjunct)
    return SemiJoin(semi.kind, _push(semi.right, to_right), join(on), semi.null_aware)


def _restrictions_in_or(relations: list[Plan], conjuncts: list[Expr]) -> list[Expr]:
    """What an OR between relations says of one of them alone."""
    found: list[Expr] = []
    for conjunct in conjuncts:
        if not isinstance(conjunct, Or) or contains_subquery(conjunct):
            continue
        needed = column_ids(conjunct)
        for relation in relations:
            own = {column.id for column in relation.columns}
            if needed.isdisjoint(own) or needed <= own:
                continue
            parts: list[Expr] = []
            for branch in conjunct.operands:
                part = join([each for each in split(branch) if _is_of(each, own)])
                if part is None:
                    break
                parts.append(part)
            else:
                found.append(Or(tuple(parts)))
    return found


def _with_narrower_joins(
    relations: list[Plan], conjuncts: list[Expr], filters: list[SemiJoin]
) -> tuple[list[Plan], list[Expr]]:
    """Outer joins among the relations that the conditions make inner ones are dissolved into the region."""
    found: list[Plan] = []
    changed = False
    for relation in relations:
        if isinstance(relation, Join) and relation.kind in ("left", "right", "full"):
            left_ids = {column.id for column in relation.left.columns}
            right_ids = {column.id for column in relation.right.columns}
            narrowed = _without_missing_rows(relation, conjuncts, left_ids, right_ids)
            if narrowed.kind == "inner":
                conjuncts = list(conjuncts)
                _collect(narrowed, found, conjuncts, filters)
                changed = True
                continue
            relation = narrowed
        found.append(relation)
    return _with_narrower_joins(found, conjuncts, filters) if changed else (found, conjuncts)


def _carried_constants(conjuncts: list[Expr]) -> list[Expr]:
    """`column = constant` for columns that are equal to one that is equal to a constant."""
    pairs: list[tuple[Column, Column]] = []
    constants: dict[int, tuple[Column, Expr]] = {}
    for conjunct in conjuncts:
        if not isinstance(conjunct, Equal):
            continue
        left, right = conjunct.left, conjunct.right
        if type(left) is Constant or type(left) is Parameter:
            left, right = right, left
        if type(left) is not Column:
            continue
        if type(right) is Column:
            if left.type == right.type:
                pairs.append((left, right))
        elif type(right) is Constant or type(right) is Parameter:
            constants.setdefault(left.id, (left, right))
    if not pairs or not constants:
        return []
    added: list[Expr] = []
    waiting = list(constants)
    for id_ in waiting:  # grows while it is walked
        value = constants[id_][1]
        for left, right in pairs:
            other = right if left.id == id_ else left if right.id == id_ else None
            if other is not None and other.id not in constants:
                constants[other.id] = (other, value)
                waiting.append(other.id)
                added.append(Equal("=", other, value))
    return added
