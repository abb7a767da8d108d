"""The statements that change rows: INSERT, UPDATE, DELETE, with all that they must check, already bound.

The binder collects what the changed table (and, through foreign keys, other tables) needs: checks, index
keys, defaults. Expressions that the table stores (of `Target` and `TargetIndex`) are bound in their final
form over the stored row, `Slot(i)` being slot i; those of the statement refer to columns, such as those of
`Target.row`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minidb.catalog.schema import ForeignKeySchema, IndexSchema, Table
from minidb.expr.node import Column, Expr, Slot, walk
from minidb.plan.nodes import Plan


@dataclass(frozen=True, slots=True)
class TargetIndex:
    """An index with its key expressions and predicate over the stored row."""

    schema: IndexSchema
    keys: tuple[Expr, ...]
    predicate: Expr | None


def needed_slots(index: TargetIndex) -> frozenset[int]:
    """The slots that an index's keys and predicate read."""
    expressions: list[Expr] = [*index.keys]
    if index.predicate is not None:
        expressions.append(index.predicate)
    found = {node.index for expression in expressions for node in walk(expression) if isinstance(node, Slot)}
    found.update([key.slot for key in index.schema.keys if key.slot is not None])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Target:
    """A table whose rows change, with everything that a change of a row must compute or check."""

    table: Table
    row: tuple[Column, ...]  # a column per stored slot (dropped ones too)
    indexes: tuple[TargetIndex, ...]
    checks: tuple[tuple[str, Expr], ...]  # constraint name, condition
    not_null: tuple[int, ...]  # slots
    defaults: tuple[Expr | None, ...]  # per slot, for SET DEFAULT
    generated: tuple[tuple[int, Expr], ...] = ()  # stored generated columns: slot, expression
    foreign_keys: tuple[ForeignKeySchema, ...] = ()  # the table's own that its changes can break
    referencing: tuple[tuple[int, ForeignKeySchema], ...] = ()  # (table id, its foreign key to this table)


@dataclass(frozen=True, slots=True)
class OnConflict:
    """`arbiters` None: any unique key. `assignments` None: DO NOTHING. Over `Target.row` and `excluded`."""

    arbiters: tuple[str, ...] | None  # index names; the primary key's is Table.primary_key_name
    excluded: tuple[Column, ...] = ()  # the row proposed for insertion, a column per slot
    assignments: tuple[tuple[int, Expr], ...] | None = None  # slot, new value
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Change(Plan):
    """Base: `columns` are RETURNING's (empty without it), `returning` their expressions.

    `targets` holds the changed table's `Target` first, then those of every table that foreign-key
    actions and checks can reach, each once.
    """

    targets: tuple[Target, ...]
    source: Plan
    columns: tuple[Column, ...]
    returning: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Insert(Change):
    """`source` yields whole stored rows, a column per slot, with defaults. RETURNING is over `Target.row`."""

    on_conflict: OnConflict | None = None


@dataclass(frozen=True, slots=True)
class Update(Change):
    """`source` yields `key` and `old` (a column per slot) among its columns.

    `assignments` are over the source's columns; RETURNING is over `Target.row` (the new row) followed by
    the source's columns.
    """

    key: Column | None = None
    old: tuple[Column, ...] = ()
    assignments: tuple[tuple[int, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Delete(Change):
    """`source` yields `key` and `old`; RETURNING is over the source's columns."""

    key: Column | None = None
    old: tuple[Column, ...] = ()
