"""What all transactions of one database share: the store, the locks, the commit path, counters of rows.

`TransactionalStore` (database.py) is one, and begins transactions in it; a `Transaction` only needs to know
this much of it, which keeps imports pointing one way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.storage.store import Store
from minidb.txn.certification import Certification
from minidb.txn.commit import Committer
from minidb.txn.control import ConcurrencyControl
from minidb.txn.counters import Counters
from minidb.txn.lock_table import LockTable
from minidb.txn.read_set import ReadRange
from minidb.txn.row_ids import RowIds
from minidb.txn.state import AdvisoryKey, LockTarget, QueueTarget, RangeWrite, TransactionState

FIRST_ID: Final = 16  # storage ids below are the system's
_ID_COUNTER: Final = 0  # the id, among counters, of the one that numbers tables, indexes and sequences
ROW_LOCK_LIMIT: Final = 100_000  # row locks, past which a transaction locks whole storage ids instead


class Environment:
    """One database's shared parts. `describe` and `definition_key` are the catalog's to set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.active: dict[int, TransactionState] = {}  # every transaction that has not ended, by id
        self.locks = LockTable(self.active, self.describe)
        self.committer = Committer(store)
        self.certification = Certification(store, self.describe)
        self.counters = Counters(store, self.committer)
        self.row_ids = RowIds(store)
        self.row_lock_limit = ROW_LOCK_LIMIT
        self.catalog_commit = 0  # no commit after this one changed the catalog
        # Names a locked object for people: a key, or a table by its id.
        self.describe_target: Callable[[QueueTarget], str] = describe_plainly
        self.describe_range: Callable[[ReadRange], str] = describe_range_plainly
        # The catalog key that changes whenever the table's definition does.
        self.definition_key: Callable[[int], bytes] | None = None

    def allocate_id(self) -> int:
        """A number for a new table, index, sequence or storage id, never used before or again."""
        return self.counters.get(_ID_COUNTER, start=FIRST_ID).next()

    def prepare_next(self, control: ConcurrencyControl) -> None:
        """Make the next transaction's object ahead of time: the disk is busy, and the processor is not."""
        raise NotImplementedError

    def describe(self, target: LockTarget) -> str:
        """`row (1) of table accounts`, as far as anybody told how to say so."""
        if isinstance(target, ReadRange):
            return self.describe_range(target)
        if isinstance(target, RangeWrite):
            return ", ".join([self.describe_target(key) for key in target.keys])
        return self.describe_target(target)


def describe_range_plainly(read: ReadRange) -> str:
    """The same of a range."""
    stop = "" if read.stop is None else read.stop[4:].hex()
    return f"keys [{read.start[4:].hex()}, {stop}) of storage {int.from_bytes(read.start[:4], 'big')}"


def describe_plainly(target: QueueTarget) -> str:
    """Numbers and bytes, where no catalog gives names."""
    if isinstance(target, AdvisoryKey):
        return str(target)
    if isinstance(target, int):
        return f"table {target}"
    storage_id = int.from_bytes(target[:4], "big")
    if len(target) == 4:
        return f"all keys of storage {storage_id}"
    return f"key {target[4:].hex()} of storage {storage_id}"
