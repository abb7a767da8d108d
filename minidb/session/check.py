"""`minidb check`: is the database whole? Files and pages, rows, and every index against its table.

Each row must decode, carry its checksum, and lie at the key that its columns make. Each row must have its
entry in each index, and an index must hold as many entries as there are rows to have them: so none is missing
and none is left over. Nothing is changed or repaired.
"""

from __future__ import annotations

import datetime

from minidb.catalog.catalog import Catalog
from minidb.catalog.row_keys import keys_of
from minidb.catalog.schema import Table
from minidb.errors import DatabaseError, Error
from minidb.exec.context import ExecutionContext
from minidb.exec.index_writer import IndexWriter
from minidb.session import settings
from minidb.session.database import open_database
from minidb.sql.table_expressions import expressions_of
from minidb.storage.check import check_files
from minidb.storage.row_codec import verify
from minidb.storage.snapshot import Snapshot
from minidb.value.sql_types import Row

MOST_PROBLEMS = 100  # reported per table; a damaged page would otherwise print every row


def check(path: str) -> list[str]:
    """What is wrong with the database, a line each; empty if nothing is. Opens it like any user would.

    OperationalError (55000) if there is none at `path`.
    """
    problems = [str(problem) for problem in check_files(path)]
    if problems:
        return problems
    try:
        database = open_database(path)
    except DatabaseError as error:
        return [f"cannot be opened: {error.sqlstate} {error}"]
    try:
        database.store.checkpoint()  # recent rows come to lie in pages, which is what is looked at
        catalog = database.catalog
        snapshot = database.store.latest
        for table in catalog.tables():
            problems.extend(_check_table(catalog, snapshot, table)[:MOST_PROBLEMS])
    except DatabaseError as error:
        problems.append(str(error))
    finally:
        database.release()
    return problems


def _check_table(catalog: Catalog, snapshot: Snapshot, table: Table) -> list[str]:
    problems: list[str] = []
    context = ExecutionContext(
        snapshot, catalog, [], settings.defaults(), datetime.datetime.now(datetime.UTC)
    )
    indexes = [IndexWriter(table, index, context) for index in expressions_of(catalog, table).indexes]
    expected = [0] * len(indexes)
    keys = keys_of(table)
    for batch in snapshot.batches(*_range(table.storage_id)):
        for key, value in batch:
            name = f"table {table.name}, row {key[4:].hex()}"
            if not verify(value):
                problems.append(f"{name}: the checksum does not match")
                continue
            try:
                row: Row = keys.codec.decode(value)
                if keys.row_key is not None and keys.row_key(row) != key:
                    problems.append(f"{name}: the row does not belong to its key")
                for number, index in enumerate(indexes):
                    entry = index.entry(row, key[4:])
                    if entry is not None:
                        expected[number] += 1
                        if snapshot.get(entry) != key[4:]:
                            problems.append(f"{name}: no entry in index {index.schema.name}")
            except Error as error:
                problems.append(f"{name}: {error}")
    for number, index in enumerate(indexes):
        found = snapshot.count(*_range(index.schema.storage_id))
        if found != expected[number]:
            problems.append(
                f"index {index.schema.name}: {found} entries for {expected[number]} rows of {table.name}"
            )
    return problems


def _range(storage_id: int) -> tuple[bytes, bytes]:
    return storage_id.to_bytes(4, "big"), (storage_id + 1).to_bytes(4, "big")
