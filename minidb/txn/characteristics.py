"""What a transaction is begun with: PostgreSQL's "transaction characteristics", and settings that it heeds.

https://www.postgresql.org/docs/current/sql-set-transaction.html
"""

from __future__ import annotations

from dataclasses import dataclass

from minidb.txn.control import ConcurrencyControl
from minidb.txn.isolation import IsolationLevel


@dataclass(frozen=True)
class Characteristics:
    """See the module. `control` carries the level out. Shared by transactions."""

    level: IsolationLevel
    control: ConcurrencyControl
    read_only: bool = False
    deferrable: bool = False
    lock_timeout_ms: int = 0
    synchronous_commit: bool = True
