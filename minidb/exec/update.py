"""UPDATE: the source yields each row's storage key and its stored values; assignments make the new row.

A row is changed once: if a join yields it again, the first partner counts (as in PostgreSQL). Rows change
one by one, in the order in which the source yields them, so a key that moves onto one that is still taken is
refused even if a later row would free it; PostgreSQL does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_actions import ChangeStatement
from minidb.exec.operator import Operator
from minidb.expr.node import Column
from minidb.plan.changes import Delete, Update
from minidb.plan.nodes import Distinct, Filter, Limit, Lock, Plan, Project, Scan, Sort
from minidb.value.sql_types import Row


def run_update(
    plan: Update, source: Operator, statement: ChangeStatement, context: ExecutionContext
) -> tuple[int, list[Row]]:
    """Change the rows that the plan's source yields; their number, and RETURNING's rows."""
    writer = statement.writer(plan.targets[0].table.id)
    shape = writer.shape(frozenset([slot for slot, _ in plan.assignments]))
    key_place = position(plan.source, plan.key)
    old_of = stored_row_getter(plan)
    assignments = [(slot, expression.evaluate_batch) for slot, expression in plan.assignments]
    seen: set[bytes] | None = set() if may_repeat(plan.source) else None
    complete = writer.complete if plan.targets[0].generated else None
    count = 0
    returned: list[Row] = []
    try:
        while batch := source.next_batch():
            changed: list[Row] = []
            if seen is not None:
                batch = unseen(batch, key_place, seen)
            columns = [evaluate(batch, context) for _, evaluate in assignments]
            for place, row in enumerate(batch):
                key: bytes = row[key_place]
                old = old_of(row)
                values = list(old)
                for (slot, _), column in zip(assignments, columns, strict=True):
                    values[slot] = column[place]
                new = tuple(values) if complete is None else complete(tuple(values))
                writer.update(key, old, new, shape)
                count += 1
                if plan.returning:
                    changed.append(new + row)
            if changed:
                output = [expression.evaluate_batch(changed, context) for expression in plan.returning]
                returned.extend(zip(*output, strict=True))
    finally:
        source.close()
    return count, returned


def unseen(batch: list[Row], key_place: int, seen: set[bytes]) -> list[Row]:
    """The first row for each row of the changed table; an outer join's row without one is none."""
    found: list[Row] = []
    for row in batch:
        key = row[key_place]
        if key is not None and key not in seen:
            seen.add(key)
            found.append(row)
    return found


def position(source: Plan, column: Column | None) -> int:
    """Where a column stands in the source's rows."""
    assert column is not None
    for place, candidate in enumerate(source.columns):
        if candidate.id == column.id:
            return place
    raise AssertionError(f"the source of a change does not yield {column.name}")


def stored_row_getter(plan: Update | Delete) -> Callable[[Row], Row]:
    """A function from a source row to the changed table's stored row."""
    places = [position(plan.source, column) for column in plan.old]
    first = places[0]
    if places == list(range(first, first + len(places))):
        return itemgetter(slice(first, first + len(places)))
    return itemgetter(*places)


def may_repeat(plan: Plan) -> bool:
    """Whether the source may yield a row of the changed table more than once (or none, by an outer join)."""
    while isinstance(plan, Filter | Project | Sort | Limit | Lock | Distinct):
        plan = plan.source
    return not isinstance(plan, Scan)
