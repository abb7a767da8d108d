"""Locks on many new keys at once, without an entry for each: they become real locks once anybody might care.

    lock_new(owner, keys)    batches[prefix] = owner, [keys ...]   a gate on the prefix tells of them
    anybody asks for a row   make_explicit(prefix)                 into `owners` and `explicit`; the gate goes
    the owner ends           end(owner)                            into its `held`, to be released like others

InnoDB's idea: a row that nobody else can see yet needs no lock until somebody else wants its key. A bulk
insert is almost always alone with its keys, and a lock costs as much as encoding a row.

Invariant, under the lock table's mutex: a key in `batches` or `explicit` is locked by its owner exclusively,
and nobody else holds it. It is the protocol of lock_table.py: `lock_new` enters the gate into `queues`, then
looks at `owners`; a fast locker enters `owners`, then looks into `queues`, and if it finds anything takes the
mutex and calls `make_explicit` before it goes on. A key that such a locker has just entered gets a queue, for
it to find when it looks. `held` belongs to the owner's thread, which may be in the midst of a fast path, so
others leave it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Final, Protocol

from minidb.txn.lock_modes import UPDATE
from minidb.txn.read_set import PREFIX
from minidb.txn.state import QueueTarget, TransactionState


class Queue(Protocol):
    """What stands in `queues`, for a key or as a gate for a whole storage id."""

    granted: dict[TransactionState, int]


FEWEST: Final = 64  # keys for which it is worthwhile


class Batches:
    """One transaction's new keys under one storage id."""

    __slots__ = ("count", "keys", "owner")

    def __init__(self, owner: TransactionState) -> None:
        self.owner = owner
        self.keys: list[list[bytes]] = []
        self.count = 0


class ImplicitLocks:
    """A part of the lock table, whose `owners`, `queues` and `mutex` it works with."""

    __slots__ = ("batches", "explicit", "make_queue", "mutex", "owners", "queues")

    def __init__(
        self,
        owners: dict[bytes, Any],
        queues: dict[QueueTarget, Any],
        mutex: Lock,
        make_queue: Callable[[QueueTarget], Queue],
    ) -> None:
        self.owners = owners
        self.queues = queues
        self.mutex = mutex
        self.make_queue = make_queue
        self.batches: dict[bytes, Batches] = {}  # by storage id
        # Each owner's keys that are not implicit any more.
        self.explicit: dict[TransactionState, dict[bytes, int]] = {}

    def lock_new(self, owner: TransactionState, keys: list[bytes], limit: int) -> bool:
        """Lock keys of one storage id; False, with none locked, if one has an owner or there would be more
        than `limit`: then they are to be locked one by one."""
        with self.mutex:
            return self._lock_new(owner, keys, limit)

    def _lock_new(self, owner: TransactionState, keys: list[bytes], limit: int) -> bool:
        prefix = keys[0][:PREFIX]
        batches = self.batches.get(prefix)
        if batches is None:
            if prefix in self.queues:
                return False
            gate = self.make_queue(prefix)
            gate.granted[owner] = UPDATE
            batches = Batches(owner)
            # No call in between: a keyboard interrupt must not leave one of them.
            self.queues[prefix] = gate
            self.batches[prefix] = batches
        elif batches.owner is not owner:
            return False
        if batches.count + len(keys) > limit or self._any_known(keys):
            self.make_explicit(prefix)
            return False
        batches.keys.append(keys)
        batches.count += len(keys)
        return True

    def _any_known(self, keys: list[bytes]) -> bool:
        """Whether anybody holds one of the keys, or waits for one whose owner has just left."""
        if self.owners and not self.owners.keys().isdisjoint(keys):
            return True
        only_gates = len(self.queues) == len(self.batches)
        return not only_gates and not self.queues.keys().isdisjoint(keys)

    def make_explicit(self, prefix: bytes) -> None:
        """Turn the implicit locks under `prefix` into those at which queues can form. Under the mutex."""
        batches = self.batches.get(prefix)
        if batches is None:
            return
        owner = batches.owner
        explicit = self.explicit.setdefault(owner, {})
        for keys in batches.keys:
            explicit.update(dict.fromkeys(keys, UPDATE))
            for key in [key for key in keys if self.owners.setdefault(key, owner) is not owner]:
                queue = self.queues.get(key)
                if queue is None:
                    queue = self.queues[key] = self.make_queue(key)
                queue.granted[owner] = UPDATE
        del self.queues[prefix], self.batches[prefix]

    def has(self, owner: TransactionState, key: bytes) -> bool:
        """Whether this is one of the owner's new keys, not implicit any more. Under the mutex."""
        return bool(self.explicit) and key in self.explicit.get(owner, ())

    def take(self, owner: TransactionState) -> None:
        """Put all of the owner's into its `held`. Under the mutex, by the owner's thread."""
        for prefix in self._prefixes(owner):
            self.make_explicit(prefix)
        self._into_held(owner)

    def end(self, owner: TransactionState) -> None:
        """`take` for an owner that is about to release everything: nobody can wait for what is implicit."""
        for prefix in self._prefixes(owner):
            del self.queues[prefix], self.batches[prefix]
        self._into_held(owner)

    def _into_held(self, owner: TransactionState) -> None:
        explicit = self.explicit.get(owner)
        if explicit is not None:
            owner.held.update(explicit)
            del self.explicit[owner]

    def _prefixes(self, owner: TransactionState) -> list[bytes]:
        return [prefix for prefix, batches in self.batches.items() if batches.owner is owner]
