"""How a store is opened: what callers may choose, with the defaults that suit a desktop or a small server."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Sizes are bytes, times are seconds."""

    synchronous_commit: bool = True  # False: acknowledge before the log is synced
    read_only: bool = False
    checkpoint_bytes: int = 64 * MEGABYTE  # of memory for recent commits, past which a checkpoint starts
    checkpoint_seconds: float = 60.0  # a checkpoint at least this often while commits keep coming
    pause_seconds: float = 1.0  # without commits, after which a checkpoint starts
    flush_seconds: float = 0.2  # between syncs of the log when commits don't wait for them
    log_step_bytes: int = 16 * MEGABYTE  # of log reserved at a time, at most
    huge_transaction_bytes: int = 64 * MEGABYTE  # of own writes, past which a transaction moves to disk
    quota_bytes: int | None = None  # of live data, past which commits that add rows are refused
    max_readers: int = 2048  # LMDB's reader slots: one for each checkpoint that somebody still reads
