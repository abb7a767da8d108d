"""Every exception that reaches a user, each with its SQLSTATE and whether a retry can help.

    Warning                             (PEP 249)
    Error                               .sqlstate .retryable .position .hint .detail .context
    +-- InterfaceError                  08003, misuse of the driver: a closed cursor, a parameter of no type
    +-- DatabaseError
        +-- DataError                   22xxx: a value that does not fit
        +-- OperationalError            the database, its files, its locks, its clients
        |   +-- SerializationFailure    40001, retryable
        |   +-- DeadlockDetected        40P01, retryable
        |   +-- LockNotAvailable        55P03
        |   +-- QueryCanceled           57014
        |   +-- DiskFull                53100
        +-- IntegrityError              23xxx: a constraint
        +-- InternalError               25xxx: wrong transaction state; XXxxx
        |   +-- InFailedTransaction     25P02
        |   +-- DataCorrupted           XX001: a damaged file
        +-- ProgrammingError            42xxx: the statement; 07001: the number of its parameters
        |   +-- SyntaxError_            42601
        +-- NotSupportedError           0A000

The class tells what a program can do about it, `sqlstate` tells exactly what happened
(https://www.postgresql.org/docs/15/errcodes-appendix.html); raise with the code:
`DataError("division by zero", sqlstate="22012")`.
"""

from __future__ import annotations


class Warning(Exception):  # PEP 249 names it so
    """An important warning, such as data truncated on insert."""


class Error(Exception):
    """The base of all errors. `position` counts characters of the statement from 1.

    `context` tells where it happened inside of routines, a line for each call, the innermost first.
    """

    default_sqlstate: str = "XX000"

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        position: int | None = None,
        hint: str | None = None,
        detail: str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate: str = sqlstate if sqlstate is not None else self.default_sqlstate
        self.position = position
        self.hint = hint
        self.detail = detail
        self.constraint = constraint
        self.table = table
        self.column = column
        self.context: str | None = None

    def add_context(self, line: str) -> None:
        """One more line, for a call further out; a recursion's lines are one."""
        if self.context is None:
            self.context = line
        elif not f"\n{self.context}".endswith(f"\n{line}"):
            self.context += f"\n{line}"

    @property
    def retryable(self) -> bool:
        """Whether the same transaction, run again from its start, can succeed."""
        return self.sqlstate in ("40001", "40P01")


class InterfaceError(Error):
    """The driver was misused, not the database."""

    default_sqlstate = "08003"


class DatabaseError(Error):
    """The base of all that the database itself reports."""


class DataError(DatabaseError):
    """A value that does not fit: out of range, division by zero, malformed text."""

    default_sqlstate = "22000"


class OperationalError(DatabaseError):
    """Something about the database's operation, not necessarily under the programmer's control."""

    default_sqlstate = "58000"


class SerializationFailure(OperationalError):
    """The transaction cannot be serialised with others that committed; run it again."""

    default_sqlstate = "40001"


class DeadlockDetected(OperationalError):
    """Waiting would close a circle of waiting transactions; run this one again."""

    default_sqlstate = "40P01"


class LockNotAvailable(OperationalError):
    """A lock was not granted within `lock_timeout`, or at once under NOWAIT."""

    default_sqlstate = "55P03"


class QueryCanceled(OperationalError):
    """The statement was interrupted, or ran into `statement_timeout`."""

    default_sqlstate = "57014"


class DiskFull(OperationalError):
    """The disk, or the database's own quota, has no room."""

    default_sqlstate = "53100"


class IntegrityError(DatabaseError):
    """A constraint would be violated."""

    default_sqlstate = "23000"


class InternalError(DatabaseError):
    """The database's own state forbids it: no transaction, a read-only one, a failed one."""

    default_sqlstate = "25000"


class InFailedTransaction(InternalError):
    """An earlier statement of the transaction failed; only ROLLBACK is accepted."""

    default_sqlstate = "25P02"


class DataCorrupted(InternalError):
    """A file of the database is damaged."""

    default_sqlstate = "XX001"


class ProgrammingError(DatabaseError):
    """The statement is wrong: an unknown name, a type mismatch, a wrong use."""

    default_sqlstate = "42000"


class SyntaxError_(ProgrammingError):
    """The text is not SQL."""

    default_sqlstate = "42601"


class NotSupportedError(DatabaseError):
    """SQL that minidb knows by name and does not support."""

    default_sqlstate = "0A000"


_CLASSES: dict[str, type[DatabaseError]] = {
    "0A": NotSupportedError,
    "20": ProgrammingError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "24": InternalError,
    "25": InternalError,
    "26": OperationalError,
    "40": OperationalError,
    "42": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "P0": ProgrammingError,
    "XX": InternalError,
}
_LEAVES: tuple[type[DatabaseError], ...] = (
    SerializationFailure,
    DeadlockDetected,
    LockNotAvailable,
    QueryCanceled,
    DiskFull,
    InFailedTransaction,
    DataCorrupted,
    SyntaxError_,
)


def error_class(sqlstate: str) -> type[DatabaseError]:
    """The class of errors with this code, for those that a procedure raises by it."""
    for leaf in _LEAVES:
        if leaf.default_sqlstate == sqlstate:
            return leaf
    return _CLASSES.get(sqlstate[:2], DatabaseError)
