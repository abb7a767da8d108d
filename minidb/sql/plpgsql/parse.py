"""The parser's entry point."""

from __future__ import annotations

from dataclasses import dataclass

from minidb.errors import NotSupportedError


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A parsed body. `text` is what error positions count in."""

    text: str


def parse_body(text: str) -> Body:
    """The tree of a body, `[DECLARE ...] BEGIN ... END`; 42601 with a position in `text` (from 1)."""
    raise NotSupportedError("PL/pgSQL is not supported yet")
