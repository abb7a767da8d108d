"""DELETE: the source yields each row's storage key and its values, from which its index entries follow."""

from __future__ import annotations

from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_actions import ChangeStatement
from minidb.exec.operator import Operator
from minidb.exec.update import may_repeat, position, stored_row_getter, unseen
from minidb.plan.changes import Delete
from minidb.value.sql_types import Row


def run_delete(
    plan: Delete, source: Operator, statement: ChangeStatement, context: ExecutionContext
) -> tuple[int, list[Row]]:
    """Remove the rows that the plan's source yields; their number, and RETURNING's rows."""
    writer = statement.writer(plan.targets[0].table.id)
    key_place = position(plan.source, plan.key)
    old_of = stored_row_getter(plan)
    seen: set[bytes] | None = set() if may_repeat(plan.source) else None
    count = 0
    returned: list[Row] = []
    try:
        while batch := source.next_batch():
            if seen is not None:
                batch = unseen(batch, key_place, seen)
            for row in batch:
                writer.delete(row[key_place], old_of(row))
            count += len(batch)
            if plan.returning and batch:
                columns = [expression.evaluate_batch(batch, context) for expression in plan.returning]
                returned.extend(zip(*columns, strict=True))
    finally:
        source.close()
    return count, returned
