"""A sub-plan inside an expression: run once if uncorrelated, else once per distinct set of outer values.

The operator tree is built at the first use and reset for each further run. Results are remembered by the
outer values that they depend on, in a bounded table, since outer rows tend to repeat them (a foreign key);
a correlated sub-plan with volatile functions is not remembered, an uncorrelated one is, as PostgreSQL does.
"""

from __future__ import annotations

from typing import Final

from minidb.exec.membership import Membership, membership
from minidb.exec.operator import Operator, SharedRows
from minidb.exec.plan_facts import plan_facts
from minidb.expr.node import EvaluationContext
from minidb.plan.subqueries import Subquery
from minidb.value.sql_types import Kind, Row, Value

MEMO_RESULTS: Final = 10_000  # remembered results of one sub-plan
MEMO_ROWS: Final = 64  # longer results are not remembered

# Equal values of these kinds may look different (1.0 and 1.00), so what is computed from them may differ.
_EQUAL_BUT_DIFFERENT: Final = frozenset({Kind.NUMERIC, Kind.REAL, Kind.DOUBLE, Kind.INTERVAL})


class SubPlan:
    """The running form of one `Subquery` expression within one execution of a statement."""

    __slots__ = (
        "_ctes",
        "_keys",
        "_loaded",
        "_members",
        "_memo",
        "_operator",
        "_rows",
        "_seen",
        "_volatile",
        "subquery",
    )

    def __init__(self, subquery: Subquery, operator: Operator) -> None:
        self.subquery = subquery  # kept alive: the context finds this object by the expression's identity
        self._operator = operator
        facts = plan_facts(subquery.plan)
        self._volatile = facts.volatile
        # the left operand of IN is among `outer_ids` too, though the plan does not depend on it
        self._keys = [
            (id_, value.type.kind in _EQUAL_BUT_DIFFERENT)
            for id_, value in zip(subquery.outer_ids, subquery.outer_values, strict=True)
            if id_ in facts.outer
        ]
        self._ctes = facts.ctes
        self._seen: dict[int, SharedRows] = {}  # the CTEs from which the remembered results come
        self._rows: list[Row] | None = None
        self._members: Membership | None = None if self._keys else membership(subquery)
        self._loaded: list[Row] | None = None  # the rows that are in `_members`
        self._memo: dict[tuple[Value, ...], list[Row]] = {}

    def rows(self, limit: int | None, outer: dict[int, Value], ctes: dict[int, SharedRows]) -> list[Row]:
        """The rows under these outer values, or the first `limit` of them. Not to be changed."""
        for id_ in self._ctes:
            if self._seen.get(id_) is not ctes[id_]:
                self._seen = {each: ctes[each] for each in self._ctes}
                self._rows = None
                self._memo.clear()
        if not self._keys:
            if self._rows is None:
                self._rows = self._run(limit)
            return self._rows
        if self._volatile:
            return self._run(limit)
        key = tuple([repr(outer[id_]) if textual else outer[id_] for id_, textual in self._keys])
        found = self._memo.get(key)
        if found is None:
            found = self._run(limit)
            if len(found) <= MEMO_ROWS:
                if len(self._memo) >= MEMO_RESULTS:
                    self._memo.clear()
                self._memo[key] = found
        return found

    def contains(
        self, outer: dict[int, Value], ctes: dict[int, SharedRows], context: EvaluationContext
    ) -> Value:
        """The result of an IN, by a set; NotImplemented if it has another shape."""
        members = self._members
        if members is None:
            return NotImplemented
        rows = self.rows(None, outer, ctes)
        if rows is not self._loaded:
            members.load(rows, context)
            self._loaded = rows
        return members.contains(context)

    def _run(self, limit: int | None) -> list[Row]:
        operator = self._operator
        operator.reset()
        if limit is not None:
            operator.expect(limit)
        rows: list[Row] = []
        while limit is None or len(rows) < limit:
            batch = operator.next_batch()
            if not batch:
                break
            rows += batch
        return rows

    def close(self) -> None:
        """Close the operators."""
        self._operator.close()
