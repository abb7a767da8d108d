"""UPDATE and DELETE by the whole primary key, as closures; see fast_change.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb.catalog.row_keys import PREFIX_LENGTH, TableKeys, integer_packer, keys_of
from minidb.exec.fast_conditions import (
    NO_CONTEXT,
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
    GivenField,
    accept,
    all_accepted,
    expression_parameters,
    field_of,
    given_field,
    parameter_count,
)
from minidb.exec.fast_indexes import FastIndex, fast_indexes
from minidb.expr.node import Constant, EvaluationContext, Expr, Parameter
from minidb.plan.changes import Delete, Update
from minidb.plan.nodes import KeyLookup, Scan
from minidb.txn.lock_modes import ROW_EXCLUSIVE, UPDATE
from minidb.txn.writes import TransactionWrites
from minidb.value.sql_types import INTEGER_BOUNDS, Row, SqlType, Value

FastChange = Callable[[Any, Any], Any]


class _Lookup:
    """The source of an UPDATE or DELETE by primary key: parameters -> storage key, and a condition."""

    __slots__ = ("fields", "key_of", "prefix", "where")

    def __init__(self, keys: TableKeys, fields: list[Field], where: Expr | None) -> None:
        assert keys.key_of is not None
        self.fields = fields
        self.key_of = keys.key_of
        self.prefix = keys.prefix
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
        pack, start = integer_packer(self.prefix)

        def key(parameters: Any) -> Any:
            value = parameters[index]
            if type(value) is not int or not low <= value <= high:
                return NotImplemented
            return pack(start, value) if value >= 0 else key_of((value,))

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
    if source.where is not None and not is_immutable(source.where, parameters=True):
        return None
    fields: list[Field] = []
    for slot, expression in zip(table.primary_key, access.keys[0], strict=True):
        field = _key_field(expression, slot, table.slot_types[slot])
        if field is None:
            return None
        fields.append(field)
    return _Lookup(keys_of(table), fields, source.where)


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


class _Assignments:
    """SET: parameters, constants, and expressions over row and parameters."""

    __slots__ = ("computed", "constants", "expressions", "fields", "given")

    def __init__(self) -> None:
        self.given: list[GivenField] = []
        self.fields: dict[int, Field] = {}
        self.constants: list[tuple[int, Value]] = []
        self.computed: list[tuple[int, Callable[[Row, EvaluationContext], Value]]] = []
        self.expressions: list[Expr] = []  # of `computed`


def _assignments(plan: Update) -> _Assignments | None:
    target = plan.targets[0]
    not_null = set(target.not_null)
    found = _Assignments()
    for slot, expression in plan.assignments:
        field = field_of(expression, slot, target.table.slot_types[slot], slot not in not_null)
        if field is not None and field.index is None:
            found.constants.append((slot, field.value))
        elif field is not None:
            found.given.append(given_field(field))
            found.fields[slot] = field
        elif is_assignable(expression) and not draws([expression]):
            found.computed.append((slot, expression.evaluate))
            found.expressions.append(expression)
        else:
            return None
    return found


def _source_expressions(plan: Update | Delete) -> list[Expr]:
    source = plan.source
    assert isinstance(source, Scan) and isinstance(source.access, KeyLookup)
    return [*source.access.keys[0], *([] if source.where is None else [source.where])]


def compile_update(plan: Update, known: int | None) -> FastChange | None:
    """UPDATE by the whole primary key, or None."""
    lookup = _lookup(plan)
    target = plan.targets[0]
    assigned = frozenset([slot for slot, _ in plan.assignments])
    indexes = fast_indexes(target, assigned)
    if lookup is None or indexes is None or not assigned.isdisjoint(target.table.primary_key):
        return None
    assignments = _assignments(plan)
    if assignments is None:
        return None
    constants, given, computed = assignments.constants, assignments.given, assignments.computed
    fields = assignments.fields
    key_of, where = lookup.integer_key() or lookup.key, lookup.where
    source = _source_expressions(plan)
    conditions = source[len(target.table.primary_key) :]
    others = expression_parameters([*assignments.expressions, *conditions])
    count = parameter_count([*[each for _, each in plan.assignments], *source], known)
    sees_parameters = parameter_count([*assignments.expressions, *conditions], None) > 0
    own = sees_transaction(assignments.expressions)
    not_null = [slot for slot, _ in computed if slot in target.not_null]  # the others were looked at
    codec = keys_of(target.table).codec
    encode, decode = codec.encode_values, codec.decode
    table_id = target.table.id
    violates = row_checks(target)

    def run(transaction: TransactionWrites, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        key = key_of(parameters)
        if key is NotImplemented or transaction.read_only:
            return NotImplemented
        data = transaction.get(key, True)
        if data is None:
            return 0
        old = decode(data)
        context = NO_CONTEXT
        if sees_parameters and not all_accepted(others, parameters):
            return NotImplemented
        if own:
            context = TransactionContext(parameters, transaction)
        elif sees_parameters:
            context = parameter_context(parameters)
        if where is not None and where(old, context) is not True:
            return 0
        values = list(old)
        values[-1] = 0  # in the place of the old checksum
        for slot, constant in constants:
            values[slot] = constant
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
            values[slot] = value
        for slot, evaluate in computed:
            values[slot] = evaluate(old, context)
        for slot in not_null:
            if values[slot] is None:
                return NotImplemented
        if violates is not None and violates(tuple(values)):
            return NotImplemented
        if not transaction.table_locks.get(table_id, 0) & ROW_EXCLUSIVE:
            transaction.lock_table(table_id, ROW_EXCLUSIVE)
        if not indexes:
            transaction.put(key, encode(values))
            return 1
        start = transaction.savepoint()
        transaction.put(key, encode(values))
        if _move(transaction, indexes, old, tuple(values), key):
            return 1
        transaction.rollback_to(start)
        return NotImplemented

    return run


def _move(transaction: TransactionWrites, indexes: list[FastIndex], old: Row, new: Row, key: bytes) -> bool:
    row_key = key[PREFIX_LENGTH:]
    for index in indexes:
        before, was_single = index.entry(old, row_key)
        after, single = index.entry(new, row_key)
        if before == after:
            continue
        if index.unique:
            transaction.lock(key, UPDATE)  # a change of a key, as in TableWriter.update
        if was_single:
            transaction.delete(before)
        else:
            transaction.delete_entry(before)
        if not single:
            transaction.put_entry(after, row_key)
        elif not transaction.insert(after, row_key):
            return False
    return True


def compile_delete(plan: Delete, known: int | None) -> FastChange | None:
    """DELETE by the whole primary key, or None."""
    lookup = _lookup(plan)
    target = plan.targets[0]
    indexes = fast_indexes(target)
    if lookup is None or indexes is None:
        return None
    key_of, where = lookup.integer_key() or lookup.key, lookup.where
    source = _source_expressions(plan)
    others = expression_parameters(source[len(target.table.primary_key) :])
    count = parameter_count(source, known)
    decode = keys_of(target.table).codec.decode
    table_id = target.table.id

    def run(transaction: TransactionWrites, parameters: Any) -> Any:
        if (type(parameters) is not tuple and type(parameters) is not list) or len(parameters) != count:
            return NotImplemented
        key = key_of(parameters)
        if key is NotImplemented or transaction.read_only:
            return NotImplemented
        data = transaction.get(key, True)
        if data is None:
            return 0
        old = decode(data) if indexes or where is not None else ()
        if where is not None:
            if not all_accepted(others, parameters):
                return NotImplemented
            if where(old, parameter_context(parameters)) is not True:
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
