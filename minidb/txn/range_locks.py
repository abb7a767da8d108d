"""Locks on ranges: what two-phase locking reads is kept from changing, the rows that are not there yet
included.

    reader   announces its range    looks at the uncommitted writes of others    waits for those that it meets
    writer   notes its write        looks at the announced ranges                waits for those that it meets

Each side first says what it does and then looks, so at least one of them sees the other; the mutex decides
who came first. A writer meets a range only if the row that it replaces or the row that it writes is one that
the reader looked for (`ReadRange.meets`): predicate locking (Eswaran et al., CACM 1976), for conditions that
can be tested on a row. Next-key locking (next_key.py) asks for wider ranges without conditions instead.

These requests stand in no queue of their own object, as they may wait for any number of transactions: they
are parked, and looked at again, oldest first, when a transaction ends. Requests are numbered: a reader does
not wait for a write that is itself waiting behind the reader, nor a writer for a range that was asked for
later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from minidb.txn.lock_modes import RANGE_READ, RANGE_WRITE, SAFE_SNAPSHOT, SERIAL_TURN
from minidb.txn.read_set import PREFIX, ReadRange
from minidb.txn.state import LockRequest, RangeWrite, TransactionState

Lookup = Callable[[bytes], "bytes | None"]
Nothing: Final[tuple[TransactionState, ...]] = ()


class RangeLocks:
    """The announced ranges, granted or not, and the requests that wait for transactions to end.

    All methods are called under the lock table's mutex, but for reading `announced`.
    """

    __slots__ = ("active", "announced", "parked")

    def __init__(self, active: dict[int, TransactionState]) -> None:
        self.active = active
        self.announced: dict[bytes, list[LockRequest]] = {}  # prefix -> ranges below it
        self.parked: list[LockRequest] = []

    # -- asking -----------------------------------------------------------------------------------------

    def announce(self, request: LockRequest) -> None:
        """From now on writers see the range."""
        assert isinstance(request.target, ReadRange)
        self.announced.setdefault(request.target.prefix, []).append(request)

    def blockers(self, request: LockRequest, latest: Lookup) -> tuple[TransactionState, ...]:
        """Whom the request has to wait for at this moment."""
        if request.mode == RANGE_READ:
            return tuple(self._writers(request, latest))
        if request.mode == RANGE_WRITE:
            return tuple(self._readers(request, latest))
        assert request.mode in (SAFE_SNAPSHOT, SERIAL_TURN)
        return tuple([each for each in request.blocked_by or Nothing if each.id in self.active])

    def _writers(self, request: LockRequest, latest: Lookup) -> Iterable[TransactionState]:
        """Transactions with uncommitted writes that the range meets."""
        read = request.target
        assert isinstance(read, ReadRange)
        for other in list(self.active.values()):
            if other is request.owner or not other.table_locks:
                continue
            if other.spilled_in(read.prefix) or self._any_meets(read, other, request, latest):
                yield other

    @staticmethod
    def _any_meets(read: ReadRange, other: TransactionState, request: LockRequest, latest: Lookup) -> bool:
        behind: Sequence[bytes] = ()
        waiting = other.waiting
        if waiting is not None and isinstance(waiting.target, RangeWrite) and waiting.number > request.number:
            behind = waiting.target.keys  # these writes wait behind us
        prefix = read.prefix
        for key, value in list(other.writes.items()):
            if key[:PREFIX] == prefix and key not in behind and read.meets(key, latest(key), value):
                return True
        return False

    def _readers(self, request: LockRequest, latest: Lookup) -> Iterable[TransactionState]:
        """Transactions that hold a range that the writes meet, or asked for one earlier."""
        write, owner = request.target, request.owner
        assert isinstance(write, RangeWrite)
        found: dict[TransactionState, None] = {}
        for key in write.keys:
            ranges = self.announced.get(key[:PREFIX])
            if not ranges:
                continue
            old, new = latest(key), owner.writes.get(key)
            for each in ranges:
                if each.owner is owner or each.owner in found:
                    continue
                if not each.granted and (
                    each.number > request.number or owner in (each.blocked_by or Nothing)
                ):
                    continue  # it came later, or waits for us
                assert isinstance(each.target, ReadRange)
                if each.target.meets(key, old, new):
                    found[each.owner] = None
        return found

    # -- ending -----------------------------------------------------------------------------------------

    def withdraw(self, request: LockRequest) -> None:
        """A waiting request gave up."""
        if request in self.parked:
            self.parked.remove(request)
        if isinstance(request.target, ReadRange):
            self._conceal(request.target.prefix, lambda each: each is not request)

    def release(self, owner: TransactionState) -> None:
        """The transaction has ended: its ranges are no more."""
        for prefix in list(self.announced):
            self._conceal(prefix, lambda each: each.owner is not owner)

    def _conceal(self, prefix: bytes, keep: Callable[[LockRequest], bool]) -> None:
        ranges = self.announced.get(prefix)
        if ranges is None:
            return
        left = [each for each in ranges if keep(each)]
        if left:
            self.announced[prefix] = left
        else:
            del self.announced[prefix]

    def held_by(self, owner: TransactionState) -> list[ReadRange]:
        """The ranges that a transaction holds."""
        return [
            each.target
            for ranges in self.announced.values()
            for each in ranges
            if each.owner is owner and each.granted and isinstance(each.target, ReadRange)
        ]
