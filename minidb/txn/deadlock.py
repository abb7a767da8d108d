"""Deadlocks: a circle in the waits-for graph, looked for at the moment a request is about to block.

    T1 holds a, wants b  ->  T2 holds b, wants a  ->  T1

An edge leads from a waiting transaction to each that it waits for: those holding a conflicting mode, and
those ahead of it in the same queue. A transaction waits for one thing at a time, and one that runs has no
outgoing edge, so a new circle can only close through the request that blocks now: a search from there
finds every deadlock at once, needs no timer, and makes that request's transaction the victim. The one
exception are requests for ranges, which may wait for others than before when a transaction has ended: then
the search starts from those.

Invariant: the waits-for graph has no circle whenever the lock table's mutex is free.
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.errors import DeadlockDetected
from minidb.txn.state import LockRequest, TransactionState

Blockers = Callable[[LockRequest], list[TransactionState]]


def find_cycle(request: LockRequest, blockers: Blockers) -> list[LockRequest] | None:
    """The requests on a circle that starts with `request`, each waiting for the owner of the next."""
    path = [request]
    branches = [blockers(request)]
    seen: set[int] = set()
    while path:
        branch = branches[-1]
        if not branch:
            path.pop()
            branches.pop()
            continue
        blocker = branch.pop(0)
        if blocker is request.owner:
            return path
        waiting = blocker.waiting
        if waiting is not None and blocker.id not in seen:
            seen.add(blocker.id)
            path.append(waiting)
            branches.append(blockers(waiting))
    return None


def deadlock_error(cycle: list[LockRequest], describe: Callable[[LockRequest], str]) -> DeadlockDetected:
    """The victim's error: who waits for what, all the way round."""
    owners = [request.owner.id for request in cycle]
    lines = [
        f"Transaction {request.owner.id} waits for {describe(request)}; "
        f"blocked by transaction {owners[(place + 1) % len(owners)]}."
        for place, request in enumerate(cycle)
    ]
    return DeadlockDetected("deadlock detected", detail="\n".join(lines))
