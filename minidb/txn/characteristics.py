"""What a transaction is begun with: PostgreSQL's "transaction characteristics", and settings that it heeds.

https://www.postgresql.org/docs/current/sql-set-transaction.html
"""

from __future__ import annotations

from minidb.txn.control import ConcurrencyControl
from minidb.txn.isolation import IsolationLevel


class Characteristics:
    """See the module. `control` carries the level out. Shared by transactions: it does not change."""

    __slots__ = ("control", "deferrable", "level", "lock_timeout_ms", "read_only", "synchronous_commit")

    def __init__(
        self,
        level: IsolationLevel,
        control: ConcurrencyControl,
        read_only: bool = False,
        deferrable: bool = False,
        lock_timeout_ms: int = 0,
        synchronous_commit: bool = True,
    ) -> None:
        self.level = level
        self.control = control
        self.read_only = read_only
        self.deferrable = deferrable
        self.lock_timeout_ms = lock_timeout_ms
        self.synchronous_commit = synchronous_commit
