"""Lock modes and what each conflicts with: two tables, PostgreSQL's.

A mode is one bit, so that the modes a transaction holds on one object are a mask, and "does this request
conflict" is one `&`. Row modes are also ordered by strength (each conflicts with all that a weaker one
conflicts with), so a row needs only the strongest one remembered. Table modes have no such order.

https://www.postgresql.org/docs/15/explicit-locking.html
"""

from __future__ import annotations

from typing import Final

# Rows and keys. An update that leaves the key columns alone takes NO KEY UPDATE, which lets foreign-key
# checks (KEY SHARE) pass; a delete, an insert or a change of key takes UPDATE.
KEY_SHARE: Final = 1
SHARE_ROW: Final = 2
NO_KEY_UPDATE: Final = 4
UPDATE: Final = 8

# The one mode that is granted without being held: a row lock asks for it on a storage id whose rows are
# locked as a whole (see LockTable.escalate), only to wait until they no longer are.
PASS: Final = 16

# What waits for transactions rather than in the queue of one object (range_locks.py).
RANGE_READ: Final = 256  # a range, to be read
RANGE_WRITE: Final = 512  # rows that somebody's range may hold
SERIAL_TURN: Final = 2048  # the end of those whose ranges a call under serial execution would write into
SAFE_SNAPSHOT: Final = 1024  # the end of all that could spoil a READ ONLY DEFERRABLE transaction's snapshot

ROW_CONFLICTS: Final[dict[int, int]] = {
    KEY_SHARE: UPDATE,
    SHARE_ROW: NO_KEY_UPDATE | UPDATE,
    NO_KEY_UPDATE: SHARE_ROW | NO_KEY_UPDATE | UPDATE,
    UPDATE: KEY_SHARE | SHARE_ROW | NO_KEY_UPDATE | UPDATE,
    PASS: UPDATE,
}

ROW_NAMES: Final[dict[int, str]] = {
    KEY_SHARE: "FOR KEY SHARE",
    SHARE_ROW: "FOR SHARE",
    NO_KEY_UPDATE: "FOR NO KEY UPDATE",
    UPDATE: "FOR UPDATE",
    PASS: "a row",
}

RANGE_NAMES: Final[dict[int, str]] = {
    RANGE_READ: "SHARE",
    RANGE_WRITE: "writing",
    SAFE_SNAPSHOT: "a safe snapshot",
    SERIAL_TURN: "ranges that others have locked",
}


# Tables.
ACCESS_SHARE: Final = 1
ROW_SHARE: Final = 2
ROW_EXCLUSIVE: Final = 4
SHARE_UPDATE_EXCLUSIVE: Final = 8
SHARE: Final = 16
SHARE_ROW_EXCLUSIVE: Final = 32
EXCLUSIVE: Final = 64
ACCESS_EXCLUSIVE: Final = 128

_ALL: Final = 255

TABLE_CONFLICTS: Final[dict[int, int]] = {
    ACCESS_SHARE: ACCESS_EXCLUSIVE,
    ROW_SHARE: EXCLUSIVE | ACCESS_EXCLUSIVE,
    ROW_EXCLUSIVE: SHARE | SHARE_ROW_EXCLUSIVE | EXCLUSIVE | ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE: _ALL & ~(ACCESS_SHARE | ROW_SHARE | ROW_EXCLUSIVE),
    SHARE: _ALL & ~(ACCESS_SHARE | ROW_SHARE | SHARE),
    SHARE_ROW_EXCLUSIVE: _ALL & ~(ACCESS_SHARE | ROW_SHARE),
    EXCLUSIVE: _ALL & ~ACCESS_SHARE,
    ACCESS_EXCLUSIVE: _ALL,
}

TABLE_NAMES: Final[dict[int, str]] = {
    ACCESS_SHARE: "ACCESS SHARE",
    ROW_SHARE: "ROW SHARE",
    ROW_EXCLUSIVE: "ROW EXCLUSIVE",
    SHARE_UPDATE_EXCLUSIVE: "SHARE UPDATE EXCLUSIVE",
    SHARE: "SHARE",
    SHARE_ROW_EXCLUSIVE: "SHARE ROW EXCLUSIVE",
    EXCLUSIVE: "EXCLUSIVE",
    ACCESS_EXCLUSIVE: "ACCESS EXCLUSIVE",
}

# The modes that never conflict with one another. They are taken without the lock table's mutex; the
# others announce themselves first, so that weak ones can notice them.
WEAK_TABLE_MODES: Final = ACCESS_SHARE | ROW_SHARE | ROW_EXCLUSIVE


def mode_name(mode: int, of_table: bool) -> str:
    """PostgreSQL's name for a mode, or ours where it has none."""
    return (TABLE_NAMES if of_table else RANGE_NAMES if mode in RANGE_NAMES else ROW_NAMES)[mode]
