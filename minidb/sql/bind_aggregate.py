"""Aggregate calls, and expressions over groups instead of rows.

A call belongs to the innermost query that one of its columns is from: in

    SELECT (SELECT count(outer.x)) FROM outer          the count is the outer query's

it becomes a column of that query's `Aggregate`, handed down to the inner one like any correlated column.
After everything is bound over rows, `Groups.over` rewrites it over the groups: what equals a GROUP BY
expression becomes the group's column, and no other column of the rows may remain (42803), unless the
primary key of its table is grouped: then there is one such row in a group, and the column joins the key.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.expr import aggregates, logic
from minidb.expr.node import Column, Expr, walk
from minidb.plan.nodes import Aggregate, AggregateCall, Plan, SortKey
from minidb.plan.subqueries import Subquery
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of
from minidb.sql.scope import Level, Scope

_CLAUSES: Final = {"JOIN/ON": "JOIN conditions"}


def bind_call(
    binder: Binder, name: str, tree: exp.Expression, scope: Scope, condition: exp.Expression | None
) -> Expr:
    """name([DISTINCT] arguments [ORDER BY ...]) [FILTER (WHERE condition)] -> its column."""
    arguments, order, distinct = _parts(tree)
    if any(argument is None for argument in arguments):
        raise SyntaxError_('syntax error at or near "ORDER"', position=position_of(tree))
    chain = _levels(scope)
    before = [dict(level.free) for level in chain]
    level = scope.level
    nested, level.in_aggregate = level.in_aggregate, True
    try:
        star = len(arguments) == 1 and isinstance(arguments[0], exp.Star)
        bound = [] if star else [binder.expression(argument, scope) for argument in arguments]
        where = None
        if condition is not None:
            where = logic.require_boolean(binder.expression(condition, scope), "FILTER")
        keys = [sort_key(binder.expression(item.this, scope), item) for item in order]
    finally:
        level.in_aggregate = nested
    owner = _owner(chain, bound + [key.expression for key in keys] + ([] if where is None else [where]))
    _check_allowed(owner, tree)
    try:
        call = _call(binder, name, bound, distinct, where, keys, star)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise
    column = _register(owner, call)
    for inner, free in zip(chain, before, strict=True):
        if inner is owner:
            break
        inner.free.clear()
        inner.free.update(free)
        inner.free[column.id] = column
    return column


def _parts(tree: exp.Expression) -> tuple[list[exp.Expression], list[exp.Expression], bool]:
    """Arguments, ORDER BY terms, and whether DISTINCT."""
    arguments = list(tree.expressions)
    order: list[exp.Expression] = []
    if arguments and isinstance(arguments[-1], exp.Order):
        order = list(arguments[-1].expressions)
        arguments[-1] = arguments[-1].this
    distinct = bool(arguments) and isinstance(arguments[0], exp.Distinct)
    if distinct:
        arguments = [*arguments[0].expressions, *arguments[1:]]
    return arguments, order, distinct


def sort_key(expression: Expr, item: exp.Expression) -> SortKey:
    """An ORDER BY term; sqlglot has already put NULLs where PostgreSQL does."""
    return SortKey(expression, bool(item.args.get("desc")), bool(item.args.get("nulls_first")))


def _levels(scope: Scope) -> list[Level]:
    """The query that the scope belongs to, and those around it."""
    chain: list[Level] = []
    current: Scope | None = scope
    while current is not None:
        if not chain or chain[-1] is not current.level:
            chain.append(current.level)
        current = current.outer
    return chain


def _owner(chain: list[Level], expressions: list[Expr]) -> Level:
    ids = {part.id for expression in expressions for part in walk(expression) if isinstance(part, Column)}
    if ids:
        for level in chain:
            if not ids.isdisjoint(level.owned):
                return level
    return chain[0]


def _check_allowed(level: Level, tree: exp.Expression) -> None:
    if level.in_aggregate:
        message = "aggregate function calls cannot be nested"
    elif not level.aggregates_allowed:
        clause = _CLAUSES.get(level.clause, level.clause)
        message = f"aggregate functions are not allowed in {clause}"
    else:
        return
    raise ProgrammingError(message, sqlstate="42803", position=position_of(tree))


def _call(
    binder: Binder,
    name: str,
    bound: list[Expr],
    distinct: bool,
    where: Expr | None,
    keys: list[SortKey],
    star: bool,
) -> AggregateCall:
    if not bound and not star:
        if name == "count":
            raise ProgrammingError(
                "count(*) must be used to call a parameterless aggregate function", sqlstate="42809"
            )
        raise ProgrammingError(f"function {name}() does not exist", sqlstate="42883")
    if star and name != "count":
        raise ProgrammingError(f"function {name}() does not exist", sqlstate="42883")
    function, arguments = aggregates.aggregate(name, bound, distinct)
    if distinct and any(key.expression not in (*bound, *arguments) for key in keys):
        raise ProgrammingError(
            "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
            sqlstate="42P10",
        )
    column = binder.new_column(name, function.type)
    return AggregateCall(column, function, tuple(arguments), distinct, where, tuple(keys))


def _register(level: Level, call: AggregateCall) -> Column:
    """The call's column; that of an equal call if there is one."""
    for other in level.calls:
        if (
            other.function.name == call.function.name
            and other.arguments == call.arguments
            and other.distinct == call.distinct
            and other.where == call.where
            and other.order_by == call.order_by
            and not any(part.is_volatile() for argument in call.arguments for part in walk(argument))
        ):
            return other.column
    level.calls.append(call)
    level.owned.add(call.column.id)
    return call.column


class Groups:
    """The groups of one query: its GROUP BY expressions with the columns that stand for them."""

    __slots__ = ("binder", "columns", "expressions", "ids", "scope")

    def __init__(self, binder: Binder, scope: Scope, expressions: list[Expr]) -> None:
        self.binder = binder
        self.scope = scope
        self.expressions: list[Expr] = []
        self.columns: list[Column] = []
        for expression in expressions:
            if expression not in self.expressions:
                self.add(expression)
        self.ids = scope.level.owned - {call.column.id for call in scope.level.calls}

    def add(self, expression: Expr) -> Column:
        """One more expression that is constant within a group."""
        name = expression.name if isinstance(expression, Column) else "?column?"
        relation = expression.relation if isinstance(expression, Column) else ""
        column = self.binder.new_column(name, expression.type, relation)
        self.expressions.append(expression)
        self.columns.append(column)
        return column

    def plan(self, source: Plan) -> Aggregate:
        """The grouping itself; when nothing more can be added."""
        calls = tuple(self.scope.level.calls)
        return Aggregate(source, tuple(self.columns), tuple(self.expressions), calls)

    def over(self, expression: Expr, tree: exp.Expression | None) -> Expr:
        """The expression over the groups; `tree` is for the position in an error."""
        return self._over(expression, tree, False)

    def _over(self, expression: Expr, tree: exp.Expression | None, in_subquery: bool) -> Expr:
        for grouped, column in zip(self.expressions, self.columns, strict=True):
            if expression == grouped:
                return column
        if isinstance(expression, Column):
            if expression.id not in self.ids:
                return expression
            if self._depends_on_key(expression):
                return self.add(expression)
            raise self._ungrouped(expression, tree, in_subquery)
        children = expression.children()
        if not children:
            return expression
        inside = in_subquery or isinstance(expression, Subquery)
        changed = tuple([self._over(child, tree, inside) for child in children])
        if all(new is old for new, old in zip(changed, children, strict=True)):
            return expression
        return expression.with_children(changed)

    def _depends_on_key(self, column: Column) -> bool:
        for relation in self.scope.relations:
            table = relation.table
            if table is None or not table.primary_key or column not in relation.columns:
                continue
            by_slot = {schema.slot: own for schema, own in zip(table.columns, relation.columns, strict=True)}
            return all(by_slot.get(slot) in self.expressions for slot in table.primary_key)
        return False

    def _ungrouped(self, column: Column, tree: exp.Expression | None, in_subquery: bool) -> Error:
        name = self._written(column)
        position = None
        if tree is not None:
            for node in tree.find_all(exp.Column):
                if identifier(node.this) == name.rpartition(".")[2]:
                    position = position_of(node)
                    break
        if in_subquery:
            message = f'subquery uses ungrouped column "{name}" from outer query'
        else:
            message = (
                f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function'
            )
        return ProgrammingError(message, sqlstate="42803", position=position)

    def _written(self, column: Column) -> str:
        """The column as `relation.name`, by the names that it has here."""
        for relation in self.scope.relations:
            for name, own in zip(relation.names, relation.columns, strict=True):
                if own.id == column.id:
                    return f"{relation.name}.{name}"
        return column.name
