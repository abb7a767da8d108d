"""ORDER BY positions, LIMIT, OFFSET, FETCH: what every kind of query can end with."""

from __future__ import annotations

from sqlglot import exp

from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.expr.cast import cast
from minidb.expr.node import Column, Expr
from minidb.plan.nodes import Limit, Plan, SortKey
from minidb.sql.bind_expression import bind_in_clause
from minidb.sql.binder import Binder
from minidb.sql.modifiers import Modifiers
from minidb.sql.names import position_of
from minidb.sql.scope import Scope
from minidb.value.cast import can_cast
from minidb.value.sql_types import BIGINT, Kind


def position_in_list(tree: exp.Expression, count: int, clause: str) -> int:
    """ORDER BY 2: the place in the select list, from 0."""
    text = str(tree.this)
    if not text.isdigit():
        raise SyntaxError_(f"non-integer constant in {clause}", position=position_of(tree))
    place = int(text)
    if not 1 <= place <= count:
        raise ProgrammingError(
            f"{clause} position {place} is not in select list", sqlstate="42P10", position=position_of(tree)
        )
    return place - 1


def limited(
    binder: Binder,
    plan: Plan,
    outer: Scope | None,
    free: dict[int, Column],
    modifiers: Modifiers,
    keys: tuple[SortKey, ...],
) -> Plan:
    """LIMIT, OFFSET, FETCH [WITH TIES]."""
    count, ties = None, False
    if modifiers.limit is not None:
        count, ties = _limit_count(binder, modifiers.limit, outer, free)
    offset = None
    if modifiers.offset is not None:
        offset = _row_count(binder, modifiers.offset.args["expression"], outer, free, "OFFSET")
    if count is None and offset is None:
        return plan
    if ties and not keys:
        raise SyntaxError_("WITH TIES cannot be specified without ORDER BY clause")
    return Limit(plan, count, offset, keys if ties else ())


def _limit_count(
    binder: Binder, tree: exp.Expression, outer: Scope | None, free: dict[int, Column]
) -> tuple[Expr | None, bool]:
    if isinstance(tree, exp.Fetch):
        options = tree.args.get("limit_options")
        ties = options is not None and bool(options.args.get("with_ties"))
        count = tree.args.get("count") or exp.Literal.number(1)
        return _row_count(binder, count, outer, free, "LIMIT"), ties
    count = tree.args["expression"]
    if isinstance(count, exp.Var | exp.Null) or (isinstance(count, exp.Column) and _is_all(count)):
        return None, False
    return _row_count(binder, count, outer, free, "LIMIT"), False


def _is_all(tree: exp.Expression) -> bool:
    return tree.args.get("table") is None and tree.name.lower() == "all"


def _row_count(
    binder: Binder, tree: exp.Expression, outer: Scope | None, free: dict[int, Column], clause: str
) -> Expr:
    scope = Scope(outer)
    value = bind_in_clause(binder, tree, scope, clause)
    free.update(scope.level.free)
    if value.type.kind is not Kind.UNKNOWN and not can_cast(value.type, BIGINT, "assignment"):
        raise ProgrammingError(
            f"argument of {clause} must be type bigint, not type {value.type.kind.value}",
            sqlstate="42804",
            position=position_of(tree),
        )
    try:
        return cast(value, BIGINT, "assignment")
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise
