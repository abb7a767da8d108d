"""A database is a directory: what is in it, how it comes into being, and how other things are told from it.

    shop.db/format            one line naming the format version; where it is, creation was completed
    shop.db/owner             locked while the database is open (owner.py)
    shop.db/checkpoint        LMDB's data file, and checkpoint-lock beside it (lmdb_store.py)
    shop.db/log.00000001 ...  the log's segments, and log.spare (log.py)
    shop.db/huge.*            own writes of a transaction too large for memory; removed at open (huge.py)

Creation makes everything and syncs it before `format` appears, by rename. A directory with our files but
without `format` was interrupted before anybody was told of success: creation starts over. A directory that
holds anything else is not ours, and is not touched.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from minidb.errors import DataCorrupted, OperationalError
from minidb.storage import lmdb_store, owner
from minidb.storage.files import file_error, remove, sync_directory

FORMAT: Final = 1
OWNER_NAME: Final = owner.FILE_NAME
FORMAT_NAME: Final = "format"
_FORMAT_TEMPORARY: Final = "format.new"
_FORMAT_TEXT: Final = "minidb database, format "
_FIXED_NAMES: Final = frozenset(
    {owner.FILE_NAME, lmdb_store.FILE_NAME, lmdb_store.LOCK_NAME, _FORMAT_TEMPORARY}
)


def canonical_path(path: str) -> str:
    """The one path that identifies a database, by which a process shares its open store."""
    try:
        usable = bool(path) and "\0" not in path and bool(path.encode())
    except UnicodeEncodeError:
        usable = False  # LMDB takes UTF-8 only
    if not usable:
        raise OperationalError(f"{path!a} cannot be the path of a database", sqlstate="22023")
    return os.path.realpath(path)


def make_directory(path: str) -> None:
    """Have a directory at `path`; its parent must exist."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise not_a_database(path, "It is a file; a database is a directory.") from None
    except OSError as error:
        raise file_error("could not create database directory", path, error) from None
    else:
        try:
            sync_directory(os.path.dirname(os.path.abspath(path)))
        except PermissionError:  # a parent that may be written but not read
            return


def is_complete(path: str) -> bool:
    """Whether the database at `path` exists; False if it is to be created. Raises if it is something else."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISDIR(mode):
            raise not_a_database(path, "It is a file; a database is a directory.")
        names = os.listdir(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise file_error("could not open database", path, error) from None
    if FORMAT_NAME in names:
        _check_format(path)
        return True
    foreign = [name for name in names if name not in _FIXED_NAMES and not name.startswith("log.")]
    if foreign or (names and owner.FILE_NAME not in names):
        raise not_a_database(path, f'The directory is not empty, and has no file "{FORMAT_NAME}".')
    return False


def remove_remains(path: str) -> None:
    """Remove what an interrupted creation left; the caller holds the owner file."""
    for name in os.listdir(path):
        if name != owner.FILE_NAME:
            remove(os.path.join(path, name))


def lost_format(path: str) -> DataCorrupted:
    """The error for a database that was complete once, as its contents show."""
    return DataCorrupted(
        f'database "{path}" has lost its file "{FORMAT_NAME}"',
        hint=f'If nothing else is missing: the file consists of the line "{_FORMAT_TEXT}{FORMAT}".',
    )


def complete(path: str) -> None:
    """Declare the database created."""
    temporary = os.path.join(path, _FORMAT_TEMPORARY)
    try:
        with open(temporary, "wb") as file:
            file.write(f"{_FORMAT_TEXT}{FORMAT}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, os.path.join(path, FORMAT_NAME))
        sync_directory(path)
    except OSError as error:
        raise file_error("could not create database", path, error) from None


def _check_format(path: str) -> None:
    try:
        with open(os.path.join(path, FORMAT_NAME), "rb") as file:
            text = file.read(100).decode("utf-8", "replace")
    except OSError as error:
        raise file_error("could not open database", path, error) from None
    number = text.removeprefix(_FORMAT_TEXT).strip()
    if not text.startswith(_FORMAT_TEXT) or not number.isdigit():
        raise not_a_database(path, f'Its file "{FORMAT_NAME}" is not minidb\'s.')
    if int(number) != FORMAT:
        raise OperationalError(
            f'database "{path}" has format {number}, this version of minidb reads format {FORMAT}',
            sqlstate="55000",
        )


def not_a_database(path: str, detail: str) -> OperationalError:
    """The error for a path that holds something else."""
    return OperationalError(f'"{path}" is not a minidb database', sqlstate="55000", detail=detail)
