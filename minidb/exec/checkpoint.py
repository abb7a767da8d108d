"""Once per batch: has the statement been interrupted, has its time run out?

This module stays interpreted when the operators are compiled. Compiled code neither yields the interpreter
lock nor sees Ctrl-C until it calls interpreted code, so this call is also what lets other threads and
signal handlers run.
"""

from __future__ import annotations

from minidb.txn.interrupt import Interrupt


def checkpoint(interrupt: Interrupt) -> None:
    """Raise QueryCanceled (57014) if the statement was asked to stop, or its deadline has passed."""
    interrupt.check()
