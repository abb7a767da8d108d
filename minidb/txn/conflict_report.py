"""What the retained conflict graph of SERIALIZABLE transactions shows of itself."""

from __future__ import annotations

# (transaction, its commit id, the transaction that an edge leads to, the edge's kind, object and key);
# the last three are None for a transaction without successors.
ConflictEntry = tuple[int, int, int | None, str | None, str | None]


class ConflictReport:
    """What has no graph has nothing to show; a graph overrides this."""

    __slots__ = ()

    def entries(self) -> list[ConflictEntry]:
        """An entry for each edge, and one for each retained transaction without any."""
        return []
