"""ON CONFLICT: which unique keys it watches, and what it does instead.

Inference is PostgreSQL's: a unique index is meant if its keys are, in any order, exactly those listed. A
partial index is meant only if the statement gives its very predicate (PostgreSQL also takes one that
implies it).
"""

from __future__ import annotations

from sqlglot import exp

from minidb.catalog.schema import Table
from minidb.errors import ProgrammingError, SyntaxError_
from minidb.expr import logic
from minidb.expr.node import Column, Expr, Slot, transform
from minidb.plan.changes import OnConflict, TargetIndex
from minidb.sql.bind_assignment import bind_assignments
from minidb.sql.bind_expression import bind_condition, bind_in_clause
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.scope import Relation, Scope
from minidb.sql.table_expressions import expressions_of


def bind_on_conflict(
    binder: Binder, tree: exp.Expression, table: Table, relation: Relation, outer: Scope | None
) -> OnConflict:
    """The clause over the existing row (`relation`) and the one proposed for insertion."""
    if tree.args.get("duplicate"):
        raise SyntaxError_('syntax error at or near "DUPLICATE"', position=position_of(tree))
    arbiters = _arbiters(binder, tree, table)
    action = str(tree.args.get("action")).upper()
    if "NOTHING" in action:
        return OnConflict(arbiters)
    if arbiters is None:
        raise SyntaxError_(
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            hint="For example, ON CONFLICT (column_name).",
            position=position_of(tree),
        )
    excluded = tuple(
        [binder.new_column(str(slot), type_, "excluded") for slot, type_ in enumerate(table.slot_types)]
    )
    scope = Scope(outer)
    scope.add(relation)
    names = tuple([column.name for column in table.columns])
    proposed = tuple([excluded[column.slot] for column in table.columns])
    scope.add(Relation("excluded", names, proposed, table))
    assignments = bind_assignments(binder, table, tree.expressions, scope)
    where = tree.args.get("where")
    condition = None if where is None else bind_condition(binder, where.this, scope, "WHERE")
    return OnConflict(arbiters, excluded, tuple(assignments), condition)


def _arbiters(binder: Binder, tree: exp.Expression, table: Table) -> tuple[str, ...] | None:
    """The names of the unique indexes meant; None: any."""
    constraint = tree.args.get("constraint")
    if constraint is not None:
        name = identifier(constraint)
        unique = {index.name for index in table.indexes if index.unique and index.constraint}
        if table.primary_key:
            unique.add(table.primary_key_name)
        if name not in unique:
            raise ProgrammingError(
                f'constraint "{name}" for table "{table.name}" does not exist',
                sqlstate="42704",
                position=position_of(constraint),
            )
        return (name,)
    keys = tree.args.get("conflict_keys")
    if not keys:
        return None
    scope = Scope()
    row = tuple([binder.new_column(str(slot), type_) for slot, type_ in enumerate(table.slot_types)])
    places = {column.id: slot for slot, column in enumerate(row)}
    names = tuple([column.name for column in table.columns])
    scope.add(Relation(table.name, names, tuple([row[column.slot] for column in table.columns]), table))
    wanted: list[Expr] = []
    for key in keys:
        if isinstance(key, exp.Ordered):
            if key.args.get("desc") is not None or key.args.get("nulls_first"):
                raise refuse("ASC, DESC and NULLS in an ON CONFLICT clause are", key)
            key = key.this
        wanted.append(_slots(bind_in_clause(binder, key, scope, "ON CONFLICT"), places))
    where = tree.args.get("index_predicate")
    predicate: Expr | None = None
    if where is not None:
        condition = bind_in_clause(binder, where.this, scope, "ON CONFLICT")
        predicate = _slots(logic.require_boolean(condition, "WHERE"), places)
    found = _matching(binder, table, wanted, predicate)
    if not found:
        raise ProgrammingError(
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            sqlstate="42P10",
        )
    return tuple(found)


def _matching(binder: Binder, table: Table, wanted: list[Expr], predicate: Expr | None) -> list[str]:
    found: list[str] = []
    slots = {key.index for key in wanted if isinstance(key, Slot)}
    only_slots = all(isinstance(key, Slot) for key in wanted)
    if table.primary_key and only_slots and slots == set(table.primary_key):
        found.append(table.primary_key_name)
    for index in expressions_of(binder.catalog, table).indexes:
        if not index.schema.unique or not _same_keys(index, wanted):
            continue
        if index.predicate is None or index.predicate == predicate:
            found.append(index.schema.name)
    return found


def _same_keys(index: TargetIndex, wanted: list[Expr]) -> bool:
    keys = [_nameless(key) for key in index.keys]
    given = [_nameless(key) for key in wanted]
    return all(key in given for key in keys) and all(key in keys for key in given)


def _nameless(expression: Expr) -> Expr:
    """The expression without the columns' names, which don't matter."""
    return transform(expression, lambda node: Slot(node.index, node.type) if isinstance(node, Slot) else node)


def _slots(expression: Expr, places: dict[int, int]) -> Expr:
    return transform(
        expression,
        lambda node: Slot(places[node.id], node.type, node.name) if isinstance(node, Column) else node,
    )
