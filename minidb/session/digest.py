"""A digest of every table and sequence, to compare two databases by: equal if the contents are.

Each row is hashed, and the hashes are added up modulo 2^256: the order of the rows does not matter, their
number does. Sequences are hashed as they stand.
"""

from __future__ import annotations

import hashlib

from minidb.catalog.schema import Sequence
from minidb.catalog.sequence_counter import sequence_counter
from minidb.session.session import Session
from minidb.sql.object_names import quoted


def digest(session: Session) -> list[tuple[str, int, str]]:
    """(table or sequence, rows, digest), by name. Of a sequence the rows are 1."""
    found = [(table.name, *_table_digest(session, table.name)) for table in session.database.catalog.tables()]
    counters = session.database.transactions.counters
    for each in session.database.catalog.objects():
        if isinstance(each, Sequence):
            counter = sequence_counter(counters, each)
            state = repr((counter.value, counter.called))
            found.append((each.name, 1, hashlib.sha256(state.encode()).hexdigest()))
    return sorted(found)


def _table_digest(session: Session, name: str) -> tuple[int, str]:
    result = session.execute(f"SELECT * FROM {quoted(name)}")
    total = rows = 0
    while batch := result.next_batch():
        rows += len(batch)
        for row in batch:
            total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
    return rows, f"{total % 2**256:064x}"
