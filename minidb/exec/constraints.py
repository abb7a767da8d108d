"""What a row must satisfy by itself, NOT NULL and CHECK, and how violations are told.

The order is PostgreSQL's: NOT NULL by column, then CHECK by constraint name, and only then keys and
foreign keys, so that a row wrong in several ways reports the same error in both.
"""

from __future__ import annotations

import re

from minidb.catalog.schema import IndexSchema, Table
from minidb.errors import IntegrityError
from minidb.expr.node import EvaluationContext, Expr
from minidb.value.sql_types import Row, SqlType, Value
from minidb.value.text import to_text

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_SHOWN_LENGTH = 64  # longer values are cut in error details


class RowConstraints:
    """NOT NULL and CHECK of one table, for rows as stored."""

    __slots__ = ("checks", "context", "not_null", "table")

    def __init__(
        self,
        table: Table,
        not_null: tuple[int, ...],
        checks: tuple[tuple[str, Expr], ...],
        context: EvaluationContext,
    ) -> None:
        self.table = table
        self.not_null = not_null
        self.checks = [(name, condition) for name, condition in sorted(checks, key=lambda check: check[0])]
        self.context = context

    def test(self, row: Row) -> None:
        """Raise 23502 or 23514 if the row must not be stored."""
        for slot in self.not_null:
            if row[slot] is None:
                raise not_null_violation(self.table, slot, row)
        for name, condition in self.checks:
            if condition.evaluate(row, self.context) is False:
                raise check_violation(self.table, name, row)


def not_null_violation(table: Table, slot: int, row: Row) -> IntegrityError:
    """23502."""
    column = column_name(table, slot)
    return IntegrityError(
        f'null value in column "{column}" of relation "{table.name}" violates not-null constraint',
        sqlstate="23502",
        detail=failing_row(table, row),
        table=table.name,
        column=column,
    )


def check_violation(table: Table, constraint: str, row: Row) -> IntegrityError:
    """23514."""
    return IntegrityError(
        f'new row for relation "{table.name}" violates check constraint "{constraint}"',
        sqlstate="23514",
        detail=failing_row(table, row),
        table=table.name,
        constraint=constraint,
    )


def unique_violation(table: Table, index: IndexSchema | None, values: tuple[Value, ...]) -> IntegrityError:
    """23505 on an index, or on the primary key (None)."""
    name = table.primary_key_name if index is None else index.name
    return IntegrityError(
        f'duplicate key value violates unique constraint "{name}"',
        sqlstate="23505",
        detail=f"Key {key_text(table, index, values)} already exists.",
        table=table.name,
        constraint=name,
    )


def duplicated_key(table: Table, index: IndexSchema | None, values: tuple[Value, ...]) -> IntegrityError:
    """23505 when a unique index cannot be built over the rows there are."""
    name = table.primary_key_name if index is None else index.name
    return IntegrityError(
        f'could not create unique index "{name}"',
        sqlstate="23505",
        detail=f"Key {key_text(table, index, values)} is duplicated.",
        table=table.name,
        constraint=name,
    )


def key_text(table: Table, index: IndexSchema | None, values: tuple[Value, ...]) -> str:
    """(a, b)=(1, 2), as error details show a key."""
    if index is None:
        names = [_quoted(column_name(table, slot)) for slot in table.primary_key]
        types = [table.slot_types[slot] for slot in table.primary_key]
        return f"({', '.join(names)})=({_texts(values, types)})"
    names = [
        _quoted(column_name(table, key.slot)) if key.slot is not None else str(key.expression)
        for key in index.keys
    ]
    types = [key.type for key in index.keys]
    return f"({', '.join(names)})=({_texts(values, types)})"


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def slots_text(table: Table, slots: tuple[int, ...], values: tuple[Value, ...]) -> str:
    """(a, b)=(1, 2) for the values of some slots."""
    names = ", ".join([column_name(table, slot) for slot in slots])
    return f"({names})=({_texts(values, [table.slot_types[slot] for slot in slots])})"


def column_name(table: Table, slot: int) -> str:
    """The name of the column at a slot."""
    for column in table.columns:
        if column.slot == slot:
            return column.name
    raise AssertionError(f"slot {slot} of {table.name} was dropped")


def failing_row(table: Table, row: Row) -> str:
    """Failing row contains (1, null, abc)."""
    shown: list[str] = []
    for column in table.columns:
        value = row[column.slot]
        text = "null" if value is None else to_text(value, column.type)
        shown.append(text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "...")
    return f"Failing row contains ({', '.join(shown)})."


def _texts(values: tuple[Value, ...], types: list[SqlType]) -> str:
    return ", ".join(
        [
            "null" if value is None else to_text(value, type_)
            for value, type_ in zip(values, types, strict=True)
        ]
    )
