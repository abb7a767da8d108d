"""Whether the hot modules run as they are, or compiled (docs/decisions/compiled-modules.md)."""

from __future__ import annotations

from typing import Final, Literal

from minidb.session import session

IMPLEMENTATION: Final[Literal["python", "compiled"]] = (
    "python" if str(session.__file__).endswith(".py") else "compiled"
)
