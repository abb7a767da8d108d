"""Opening and creating: from a path to the parts of a store, or a clear error and nothing changed."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref

from minidb.errors import DatabaseError, DataCorrupted
from minidb.storage import directory as database_directory
from minidb.storage import lmdb_store
from minidb.storage.files import file_error, sync_directory
from minidb.storage.layer import Layer, left_over_files, remove_layer_files
from minidb.storage.lmdb_store import CheckpointTree, LogPosition
from minidb.storage.log import CommitLog, LogRecord, segment_numbers
from minidb.storage.memtable import ENTRY_OVERHEAD, Generation
from minidb.storage.options import StoreOptions
from minidb.storage.owner import OwnerFile
from minidb.storage.recovery import replay


class Parts:
    """The open files of one database, and what recovery found in its log."""

    def __init__(self, path: str | None, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.owner: OwnerFile | None = None
        self.tree: CheckpointTree | None = None
        self.log: CommitLog | None = None
        self.position = LogPosition(0, 1)  # where the log goes on after the checkpoint
        self.layers: tuple[Layer, ...] = ()  # of huge transactions not yet merged, newest first
        self.last_id = 0  # the newest commit in the log
        self.generation = Generation()  # what lies between the two
        self.temporary: weakref.finalize[[str, int], Parts] | None = None

    def make_tree(self) -> CheckpointTree:
        """The checkpoint of a database in memory: a temporary file, made when there is something to write."""
        directory = self.temporary_directory()
        self.tree = CheckpointTree(directory, temporary=True)
        return self.tree

    def temporary_directory(self) -> str:
        """Where a transaction too large for memory puts its writes; for :memory: a directory of its own."""
        if self.path is not None:
            return self.path
        if self.temporary is None:
            directory = tempfile.mkdtemp(prefix="minidb-")
            self.temporary = weakref.finalize(self, _remove_temporary, directory, os.getpid())
        found = self.temporary.peek()
        assert found is not None
        return str(found[2][0])

    def close(self) -> None:
        """Close all files."""
        if self.tree is not None:
            self.tree.close()
        if self.log is not None:
            self.log.close()
        if self.owner is not None:
            self.owner.close()
        if self.temporary is not None:
            self.temporary()

    def after_fork(self) -> None:
        """In the child: let go of the parent's lock. LMDB's objects stay: they are the parent's."""
        if self.owner is not None:
            self.owner.close()


def _remove_temporary(directory: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(directory, ignore_errors=True)


def open_parts(path: str | None, options: StoreOptions) -> Parts:
    """Open the database directory `path`, or create it; None is a database in memory."""
    if path is None:
        return Parts(None)
    path = database_directory.canonical_path(path)
    complete = database_directory.is_complete(path)
    read_only = options.read_only or (complete and not _is_writable(path))
    if read_only and not complete:
        raise file_error("could not open database", path, FileNotFoundError(2, "no such file"))
    parts = Parts(path, read_only=read_only)
    try:
        if not complete:
            database_directory.make_directory(path)
        parts.owner = OwnerFile(path, read_only=read_only)
        if not complete and not database_directory.is_complete(path):  # nobody else made it meanwhile
            _create(path, options)
        _open_files(parts, path, options)
    except BaseException:
        parts.close()
        raise
    return parts


def _is_writable(path: str) -> bool:
    files = (
        path,
        os.path.join(path, lmdb_store.FILE_NAME),
        os.path.join(path, database_directory.OWNER_NAME),
    )
    return all(os.access(each, os.W_OK) for each in files if os.path.exists(each))


def _create(path: str, options: StoreOptions) -> None:
    """Everything but the `format` file, synced; then that."""
    if _has_commits(path):
        raise database_directory.lost_format(path)
    try:
        database_directory.remove_remains(path)
        tree = CheckpointTree(path, max_readers=options.max_readers)
        try:
            tree.write(LogPosition(0, 1))
        finally:
            tree.close()
        sync_directory(path)
        database_directory.complete(path)
    except OSError as error:
        raise file_error("could not create database", path, error) from None
    except DatabaseError:
        database_directory.remove_remains(path)
        raise


def _has_commits(path: str) -> bool:
    """Whether a directory without `format` holds more than what an interrupted creation leaves."""
    if segment_numbers(path):
        return True
    if not os.path.exists(os.path.join(path, lmdb_store.FILE_NAME)):
        return False
    try:
        tree = CheckpointTree(path, read_only=True)
    except DatabaseError:
        return False
    try:
        return tree.position().commit_id > 0
    except DatabaseError:
        return False
    finally:
        tree.close()


def _open_files(parts: Parts, path: str, options: StoreOptions) -> None:
    if not os.path.exists(os.path.join(path, lmdb_store.FILE_NAME)):
        raise DataCorrupted(f'database "{path}" has lost its file "{lmdb_store.FILE_NAME}"')
    parts.tree = CheckpointTree(path, read_only=parts.read_only, max_readers=options.max_readers)
    position = parts.tree.position()
    generation = parts.generation

    def apply(record: LogRecord) -> None:
        generation.insert(record.commit_id, record.writes)
        generation.dropped += tuple(record.dropped)
        bytes_ = sum(map(len, record.writes)) + sum([len(value) for value in record.writes.values() if value])
        generation.size += bytes_ + ENTRY_OVERHEAD * len(record.writes)

    parts.position = position
    if not parts.read_only:
        remove_layer_files(path, left_over_files(path, position.layers))
    parts.layers = tuple([Layer(path, name) for name in reversed(position.layers)])
    parts.last_id = replay(path, position.segment, position.commit_id, apply)
    if not parts.read_only:
        following = max([position.segment, *[number + 1 for number in segment_numbers(path)]])
        parts.log = CommitLog(path, following, options.log_step_bytes)
