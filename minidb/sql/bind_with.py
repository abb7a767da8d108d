"""WITH: common table expressions, recursive ones and those that change data.

WITH RECURSIVE t AS (base UNION [ALL] step): the base query alone gives t its names and types; then the step
is bound with t in sight, which stands for the rows that the previous round found.
"""

from __future__ import annotations

from sqlglot import exp

from minidb.errors import ProgrammingError
from minidb.expr.cast import common_type
from minidb.expr.node import Column
from minidb.plan.nodes import Cte, Plan
from minidb.sql.binder import Binder, BoundQuery, CommonTable
from minidb.sql.convert_output import converted
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.scope import Scope

BoundCte = tuple[Cte, dict[int, Column]]


def bind_with(binder: Binder, tree: exp.Expression, outer: Scope | None) -> list[BoundCte]:
    """The items of one WITH; their names stay in `binder.common_tables` for the caller to remove."""
    found: list[BoundCte] = []
    names: set[str] = set()
    for item in tree.expressions:
        name = identifier(item.args["alias"].this)
        if name in names:
            raise ProgrammingError(
                f'WITH query name "{name}" specified more than once',
                sqlstate="42712",
                position=position_of(item.args["alias"]),
            )
        names.add(name)
        recursive = bool(tree.args.get("recursive")) and _mentions(item.this, name)
        found.append(
            _recursive(binder, item, name, outer) if recursive else _plain(binder, item, name, outer)
        )
    return found


def _mentions(tree: exp.Expression, name: str) -> bool:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and table.args.get("db") is None:
            if identifier(table.this) == name:
                return True
    return False


def _plain(binder: Binder, item: exp.Expression, name: str, outer: Scope | None) -> BoundCte:
    body = item.this
    if isinstance(body, exp.Insert | exp.Update | exp.Delete):
        if outer is not None:
            raise ProgrammingError(
                "WITH clause containing a data-modifying statement must be at the top level",
                sqlstate="0A000",
                position=position_of(item.args["alias"]),
            )
        query = binder.change(body, None)
    else:
        query = binder.query(body, outer)
    id_ = binder.next_cte
    binder.next_cte += 1
    _publish(binder, item, name, id_, query)
    return Cte(id_, name, query.plan), query.free


def _publish(binder: Binder, item: exp.Expression, name: str, id_: int, query: BoundQuery) -> CommonTable:
    names = _column_names(item, name, query.names)
    types = tuple([column.type for column in query.plan.columns])
    changes = isinstance(item.this, exp.Insert | exp.Update | exp.Delete)
    table = CommonTable(id_, name, names, types, returns=bool(types) or not changes)
    binder.common_tables.append(table)
    return table


def _column_names(item: exp.Expression, name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    given = item.args["alias"].args.get("columns") or []
    if len(given) > len(names):
        raise ProgrammingError(
            f'WITH query "{name}" has {len(names)} columns available but {len(given)} columns specified',
            sqlstate="42P10",
            position=position_of(item.args["alias"]),
        )
    return (*[identifier(column) for column in given], *names[len(given) :])


def _recursive(binder: Binder, item: exp.Expression, name: str, outer: Scope | None) -> BoundCte:
    body = item.this
    while isinstance(body, exp.Subquery) and not body.args.get("with_"):
        body = body.this
    position = position_of(item.args["alias"])
    if not isinstance(body, exp.Union) or _mentions(body.this, name):
        raise ProgrammingError(
            f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] recursive-term',
            sqlstate="42P19",
            position=position,
        )
    for clause in ("order", "limit", "offset", "locks"):
        if body.args.get(clause):
            what = {"order": "ORDER BY", "locks": "FOR UPDATE/SHARE"}.get(clause, clause.upper())
            raise refuse(f"{what} in a recursive query is", item.args["alias"])
    if body.args.get("with_"):
        raise refuse("WITH inside a recursive query is", item.args["alias"])
    base = binder.query(body.this, outer)
    id_ = binder.next_cte
    binder.next_cte += 1
    table = _publish(binder, item, name, id_, base)
    step = binder.query(body.expression, outer, keep_unknown=True)
    plan = _as_base(binder, base, step, name, table.names, position)
    if table.references > 1:
        raise ProgrammingError(
            f'recursive reference to query "{name}" must not appear more than once',
            sqlstate="42P19",
            position=position,
        )
    table.references = 0
    return Cte(id_, name, base.plan, plan, not body.args.get("distinct")), {**base.free, **step.free}


def _as_base(
    binder: Binder,
    base: BoundQuery,
    step: BoundQuery,
    name: str,
    names: tuple[str, ...],
    position: int | None,
) -> Plan:
    """The step with the base's types; 42804 where they would widen."""
    columns = base.plan.columns
    if len(step.plan.columns) != len(columns):
        raise ProgrammingError(
            "each UNION query must have the same number of columns", sqlstate="42601", position=position
        )
    for place, (own, other) in enumerate(zip(columns, step.plan.columns, strict=True), 1):
        if own.type.kind is not common_type([own, other], "UNION").kind:
            raise ProgrammingError(
                f'recursive query "{name}" column {place} has type {own.type} in non-recursive term '
                f"but type {common_type([own, other], 'UNION')} overall",
                sqlstate="42804",
                position=position,
                hint="Cast the output of the non-recursive term to the correct type.",
            )
    return converted(binder, step.plan, [column.type for column in columns])
