"""SET a = 1, (b, c) = (2, DEFAULT), (d, e) = (SELECT ...): of UPDATE and of ON CONFLICT DO UPDATE."""

from __future__ import annotations

from sqlglot import exp

from minidb.catalog.schema import ColumnSchema, Table
from minidb.errors import ProgrammingError, SyntaxError_
from minidb.expr.node import Constant, Expr
from minidb.plan.nodes import Project
from minidb.plan.subqueries import ScalarSubquery
from minidb.sql.bind_expression import bind_in_clause
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.scope import Scope
from minidb.sql.table_expressions import assign, expressions_of

Assignment = tuple[int, Expr]


def is_default(tree: exp.Expression) -> bool:
    """Whether a value is the keyword DEFAULT."""
    if isinstance(tree, exp.Var):
        return str(tree.this).upper() == "DEFAULT"
    return (
        isinstance(tree, exp.Column)
        and tree.args.get("table") is None
        and isinstance(tree.this, exp.Identifier)
        and not tree.this.args.get("quoted")
        and identifier(tree.this) == "default"
    )


def refuse_value(column: ColumnSchema, overriding: str | None, position: int | None) -> None:
    """428C9 for a value given to an INSERT's column that makes its own."""
    if column.generated is not None:
        detail, hint = f'Column "{column.name}" is a generated column.', None
    elif column.identity == "always" and overriding != "system":
        detail = f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.'
        hint = "Use OVERRIDING SYSTEM VALUE to override."
    else:
        return
    raise ProgrammingError(
        f'cannot insert a non-DEFAULT value into column "{column.name}"',
        sqlstate="428C9",
        position=position,
        detail=detail,
        hint=hint,
    )


def bind_assignments(
    binder: Binder, table: Table, trees: list[exp.Expression], scope: Scope
) -> list[Assignment]:
    """The slots that are set, and the values, cast to their columns' types."""
    found: list[Assignment] = []
    assigned: set[int] = set()
    for tree in trees:
        if not isinstance(tree, exp.EQ):
            raise SyntaxError_("syntax error in SET", position=position_of(tree))
        target, value = tree.this, tree.expression
        if isinstance(target, exp.Tuple | exp.Paren):
            targets = target.expressions if isinstance(target, exp.Tuple) else [target.this]
            pairs = _row(binder, table, targets, value, scope)
        else:
            column = _column(table, target)
            pairs = [(column, _value(binder, table, column, value, scope))]
        for column, expression in pairs:
            if column.slot in assigned:
                raise ProgrammingError(
                    f'multiple assignments to same column "{column.name}"',
                    sqlstate="42601",
                    position=position_of(tree),
                )
            assigned.add(column.slot)
            if column.generated is None:  # it is computed anew, as DEFAULT says
                found.append((column.slot, expression))
    return found


def _column(table: Table, tree: exp.Expression) -> ColumnSchema:
    if isinstance(tree, exp.Bracket | exp.Dot):
        raise refuse("assigning to a part of a column is", tree)
    if not isinstance(tree, exp.Column):
        raise SyntaxError_("syntax error in SET", position=position_of(tree))
    qualifier = tree.args.get("table")
    name = identifier(tree.this if qualifier is None else qualifier)
    column = table.column(name) if qualifier is None else None
    if column is None:
        hint = None
        if qualifier is not None:
            hint = "SET target columns cannot be qualified with the relation name."
        raise ProgrammingError(
            f'column "{name}" of relation "{table.name}" does not exist',
            sqlstate="42703",
            position=position_of(tree),
            hint=hint,
        )
    return column


def _value(binder: Binder, table: Table, column: ColumnSchema, tree: exp.Expression, scope: Scope) -> Expr:
    if is_default(tree):
        default = expressions_of(binder.catalog, table).defaults[column.slot]
        return Constant(None, column.type) if default is None else default
    _refuse_update(column, position_of(tree))
    value = bind_in_clause(binder, tree, scope, "UPDATE")
    return _assigned(value, column, tree)


def _assigned(value: Expr, column: ColumnSchema, tree: exp.Expression) -> Expr:
    try:
        return assign(value, column.type, column.name)
    except ProgrammingError as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


def _refuse_update(column: ColumnSchema, position: int | None) -> None:
    if column.generated is not None:
        detail = f'Column "{column.name}" is a generated column.'
    elif column.identity == "always":
        detail = f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.'
    else:
        return
    raise ProgrammingError(
        f'column "{column.name}" can only be updated to DEFAULT',
        sqlstate="428C9",
        position=position,
        detail=detail,
    )


def _row(
    binder: Binder, table: Table, targets: list[exp.Expression], value: exp.Expression, scope: Scope
) -> list[tuple[ColumnSchema, Expr]]:
    """(a, b) = a row constructor or a query of one row."""
    columns = [_column(table, target) for target in targets]
    if isinstance(value, exp.Subquery | exp.Select) and isinstance(value.unnest(), exp.Query):
        return _from_query(binder, columns, value, scope)
    if isinstance(value, exp.Tuple) or (
        isinstance(value, exp.Anonymous) and str(value.this).lower() == "row"
    ):
        fields = value.expressions
    elif isinstance(value, exp.Paren):
        fields = [value.this]
    else:
        raise ProgrammingError(
            "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            sqlstate="0A000",
            position=position_of(value),
        )
    _check_count(len(columns), len(fields), value)
    return [
        (column, _value(binder, table, column, field, scope))
        for column, field in zip(columns, fields, strict=True)
    ]


def _check_count(columns: int, values: int, tree: exp.Expression) -> None:
    if columns != values:
        raise SyntaxError_("number of columns does not match number of values", position=position_of(tree))


def _from_query(
    binder: Binder, columns: list[ColumnSchema], tree: exp.Expression, scope: Scope
) -> list[tuple[ColumnSchema, Expr]]:
    """The query once for each of its columns: an expression has one value."""
    found: list[tuple[ColumnSchema, Expr]] = []
    for place, column in enumerate(columns):
        _refuse_update(column, position_of(tree))
        query = binder.query(tree, scope)
        outputs = query.plan.columns
        _check_count(len(columns), len(outputs), tree)
        plan = Project(query.plan, (outputs[place],), (outputs[place],))
        if len(outputs) > 1:
            renamed = binder.new_column(outputs[place].name, outputs[place].type)
            plan = Project(query.plan, (renamed,), (outputs[place],))
        value = ScalarSubquery(plan, outputs[place].type, tuple(query.free), tuple(query.free.values()))
        found.append((column, _assigned(value, column, tree)))
    return found
