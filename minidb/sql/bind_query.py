"""Queries: SELECT, VALUES, set operations, WITH, and ORDER BY, LIMIT, locks around any of them.

    (SELECT ... UNION SELECT ... ORDER BY ...) LIMIT 1

Parentheses around a query mean nothing but grouping, so what follows them belongs to the query inside
(`Modifiers`), as in PostgreSQL's grammar.
"""

from __future__ import annotations

from typing import Final, Literal

from sqlglot import exp

from minidb.errors import Error, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.expr.cast import cast, common_type
from minidb.expr.node import Column, Expr
from minidb.plan.nodes import SetOperation, Sort, SortKey, Values, With
from minidb.sql.bind_aggregate import sort_key
from minidb.sql.bind_expression import bind_in_clause
from minidb.sql.bind_order import limited, position_in_list
from minidb.sql.bind_select import bind_select, with_record_fields
from minidb.sql.bind_with import bind_with
from minidb.sql.binder import Binder, BoundQuery
from minidb.sql.convert_output import converted
from minidb.sql.modifiers import Modifiers
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.row_locks import LockClause, lock_clauses, not_allowed_with
from minidb.sql.scope import Scope
from minidb.value.sql_types import UNKNOWN, Kind, SqlType


def bind_query(
    binder: Binder,
    tree: exp.Expression,
    outer: Scope | None = None,
    keep_unknown: bool = False,
    locks: tuple[LockClause, ...] = (),
) -> BoundQuery:
    """The plan of a query. `outer` are the names around it; untyped literals become text unless kept."""
    return _query(binder, tree, outer, keep_unknown, Modifiers(pushed=locks))


def _query(
    binder: Binder, tree: exp.Expression, outer: Scope | None, keep_unknown: bool, modifiers: Modifiers
) -> BoundQuery:
    while isinstance(tree, exp.Subquery | exp.Paren):
        if tree.args.get("alias") is not None or tree.args.get("joins"):
            raise SyntaxError_("syntax error in a subquery", position=position_of(tree))
        modifiers = modifiers.within(tree)
        tree = tree.this
    modifiers = modifiers.within(tree)
    visible = len(binder.common_tables)
    ctes = []
    for with_ in modifiers.withs:
        ctes.extend(bind_with(binder, with_, outer))
    query = _body(binder, tree, outer, keep_unknown, modifiers)
    del binder.common_tables[visible:]
    if ctes:
        for _, free in ctes:
            query.free.update(free)
        query.plan = With(tuple([cte for cte, _ in ctes]), query.plan)
    return query


def _body(
    binder: Binder, tree: exp.Expression, outer: Scope | None, keep_unknown: bool, modifiers: Modifiers
) -> BoundQuery:
    if isinstance(tree, exp.Select):
        return bind_select(binder, tree, outer, keep_unknown, modifiers)
    clauses = lock_clauses(modifiers.locks)
    if isinstance(tree, exp.SetOperation):
        clauses += modifiers.pushed
        if clauses:
            raise not_allowed_with(clauses, "UNION/INTERSECT/EXCEPT")
        query = _set_operation(binder, tree, outer, keep_unknown)
    elif isinstance(tree, exp.Values):
        if clauses:
            raise NotSupportedError(f"{clauses[0].name} cannot be applied to VALUES")
        query = _values(binder, tree, outer, keep_unknown)
    elif isinstance(tree, exp.Table):
        raise refuse("a join in parentheses as a query is", tree)
    else:
        raise refuse(f"{tree.key.upper()} as a query is", tree)
    return _ordered(binder, query, outer, modifiers)


def _ordered(binder: Binder, query: BoundQuery, outer: Scope | None, modifiers: Modifiers) -> BoundQuery:
    """ORDER BY and LIMIT of a set operation or VALUES: over the output columns only."""
    keys: list[SortKey] = []
    for item in modifiers.order:
        keys.append(sort_key(_output_column(query, item.this), item))
    if keys:
        query.plan = Sort(query.plan, tuple(keys))
    query.plan = limited(binder, query.plan, outer, query.free, modifiers, tuple(keys))
    return query


def _output_column(query: BoundQuery, tree: exp.Expression) -> Column:
    columns = query.plan.columns
    if isinstance(tree, exp.Literal) and not tree.is_string:
        place = position_in_list(tree, len(columns), "ORDER BY")
        return columns[place]
    if isinstance(tree, exp.Column) and tree.args.get("table") is None:
        name = identifier(tree.this)
        found = [column for own, column in zip(query.names, columns, strict=True) if own == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise ProgrammingError(
                f'ORDER BY "{name}" is ambiguous', sqlstate="42702", position=position_of(tree)
            )
        raise ProgrammingError(
            f'column "{name}" does not exist', sqlstate="42703", position=position_of(tree)
        )
    raise ProgrammingError(
        "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
        sqlstate="0A000",
        position=position_of(tree),
        detail="Only result column names can be used, not expressions or functions.",
        hint="Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
    )


# --- VALUES ---------------------------------------------------------------------------------------


def _values(binder: Binder, tree: exp.Expression, outer: Scope | None, keep_unknown: bool) -> BoundQuery:
    scope = Scope(outer)
    rows: list[list[Expr]] = []
    for item in tree.expressions:
        fields = item.expressions if isinstance(item, exp.Tuple) else [item]
        fields = with_record_fields(binder, fields)
        rows.append([bind_in_clause(binder, field, scope, "VALUES") for field in fields])
        if not fields:
            raise SyntaxError_('syntax error at or near ")"', position=position_of(tree))
        if len(rows[-1]) != len(rows[0]):
            raise SyntaxError_("VALUES lists must all be the same length", position=position_of(item))
    columns: list[Column] = []
    for place in range(len(rows[0])):
        expressions = [row[place] for row in rows]
        try:
            type_ = _shared_type(expressions, "VALUES", keep_unknown)
            if type_.kind is not Kind.UNKNOWN:
                for row in rows:
                    row[place] = cast(row[place], type_, "implicit")
        except Error as error:
            if error.position is None:
                error.position = position_of(tree)
            raise
        columns.append(binder.new_column(f"column{place + 1}", type_))
    plan = Values(tuple(columns), tuple([tuple(row) for row in rows]))
    return BoundQuery(plan, tuple([column.name for column in columns]), scope.level.free)


def _shared_type(expressions: list[Expr], construct: str, keep_unknown: bool) -> SqlType:
    """The type of all; of untyped literals alone it is text, unless it may stay open."""
    if keep_unknown and all(expression.type.kind is Kind.UNKNOWN for expression in expressions):
        return UNKNOWN
    return common_type(expressions, construct)


# --- UNION, INTERSECT, EXCEPT ---------------------------------------------------------------------


def _set_operation(
    binder: Binder, tree: exp.Expression, outer: Scope | None, keep_unknown: bool
) -> BoundQuery:
    """Left-deep chains are bound in a loop: there may be thousands of UNION ALL."""
    chain: list[exp.Expression] = []
    node = tree
    while isinstance(node, exp.SetOperation) and (not chain or not _has_modifiers(node)):
        chain.append(node)
        node = node.this
    _refuse_locks(node)
    result = _query(binder, node, outer, True, Modifiers())
    while chain:
        operation = chain.pop()
        _refuse_locks(operation.expression)
        right = _query(binder, operation.expression, outer, True, Modifiers())
        keep = keep_unknown or bool(chain)
        result = _combine(binder, operation, result, right, keep)
    return result


def _refuse_locks(tree: exp.Expression) -> None:
    """In the tree FOR UPDATE belongs to the last SELECT, by the grammar to the whole."""
    if isinstance(tree, exp.Select) and tree.args.get("locks"):
        raise not_allowed_with(lock_clauses(tree.args["locks"]), "UNION/INTERSECT/EXCEPT")


_KINDS: Final[dict[str, Literal["union", "intersect", "except"]]] = {
    "union": "union",
    "intersect": "intersect",
    "except": "except",
}


def _has_modifiers(tree: exp.Expression) -> bool:
    return any(tree.args.get(name) for name in ("order", "limit", "offset", "with_", "locks"))


def _combine(
    binder: Binder, tree: exp.Expression, left: BoundQuery, right: BoundQuery, keep_unknown: bool
) -> BoundQuery:
    word = tree.key.upper()
    if len(left.plan.columns) != len(right.plan.columns):
        raise SyntaxError_(
            f"each {word} query must have the same number of columns", position=position_of(tree.expression)
        )
    types: list[SqlType] = []
    pairs: list[tuple[Expr, Expr]] = list(zip(left.plan.columns, right.plan.columns, strict=True))
    for first, second in pairs:
        try:
            types.append(_shared_type([first, second], word, keep_unknown))
        except Error as error:
            if error.position is None:
                error.position = position_of(tree.expression)
            raise
    columns = tuple([binder.new_column(name, type_) for name, type_ in zip(left.names, types, strict=True)])
    kind = _KINDS[tree.key]
    plan = SetOperation(
        kind,
        not tree.args.get("distinct"),
        converted(binder, left.plan, types),
        converted(binder, right.plan, types),
        columns,
    )
    return BoundQuery(plan, left.names, {**left.free, **right.free})
