"""The order of inner joins: dynamic programming over sets of relations, a greedy walk for many of them.

    relations  a b c d, edges = conjuncts between them        a-b  b-c  c-d
    states     {a} {b} {c} {d} -> {ab} {bc} {cd} -> {abc} {bcd} -> {abcd}

A state is the cheapest way found to join one set of relations. It grows by one relation at a time that an
edge connects with the set (so trees are linear, Selinger et al., SIGMOD 1979; but either side of a hash join
may be the hashed one, and the right side of a nested loop may be an index lookup). Sets of relations are bit
masks. Relations that nothing connects are joined last, the smallest first.

Semi and anti joins (EXISTS, IN) are relations too, but never the first one, and only once all that their
condition needs is there: where in the order they cost least and help most is decided like the rest.

With more relations than `MOST_RELATIONS`, or when states grow too many, one state is grown greedily:
from the smallest relation, always by the one that leaves the fewest rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from minidb.expr.node import Column, Expr
from minidb.plan.access import keys_of
from minidb.plan.cost import plan_cost
from minidb.plan.estimate import Estimator
from minidb.plan.join_method import (
    Method,
    best_lookup,
    chosen_join,
    dependent_loop,
    equal_sides,
    hash_costs,
    is_plain_scan,
    loop_cost,
)
from minidb.plan.nodes import FullScan, HashJoin, Join, NestedLoop, Plan, Scan, SemiJoin
from minidb.plan.predicates import is_equality, join, split
from minidb.plan.traverse import column_ids

MOST_RELATIONS: Final = 10  # for dynamic programming
MOST_STEPS: Final = 300  # and the most extensions of states it may try


@dataclass(slots=True)
class _Edge:
    """A conjunct between several relations."""

    conjunct: Expr
    mask: int
    selectivity: float


@dataclass(slots=True)
class _State:
    """A way to join the relations of `mask`: `before` extended by `relation`."""

    mask: int
    rows: float
    cost: float
    relation: int
    before: _State | None = None
    method: Method | None = None
    edges: tuple[_Edge, ...] = ()


def order_joins(
    relations: Sequence[Plan],
    conjuncts: Sequence[Expr],
    filters: Sequence[SemiJoin],
    estimator: Estimator,
) -> Plan:
    """The relations joined under all conjuncts and semi joins."""
    return _Region(relations, conjuncts, filters, estimator).best()


class _Region:
    """One set of relations to be joined."""

    __slots__ = (
        "bits", "edges_of", "estimator", "filters", "first_filter", "ids", "keyed", "lookups", "neighbours",
        "relations", "required",
    )  # fmt: skip

    def __init__(
        self,
        relations: Sequence[Plan],
        conjuncts: Sequence[Expr],
        filters: Sequence[SemiJoin],
        estimator: Estimator,
    ) -> None:
        self.relations = [*relations, *[semi.right for semi in filters]]
        self.filters = filters
        self.first_filter = len(relations)  # places from here on are semi joins
        self.estimator = estimator
        self.bits: dict[int, int] = {}  # column id -> its relation's bit
        self.ids: list[set[int]] = []  # of each relation's columns
        for place, relation in enumerate(self.relations):
            ids = {column.id for column in relation.columns}
            self.ids.append(ids)
            self.bits.update(dict.fromkeys(ids, 1 << place))
        self.edges_of: list[list[_Edge]] = [[] for _ in self.relations]
        self.neighbours = [0] * len(self.relations)  # of relations, without semi joins
        for conjunct in conjuncts:
            self._add_edge(conjunct)
        self.required = [self._required(semi) for semi in filters]
        self.keyed = [_leading_columns(relation) for relation in relations]
        self.lookups: dict[tuple[int, int], Method | None] = {}

    def _add_edge(self, conjunct: Expr) -> None:
        mask = 0
        for id_ in column_ids(conjunct):
            mask |= self.bits.get(id_, 0)
        edge = _Edge(conjunct, mask, self.estimator.selectivity((conjunct,)))
        for place in _places(mask):
            self.edges_of[place].append(edge)
            self.neighbours[place] |= mask & ~(1 << place)

    def _required(self, semi: SemiJoin) -> int:
        """The relations that a semi join's condition needs."""
        mask = 0
        if semi.on is not None:
            for id_ in column_ids(semi.on):
                mask |= self.bits.get(id_, 0)
        return mask & ((1 << self.first_filter) - 1)

    # --- search ---

    def best(self) -> Plan:
        """The joined plan."""
        parts: list[_State] = []
        rest = (1 << self.first_filter) - 1
        late = list(self.filters)
        while rest:
            connected = self._connected(rest & -rest)
            rest &= ~connected
            for number, semi in enumerate(self.filters):
                required = self.required[number]
                if required and not required & ~connected:
                    connected |= 1 << (self.first_filter + number)
                    late.remove(semi)
            parts.append(self._best_of(connected))
        parts.sort(key=lambda state: state.rows)
        plan = self._build(parts[0])
        for part in parts[1:]:  # nothing connects them; the smaller ones, so far, are kept in memory
            plan = NestedLoop("inner", self._build(part), plan)
        for semi in late:  # these need relations that nothing else connects, or none
            plan = self._with_semi_join(plan, semi)
        return plan

    def _connected(self, mask: int) -> int:
        found, waiting = mask, mask
        while waiting:
            bit = waiting & -waiting
            waiting &= ~bit
            new = self.neighbours[bit.bit_length() - 1] & ~found
            found |= new
            waiting |= new
        return found

    def _best_of(self, mask: int) -> _State:
        places = _places(mask)
        singles = [self._single(place) for place in places]
        if len(singles) == 1:
            return singles[0]
        if len(singles) <= MOST_RELATIONS:
            found = self._dynamic(singles, mask)
            if found is not None:
                return found
        return self._greedy(singles, mask)

    def _single(self, place: int) -> _State:
        relation = self.relations[place]
        rows = max(self.estimator.rows(relation), 0.1)
        return _State(1 << place, rows, plan_cost(relation, self.estimator), place)

    def _dynamic(self, singles: list[_State], whole: int) -> _State | None:
        level = {state.mask: state for state in singles if state.relation < self.first_filter}
        by_place = {state.relation: state for state in singles}
        steps = 0
        while True:
            following: dict[int, _State] = {}
            for state in level.values():
                for place in _places(self._reachable(state.mask)):
                    steps += 1
                    if steps > MOST_STEPS:
                        return None
                    grown = self._extend(state, by_place[place])
                    known = following.get(grown.mask)
                    if known is None or grown.cost < known.cost:
                        following[grown.mask] = grown
            if whole in following:
                return following[whole]
            level = following

    def _greedy(self, singles: list[_State], whole: int) -> _State:
        by_place = {state.relation: state for state in singles}
        relations = [single for single in singles if single.relation < self.first_filter]
        state = min(relations, key=lambda single: single.rows)
        while state.mask != whole:
            best: _State | None = None
            for place in _places(self._reachable(state.mask)):
                grown = self._extend(state, by_place[place])
                if best is None or (grown.rows, grown.cost) < (best.rows, best.cost):
                    best = grown
            assert best is not None
            state = best
        return state

    def _reachable(self, mask: int) -> int:
        found = 0
        for place in _places(mask & ((1 << self.first_filter) - 1)):
            found |= self.neighbours[place]
        for number, required in enumerate(self.required):
            if required and not required & ~mask:
                found |= 1 << (self.first_filter + number)
        return found & ~mask

    # --- one step ---

    def _extend(self, state: _State, single: _State) -> _State:
        """`state` joined with one more relation in the cheapest way."""
        place = single.relation
        mask = state.mask | single.mask
        if place >= self.first_filter:
            return self._extend_by_semi_join(state, single, mask)
        edges = tuple([edge for edge in self.edges_of[place] if not edge.mask & ~mask])
        rows = state.rows * single.rows
        for edge in edges:
            rows *= edge.selectivity
        method = self._method(state, single, edges, rows)
        return _State(mask, max(rows, 0.1), method.cost, place, state, method, edges)

    def _extend_by_semi_join(self, state: _State, single: _State, mask: int) -> _State:
        semi = self.filters[single.relation - self.first_filter]
        if state.before is None:  # the algorithm may depend on what the left side is
            left = self.relations[state.relation]
            plan = Join(semi.kind, left, semi.right, semi.on, semi.null_aware)
            cost = chosen_join(plan, self.estimator)[0]
            return _State(mask, self.estimator.rows(plan), cost, single.relation, state, Method("semi", cost))
        conjuncts = split(semi.on)
        selectivity = self.estimator.selectivity(conjuncts)
        rows = self.estimator.joined(semi.kind, state.rows, single.rows, selectivity)
        if equal_sides(conjuncts, self.ids[single.relation])[0]:
            cost = hash_costs(state.cost, state.rows, single.cost, single.rows, rows)[0]
        else:
            cost = loop_cost(state.cost, state.rows, single.cost, single.rows)
        right = semi.right
        if not semi.null_aware and conjuncts and isinstance(right, Scan) and is_plain_scan(right):
            lookup = self._semi_lookup(single.relation, right, conjuncts)
            if lookup is not None:
                cost = min(cost, state.cost + state.rows * lookup.cost)
        return _State(mask, rows, cost, single.relation, state, Method("semi", cost))

    def _semi_lookup(self, place: int, right: Scan, conjuncts: list[Expr]) -> Method | None:
        known = self.lookups.get((place, 0), _MISSING)
        if known is _MISSING:
            known = self.lookups[place, 0] = best_lookup(right, conjuncts, self.estimator)
        return known

    def _method(self, state: _State, single: _State, edges: tuple[_Edge, ...], rows: float) -> Method:
        place = single.relation
        right_ids = self.ids[place]
        conjuncts = [edge.conjunct for edge in edges]
        pairs, _ = equal_sides(conjuncts, right_ids)
        if not pairs:
            best = Method("loop", loop_cost(state.cost, state.rows, single.cost, single.rows))
        else:
            straight, swapped = hash_costs(state.cost, state.rows, single.cost, single.rows, rows)
            best = Method("swapped", swapped) if swapped < straight else Method("hash", straight)
        if self.keyed[place] and state.rows * 3 < best.cost:
            lookup = self._lookup(place, edges)
            if lookup is not None:
                cost = state.cost + state.rows * lookup.cost
                if cost < best.cost:
                    return Method("lookup", cost, lookup.scan)
        return best

    def _lookup(self, place: int, edges: tuple[_Edge, ...]) -> Method | None:
        """The relation as the right side of a nested loop, by a key that these edges give."""
        relation = self.relations[place]
        keyed = self.keyed[place]
        if not isinstance(relation, Scan) or not any(_equates(edge.conjunct, keyed) for edge in edges):
            return None
        edge_mask = 0
        for edge in edges:
            edge_mask |= edge.mask
        known = self.lookups.get((place, edge_mask), _MISSING)
        if known is _MISSING:
            known = best_lookup(relation, [edge.conjunct for edge in edges], self.estimator)
            self.lookups[place, edge_mask] = known
        return known

    # --- the plan ---

    def _build(self, state: _State) -> Plan:
        steps: list[_State] = []
        current: _State | None = state
        while current is not None:
            steps.append(current)
            current = current.before
        plan = self.relations[steps[-1].relation]
        for step in reversed(steps[:-1]):
            plan = self._joined(plan, step)
        return plan

    def _joined(self, left: Plan, step: _State) -> Plan:
        assert step.method is not None
        right = self.relations[step.relation]
        conjuncts = [edge.conjunct for edge in step.edges]
        name = step.method.name
        if name == "semi":
            return self._with_semi_join(left, self.filters[step.relation - self.first_filter])
        if name == "loop":
            return NestedLoop("inner", left, right, join(conjuncts))
        if name == "lookup":
            assert step.method.scan is not None
            return dependent_loop("inner", left, step.method.scan)
        pairs, residual = equal_sides(conjuncts, self.ids[step.relation])
        left_keys = tuple([pair[0] for pair in pairs])
        right_keys = tuple([pair[1] for pair in pairs])
        if name == "swapped":
            return HashJoin("inner", right, left, right_keys, left_keys, join(residual))
        return HashJoin("inner", left, right, left_keys, right_keys, join(residual))

    def _with_semi_join(self, left: Plan, semi: SemiJoin) -> Plan:
        plan = Join(semi.kind, left, semi.right, semi.on, semi.null_aware)
        return chosen_join(plan, self.estimator)[1]


_MISSING: Final = Method("missing", 0.0)


def _places(mask: int) -> list[int]:
    found: list[int] = []
    while mask:
        bit = mask & -mask
        found.append(bit.bit_length() - 1)
        mask &= ~bit
    return found


def _leading_columns(relation: Plan) -> frozenset[int]:
    """The ids of the columns that a key of the relation begins with, if it can be looked up by key."""
    if not isinstance(relation, Scan) or not isinstance(relation.access, FullScan):
        return frozenset()
    slots = {key.parts[0].key for key in keys_of(relation)}
    return frozenset(
        [column.id for column, slot in zip(relation.columns, relation.slots, strict=False) if slot in slots]
    )


def _equates(conjunct: Expr, ids: frozenset[int]) -> bool:
    return is_equality(conjunct) and any(
        isinstance(side, Column) and side.id in ids for side in conjunct.children()
    )
