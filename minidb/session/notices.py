"""What statements say besides their results (RAISE NOTICE): the last ones are kept, handlers are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_KEPT: Final = 100  # notices that nobody has looked at

# client_min_messages: from which severity on; INFO always passes.
SEVERITIES: Final = {"debug": 0, "log": 1, "notice": 2, "warning": 3, "error": 4}


@dataclass(frozen=True)
class Notice:
    """A message to the client: `severity` is DEBUG, LOG, INFO, NOTICE or WARNING."""

    severity: str
    message: str
    sqlstate: str = "00000"
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    table: str | None = None
    column: str | None = None
    constraint: str | None = None


NoticeHandler = Callable[[Notice], object]


class Notices:
    """A session's: `recent`, the newest last, and `handlers`, each called with every notice."""

    __slots__ = ("handlers", "recent")

    def __init__(self) -> None:
        self.recent: deque[Notice] = deque(maxlen=_KEPT)
        self.handlers: list[NoticeHandler] = []

    def add(self, notice: Notice, least: str) -> None:
        """Keep and hand on a notice, if it is severe enough for `client_min_messages`."""
        if notice.severity != "INFO" and SEVERITIES[notice.severity.lower()] < SEVERITIES[least]:
            return
        self.recent.append(notice)
        for handler in self.handlers:
            handler(notice)
