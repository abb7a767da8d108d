"""The shortest path for the simplest changes: closures from parameters to the number of rows, no operators.

    INSERT INTO t VALUES (?, ? * 2, now(), ...)     one row
    UPDATE t SET a = ?, b = b + ? WHERE key = ?     by the whole primary key, which stays
    DELETE FROM t WHERE key = ?

`compile_change` looks at a resolved plan once and returns a function (transaction, parameters) -> row count,
or None if the plan has another shape: foreign keys, RETURNING, ON CONFLICT, generated columns, expressions
that need more than the row and its parameters. The function returns NotImplemented, with nothing written,
for all that it is not made for or that will be an error; the general path then runs the same plan and
reports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb.catalog.row_keys import PREFIX_LENGTH, keys_of
from minidb.exec.bulk_insert import compile_bulk_insert
from minidb.exec.fast_conditions import (
    TransactionContext,
    draws,
    is_assignable,
    is_immutable,
    parameter_context,
    row_checks,
    sees_transaction,
)
from minidb.exec.fast_fields import (
    Field,
    accept,
    all_accepted,
    expression_parameters,
    field_of,
    given_field,
    parameter_count,
)
from minidb.exec.fast_indexes import FastIndex, StoredRow, fast_indexes
from minidb.exec.fast_update import compile_delete, compile_update
from minidb.expr.node import Expr
from minidb.plan.changes import Change, Delete, Insert, Target, Update
from minidb.plan.nodes import Values
from minidb.txn.lock_modes import ROW_EXCLUSIVE
from minidb.txn.writes import TransactionWrites

FastChange = Callable[[Any, Any], Any]
BulkChange = Callable[[Any, list[Any]], Any]


def compile_change(plan: Change, count: int | None = None) -> FastChange | None:
    """The closure for one execution, or None. `count`: how many parameters the statement has."""
    if plan.returning or len(plan.targets) != 1 or not _is_plain(plan.targets[0]):
        return None
    match plan:
        case Insert():
            return _compile_insert(plan, count)
        case Update():
            return compile_update(plan, count)
        case Delete():
            return compile_delete(plan, count)
        case _:
            return None


def compile_bulk_change(plan: Change, count: int | None = None) -> BulkChange | None:
    """The closure for many executions, each with its own parameters: (transaction, rows) -> row count."""
    if plan.returning or len(plan.targets) != 1 or not _is_plain(plan.targets[0]):
        return None
    if isinstance(plan, Insert):
        row = _insert_row(plan)
        indexes = fast_indexes(plan.targets[0])
        if row is None or indexes is None or plan.targets[0].checks:
            return None
        if not row.computed:
            return compile_bulk_insert(plan.targets[0], row.fields, indexes, parameter_count(row.all, count))
    single = compile_change(plan, count)
    return None if single is None else _one_by_one(single)


def _is_plain(target: Target) -> bool:
    """Whether a change stays within the table and needs nothing but the row."""
    if target.generated or target.foreign_keys or target.referencing:
        return False
    return all(is_immutable(condition) for _, condition in target.checks)


def _one_by_one(single: FastChange) -> BulkChange:
    def run(transaction: TransactionWrites, rows: list[Any]) -> Any:
        total = 0
        for parameters in rows:
            count = single(transaction, parameters)
            if count is NotImplemented:
                return NotImplemented
            total += count
            transaction.next_command()  # the next one sees what this one wrote
        return total

    return run


# --- INSERT ---------------------------------------------------------------------------------------


class _InsertedRow:
    """The one row of an INSERT: a field for each slot, and what takes the place of some of them."""

    __slots__ = ("all", "computed", "fields")

    def __init__(self, expressions: tuple[Expr, ...]) -> None:
        self.all = expressions
        self.fields: list[Field] = []
        self.computed: list[tuple[int, Expr]] = []


def _insert_row(plan: Insert) -> _InsertedRow | None:
    source = plan.source
    if plan.on_conflict is not None or not isinstance(source, Values) or len(source.rows) != 1:
        return None
    target = plan.targets[0]
    not_null = set(target.not_null)
    row = _InsertedRow(tuple(source.rows[0]))
    for slot, (expression, type_) in enumerate(zip(row.all, target.table.slot_types, strict=True)):
        field = field_of(expression, slot, type_, slot not in not_null)
        if field is None:
            if not is_assignable(expression):
                return None
            row.computed.append((slot, expression))
            field = Field(slot, None, None, type_, True)
        row.fields.append(field)
    return row


def _compile_insert(plan: Insert, known: int | None) -> FastChange | None:
    target = plan.targets[0]
    inserted = _insert_row(plan)
    indexes = fast_indexes(target)
    if inserted is None or indexes is None:
        return None
    fields = inserted.fields
    expressions = [expression for _, expression in inserted.computed]
    computed = [(slot, expression.evaluate) for slot, expression in inserted.computed]
    others, own = expression_parameters(expressions), sees_transaction(expressions)
    drawing = draws(expressions)
    not_null = [slot for slot, _ in computed if slot in target.not_null]  # the others were looked at
    table = target.table
    count = parameter_count(inserted.all, known)
    keys = keys_of(table)
    encode, row_key = keys.codec.encode_values, keys.row_key
    table_id, storage_id = table.id, table.storage_id
    template = [*[field.value for field in fields], 0]  # the codec wants the checksum's place with it
    given = [given_field(field) for field in fields if field.index is not None]
    violates = row_checks(target)

    def run(transaction: TransactionWrites, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        row = template[:]
        for slot, index, python_type, low, high, field in given:
            value: Any = parameters[index]
            kind = type(value)
            if kind is not python_type or field is not None:
                value = accept(fields[slot], value)
                if value is NotImplemented:
                    return NotImplemented
            elif low is not None:
                if not low <= value <= high:
                    return NotImplemented
            elif kind is str and "\0" in value:
                return NotImplemented
            row[slot] = value
        if transaction.read_only or (drawing and transaction.session.is_recorded):
            return NotImplemented
        if computed:
            if not all_accepted(others, parameters):
                return NotImplemented
            context = TransactionContext(parameters, transaction) if own else parameter_context(parameters)
            for slot, evaluate in computed:
                row[slot] = evaluate((), context)
            for slot in not_null:
                if row[slot] is None:
                    return NotImplemented
        if violates is not None and violates(tuple(row)):
            return NotImplemented
        if not transaction.table_locks.get(table_id, 0) & ROW_EXCLUSIVE:
            transaction.lock_table(table_id, ROW_EXCLUSIVE)
        start = transaction.savepoint() if indexes else 0
        if row_key is not None:
            key = row_key(row)
            if not transaction.insert(key, encode(row)):
                return NotImplemented
        else:
            key = keys.row_id_key(transaction.next_row_id(storage_id))
            transaction.put_entry(key, encode(row))
        if indexes and not _enter(transaction, indexes, row, key):
            transaction.rollback_to(start)
            return NotImplemented
        return 1

    return run


def _enter(transaction: TransactionWrites, indexes: list[FastIndex], row: StoredRow, key: bytes) -> bool:
    row_key = key[PREFIX_LENGTH:]
    for index in indexes:
        entry, single = index.entry(row, row_key)
        if not single:
            transaction.put_entry(entry, row_key)
        elif not transaction.insert(entry, row_key):
            return False
    return True
