"""Definitions, carried out: CREATE, ALTER, DROP, TRUNCATE, REINDEX.

Schema objects are rows of the transaction like any others, so all of it is undone with the transaction. A
table is locked before its schema is replaced; if it changed while we waited for the lock, what was bound is
out of date, and locking it restarts the statement or fails, as the isolation level says.
"""

from __future__ import annotations

from msgspec import structs

from minidb.catalog.catalog import drop_routine, put_object, put_routine
from minidb.catalog.row_keys import keys_of
from minidb.catalog.schema import Sequence, Table
from minidb.catalog.sequence_counter import sequence_counter
from minidb.errors import InternalError, ProgrammingError
from minidb.exec.alter_table import alter_table
from minidb.exec.build import build
from minidb.exec.context import ExecutionContext
from minidb.exec.create_index import create_index, drop_unused, reindex
from minidb.exec.define_objects import alter_object, create_sequence, drop_object_and_storage
from minidb.exec.operator import Operator
from minidb.plan.definitions import (
    AlterSequence,
    AlterTable,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateView,
    Definition,
    Drop,
    Nothing,
    PutRoutine,
    Reindex,
    RenameObject,
    Truncate,
)
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE


def run_definition(definition: Definition, context: ExecutionContext) -> str:
    """Carry a definition out (the query of CREATE TABLE AS is resolved); its command tag."""
    if context.transaction.read_only and not isinstance(definition, Nothing):
        raise InternalError(f"cannot execute {definition.tag} in a read-only transaction", sqlstate="25006")
    match definition:
        case Nothing():
            pass
        case CreateTable():
            return _create_table(definition, context)
        case CreateIndex():
            create_index(definition, context)
        case CreateView():
            _create_view(definition, context)
        case CreateSequence():
            create_sequence(definition.sequence, None, context)
        case AlterSequence():
            _alter_sequence(definition, context)
        case AlterTable():
            alter_table(definition, context)
        case PutRoutine():
            _put_routine(definition, context)
        case RenameObject():
            for old, new in definition.changed:
                alter_object(old, new, context)
        case Drop():
            for routine in definition.routines:
                drop_routine(context.transaction, routine)
            for object_ in definition.objects:
                drop_object_and_storage(object_, context)
            for old, new in definition.altered:
                alter_object(old, new, context)
        case Truncate():
            _truncate(definition, context)
        case Reindex():
            reindex(definition, context)
        case _:
            raise AssertionError(f"unknown definition {type(definition).__name__}")
    return definition.tag


def _create_table(definition: CreateTable, context: ExecutionContext) -> str:
    transaction = context.transaction
    allocate = transaction.environment.allocate_id
    start = transaction.savepoint()
    id_ = allocate()
    table = definition.table
    foreign_keys = []
    for key in table.foreign_keys:
        if key.target_table == 0:
            key = structs.replace(key, target_table=id_)
        else:
            transaction.lock_table(key.target_table, SHARE_ROW_EXCLUSIVE)
        foreign_keys.append(key)
    table = structs.replace(
        table,
        id=id_,
        storage_id=allocate(),
        indexes=tuple([structs.replace(index, storage_id=allocate()) for index in table.indexes]),
        foreign_keys=tuple(foreign_keys),
    )
    try:
        put_object(transaction, table)
    except ProgrammingError as error:
        if error.sqlstate == "42P07" and definition.if_not_exists:
            transaction.rollback_to(start)  # another transaction was faster
            return definition.tag
        raise
    for sequence in definition.sequences:
        create_sequence(sequence, id_, context)
    if definition.source is None:
        return definition.tag
    return f"SELECT {_fill(table, build(definition.source, context), context)}"


def _fill(table: Table, source: Operator, context: ExecutionContext) -> int:
    """The rows of CREATE TABLE AS; there are no constraints yet. How many."""
    transaction = context.transaction
    keys = keys_of(table)
    encode = keys.codec.encode
    next_id = transaction.next_row_id
    count = 0
    try:
        while batch := source.next_batch():
            context.check_cancel()
            transaction.put_entries(
                {keys.row_id_key(next_id(table.storage_id)): encode(row) for row in batch}
            )
            count += len(batch)
    finally:
        source.close()
    return count


def _create_view(definition: CreateView, context: ExecutionContext) -> None:
    view = definition.view
    if definition.replaced is None:
        view = structs.replace(view, id=context.transaction.environment.allocate_id())
    put_object(context.transaction, view, definition.replaced)


def _put_routine(definition: PutRoutine, context: ExecutionContext) -> None:
    routine = definition.routine
    if routine.id == 0:
        routine = structs.replace(routine, id=context.transaction.environment.allocate_id())
    put_routine(context.transaction, routine, definition.replaced)


def _alter_sequence(definition: AlterSequence, context: ExecutionContext) -> None:
    """Under a lock: nextval draws from it to the end of its transaction, or waits for what will hold then."""
    new = definition.new
    context.transaction.lock_table(definition.old.id, SHARE_ROW_EXCLUSIVE)
    if definition.restart is not None:
        new = restarted(new, definition.restart, context)
    put_object(context.transaction, new, definition.old)


def restarted(sequence: Sequence, value: int, context: ExecutionContext) -> Sequence:
    """The sequence with a counter of its own again: whoever rolls back keeps the old one."""
    new = structs.replace(sequence, storage_id=context.transaction.environment.allocate_id())
    # Outside of the transaction, like each value that it gives out: nobody else knows this counter yet.
    sequence_counter(context.transaction.environment.counters, new).set(value, False)
    return new


def _truncate(definition: Truncate, context: ExecutionContext) -> None:
    """New, empty storage. What readers of older snapshots see stays where it was."""
    transaction = context.transaction
    allocate = transaction.environment.allocate_id
    for table in definition.tables:
        transaction.lock_table(table.id, ACCESS_EXCLUSIVE)
    for table in definition.tables:
        new = structs.replace(
            table,
            storage_id=allocate(),
            indexes=tuple([structs.replace(index, storage_id=allocate()) for index in table.indexes]),
        )
        put_object(transaction, new, table)
        drop_unused(table, new, context)
    for sequence in definition.restart:
        put_object(transaction, restarted(sequence, sequence.start, context), sequence)
