"""A runnable statement, and running statements one after the other.

`run` returns None to go on with the next statement, or a signal that unwinds: an `Exit` (EXIT and CONTINUE
return themselves; the loop or block that is their `target` takes it) or RETURNED.
"""

from __future__ import annotations

from typing import Final

from minidb.errors import Error
from minidb.session.plpgsql.frame import Frame


class Signal:
    """What a statement returns that does not just end."""

    __slots__ = ()


RETURNED: Final = Signal()


class Node:
    """Base of all statements. `line` is its line in the body, `what` its name in error contexts."""

    __slots__ = ("line",)
    what = "SQL statement"

    def __init__(self, line: int) -> None:
        self.line = line

    def run(self, frame: Frame) -> Signal | None:
        """Carry it out."""
        raise NotImplementedError


def run_all(statements: list[Node], frame: Frame) -> Signal | None:
    """Run statements until one signals; an error learns where in the body it happened."""
    statement: Node | None = None
    try:
        for statement in statements:
            signal = statement.run(frame)
            if signal is not None:
                return signal
    except Error as error:
        assert statement is not None
        frame.note(error, statement.line, "at " + statement.what)
        raise
    return None
