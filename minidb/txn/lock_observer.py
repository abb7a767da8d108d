"""Who watches the lock manager. Not compiled: others derive from it, which compiled classes do not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidb.txn.state import LockRequest


class LockObserver:
    """Told of waits, so that tests need no sleeps and views no polling."""

    def on_wait(self, request: LockRequest) -> None:
        """`request` is queued and its thread about to sleep. Called under the mutex."""

    def on_grant(self, request: LockRequest) -> None:
        """A waiting `request` was granted, or is to fail with `failure`, by the thread that runs this. Called
        under the mutex."""

    def on_resume(self, request: LockRequest) -> None:
        """The waiter is awake again, granted or not. Called in its thread, which this may hold up."""
