"""A query's output columns converted to other types: for set operations, recursive queries and INSERT."""

from __future__ import annotations

from collections.abc import Sequence

from minidb.expr.cast import CastContext, cast
from minidb.expr.node import Expr
from minidb.plan.nodes import Plan, Project, Values
from minidb.sql.binder import Binder
from minidb.value.sql_types import SqlType


def converted(
    binder: Binder, plan: Plan, types: Sequence[SqlType], context: CastContext = "implicit"
) -> Plan:
    """The plan with its columns converted to `types`: literals where they stand, else by a projection."""
    if all(column.type == type_ for column, type_ in zip(plan.columns, types, strict=True)):
        return plan
    columns = tuple(
        [
            column if column.type == type_ else binder.new_column(column.name, type_)
            for column, type_ in zip(plan.columns, types, strict=True)
        ]
    )
    if isinstance(plan, Project):
        return Project(plan.source, columns, _cast_all(plan.expressions, types, context))
    if isinstance(plan, Values):
        return Values(columns, tuple([_cast_all(row, types, context) for row in plan.rows]))
    columns = tuple([binder.new_column(column.name, column.type) for column in columns])
    return Project(plan, columns, _cast_all(plan.columns, types, context))


def _cast_all(
    expressions: tuple[Expr, ...], types: Sequence[SqlType], context: CastContext
) -> tuple[Expr, ...]:
    return tuple(
        [
            expression if expression.type == type_ else cast(expression, type_, context)
            for expression, type_ in zip(expressions, types, strict=True)
        ]
    )
