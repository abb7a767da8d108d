"""The databases that are compared, behind the few calls that both drivers share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minidb

Connection = Any  # minidb.Connection or sqlite3.Connection, in autocommit mode


@dataclass(frozen=True)
class Peer:
    """A database under test."""

    name: str
    connect: Callable[[Path], Connection]


def _minidb(folder: Path) -> Connection:
    return minidb.connect(str(folder / "bench.db"), autocommit=True)


def _sqlite(folder: Path) -> Connection:
    connection = sqlite3.connect(
        folder / "bench.sqlite", isolation_level=None, timeout=60, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


MINIDB = Peer("minidb", _minidb)
SQLITE = Peer("sqlite3", _sqlite)
