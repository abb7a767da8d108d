"""One process at a time: a file in the database directory that is locked with flock while the store is open.

flock belongs to the open file, not to the process: it goes when the last copy of the descriptor is closed,
also when the process is killed. A fork child has such a copy and must close it (fork.py). The file holds
the owner's pid, for the error message that others get; a reader of the file must not rely on it.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

from minidb.errors import OperationalError
from minidb.storage.files import file_error

FILE_NAME: Final = "owner"


class OwnerFile:
    """The lock, held from construction to `close`. Readers share it, a writer has it alone."""

    __slots__ = ("descriptor", "path")

    def __init__(self, directory: str, *, read_only: bool = False) -> None:
        self.path = os.path.join(directory, FILE_NAME)
        self.descriptor = -1
        try:
            flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
            self.descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            if read_only:  # nobody has ever locked it, and we cannot make it
                return
            raise
        except OSError as error:
            raise file_error("could not open lock file", self.path, error) from None
        try:
            fcntl.flock(self.descriptor, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._read_pid()
            self.close()
            raise _in_use(directory, pid) from None
        except OSError as error:
            self.close()
            raise file_error("could not lock file", self.path, error) from None
        if not read_only:
            self._write_pid()

    def _read_pid(self) -> int:
        try:
            return int(os.pread(self.descriptor, 32, 0))
        except ValueError:  # being written at this moment, or by a reader, who leaves no pid
            return 0

    def _write_pid(self) -> None:
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # a full disk: the lock holds all the same, only the message will lack the pid
            return

    def close(self) -> None:
        """Give the lock up."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _in_use(directory: str, pid: int) -> OperationalError:
    if pid == os.getpid():
        who = "this process has it open already"
    elif pid:
        who = f"it is open in process {pid}"
    else:
        who = "it is open in another process"
    return OperationalError(
        f'database "{directory}" is in use: {who}',
        sqlstate="55006",
        hint="A database is open in one process at a time; threads of that process can share it.",
    )
