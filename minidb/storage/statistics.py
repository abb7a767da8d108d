"""Numbers about an open store, for people and tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counters since the store was opened, and sizes now."""

    commits: int
    durable_commit: int
    syncs: int
    checkpoints: int
    memtable_bytes: int
    log_bytes: int
    checkpoint_file_bytes: int
    live_bytes: int
    roots_held: int
