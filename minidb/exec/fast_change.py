"""The shortest path for the simplest changes: closures from parameters to the number of rows, no operators.

    INSERT INTO t VALUES (?, ?, ...)                one row of parameters and constants
    UPDATE t SET a = ?, b = b + ? WHERE key = ?     by the whole primary key, which stays
    DELETE FROM t WHERE key = ?

`compile_change` looks at a resolved plan once and returns a function (transaction, parameters) -> row count,
or None if the plan has another shape: foreign keys, RETURNING, ON CONFLICT, generated columns, expressions that
need more than the row and its parameters. The function returns NotImplemented, with nothing written, for all
that it is not made for or that will be an error; the general path then runs the same plan and reports it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

from minidb.catalog.row_keys import PREFIX_LENGTH, TableKeys, keys_of
from minidb.catalog.schema import Table
from minidb.exec.bulk_insert import compile_bulk_insert
from minidb.exec.fast_fields import Field, accept, field_of, parameter_count
from minidb.exec.fast_indexes import FastIndex, fast_indexes
from minidb.expr.cast import ParameterCast
from minidb.expr.node import Constant, EvaluationContext, Expr, Parameter, walk
from minidb.plan.changes import Change, Delete, Insert, Target, Update
from minidb.plan.nodes import KeyLookup, Scan, Subquery, Values
from minidb.txn.lock_modes import ROW_EXCLUSIVE
from minidb.value.sql_types import INTEGER_BOUNDS, Row, SqlType, Value

FastChange = Callable[[Any, Any], Any]
BulkChange = Callable[[Any, list[Any]], Any]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NO_CONTEXT: Final = EvaluationContext([], {}, _EPOCH)


def compile_change(plan: Change, count: int | None = None) -> FastChange | None:
    """The closure for one execution, or None. `count`: how many parameters the statement has."""
    if plan.returning or len(plan.targets) != 1 or not _is_plain(plan.targets[0]):
        return None
    match plan:
        case Insert():
            return _compile_insert(plan, count)
        case Update():
            return _compile_update(plan, count)
        case Delete():
            return _compile_delete(plan, count)
        case _:
            return None


def compile_bulk_change(plan: Change, count: int | None = None) -> BulkChange | None:
    """The closure for many executions, each with its own parameters: (transaction, rows) -> row count."""
    if plan.returning or len(plan.targets) != 1 or not _is_plain(plan.targets[0]):
        return None
    if isinstance(plan, Insert):
        fields = _insert_fields(plan)
        indexes = fast_indexes(plan.targets[0])
        if fields is None or indexes is None or plan.targets[0].checks:
            return None
        return compile_bulk_insert(plan.targets[0], fields, indexes, _count(fields, count))
    single = compile_change(plan, count)
    return None if single is None else _one_by_one(single)


def _is_plain(target: Target) -> bool:
    """Whether a change stays within the table and needs nothing but the row."""
    if target.generated or target.foreign_keys or target.referencing:
        return False
    return all(_is_immutable(condition) for _, condition in target.checks)


def _is_immutable(expression: Expr, parameters: bool = False) -> bool:
    for node in walk(expression):
        if isinstance(node, Subquery) or node.is_volatile():
            return False
        if node.is_stable() and not (parameters and isinstance(node, Parameter)):
            return False
    return True


def _count(fields: list[Field], count: int | None) -> int:
    return parameter_count(fields) if count is None else count


def _one_by_one(single: FastChange) -> BulkChange:
    def run(transaction: Any, rows: list[Any]) -> Any:
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


def _insert_fields(plan: Insert) -> list[Field] | None:
    """A field per slot of the one row, or None."""
    source = plan.source
    if plan.on_conflict is not None or not isinstance(source, Values) or len(source.rows) != 1:
        return None
    target = plan.targets[0]
    not_null = set(target.not_null)
    fields: list[Field] = []
    for slot, (expression, type_) in enumerate(zip(source.rows[0], target.table.slot_types, strict=True)):
        field = field_of(expression, slot, type_, slot not in not_null)
        if field is None:
            return None
        fields.append(field)
    return fields


def _compile_insert(plan: Insert, known: int | None) -> FastChange | None:
    target = plan.targets[0]
    fields = _insert_fields(plan)
    indexes = fast_indexes(target)
    if fields is None or indexes is None:
        return None
    table = target.table
    count = _count(fields, known)
    keys = keys_of(table)
    encode, row_key = keys.codec.encode, keys.row_key
    table_id, storage_id = table.id, table.storage_id
    template = [field.value for field in fields]
    given = [
        (field.slot, field.index, field.python_type, field.low, field.high, field)
        for field in fields
        if field.index is not None
    ]
    violates = _checks(target)

    def run(transaction: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        values = template[:]
        for slot, index, python_type, low, high, field in given:
            value = parameters[index]
            if low is not None and type(value) is python_type:
                if not low <= value <= high:
                    return NotImplemented
            else:
                value = accept(field, value)
                if value is NotImplemented:
                    return NotImplemented
            values[slot] = value
        row = tuple(values)
        if transaction.read_only or (violates is not None and violates(row)):
            return NotImplemented
        if not transaction.table_locks.get(table_id, 0) & ROW_EXCLUSIVE:
            transaction.lock_table(table_id, ROW_EXCLUSIVE)
        start = transaction.savepoint()
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


def _enter(transaction: Any, indexes: list[FastIndex], row: Row, key: bytes) -> bool:
    row_key = key[PREFIX_LENGTH:]
    for index in indexes:
        entry, single = index.entry(row, row_key)
        if not single:
            transaction.put_entry(entry, row_key)
        elif not transaction.insert(entry, row_key):
            return False
    return True


def _checks(target: Target) -> Callable[[Row], bool] | None:
    """Whether a row violates a CHECK."""
    if not target.checks:
        return None
    conditions = [condition.evaluate for _, condition in target.checks]

    def violates(row: Row) -> bool:
        return any(condition(row, _NO_CONTEXT) is False for condition in conditions)

    return violates


# --- UPDATE, DELETE -------------------------------------------------------------------------------


class _Lookup:
    """The source of an UPDATE or DELETE by primary key: parameters -> storage key, and a condition."""

    __slots__ = ("fields", "key_of", "where")

    def __init__(self, table: Table, keys: TableKeys, fields: list[Field], where: Expr | None) -> None:
        assert keys.key_of is not None
        self.fields = fields
        self.key_of = keys.key_of
        self.where = None if where is None else where.evaluate

    def key(self, parameters: Any) -> Any:
        """The storage key, or NotImplemented."""
        values: list[Value] = []
        for field in self.fields:
            value = field.value if field.index is None else accept(field, parameters[field.index])
            if value is NotImplemented:
                return NotImplemented
            values.append(value)
        return self.key_of(tuple(values))

    def integer_key(self) -> Callable[[Any], Any] | None:
        """The same, shorter, for a key of one integer."""
        only = self.fields[0]
        if len(self.fields) != 1 or only.index is None or only.low is None:
            return None
        index, low, high, key_of = only.index, only.low, only.high, self.key_of

        def key(parameters: Any) -> Any:
            value = parameters[index]
            if type(value) is not int or not low <= value <= high:
                return NotImplemented
            return key_of((value,))

        return key


def _lookup(plan: Update | Delete) -> _Lookup | None:
    source = plan.source
    if not isinstance(source, Scan) or source.key is None:
        return None
    table, access = source.table, source.access
    if not isinstance(access, KeyLookup) or access.index is not None or len(access.keys) != 1:
        return None
    if source.slots != tuple(range(len(table.slot_types))):
        return None
    if source.where is not None and not _is_immutable(source.where, parameters=True):
        return None
    fields: list[Field] = []
    for slot, expression in zip(table.primary_key, access.keys[0], strict=True):
        field = _key_field(expression, slot, table.slot_types[slot])
        if field is None:
            return None
        fields.append(field)
    return _Lookup(table, keys_of(table), fields, source.where)


def _key_field(expression: Expr, slot: int, type_: SqlType) -> Field | None:
    """A key part: as a column's value, but never rounded or cut to fit it."""
    field = field_of(expression, slot, type_, False)
    if field is None:
        # A parameter of another integer type than the column's: what is in the range of both.
        if isinstance(expression, Parameter) and {expression.type.kind, type_.kind} <= INTEGER_BOUNDS.keys():
            return Field(slot, expression.index, None, type_, False)
        return None
    if isinstance(expression, Constant):
        bounds = INTEGER_BOUNDS.get(type_.kind)
        if bounds is None or not isinstance(field.value, int) or not bounds[0] <= field.value <= bounds[1]:
            return None
    field.fit = None
    return field


_Assignment = tuple[int, Field | None, Callable[[Row, EvaluationContext], Value] | None]


def _assignments(plan: Update) -> list[_Assignment] | None:
    """Per assigned slot its field, or the evaluation of an expression over row and parameters."""
    target = plan.targets[0]
    not_null = set(target.not_null)
    found: list[_Assignment] = []
    for slot, expression in plan.assignments:
        field = field_of(expression, slot, target.table.slot_types[slot], slot not in not_null)
        if field is not None:
            found.append((slot, field, None))
        elif _is_immutable(expression, parameters=True):
            found.append((slot, None, expression.evaluate))
        else:
            return None
    return found


def _expression_parameters(expressions: list[Expr]) -> list[Field]:
    """The parameters inside of expressions, which must come as the values they stand for."""
    found: dict[int, Field] = {}
    for expression in expressions:
        for node in walk(expression):
            if isinstance(node, Parameter) and node.index not in found:
                field = Field(-1, node.index, None, node.type, True)
                field.fit = None
                found[node.index] = field
    return list(found.values())


def _all_parameters(expressions: list[Expr], known: int | None) -> int:
    if known is not None:
        return known
    indexes = [
        node.index
        for expression in expressions
        for node in walk(expression)
        if isinstance(node, Parameter | ParameterCast)
    ]
    return max(indexes, default=-1) + 1


def _source_expressions(plan: Update | Delete) -> list[Expr]:
    source = plan.source
    assert isinstance(source, Scan) and isinstance(source.access, KeyLookup)
    return [*source.access.keys[0], *([] if source.where is None else [source.where])]


def _compile_update(plan: Update, known: int | None) -> FastChange | None:
    lookup = _lookup(plan)
    target = plan.targets[0]
    assigned = frozenset([slot for slot, _ in plan.assignments])
    indexes = fast_indexes(target, assigned)
    assignments = None if lookup is None else _assignments(plan)
    if lookup is None or indexes is None or assignments is None or assigned & {*target.table.primary_key}:
        return None
    key_of, where = lookup.key, lookup.where
    computed = [expression for slot, expression in plan.assignments]
    computed = [each for each, (_, field, _) in zip(computed, assignments, strict=True) if field is None]
    source = _source_expressions(plan)
    others = _expression_parameters([*computed, *source[len(target.table.primary_key) :]])
    count = _all_parameters([*[each for _, each in plan.assignments], *source], known)
    needs_context = bool(computed) or where is not None
    not_null = [slot for slot in target.not_null if slot in assigned]
    codec = keys_of(target.table).codec
    encode, decode = codec.encode, codec.decode
    slots = len(target.table.slot_types)
    table_id = target.table.id
    violates = _checks(target)
    integer_key = lookup.integer_key()

    def run(transaction: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        key = key_of(parameters) if integer_key is None else integer_key(parameters)
        if key is NotImplemented or transaction.read_only:
            return NotImplemented
        data = transaction.get(key)
        if data is None:
            return 0
        old = decode(data)
        context = _NO_CONTEXT
        if needs_context:
            for field in others:
                if accept(field, parameters[field.index]) is NotImplemented:
                    return NotImplemented
            context = EvaluationContext(parameters, {}, _EPOCH)
            if where is not None and where(old, context) is not True:
                return 0
        values = list(old[:slots])
        for slot, field, evaluate in assignments:
            if field is None:
                values[slot] = evaluate(old, context)
            elif field.index is None:
                values[slot] = field.value
            else:
                value = accept(field, parameters[field.index])
                if value is NotImplemented:
                    return NotImplemented
                values[slot] = value
        for slot in not_null:
            if values[slot] is None:
                return NotImplemented
        row = tuple(values)
        if violates is not None and violates(row):
            return NotImplemented
        if not transaction.table_locks.get(table_id, 0) & ROW_EXCLUSIVE:
            transaction.lock_table(table_id, ROW_EXCLUSIVE)
        start = transaction.savepoint()
        transaction.put(key, encode(row))
        if indexes and not _move(transaction, indexes, old, row, key):
            transaction.rollback_to(start)
            return NotImplemented
        return 1

    return run


def _move(transaction: Any, indexes: list[FastIndex], old: Row, new: Row, key: bytes) -> bool:
    row_key = key[PREFIX_LENGTH:]
    for index in indexes:
        before, was_single = index.entry(old, row_key)
        after, single = index.entry(new, row_key)
        if before == after:
            continue
        if was_single:
            transaction.delete(before)
        else:
            transaction.delete_entry(before)
        if not single:
            transaction.put_entry(after, row_key)
        elif not transaction.insert(after, row_key):
            return False
    return True


def _compile_delete(plan: Delete, known: int | None) -> FastChange | None:
    lookup = _lookup(plan)
    target = plan.targets[0]
    indexes = fast_indexes(target)
    if lookup is None or indexes is None:
        return None
    key_of, where = lookup.key, lookup.where
    source = _source_expressions(plan)
    others = _expression_parameters(source[len(target.table.primary_key) :])
    count = _all_parameters(source, known)
    decode = keys_of(target.table).codec.decode
    table_id = target.table.id

    def run(transaction: Any, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        key = key_of(parameters)
        if key is NotImplemented or transaction.read_only:
            return NotImplemented
        data = transaction.get(key)
        if data is None:
            return 0
        old = decode(data) if indexes or where is not None else ()
        if where is not None:
            for field in others:
                if accept(field, parameters[field.index]) is NotImplemented:
                    return NotImplemented
            if where(old, EvaluationContext(parameters, {}, _EPOCH)) is not True:
                return 0
        if not transaction.table_locks.get(table_id, 0) & ROW_EXCLUSIVE:
            transaction.lock_table(table_id, ROW_EXCLUSIVE)
        transaction.delete(key)
        row_key = key[PREFIX_LENGTH:]
        for index in indexes:
            entry, single = index.entry(old, row_key)
            if single:
                transaction.delete(entry)
            else:
                transaction.delete_entry(entry)
        return 1

    return run
