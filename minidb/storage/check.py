"""Is the database whole? What storage can tell; that indexes agree with tables is checked above it.

check_files(path)                 not open: pages of the checkpoint and of layers, records of the log
check_pairs(snapshot, is_row)     open: keys in order and of legal length, row checksums
storage_ids(snapshot)             which tables and indexes have any keys, for the checks above
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lmdb.verify import VerifyError, verify

from minidb.errors import DatabaseError, DataCorrupted
from minidb.storage import directory as database_directory
from minidb.storage import lmdb_store
from minidb.storage.key_codec import MAXIMUM_KEY, prefix_successor
from minidb.storage.key_decode import storage_id_of
from minidb.storage.lmdb_store import POSITION_KEY, CheckpointTree
from minidb.storage.owner import OwnerFile
from minidb.storage.recovery import replay
from minidb.storage.row_codec import verify as verify_row
from minidb.storage.snapshot import Snapshot

_verify_pages: Any = verify  # it has no type hints


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it must be."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def check_files(path: str) -> list[Problem]:
    """Verify the files of a database that is not open, changing nothing; OperationalError if it is open."""
    path = database_directory.canonical_path(path)
    if not database_directory.is_complete(path):
        raise database_directory.not_a_database(path, "There is nothing, or its creation was interrupted.")
    owner = OwnerFile(path, read_only=True)
    try:
        problems = _check_pages(os.path.join(path, lmdb_store.FILE_NAME))
        if not problems:  # LMDB's library is not given a file that is known to be bad
            problems += _check_log(path)
        return problems
    finally:
        owner.close()


def _check_pages(path: str) -> list[Problem]:
    name = os.path.basename(path)
    try:
        return [Problem(name, message) for message in _verify_pages(path, subdir=False)]
    except VerifyError as error:
        return [Problem(name, str(error))]
    except OSError as error:
        return [Problem(name, os.strerror(error.errno or 0))]


def _check_log(path: str) -> list[Problem]:
    try:
        tree = CheckpointTree(path, read_only=True)
        try:
            position = tree.position()
        finally:
            tree.close()
        problems: list[Problem] = []
        for layer in position.layers:
            problems += _check_pages(os.path.join(path, layer))
        replay(path, position.segment, position.commit_id, lambda record: None)
        return problems
    except DataCorrupted as error:
        return [Problem("log" if "log file" in error.message else lmdb_store.FILE_NAME, error.message)]
    except DatabaseError as error:
        return [Problem(os.path.basename(path), error.message)]


def check_pairs(snapshot: Snapshot, is_row: Callable[[int], bool]) -> Iterator[Problem | None]:
    """Every problem among the pairs; None once per batch, for cancelling and progress.

    The snapshot was taken right after a checkpoint: that gives rows their checksums. `is_row` tells whether
    the values under a storage id are rows.
    """
    previous = b""
    for batch in snapshot.batches(b"", None):
        yield None
        for key, value in batch:
            if key <= previous:
                yield Problem(_name(key), f"key {key.hex()} follows {previous.hex()}: not in order")
            previous = key
            if len(key) > MAXIMUM_KEY or (len(key) < 4 and key != POSITION_KEY):
                yield Problem(_name(key), f"key {key.hex()} has illegal length {len(key)}")
            elif is_row(storage_id_of(key)) and not verify_row(value):
                yield Problem(_name(key), f"row {key.hex()} fails its checksum")


def storage_ids(snapshot: Snapshot) -> Iterator[int]:
    """The storage ids that have keys, in order."""
    start: bytes | None = b""
    while start is not None:
        first = snapshot.first(start, None)
        if first is None:
            return
        yield storage_id_of(first[0])
        start = prefix_successor(first[0][:4])


def _name(key: bytes) -> str:
    return f"storage {storage_id_of(key)}"
