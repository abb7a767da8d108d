"""The isolation levels by PostgreSQL's names."""

from __future__ import annotations

from enum import Enum

from minidb.errors import ProgrammingError


class IsolationLevel(Enum):
    """READ UNCOMMITTED is a name for READ COMMITTED: nobody ever reads what is not committed."""

    READ_UNCOMMITTED = "read uncommitted"
    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SERIALIZABLE = "serializable"

    @staticmethod
    def named(name: str) -> IsolationLevel:
        """The level of that SQL name, in any case and spacing."""
        known = _LEVELS.get(name)
        if known is not None:
            return known
        wanted = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
        for level in IsolationLevel:
            if level.value == wanted:
                return level
        raise ProgrammingError(f'invalid isolation level "{name}"', sqlstate="22023")


_LEVELS = {level.value: level for level in IsolationLevel}

# `serializable_strategy`: how SERIALIZABLE is reached; `range_locking`: how '2pl' locks ranges.
SSI = "ssi"
TWO_PHASE_LOCKING = "2pl"
SERIAL = "serial"
STRATEGIES = (SSI, TWO_PHASE_LOCKING, SERIAL)
PREDICATE = "predicate"
NEXT_KEY = "next-key"
RANGE_LOCKINGS = (PREDICATE, NEXT_KEY)
