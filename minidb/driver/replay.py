"""Logs of calls: run one again in an empty database, and compare what two databases hold.

minidb.connect("shop.db", execution="serial", record_calls="shop.calls")      ... calls ...
minidb.replay("shop.calls", "again.db")
minidb.digest("shop.db") == minidb.digest("again.db")
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.driver.connection import Connection, connect
from minidb.session import digest as digests
from minidb.session import replay as replays
from minidb.session.database import open_database
from minidb.session.session import Session


def replay(calls: str, path: str, register: Callable[[Connection], object] | None = None) -> int:
    """Run the calls of a log, made with `record_calls`, in an empty database; how many they were.

    `register` is given a connection first, to register the procedures in Python that the log calls.
    """
    with connect(path, execution="serial") as connection:
        if register is not None:
            register(connection)
        return replays.replay(connection._session, calls)


def digest(path: str) -> list[tuple[str, int, str]]:
    """(name, rows, SHA-256) of each table and sequence: equal if two databases hold the same."""
    session = Session(open_database(path), True)
    try:
        return digests.digest(session)
    finally:
        session.close()
