"""The system views: what the database is doing, as relations. Each is one `SystemView` in `SYSTEM_VIEWS`.

Rows are made from the sessions, transactions and locks as they are when the view is read. Nothing is stopped
for it: other threads go on meanwhile, so that two rows may be of two moments, each true in itself. Only the
locks of `minidb_locks` and who waits for them are of one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from time import time
from typing import Final

from minidb.catalog.describe import locate
from minidb.catalog.describe_routines import ROUTINE_COLUMNS, routine_rows
from minidb.catalog.schema import CatalogObject
from minidb.errors import ProgrammingError
from minidb.plan.system_view import SystemView
from minidb.session import settings as settings_
from minidb.session.prepared import Prepared
from minidb.session.serial_views import SERIAL_VIEWS
from minidb.session.state import SessionState
from minidb.txn.environment import describe_plainly
from minidb.txn.lock_report import lock_entries
from minidb.txn.read_set import ReadRange
from minidb.txn.state import AdvisoryKey, LockTarget, RangeWrite, SessionOwner, TransactionState
from minidb.txn.writes import ACTIVE
from minidb.value.interval import Interval
from minidb.value.sql_types import BIGINT, BOOLEAN, INTEGER, INTERVAL, TEXT, TIMESTAMPTZ, Row


def sessions(session: SessionState) -> list[SessionState]:
    """All open sessions of the database, oldest first."""
    return [each for each in session.database.members() if isinstance(each, SessionState)]


def state_of(session: SessionState) -> str:
    """active, waiting (for a lock), idle in transaction, failed, idle.

    A statement of the fast path is too short to be seen as active, unless it waits.
    """
    transaction = session.transaction
    if transaction is not None and transaction.waiting is not None:
        return "waiting"
    if transaction is not None and session.failed:
        return "failed"
    if session.running:
        return "active"
    return "idle" if transaction is None else "idle in transaction"


def statement_of(session: SessionState) -> str:
    """The text of the statement that runs, or ran last."""
    present = session.present
    return present if isinstance(present, str) else present.text


def moment(seconds: float | None) -> datetime.datetime | None:
    """A time.time() as a timestamp."""
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def listed(owners: Iterable[TransactionState]) -> str | None:
    """`4, 7, session 2`; NULL for none."""
    texts = [f"{'session ' if isinstance(owner, SessionOwner) else ''}{owner.id}" for owner in owners]
    return ", ".join(texts) or None


def holders(session: SessionState) -> dict[TransactionState, int]:
    """The session of each open transaction."""
    return {each.transaction: each.id for each in sessions(session) if each.transaction is not None}


def session_of(owner: TransactionState, known: dict[TransactionState, int]) -> int | None:
    """The number of the session that owns a lock, itself or by its transaction."""
    return owner.id if isinstance(owner, SessionOwner) else known.get(owner)


# --- transactions ---------------------------------------------------------------------------------


def _transactions(session: SessionState) -> Iterator[Row]:
    now = time()
    for each in sessions(session):
        transaction = each.transaction
        if transaction is None:
            continue
        modes = sum([mask.bit_count() for mask in list(transaction.table_locks.values())])
        yield (
            transaction.id,
            each.id,
            transaction.level.value,
            transaction.control.strategy,
            state_of(each),
            # One that has failed may be over already, and is then closed to all writes.
            transaction.read_only if transaction.state is ACTIVE else None,
            moment(transaction.began),
            Interval(0, 0, max(0, round((now - transaction.began) * 1_000_000))),
            statement_of(each),
            transaction.snapshot.commit_id if transaction.used else None,
            len(transaction.held) + len(transaction.escalated or ()) + modes,
            transaction.base_position + len(transaction.undo),
        )


# --- locks ----------------------------------------------------------------------------------------


def _place(session: SessionState, target: LockTarget) -> tuple[CatalogObject | None, str | None]:
    """The table of a locked object, if it is known, and the part of it: a row, a key, a range; None: all."""
    catalog, transactions = session.database.catalog, session.database.transactions
    if isinstance(target, ReadRange):
        return locate(catalog, target.prefix)[0], transactions.describe(target)
    if isinstance(target, RangeWrite):
        if not target.keys:
            return None, None  # it waits for transactions, whatever they do
        return locate(catalog, target.keys[0])[0], transactions.describe(target)
    object_, part = locate(catalog, target)
    return object_, describe_plainly(target) if object_ is None else part


def _kind(target: LockTarget) -> str:
    """PostgreSQL's name for such an object."""
    if isinstance(target, int):
        return "relation"
    if isinstance(target, AdvisoryKey):
        return "advisory"
    return "tuple" if isinstance(target, bytes) else "object"


def _locks(session: SessionState) -> Iterator[Row]:
    known = holders(session)
    for lock in lock_entries(session.database.transactions.locks):
        object_, part = _place(session, lock.target)
        yield (
            None if isinstance(lock.owner, SessionOwner) else lock.owner.id,
            session_of(lock.owner, known),
            lock.mode_name,
            None if object_ is None else object_.name,
            part,
            lock.granted,
            listed(lock.waits_for),
            moment(lock.since),
        )


# PostgreSQL locks a tuple in one of four of its table modes while it writes the row's lock into the row.
_LOCK_MODES: Final = {
    "FOR KEY SHARE": "AccessShareLock",
    "FOR SHARE": "RowShareLock",
    "FOR NO KEY UPDATE": "ExclusiveLock",
    "FOR UPDATE": "AccessExclusiveLock",
    "a row": "ExclusiveLock",
    "writing": "ExclusiveLock",
    "a safe snapshot": "ShareLock",
}


def _postgresql_locks(session: SessionState) -> Iterator[Row]:
    known = holders(session)
    for lock in lock_entries(session.database.transactions.locks):
        target, name = lock.target, lock.mode_name
        object_, _ = _place(session, target)
        number = session_of(lock.owner, known)
        high, low, columns = _advisory(target) if isinstance(target, AdvisoryKey) else (None, None, None)
        yield (
            _kind(target),
            None,  # database: there is one
            target if isinstance(target, int) else None if object_ is None else object_.id,
            None,
            None,
            high,
            low,
            columns,
            f"{number or 0}/{0 if isinstance(lock.owner, SessionOwner) else lock.owner.id}",
            number,
            _LOCK_MODES.get(name) or "".join([word.capitalize() for word in name.split()]) + "Lock",
            lock.granted,
            moment(lock.since),
        )


def _advisory(key: AdvisoryKey) -> tuple[int, int, int]:
    """classid, objid and objsubid: two integers as they are, or the halves of a bigint."""
    if key.second is not None:
        return key.first % 2**32, key.second % 2**32, 2
    return (key.first >> 32) % 2**32, key.first % 2**32, 1


def _conflicts(session: SessionState) -> Iterator[Row]:
    transactions = session.database.transactions
    for node, successor, edge in transactions.certification.graph.entries():
        if successor is None or edge is None:
            yield (node.id, node.commit_id, None, None, None)
        else:
            yield (node.id, node.commit_id, successor.id, edge.kind, transactions.describe(edge.key))


# --- sessions -------------------------------------------------------------------------------------

_POSTGRESQL_STATES: Final = {"waiting": "active", "failed": "idle in transaction (aborted)"}


def _activity(session: SessionState) -> Iterator[Row]:
    for each in sessions(session):
        transaction = each.transaction
        waiting = None if transaction is None else transaction.waiting
        timed = not isinstance(each.present, Prepared)  # a fast statement leaves no times
        state = state_of(each)
        yield (
            "minidb",
            each.id,
            "minidb",
            str(each.settings["application_name"]),
            moment(each.opened),
            None if transaction is None else moment(transaction.began),
            moment(each.statement_began) if timed else None,
            moment(each.statement_began if each.running else each.statement_ended) if timed else None,
            None if waiting is None else "Lock",
            None if waiting is None else _kind(waiting.target),
            _POSTGRESQL_STATES.get(state, state),
            None if transaction is None else transaction.id,
            statement_of(each),
            "client backend",
        )


# --- settings -------------------------------------------------------------------------------------


def _settings(session: SessionState) -> Iterator[Row]:
    for name, setting in sorted(settings_.SETTINGS.items()):
        value = session.settings[name]
        yield (
            name,
            setting.show(value),
            settings_.unit_of(setting),
            settings_.DESCRIPTIONS[name],
            setting.show(setting.default),
            "default" if value == setting.default else "session",
            not setting.read_only,
        )


def _postgresql_settings(session: SessionState) -> Iterator[Row]:
    for name, shown, unit, description, default, source, changeable in _settings(session):
        setting = settings_.SETTINGS[name]
        if unit is not None:
            scale = 1024 if unit == "kB" else 1
            shown, default = str(session.settings[name] // scale), str(setting.default // scale)
        yield (
            name,
            shown,
            unit,
            description,
            "user" if changeable else "internal",
            "integer" if unit else "bool" if isinstance(setting.default, bool) else "string",
            source,
            default,
            default,
        )


# --- counters -------------------------------------------------------------------------------------


def _counters(session: SessionState) -> Iterator[Row]:
    database = session.database
    tally, locks, store = database.tally, database.transactions.locks, database.store.statistics()
    yield ("commits", None, tally.commits)
    yield ("rollbacks", None, tally.rollbacks)
    yield ("statement restarts", None, tally.restarts)
    yield ("lock waits", None, locks.waits)
    yield ("deadlocks", None, locks.deadlocks)
    yield ("log syncs", None, store.syncs)
    yield ("checkpoints", None, store.checkpoints)
    for sqlstate, count in tally.aborts():
        yield ("aborts", sqlstate, count)


# --- routines -------------------------------------------------------------------------------------


def _routines(session: SessionState) -> list[Row]:
    return routine_rows(session.catalog_to_show(), session.database.python_procedures())


def _postgresql_routines(session: SessionState) -> Iterator[Row]:
    for routine in [*session.catalog_to_show().routines(), *session.database.python_procedures()]:
        names = [argument.name for argument in routine.arguments]
        yield (
            routine.id,
            routine.name,
            routine.language,
            routine.kind[0],  # f, p
            routine.strict,
            routine.returns_set,
            routine.volatility[0],  # v, s, i
            len(routine.inputs),
            sum([argument.default is not None for argument in routine.inputs]),
            ", ".join(names) if any(names) else None,
            routine.body,
        )


# --- the views ------------------------------------------------------------------------------------

_ALL: Final[Sequence[SystemView]] = (
    SystemView(
        "minidb_transactions",
        "the open transactions",
        (
            ("id", BIGINT),
            ("session", INTEGER),
            ("level", TEXT),
            ("strategy", TEXT),
            ("state", TEXT),
            ("read_only", BOOLEAN),
            ("started", TIMESTAMPTZ),
            ("age", INTERVAL),
            ("statement", TEXT),
            ("snapshot", BIGINT),
            ("locks", BIGINT),
            ("changes", BIGINT),
        ),
        _transactions,
    ),
    SystemView(
        "minidb_locks",
        "the locks that transactions hold or wait for",
        (
            ("holder", BIGINT),
            ("session", INTEGER),
            ("mode", TEXT),
            ("object", TEXT),
            ("key", TEXT),
            ("granted", BOOLEAN),
            ("waits_for", TEXT),
            ("since", TIMESTAMPTZ),
        ),
        _locks,
    ),
    SystemView(
        "minidb_conflicts",
        "the conflict graph of serializable transactions, as far as it is retained",
        (
            ("transaction", BIGINT),
            ("commit", BIGINT),
            ("successor", BIGINT),
            ("kind", TEXT),
            ("object", TEXT),
        ),
        _conflicts,
    ),
    SystemView(
        "minidb_settings",
        "the session's settings",
        (
            ("name", TEXT),
            ("setting", TEXT),
            ("unit", TEXT),
            ("description", TEXT),
            ("default_setting", TEXT),
            ("source", TEXT),
            ("changeable", BOOLEAN),
        ),
        _settings,
    ),
    SystemView(
        "minidb_counters",
        "how often what happened since the database was opened",
        (("name", TEXT), ("sqlstate", TEXT), ("value", BIGINT)),
        _counters,
    ),
    SystemView(
        "pg_locks",
        "the locks, as PostgreSQL shows them",
        (
            ("locktype", TEXT),
            ("database", INTEGER),
            ("relation", INTEGER),
            ("page", INTEGER),
            ("tuple", INTEGER),
            ("classid", BIGINT),
            ("objid", BIGINT),
            ("objsubid", INTEGER),
            ("virtualtransaction", TEXT),
            ("pid", INTEGER),
            ("mode", TEXT),
            ("granted", BOOLEAN),
            ("waitstart", TIMESTAMPTZ),
        ),
        _postgresql_locks,
    ),
    SystemView("minidb_routines", "the functions and procedures", ROUTINE_COLUMNS, _routines),
    SystemView(
        "pg_proc",
        "the functions and procedures, as PostgreSQL shows them",
        (
            ("oid", BIGINT),
            ("proname", TEXT),
            ("prolang", TEXT),
            ("prokind", TEXT),
            ("proisstrict", BOOLEAN),
            ("proretset", BOOLEAN),
            ("provolatile", TEXT),
            ("pronargs", INTEGER),
            ("pronargdefaults", INTEGER),
            ("proargnames", TEXT),
            ("prosrc", TEXT),
        ),
        _postgresql_routines,
    ),
    SystemView(
        "pg_settings",
        "the session's settings, as PostgreSQL shows them",
        (
            ("name", TEXT),
            ("setting", TEXT),
            ("unit", TEXT),
            ("short_desc", TEXT),
            ("context", TEXT),
            ("vartype", TEXT),
            ("source", TEXT),
            ("boot_val", TEXT),
            ("reset_val", TEXT),
        ),
        _postgresql_settings,
    ),
    SystemView(
        "pg_stat_activity",
        "the sessions, as PostgreSQL shows them",
        (
            ("datname", TEXT),
            ("pid", INTEGER),
            ("usename", TEXT),
            ("application_name", TEXT),
            ("backend_start", TIMESTAMPTZ),
            ("xact_start", TIMESTAMPTZ),
            ("query_start", TIMESTAMPTZ),
            ("state_change", TIMESTAMPTZ),
            ("wait_event_type", TEXT),
            ("wait_event", TEXT),
            ("state", TEXT),
            ("backend_xid", BIGINT),
            ("query", TEXT),
            ("backend_type", TEXT),
        ),
        _activity,
    ),
    *SERIAL_VIEWS,
)

SYSTEM_VIEWS: Final[dict[str, SystemView]] = {view.name: view for view in _ALL}


def describe_views(name: str | None) -> list[str]:
    """Every system view, a line each; or one with its columns. 42P01 if there is none of that name."""
    if name is None:
        return [f"{view.name:<22}{view.description}" for view in _ALL]
    view = SYSTEM_VIEWS.get(name)
    if view is None:
        raise ProgrammingError(f'system view "{name}" does not exist', sqlstate="42P01")
    width = max([len(column) for column, _ in view.columns])
    lines = [f"system view {name}: {view.description}"]
    return lines + [f"  {column:<{width}}  {type_}" for column, type_ in view.columns]
