"""An open database: one store, one catalog cache, one cache of prepared statements, shared by its sessions.

A path is opened once per process and counted: the last session to leave closes it. A second process is
refused by the store's owner file.

The cached catalog and the snapshots that sessions take are published in this order, under the commit mutex:
first the new catalog (its version is the commit that makes it valid), then the commit. So a session that
takes its snapshot first and then looks at `catalog` sees either the snapshot's own catalog, or a later one,
which it tells by the version.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from minidb.catalog import catalog as catalogs
from minidb.catalog.catalog import Catalog
from minidb.catalog.describe import describe_range, describe_target
from minidb.catalog.schema import Routine
from minidb.catalog.schema import Sequence as SequenceSchema
from minidb.catalog.sequence_counter import sequence_counter
from minidb.errors import OperationalError
from minidb.session.call_log import CallLog, RecordedCall
from minidb.session.prepared import Prepared
from minidb.session.serial_executor import SerialExecutor
from minidb.session.tally import Tally
from minidb.storage.directory import canonical_path
from minidb.storage.store import Store, StoreOptions
from minidb.txn.database import TransactionalStore
from minidb.txn.isolation import IsolationLevel
from minidb.txn.read_set import ReadRange
from minidb.txn.state import QueueTarget
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import Row, Value

# What a procedure in Python runs: (session, values of its arguments) -> one row, or none.
ProcedureFunction = Callable[[Any, Sequence[Value]], list[Row]]

PREPARED_LIMIT = 4000  # statements kept; all are dropped when it is reached

_open: dict[str, Database] = {}
_every: weakref.WeakSet[Database] = weakref.WeakSet()  # private ones too
# Its own thread takes it again where the garbage collector, at any moment, closes an abandoned connection.
_open_lock = threading.RLock()


class Database:
    """See the module. `prepared` maps a text (or a text and its parameters' types) to its statement."""

    def __init__(self, key: str | None, store: Store) -> None:
        _every.add(self)
        self.key = key  # in the registry of open databases; None for a private one
        self.store = store
        self.transactions = TransactionalStore(store)
        self.prepared: dict[Any, Prepared] = {}
        self.routine_bodies: dict[int, tuple[Routine, Any]] = {}  # compiled, by the routine's id
        self.procedures: dict[str, tuple[Routine, ...]] = {}  # those in Python, by name
        self.procedure_functions: dict[str, ProcedureFunction] = {}  # what they run, by signature
        self.serial = False  # opened with execution='serial'
        self.executor = SerialExecutor(self)
        self.call_log: CallLog | None = None  # where calls are recorded
        self.sessions = 0  # that are open
        self._numbers = count(1).__next__
        self._members: dict[int, object] = {}  # open sessions by their number
        self.tally = Tally()
        self.transactions.definition_key = catalogs.definition_key
        self.transactions.describe_target = self._describe
        self.transactions.describe_range = self._describe_range
        self.catalog: Catalog = self._load()
        self._previous: Catalog | None = None

    def _load(self) -> Catalog:
        transaction = self.transactions.begin(IsolationLevel.REPEATABLE_READ, read_only=True)
        try:
            return catalogs.load(transaction)
        finally:
            transaction.rollback()

    def _describe(self, target: QueueTarget) -> str:
        return describe_target(self.catalog, target)

    def _describe_range(self, read: ReadRange) -> str:
        return describe_range(self.catalog, read)

    def publish_catalog(self, transaction: Transaction, commit_id: int) -> None:
        """Called under the commit mutex, before a DDL transaction's commit becomes visible."""
        catalog = catalogs.load(transaction)
        catalog.version = commit_id
        self._previous = self.catalog
        self.catalog = catalog
        self.prepared.clear()
        self.routine_bodies.clear()

    def revoke_catalog(self, transaction: Transaction) -> None:
        """The commit that `publish_catalog` prepared has failed."""
        previous = self._previous
        if previous is not None and self.catalog.version > self.store.latest.commit_id:
            self.catalog = previous

    def predecessor(self, catalog: Catalog) -> Catalog | None:
        """The catalog that held until `catalog` was published, if that is the newest."""
        return self._previous if catalog is self.catalog else None

    def register(self, routine: Routine, function: ProcedureFunction) -> None:
        """A procedure in Python, in place of one with the same name and input types."""
        others = [
            each for each in self.procedures.get(routine.name, ()) if each.signature != routine.signature
        ]
        self.procedures = {**self.procedures, routine.name: (*others, routine)}
        self.procedure_functions = {**self.procedure_functions, routine.signature: function}
        self.prepared.clear()
        self.routine_bodies.clear()

    def python_procedures(self) -> list[Routine]:
        """Those in Python."""
        return [each for same_name in self.procedures.values() for each in same_name]

    def counter_positions(self) -> dict[str, tuple[int, bool]]:
        """Where each sequence stands."""
        found = {}
        for each in self.catalog.objects():
            if isinstance(each, SequenceSchema):
                counter = sequence_counter(self.transactions.counters, each)
                found[each.name] = (counter.value, counter.called)
        return found

    def record_calls(self, path: str) -> None:
        """Record the calls in this log from now on; where the sequences stand is the first entry."""
        with _open_lock:  # connections may come at the same time
            if self.call_log is not None:
                if os.path.abspath(self.call_log.path) != os.path.abspath(path):
                    raise OperationalError(
                        f'calls are recorded in "{self.call_log.path}" already', sqlstate="55000"
                    )
                return
            newest = self.store.latest.commit_id
            self.call_log = CallLog(path, newest)
            self.store.before_sync = self.call_log.flush
            if positions := self.counter_positions():
                self.call_log.append(RecordedCall(newest, counters=positions))

    def remember(self, key: Any, prepared: Prepared) -> None:
        """Keep a prepared statement for others."""
        if len(self.prepared) >= PREPARED_LIMIT:
            self.prepared.clear()
        self.prepared[key] = prepared
        if self.transactions.locks.barred:
            self.prepared.pop(key, None)  # see explicit_locks.py

    def join(self) -> None:
        """One more session is about to enter."""
        with _open_lock:
            self.sessions += 1

    def enter(self, session: object) -> int:
        """A session begins: the number that it goes by, here."""
        number = self._numbers()
        self._members[number] = session
        return number

    def members(self) -> list[object]:
        """The open sessions, oldest first."""
        return list(self._members.values())

    def release(self, number: int = 0) -> None:
        """A user has left, or the session of that number has ended; the last one closes the store."""
        self._members.pop(number, None)
        with _open_lock:
            self.sessions -= 1
            if self.sessions > 0:
                return
            if self.key is not None and _open.get(self.key) is self:
                del _open[self.key]
            self.executor.close()
            self.transactions.close()
            if self.call_log is not None:
                self.call_log.close()


def _after_fork() -> None:
    """In a child: what the parent has open is the parent's. Opening it here finds it in use."""
    global _open_lock
    _open.clear()
    _every.clear()
    _open_lock = threading.RLock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork)


def _close_all() -> None:
    """The process ends, and somebody did not close: while threads can still be waited for."""
    for database in list(_every):
        database.transactions.close()


atexit.register(_close_all)


def _execution(serial: bool) -> str:
    return "serial" if serial else "concurrent"


def open_database(path: str, *, serial: bool | None = None) -> Database:
    """The database at `path`, opened if this process has not done so yet; counts one more session.

    `serial`: whether everything runs on the serial executor; 55000 if it is open already in the other way,
    None: as it is.
    """
    private = path == ":memory:"
    in_memory = path.startswith(":memory:")
    key = None if private else path if in_memory else canonical_path(path)
    with _open_lock:
        database = _open.get(key) if key is not None else None
        if database is None:
            store = Store.open(None if in_memory else path, StoreOptions())
            try:
                database = Database(key, store)
            except BaseException:
                store.close()
                raise
            database.serial = bool(serial)
            if key is not None:
                _open[key] = database
        elif serial is not None and database.serial != serial:
            raise OperationalError(
                f"the database is open in this process with execution='{_execution(database.serial)}'",
                sqlstate="55000",
                hint=f"Connect with execution='{_execution(database.serial)}', as the other connections do.",
            )
        database.sessions += 1
        if key is None or _open.get(key) is database:
            return database
    return open_database(path)  # its last user was collected just now
