"""What must be gone when no transaction is open: locks, queues, and what is retained to find conflicts."""

from __future__ import annotations

from collections.abc import Sized

from minidb.session.database import Database


def left_behind(database: Database) -> list[str]:
    """What transactions have left in the engine although none is open."""
    transactions = database.transactions
    locks = transactions.locks
    retained: dict[str, Sized] = {
        "row locks": locks.owners,
        "lock queues": locks.queues,
        "range locks": locks.announced,
        "transactions": transactions.active,
        "transactions in the conflict graph": transactions.certification.graph.nodes,
    }
    return [f"{len(held)} {name} left behind" for name, held in retained.items() if held]
