"""Calls that nobody waits for: they go through the serial executor, and a future tells how they ended.

The calls of one connection share a session of their own, since the connection's is free for other work
meanwhile. That suffices: the executor runs one call at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any

from minidb.errors import NotSupportedError
from minidb.session.call_future import CallFuture
from minidb.session.serial_call import CallInputs, SerialCall
from minidb.session.session import Session


class AsyncCalls:
    """Of one connection, whose session is `caller`."""

    def __init__(self, caller: Session) -> None:
        self._caller = caller
        caller.database.join()
        self._session = Session(caller.database, True)
        self._session.notices = caller.notices
        self._pending: deque[SerialCall] = deque()

    def submit(self, name: str, arguments: Sequence[Any]) -> CallFuture:
        """Queue a call of a procedure."""
        caller = self._caller
        if not caller.serial or caller.transaction is not None:
            raise NotSupportedError(
                "call_async needs serial execution, outside of a transaction",
                hint="Connect with execution='serial', or set serializable_strategy to 'serial'.",
            )
        session = self._session
        fast = session.fast_call(name, arguments)
        if fast is not None:
            text, work = fast.text, partial(session.call_now, fast, arguments)
        else:
            text = caller.call_text(name, len(arguments))
            work = partial(session.call_inside, text, arguments)
        future = CallFuture()
        call = SerialCall(session, name, work, CallInputs(text, arguments), future)
        call.settings = caller.settings
        pending = self._pending
        while pending and pending[0].done:
            pending.popleft()
        pending.append(call)
        caller.database.executor.submit(call)
        return future

    def close(self) -> None:
        """Wait for what was submitted."""
        wait([call.future for call in self._pending if call.future is not None])
        self._session.close()
