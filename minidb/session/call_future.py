"""The Future of a call, which costs a short call little.

The standard one makes a lock and a condition at its birth and takes them at every step, which is a sixth of
what a short procedure costs. Here both are made when somebody waits, or asks for what is not there yet; until
then one lock that all futures share, held for a few steps, stands in for them. From then on the base class
does all, under them.

https://docs.python.org/3/library/concurrent.futures.html#future-objects
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING
from typing import Any, Final

_OVER: Final = (CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED)
_mutex: Final = threading.RLock()  # nothing else is taken under it; a collected object may come back here


class _MadeLate:
    """`_condition` of the class; a future's own, once it has one, hides this."""

    def __get__(self, future: CallFuture, owner: type) -> threading.Condition:
        with _mutex:
            if not future._waited:
                future._condition = threading.Condition()
                future._waited = True
        return future._condition


class CallFuture(Future[Any]):
    """See the module. The attributes are the base class's."""

    _condition = _MadeLate()

    def __init__(self) -> None:  # the base's makes the condition
        self._waited = False  # it has a condition
        self._state = PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []

    def set_running_or_notify_cancel(self) -> bool:
        """As the base's."""
        with _mutex:
            if self._state == PENDING and not self._waited:
                self._state = RUNNING
                return True
        return super().set_running_or_notify_cancel()

    def set_result(self, result: Any) -> None:
        """As the base's."""
        with _mutex:
            simple = self._state == RUNNING and not self._waited
            if simple:
                self._result = result
                self._state = FINISHED
        if simple:
            self._invoke_callbacks()  # type: ignore[attr-defined]
        else:
            super().set_result(result)

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """As the base's."""
        with _mutex:
            if self._state not in _OVER and not self._waited:
                self._done_callbacks.append(fn)
                return
        super().add_done_callback(fn)

    def done(self) -> bool:
        """As the base's."""
        return self._state in _OVER

    def result(self, timeout: float | None = None) -> Any:
        """As the base's."""
        if self._state == FINISHED and self._exception is None:
            return self._result
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As the base's."""
        if self._state == FINISHED:
            return self._exception
        return super().exception(timeout)
