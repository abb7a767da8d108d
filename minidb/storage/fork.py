"""After a fork the child must not touch a store: its threads are gone, and LMDB's reader slots are the
parent's.

Each store registers here. In the child, every one of them is told, before any other code runs; it then
refuses all use with a clear error, and its owner file is closed, so that the child does not keep the
parent's lock alive.
"""

from __future__ import annotations

import os
import weakref
from typing import Never, Protocol

from minidb.errors import OperationalError


class Forkable(Protocol):
    """What is told about a fork."""

    def after_fork(self) -> None:
        """Runs in the child."""


_open: weakref.WeakSet[Forkable] = weakref.WeakSet()


def register(store: Forkable) -> None:
    """Tell `store` when this process has become a fork of the one that opened it."""
    _open.add(store)


def refuse(*arguments: object) -> Never:
    """Raises: stands in for whatever a fork child must not call."""
    raise OperationalError(
        "the database was opened before this process was forked, and cannot be used in it",
        sqlstate="55006",
        hint="Close the database before forking, or start the process by 'spawn'.",
    )


def _in_child() -> None:
    for store in list(_open):
        store.after_fork()


os.register_at_fork(after_in_child=_in_child)
