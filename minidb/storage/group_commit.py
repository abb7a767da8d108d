"""Many commits, one sync: the first to ask leads and syncs for all that are in the log, the others wait for
it.

    thread 1   commit 7 --> leads: write, sync ........... done
    thread 2        commit 8 --> waits ................... leads: write 8 9 10, sync ..... done
    thread 3             commit 9 --> waits ....................................... done
    thread 4                  commit 10 --> waits .................................. done

There is no extra thread and, with one client, no handoff: two uncontended locks around the two system calls.
Whoever ends a sync wakes all whom it covered, and one that it did not, to lead next.

A leader may begin a sync and `leave` it to the disk. The first to need its end, be it the same thread, waits
for that, and leads meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident

from minidb.errors import DatabaseError


class GroupCommit:
    """Leadership over `flush`, which writes and syncs the log and returns the newest durable commit.

    Lock order: leadership, then the store's commit_mutex, then `mutex`. Nobody asks for leadership while
    holding commit_mutex.

    A keyboard interrupt can come with any call, in the midst of `end` too. So whoever leads calls `end` once
    more when anything is raised, and `end` can be repeated:

        begin(); try: ...; end()
                 except BaseException: end(); raise
    """

    __slots__ = ("_left", "durable_id", "flush", "leader", "mutex", "waiting")

    def __init__(self, flush: Callable[[], int], durable_id: int) -> None:
        self.flush = flush
        self.durable_id = durable_id
        self.leader = 0  # the thread that leads
        self.mutex = threading.Lock()
        self.waiting: list[tuple[int, threading.Lock]] = []
        self._left: Callable[[], None] | None = None  # ends the sync that the leader has left to the disk

    def wait(self, commit_id: int) -> None:
        """Return once `commit_id` is durable. If a sync fails, its leader and all who waited for it raise."""
        if not self._lead_or_wait(commit_id):
            return
        try:
            self.durable_id = self.flush()
            self.end()
        except BaseException:
            self.end()
            raise

    def begin(self) -> None:
        """Become the leader, waiting for the present one: nothing is synced until `end`."""
        self._lead_or_wait(None)

    def try_begin(self) -> bool:
        """Become the leader if there is none."""
        with self.mutex:
            if self.leader or self._left is not None:
                return False
            self.leader = get_ident()
        return True

    def leave(self, finish: Callable[[], None]) -> None:
        """The leader goes on with other things. `finish`, for who asks next, waits and sets `durable_id`.

        After an interruption it is called again.
        """
        self._left = finish

    def end(self) -> None:
        """Give leadership up; wake those who are served and one who is not. Harmless if repeated."""
        with self.mutex:
            if self.leader == get_ident():
                self.leader = 0
            if not self.leader and self.waiting:
                self._wake()

    def _wake(self) -> None:
        durable_id = self.durable_id
        left: list[tuple[int, threading.Lock]] = []
        heir = False
        for waiter in self.waiting:
            if waiter[0] > durable_id:
                if heir:
                    left.append(waiter)
                    continue
                heir = True
            if waiter[1].locked():  # else an interrupted call has done it
                waiter[1].release()
        self.waiting = left

    def _lead_or_wait(self, commit_id: int | None) -> bool:
        """True: the caller leads now. False: `commit_id` is durable."""
        mutex = self.mutex
        this_thread = get_ident()
        lock: threading.Lock | None = None
        finish: Callable[[], None] | None = None
        try:
            while True:
                with mutex:
                    if commit_id is not None and commit_id <= self.durable_id:
                        return False
                    finish, self._left = self._left, None
                    if finish is not None or not self.leader:
                        self.leader = this_thread
                        if finish is None:
                            return True
                    else:
                        lock = threading.Lock()
                        lock.acquire()
                        self.waiting.append((commit_id if commit_id is not None else 1 << 63, lock))
                if finish is not None:
                    finish()
                    finish = None
                    self.end()
                elif lock is not None:
                    lock.acquire()
        except BaseException as error:  # Ctrl-C: if it was our turn to do something, it is the next one's
            with mutex:
                self.waiting = [waiter for waiter in self.waiting if waiter[1] is not lock]
                if finish is not None and not isinstance(error, DatabaseError):
                    self._left = finish
            self.end()
            raise
