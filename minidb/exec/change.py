"""INSERT, UPDATE, DELETE: run the rows through, then what their change means to other tables.

source plan -> rows -> TableWriter: constraints, row, index entries -> ForeignKeyQueue
                                                                         |  when all rows are changed
                                         referential actions, checks <- ChangeStatement.finish
"""

from __future__ import annotations

from minidb.errors import InternalError
from minidb.exec.context import ExecutionContext
from minidb.exec.delete import run_delete
from minidb.exec.foreign_key_actions import ChangeStatement
from minidb.exec.insert import run_insert
from minidb.exec.operator import Operator
from minidb.exec.update import run_update
from minidb.plan.changes import Change, Delete, Insert, Update
from minidb.value.sql_types import Row


def run_change(plan: Change, source: Operator, context: ExecutionContext) -> tuple[int, list[Row]]:
    """Run a resolved change over the rows of `source`, its built source, which is closed in the end.

    The number of rows changed, and RETURNING's rows.
    """
    if context.transaction.read_only:
        command = type(plan).__name__.upper()
        raise InternalError(f"cannot execute {command} in a read-only transaction", sqlstate="25006")
    statement = ChangeStatement(plan.targets, context)
    match plan:
        case Insert():
            result = run_insert(plan, source, statement, context)
        case Update():
            result = run_update(plan, source, statement, context)
        case Delete():
            result = run_delete(plan, source, statement, context)
        case _:
            raise AssertionError(f"unknown change {type(plan).__name__}")
    statement.finish()
    return result
