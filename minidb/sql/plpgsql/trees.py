"""What PL/pgSQL has to see of the SQL in a body: rows as values, and what a CALL's arguments name."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from minidb.sql.bind_subquery import is_row, row_fields
from minidb.sql.names import identifier, position_of
from minidb.sql.parse import query_tree
from minidb.sql.plpgsql.syntax import Fragment, Name
from minidb.sql.routine_syntax import CallStatement


def as_columns(fragment: Fragment) -> Fragment:
    """ROW(a, b) or (a, b) as a query of columns; any other expression as it is."""
    tree = fragment.parsed.tree
    assert isinstance(tree, exp.Select)
    if len(tree.expressions) != 1 or not is_row(tree.expressions[0]):
        return fragment
    fields = row_fields(tree.expressions[0])
    named = [exp.alias_(field.copy(), f"f{place}") for place, field in enumerate(fields, 1)]
    return replace(fragment, parsed=replace(fragment.parsed, tree=exp.Select(expressions=named)))


def call_arguments(fragment: Fragment) -> list[Name | None] | None:
    """The arguments of a CALL, a name where one is nothing else; None if it is another statement."""
    statement = fragment.parsed.tree
    if not isinstance(statement, CallStatement):
        return None
    tree = query_tree(fragment.parsed.source, list(statement.tokens))
    call = tree.expressions[0] if isinstance(tree, exp.Select) and tree.expressions else None
    if isinstance(call, exp.Dot):
        call = call.expression
    return [] if call is None else [_name(argument, fragment.offset) for argument in call.expressions]


def _name(tree: exp.Expression, offset: int) -> Name | None:
    if not isinstance(tree, exp.Column) or isinstance(tree.this, exp.Star):
        return None
    parts = [tree.args.get("db"), tree.args.get("table"), tree.this]
    path = tuple([identifier(part) for part in parts if part is not None])
    return Name(path, (position_of(tree) or 1) - 1 + offset)
