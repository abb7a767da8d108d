"""Expressions that hold a query, and rows: EXISTS, IN, ANY, ALL, scalar subqueries, (a, b) = (c, d).

A row is no value here: a comparison of rows becomes comparisons of its fields.

    (a, b) = (c, d)                 a = c AND b = d
    (a, b) IN (SELECT x, y ...)     QuantifiedComparison with the test  a = x AND b = y
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.expr import logic, membership, operators
from minidb.expr.node import Column, Constant, Expr, Parameter
from minidb.plan.nodes import Project
from minidb.plan.subqueries import Exists, QuantifiedComparison, ScalarSubquery
from minidb.sql.binder import Binder, BoundQuery
from minidb.sql.names import position_of, refuse
from minidb.sql.scope import Scope
from minidb.value.sql_types import BOOLEAN

QUERIES: Final = (exp.Select, exp.Subquery, exp.Union, exp.Intersect, exp.Except, exp.Values)


def is_row(tree: exp.Expression) -> bool:
    """Whether this is (a, b) or ROW(...)."""
    if isinstance(tree, exp.Tuple):
        return True
    return isinstance(tree, exp.Anonymous) and isinstance(tree.this, str) and tree.this.lower() == "row"


def row_fields(tree: exp.Expression) -> list[exp.Expression]:
    """The fields of a row; of anything else, itself."""
    return list(tree.expressions) if is_row(tree) else [tree]


# --- queries as values ----------------------------------------------------------------------------


def bind_scalar(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    """(SELECT one column)."""
    query = binder.query(tree, scope)
    if len(query.plan.columns) != 1:
        raise ProgrammingError(
            "subquery must return only one column", sqlstate="42601", position=position_of(tree)
        )
    ids, values = _correlation(query)
    return ScalarSubquery(query.plan, query.plan.columns[0].type, ids, values)


def bind_exists(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    """EXISTS (SELECT ...)."""
    query = binder.query(tree.this, scope)
    ids, values = _correlation(query)
    return Exists(query.plan, BOOLEAN, ids, values)


def _correlation(query: BoundQuery) -> tuple[tuple[int, ...], tuple[Expr, ...]]:
    return tuple(query.free), tuple(query.free.values())


def bind_in(binder: Binder, tree: exp.Expression, scope: Scope, negated: bool = False) -> Expr:
    """operand [NOT] IN (list or query)."""
    if tree.args.get("field") is not None:
        raise SyntaxError_("syntax error after IN", position=position_of(tree.args["field"]))
    query = tree.args.get("query")
    items = tree.args.get("expressions") or []
    if query is not None:
        if isinstance(query, exp.Subquery) and query.args.get("alias") is None and not _modified(query):
            query = query.this
        result = _any_or_all(binder, "=", tree.this, query, scope, every=False)
        return logic.negation(result) if negated else result
    if not items:
        raise SyntaxError_('syntax error at or near ")"', position=position_of(tree))
    if is_row(tree.this) or any(is_row(item) for item in items):
        alternatives = [compare_rows(binder, "=", tree.this, item, scope) for item in items]
        result = logic.disjunction(alternatives)
        return logic.negation(result) if negated else result
    operand = binder.expression(tree.this, scope)
    values = [binder.expression(item, scope) for item in items]
    return membership.in_list(operand, values, negated)


def _modified(query: exp.Expression) -> bool:
    return any(query.args.get(name) for name in ("order", "limit", "offset", "with_", "locks", "joins"))


def quantified(
    binder: Binder, operator: str, left: exp.Expression, right: exp.Expression, scope: Scope
) -> Expr:
    """left operator ANY | SOME | ALL (query)."""
    query = right.this
    while isinstance(query, exp.Paren):
        query = query.this
    if not isinstance(query, QUERIES):
        raise refuse("ANY and ALL of an array are", right)
    return _any_or_all(binder, operator, left, query, scope, every=isinstance(right, exp.All))


def _any_or_all(
    binder: Binder, operator: str, left: exp.Expression, query: exp.Expression, scope: Scope, *, every: bool
) -> Expr:
    operands = [binder.expression(field, scope) for field in row_fields(left)]
    bound = binder.query(query, scope)
    columns = bound.plan.columns
    if len(columns) != len(operands):
        few = len(columns) < len(operands)
        raise ProgrammingError(
            "subquery has too few columns" if few else "subquery has too many columns",
            sqlstate="42601",
            position=position_of(left),
        )
    ids, values = _correlation(bound)
    carried = dict(zip(ids, values, strict=True))
    fields = [_carried(binder, operand, carried) for operand in operands]
    test = _compare_fields(operator, fields, list(columns), left)
    return QuantifiedComparison(
        bound.plan,
        BOOLEAN,
        tuple(carried),
        tuple(carried.values()),
        logic.require_boolean(test, operator),
        every,
    )


def _carried(binder: Binder, operand: Expr, carried: dict[int, Expr]) -> Expr:
    """The operand as the test sees it: a constant, or a column that is handed down like a correlated one."""
    if isinstance(operand, Constant | Parameter):
        return operand
    if isinstance(operand, Column):
        carried[operand.id] = operand
        return operand
    column = binder.new_column("?column?", operand.type)
    carried[column.id] = operand
    return column


# --- rows -----------------------------------------------------------------------------------------


def compare_rows(
    binder: Binder, operator: str, left: exp.Expression, right: exp.Expression, scope: Scope
) -> Expr:
    """A comparison of which at least one side is a row; the other may be a query."""
    if is_row(right) and isinstance(left, QUERIES):
        return compare_rows(binder, _SWAPPED.get(operator, operator), right, left, scope)
    lefts = [binder.expression(field, scope) for field in row_fields(left)]
    if isinstance(right, QUERIES):
        rights = _row_of_query(binder, right, scope, len(lefts))
    elif is_row(left) and is_row(right):
        rights = [binder.expression(field, scope) for field in row_fields(right)]
    else:
        raise refuse("comparing a row with a value is", left)
    return _compare_fields(operator, lefts, rights, left)


_SWAPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _row_of_query(binder: Binder, tree: exp.Expression, scope: Scope, width: int) -> list[Expr]:
    """The fields of the one row of a query, each by a subquery of its own."""
    fields: list[Expr] = []
    for place in range(width):
        query = binder.query(tree, scope)
        columns = query.plan.columns
        if len(columns) != width:
            few = len(columns) < width
            raise ProgrammingError(
                "subquery has too few columns" if few else "subquery has too many columns",
                sqlstate="42601",
                position=position_of(tree),
            )
        source = columns[place]
        column = binder.new_column(source.name, source.type)
        plan = Project(query.plan, (column,), (source,))
        ids, values = _correlation(query)
        fields.append(ScalarSubquery(plan, column.type, ids, values))
    return fields


def _compare_fields(operator: str, lefts: list[Expr], rights: list[Expr], tree: exp.Expression) -> Expr:
    try:
        if len(lefts) == 1:
            return operators.binary(operator, lefts[0], rights[0])
        if operator in ("IS DISTINCT FROM", "IS NOT DISTINCT FROM") and len(lefts) == len(rights):
            tests = [operators.binary(operator, *pair) for pair in zip(lefts, rights, strict=True)]
            return logic.disjunction(tests) if operator == "IS DISTINCT FROM" else logic.conjunction(tests)
        return membership.compare_rows(operator, lefts, rights)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise
