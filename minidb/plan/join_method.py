"""How two relations are joined: by a hash table, by index lookups, by trying all pairs; what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from minidb.expr.compare import Comparison, KeyedComparison
from minidb.expr.node import Column, Expr
from minidb.plan.access import RERUN, best_path
from minidb.plan.cost import HASH_ROW, OUTPUT, PAIR, PROBE_ROW, plan_cost
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import (
    Distinct,
    FullScan,
    HashJoin,
    Join,
    JoinKind,
    KeyLookup,
    KeyRange,
    NestedLoop,
    Plan,
    Project,
    Scan,
)
from minidb.plan.predicates import join, split
from minidb.plan.traverse import column_ids, contains_volatile, free_columns
from minidb.value.sql_types import Kind

Pair = tuple[Expr, Expr]

_NOT_HASHED: Final = frozenset({Kind.JSON, Kind.JSONB})  # equal values may differ as Python values


@dataclass(slots=True)
class Method:
    """A way to join: hash (the right side hashed), swapped (the left one), lookup (by `scan`), loop."""

    name: str
    cost: float
    scan: Scan | None = None


def equal_sides(conjuncts: Sequence[Expr], right_ids: set[int]) -> tuple[list[Pair], list[Expr]]:
    """The equalities of something left with something right, as such pairs, and the other conjuncts."""
    pairs: list[Pair] = []
    others: list[Expr] = []
    for conjunct in conjuncts:
        pair = _equal_pair(conjunct, right_ids)
        if pair is None:
            others.append(conjunct)
        else:
            pairs.append(pair)
    return pairs, others


def _equal_pair(conjunct: Expr, right_ids: set[int]) -> Pair | None:
    if not isinstance(conjunct, Comparison) or conjunct.operator != "=":
        return None
    left, right = conjunct.left, conjunct.right
    if isinstance(conjunct, KeyedComparison) and (
        left.type.kind is not Kind.CHAR or right.type.kind is not Kind.CHAR
    ):
        return None
    if left.type.kind in _NOT_HASHED or contains_volatile(conjunct):
        return None
    first, second = column_ids(left), column_ids(right)
    if not first or not second:
        return None
    if second <= right_ids and first.isdisjoint(right_ids):
        return left, right
    if first <= right_ids and second.isdisjoint(right_ids):
        return right, left
    return None


def hash_costs(
    left_cost: float, left_rows: float, right_cost: float, right_rows: float, rows: float
) -> tuple[float, float]:
    """Of hashing the right side, and of hashing the left one."""
    inputs = left_cost + right_cost + rows * OUTPUT
    straight = inputs + left_rows * PROBE_ROW + right_rows * HASH_ROW
    swapped = inputs + right_rows * PROBE_ROW + left_rows * HASH_ROW
    return straight, swapped


def loop_cost(left_cost: float, left_rows: float, right_cost: float, right_rows: float) -> float:
    """Of trying all pairs, the right side kept in memory."""
    return left_cost + right_cost + left_rows * right_rows * PAIR + right_rows * OUTPUT


def best_lookup(scan: Scan, conjuncts: Sequence[Expr], estimator: Estimator) -> Method | None:
    """The scan by a key to which the conjuncts give a value from outside; its cost is that of one run."""
    path = best_path(scan, [*split(scan.where), *conjuncts], estimator)
    access = path.access
    if not isinstance(access, KeyLookup | KeyRange) or path.alternatives is not None:
        return None
    if not any(conjunct not in path.rest for conjunct in conjuncts):
        return None  # a key, but by constants only: better scanned once
    found = replace(scan, access=access, where=join(path.rest))
    return Method("lookup", RERUN + path.cost, found)


def dependent_loop(kind: JoinKind, left: Plan, right: Plan) -> NestedLoop:
    """The nested loop that runs `right` anew for each left row."""
    needed = free_columns(right)
    bindings = tuple([column for column in left.columns if column.id in needed])
    return NestedLoop(kind, left, right, None, bindings)


def chosen_join(plan: Join, estimator: Estimator) -> tuple[float, Plan]:
    """One join with the algorithm that costs least, and that cost. Its sides stay where they are."""
    conjuncts = split(plan.on)
    pairs, residual = equal_sides(conjuncts, {column.id for column in plan.right.columns})
    left_rows, right_rows = estimator.rows(plan.left), estimator.rows(plan.right)
    left_cost, right_cost = plan_cost(plan.left, estimator), plan_cost(plan.right, estimator)
    if pairs:
        rows = estimator.rows(plan)
        cost = hash_costs(left_cost, left_rows, right_cost, right_rows, rows)[0]
    else:
        cost = loop_cost(left_cost, left_rows, right_cost, right_rows)
    if plan.null_aware:
        assert not residual, "decorrelate makes null-aware joins of equalities only"
        return cost, _hash_join(plan, pairs, [])
    if _may_look_up(plan) and conjuncts and left_rows < cost:
        assert isinstance(plan.right, Scan)
        lookup = best_lookup(plan.right, conjuncts, estimator)
        if lookup is not None and left_cost + left_rows * lookup.cost < cost:
            assert lookup.scan is not None
            return left_cost + left_rows * lookup.cost, dependent_loop(plan.kind, plan.left, lookup.scan)
    if plan.kind == "semi" and pairs and not residual:
        found = _by_distinct_keys(plan, pairs, right_rows, right_cost, estimator)
        if found is not None and found[0] < cost:
            return found
    if not pairs:
        return cost, NestedLoop(plan.kind, plan.left, plan.right, plan.on)
    return cost, _hash_join(plan, pairs, residual)


def _hash_join(plan: Join, pairs: list[Pair], residual: list[Expr]) -> HashJoin:
    left_keys = tuple([pair[0] for pair in pairs])
    right_keys = tuple([pair[1] for pair in pairs])
    return HashJoin(plan.kind, plan.left, plan.right, left_keys, right_keys, join(residual), plan.null_aware)


def _may_look_up(plan: Join) -> bool:
    return plan.kind in ("inner", "left", "semi", "anti") and is_plain_scan(plan.right)


def _by_distinct_keys(
    plan: Join, pairs: list[Pair], right_rows: float, right_cost: float, estimator: Estimator
) -> tuple[float, Plan] | None:
    """`left where key in (right)`: each different right key once, then the left rows that have it."""
    left = plan.left
    if not isinstance(left, Scan) or not is_plain_scan(left):
        return None
    if not all(isinstance(right, Column) for _, right in pairs):
        return None
    lookup = best_lookup(left, split(plan.on), estimator)
    if lookup is None or lookup.scan is None:
        return None
    columns = tuple(dict.fromkeys([right for _, right in pairs if isinstance(right, Column)]))
    keys = Distinct(Project(plan.right, columns, columns))
    cost = right_cost + right_rows + estimator.groups(columns, right_rows) * lookup.cost
    return cost, dependent_loop("inner", keys, lookup.scan)


def is_plain_scan(plan: Plan) -> bool:
    """Whether it is a scan that has no access yet."""
    return isinstance(plan, Scan) and isinstance(plan.access, FullScan)
