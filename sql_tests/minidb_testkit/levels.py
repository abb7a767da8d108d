"""The ways to isolate a transaction that tests, soaks and benchmarks go through: one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """An isolation level, and the session settings that belong to it."""

    isolation: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def serializable(self) -> bool:
        """Whether it promises that some serial order explains everything."""
        return self.isolation == "serializable"


# A transaction of it is one call, so it has no BEGIN and no steps that others' steps come between.
SERIAL = Level("serializable", (("serializable_strategy", "serial"),))

LEVELS = {
    "read committed": Level("read committed"),
    "repeatable read": Level("repeatable read"),
    "serializable ssi": Level("serializable", (("serializable_strategy", "ssi"),)),
    "serializable 2pl predicate": Level(
        "serializable", (("serializable_strategy", "2pl"), ("range_locking", "predicate"))
    ),
    "serializable 2pl next-key": Level(
        "serializable", (("serializable_strategy", "2pl"), ("range_locking", "next-key"))
    ),
}

# The same, and what has no interactive transactions.
ALL_LEVELS = {**LEVELS, "serializable serial": SERIAL}

# Where transactions are calls of procedures.
CALL_LEVELS = {name: level for name, level in ALL_LEVELS.items() if level.serializable}
