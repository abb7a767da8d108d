"""Objects come, change and go: what all definitions share."""

from __future__ import annotations

from msgspec import structs

from minidb.catalog.catalog import drop_object, put_object
from minidb.catalog.schema import CatalogObject, Sequence, Table
from minidb.exec.context import ExecutionContext
from minidb.exec.create_index import drop_unused, storage_ids
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE


def create_sequence(sequence: Sequence, table_id: int | None, context: ExecutionContext) -> Sequence:
    """Write a new sequence; its owner, if it has one, is a column of the table."""
    transaction = context.transaction
    environment = transaction.environment
    owner = sequence.owner
    if owner is not None and table_id is not None:
        owner = (table_id, owner[1])
    created = structs.replace(
        sequence, id=environment.allocate_id(), storage_id=environment.allocate_id(), owner=owner
    )
    put_object(transaction, created)
    return created


def alter_object(old: CatalogObject, new: CatalogObject, context: ExecutionContext) -> None:
    """Put `new` in the place of `old`."""
    if isinstance(old, Table):
        assert isinstance(new, Table)
        context.transaction.lock_table(old.id, ACCESS_EXCLUSIVE)
        put_object(context.transaction, new, old)
        drop_unused(old, new, context)
    else:
        put_object(context.transaction, new, old)


def drop_object_and_storage(object_: CatalogObject, context: ExecutionContext) -> None:
    """Remove an object, and the rows and entries of a table."""
    transaction = context.transaction
    if isinstance(object_, Table):
        transaction.lock_table(object_.id, ACCESS_EXCLUSIVE)
        for storage_id in storage_ids(object_):
            transaction.drop_range(storage_id)
    elif isinstance(object_, Sequence):
        transaction.lock_table(object_.id, ACCESS_EXCLUSIVE)
    drop_object(transaction, object_)
