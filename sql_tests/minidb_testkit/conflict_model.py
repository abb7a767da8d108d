"""A model of exact serializable snapshot isolation, as naive as it can be: what the engine is compared with.

    begin t1 ssi    read t1 k3    begin t2 2pl    write t2 k3    commit t2    commit t1  ...

It keeps every transaction that ever committed, and every version; a transaction is refused if with it the
full dependency graph of the history would have a cycle, and for no other reason. `schedule` makes random
transactions of point reads and writes; where the database would wait, the model gives the transaction up
instead, so a schedule can be replayed on one thread.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

SSI = "ssi"
TWO_PHASE = "2pl"


@dataclass
class ModelTransaction:
    """Reads are keys with the commit whose version was seen; the first of them counts."""

    number: int
    strategy: str
    snapshot: int
    reads: dict[int, int] = field(default_factory=dict)
    writes: set[int] = field(default_factory=set)


class ConflictModel:
    """Every commit so far. Commit 0 wrote all keys."""

    def __init__(self) -> None:
        self.clock = 0
        self.versions: dict[int, list[tuple[int, int]]] = {}  # key -> (commit, transaction), oldest first
        self.readers: dict[tuple[int, int], list[int]] = {}  # (key, commit seen) -> transactions
        self.successors: dict[int, set[int]] = {}

    def newest(self, key: int, snapshot: int) -> int:
        """The commit of the version that a snapshot shows."""
        return max([commit for commit, _ in self.versions.get(key, ()) if commit <= snapshot], default=0)

    def commit(self, transaction: ModelTransaction) -> bool:
        """Commit it, unless that would close a cycle; whether it did."""
        number = transaction.number
        before, after = set[int](), set[int]()
        for key, seen in transaction.reads.items():
            versions = self.versions.get(key, [])
            before |= {writer for commit, writer in versions if commit == seen}  # wr
            after |= {writer for commit, writer in versions if commit > seen}  # rw, and ww behind it
        for key in transaction.writes:
            versions = self.versions.get(key, [])
            before |= {writer for _, writer in versions[-1:]}  # ww
            before |= set(self.readers.get((key, versions[-1][0] if versions else 0), ()))  # rw
        if self._reaches(after, before):
            return False
        self.clock += 1
        self.successors[number] = after
        for other in before:
            self.successors[other].add(number)
        for key, seen in transaction.reads.items():
            self.readers.setdefault((key, seen), []).append(number)
        for key in transaction.writes:
            self.versions.setdefault(key, []).append((self.clock, number))
        return True

    def _reaches(self, sources: set[int], targets: set[int]) -> bool:
        todo, seen = list(sources), set(sources)
        while todo:
            number = todo.pop()
            if number in targets:
                return True
            fresh = self.successors[number] - seen
            seen |= fresh
            todo.extend(fresh)
        return False


BEGIN, READ, WRITE, GIVE_UP, TOO_LATE, COMMIT, REFUSED = (
    *("begin", "read", "write", "give up", "too late", "commit", "refused"),
)


@dataclass(frozen=True)
class Event:
    """One step of a schedule. `too late` is a write that must fail as the row changed since the snapshot,
    `refused` a commit that must fail."""

    kind: str
    number: int
    key: int = 0
    strategy: str = SSI


def schedule(seed: int, steps: int = 2000, keys: int = 6, at_once: int = 4) -> Iterator[Event]:
    """Random transactions of both strategies, mixed, with what must become of each."""
    rng = random.Random(seed)
    model = ConflictModel()
    active: dict[int, ModelTransaction] = {}
    number = 0
    for _ in range(steps):
        if len(active) < at_once and rng.random() < 0.3:
            number += 1
            strategy = rng.choice((SSI, TWO_PHASE))
            active[number] = ModelTransaction(number, strategy, model.clock)
            yield Event(BEGIN, number, strategy=strategy)
            continue
        if not active:
            continue
        transaction = active[rng.choice(list(active))]
        others = [each for each in active.values() if each is not transaction]
        event = _step(rng, model, transaction, others, rng.randrange(keys))
        if event.kind not in (READ, WRITE):
            del active[transaction.number]
        yield event


def _step(
    rng: random.Random,
    model: ConflictModel,
    transaction: ModelTransaction,
    others: list[ModelTransaction],
    key: int,
) -> Event:
    number, locking = transaction.number, transaction.strategy == TWO_PHASE
    written = any(key in other.writes for other in others)
    dice = rng.random()
    if dice < 0.5:
        if locking and written:
            return Event(GIVE_UP, number)
        transaction.reads.setdefault(key, model.newest(key, model.clock if locking else transaction.snapshot))
        return Event(READ, number, key)
    if dice < 0.8:
        if written or any(other.strategy == TWO_PHASE and key in other.reads for other in others):
            return Event(GIVE_UP, number)
        if not locking and model.newest(key, model.clock) > transaction.snapshot:
            return Event(TOO_LATE, number, key)
        transaction.writes.add(key)
        return Event(WRITE, number, key)
    return Event(COMMIT if model.commit(transaction) else REFUSED, number)
