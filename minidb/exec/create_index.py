"""Building indexes: CREATE INDEX, REINDEX, and what ALTER TABLE makes anew.

Entries go under a storage id that nobody else knows of yet, so they need no locks; an equal key can only be
one that was built just before.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from minidb.catalog.catalog import put_object
from minidb.catalog.row_keys import PREFIX_LENGTH
from minidb.catalog.schema import Table
from minidb.exec.constraints import duplicated_key
from minidb.exec.context import ExecutionContext
from minidb.exec.index_writer import IndexWriter
from minidb.exec.stored_rows import stored_rows
from minidb.plan.changes import TargetIndex
from minidb.plan.definitions import CreateIndex, Reindex
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, SHARE
from minidb.value.sql_types import Row


def create_index(definition: CreateIndex, context: ExecutionContext) -> None:
    """CREATE INDEX: writers wait, readers don't."""
    transaction = context.transaction
    table = definition.table
    transaction.lock_table(table.id, SHARE)
    index = with_storage(definition.index, context)
    new = structs.replace(table, indexes=(*table.indexes, index.schema))
    put_object(transaction, new, table)
    build_index(new, index, context)


def reindex(definition: Reindex, context: ExecutionContext) -> None:
    """REINDEX: the same indexes under new storage ids."""
    transaction = context.transaction
    for table, indexes in definition.tables:
        transaction.lock_table(table.id, ACCESS_EXCLUSIVE)
        built = {index.schema.name: with_storage(index, context) for index in indexes}
        schemas = tuple(
            [built[index.name].schema if index.name in built else index for index in table.indexes]
        )
        if schemas != table.indexes:
            new = structs.replace(table, indexes=schemas)
            put_object(transaction, new, table)
            for index in built.values():
                build_index(new, index, context)
            drop_unused(table, new, context)


def with_storage(index: TargetIndex, context: ExecutionContext) -> TargetIndex:
    """The index under a new storage id."""
    id_: int = context.transaction.environment.allocate_id()
    return replace(index, schema=structs.replace(index.schema, storage_id=id_))


def build_index(table: Table, index: TargetIndex, context: ExecutionContext) -> None:
    """Enter all rows of the table; 23505 if a unique index finds equal keys."""
    writer = IndexWriter(table, index, context)
    transaction = context.transaction
    for keys, rows in stored_rows(table, context):
        entries: dict[bytes, bytes] = {}
        for key, row in zip(keys, rows, strict=True):
            row_key = key[PREFIX_LENGTH:]
            entry = writer.entry(row, row_key)
            if entry is not None:
                if entry in entries:
                    raise _duplicate(table, writer, row)
                entries[entry] = row_key
        taken = transaction.first_written(entries) if writer.unique else None
        if taken is not None:
            for row, key in zip(rows, keys, strict=True):
                if writer.entry(row, key[PREFIX_LENGTH:]) == taken:
                    raise _duplicate(table, writer, row)
        transaction.put_entries(entries)


def _duplicate(table: Table, writer: IndexWriter, row: Row) -> Exception:
    return duplicated_key(table, writer.schema, writer.values_of(row))


def drop_unused(old: Table, new: Table, context: ExecutionContext) -> None:
    """End the storage that the old schema has and the new one has not: there are the rows from now on."""
    kept = storage_ids(new)
    for storage_id in storage_ids(old):
        if storage_id not in kept:
            context.transaction.drop_range(storage_id, new.storage_id)


def storage_ids(table: Table) -> list[int]:
    """Where the table keeps rows and index entries."""
    return [table.storage_id, *[index.storage_id for index in table.indexes]]
