"""SERIALIZABLE by running one at a time: a call is a transaction, start to end, while nobody else commits.

    T1: call ........ commit
                              T2: call ... commit         in the order of arrival
    interactive transactions read, write and wait as ever; their COMMIT waits until the call has ended

For the length of a call its thread holds the conflict graph's mutex and the commit mutex (`Serial.alone`). So
what it reads is the latest state and stays that, no restart and no 40001 can come to it, and at its end it is
the newest commit.

**Locks.** What it writes is locked as ever, which guards it against transactions that are open. But it never
waits for a lock: everybody would wait with it, the holder's COMMIT first. `MustWait` undoes the call instead;
its caller queues up for that one lock, holding nothing, and the call runs again once the lock is granted.

**Mixed with ssi and 2pl.** If a serializable transaction is open when the call begins, the call records its
reads, for the other's certification. A transaction that begins during the call waits until the call has ended
(`Certification.begin`), so it sees all of it. The call itself closes no cycle: what is retained came before
it, and it saw all of that, so that every edge leads to it and none from it.

Papers: Stonebraker et al., *The End of an Architectural Era*, VLDB 2007; Kallman et al., H-Store, VLDB 2008;
Thomson et al., Calvin, SIGMOD 2012 (replaying inputs in one order gives one state).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from minidb.txn.certified import CertifiedControl
from minidb.txn.isolation import SERIAL
from minidb.txn.read_set import ReadSet
from minidb.txn.state import TransactionState

Subject = TypeVar("Subject")
Result = TypeVar("Result")


class Serial(CertifiedControl):
    """`serializable_strategy = 'serial'`. Its transactions run inside of `alone` only."""

    strategy: ClassVar[str | None] = SERIAL
    snapshot_per_statement: ClassVar[bool] = True  # the newest; the call's own draws from sequences move it
    watches_snapshot: ClassVar[bool] = True  # which finds out whether reads are recorded

    def alone(self, run: Callable[[Subject, bool], Result], subject: Subject) -> Result:
        """Run something while nobody else commits. It is told whether reads have to be recorded."""
        certification = self.certification
        with certification.graph.mutex:
            certification.serial_runs = True  # before the look at who is open: `begin` looks in reverse order
            try:
                with self.store.commit_mutex:
                    return run(subject, bool(certification.snapshots or certification.writers))
            finally:
                certification.serial_runs = False

    def prepare(self, transaction: TransactionState, record: bool) -> None:
        """The transaction is about to run, inside of `alone`."""
        transaction.never_waits = True
        transaction.reads = ReadSet(self.certification.read_set_limit) if record else None

    def before_commit(self, transaction: TransactionState, commit_id: int) -> None:
        if transaction.reads is not None:
            self.certification.certify(transaction, commit_id, None)
        elif transaction.writes or transaction.coarse_writes():
            self.certification.graph.last_commit_id = commit_id

    def commit_huge(self, commit: Callable[[], None]) -> None:
        # It waits for a checkpoint, which takes the commit mutex. The graph's keeps serializable ones out.
        mutex = self.store.commit_mutex
        mutex.release()
        try:
            commit()
        finally:
            mutex.acquire()
