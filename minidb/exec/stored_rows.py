"""All rows of a table as definitions must see them: the newest state, under a lock that keeps writers out."""

from __future__ import annotations

from collections.abc import Iterator

from minidb.catalog.row_keys import keys_of
from minidb.catalog.schema import Table
from minidb.exec.context import ExecutionContext
from minidb.storage.key_codec import prefix_successor
from minidb.value.sql_types import Row


def stored_rows(table: Table, context: ExecutionContext) -> Iterator[tuple[list[bytes], list[Row]]]:
    """Batches of storage keys and rows, a value per slot and none more."""
    keys = keys_of(table)
    count = len(table.slot_types)
    for batch in context.transaction.batches_latest(keys.prefix, prefix_successor(keys.prefix)):
        context.check_cancel()
        rows = keys.codec.decode_many([data for _, data in batch])
        yield [key for key, _ in batch], [row[:count] for row in rows]
