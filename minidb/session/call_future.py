"""The Future of a call, which costs a short call little.

The standard one makes a lock and a condition at its birth and takes them at every step, which is a sixth of
what a short procedure costs. Here they are made when somebody waits, or asks for what is not there yet, and
from then on the base class works under them. Until then steps that Python does as one stand in for them:

    running or cancelled    whoever takes the one item out of `_unclaimed`
    a callback              run by whoever takes it out of `_done_callbacks`
    ended, and a waiter     one writes `_state` and then reads `_waited`, the other the other way round

https://docs.python.org/3/library/concurrent.futures.html#future-objects
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, LOGGER, PENDING, RUNNING
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
        self._unclaimed: list[None] = [None]
        self._state = PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []

    def set_running_or_notify_cancel(self) -> bool:
        """As the base's."""
        try:
            self._unclaimed.pop()
        except IndexError:
            with _mutex:  # who cancels it has done so then
                pass
            return super().set_running_or_notify_cancel()
        self._state = RUNNING
        return True

    def cancel(self) -> bool:
        """As the base's."""
        with _mutex:
            try:
                self._unclaimed.pop()
            except IndexError:
                return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)
            self._state = CANCELLED
        if self._waited:
            with self._condition:
                self._condition.notify_all()
        self._invoke_callbacks()
        return True

    def set_result(self, result: Any) -> None:
        """As the base's."""
        with _mutex:
            simple = self._state == RUNNING and not self._waited
            if simple:
                self._result = result
                self._state = FINISHED
        if simple:
            self._invoke_callbacks()
        else:
            super().set_result(result)

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """As the base's."""
        self._done_callbacks.append(fn)
        if self._state in _OVER:
            self._invoke_callbacks()

    def _invoke_callbacks(self) -> None:
        callbacks = self._done_callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:
                return  # another thread has taken it
            try:
                callback(self)
            except Exception:
                LOGGER.exception("exception calling callback for %r", self)

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
