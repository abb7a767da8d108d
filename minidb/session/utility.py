"""The statements that steer the session: transaction control, settings, EXPLAIN, ANALYZE, CHECKPOINT."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from minidb.catalog import statistics
from minidb.catalog.catalog import put_statistics
from minidb.errors import InternalError, NotSupportedError
from minidb.plan.definitions import (
    Analyze,
    Begin,
    Call,
    Checkpoint,
    Commit,
    Copy,
    Discard,
    Do,
    Explain,
    LockTables,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    SetSessionCharacteristics,
    SetSetting,
    SetTransaction,
    Show,
    Utility,
    Vacuum,
)
from minidb.plan.explain import explain
from minidb.plan.explain_locks import explain_locks
from minidb.plan.nodes import Plan
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.session import routines
from minidb.session import settings as settings_
from minidb.session.explicit_locks import lock_tables
from minidb.session.result import Result
from minidb.session.state import SessionState
from minidb.txn.isolation import SERIAL, SSI
from minidb.value.sql_types import TEXT


def run(session: SessionState, statement: Utility, values: list[Any]) -> Result:
    """Carry out a utility statement."""
    match statement:
        case Begin(level, read_only, deferrable):
            session.begin(level, read_only, deferrable)
            return Result("BEGIN")
        case Commit(chain):
            return _end(session, chain, commit=True)
        case Rollback(chain):
            return _end(session, chain, commit=False)
        case Savepoint(name):
            session.savepoint(name)
            return Result("SAVEPOINT")
        case RollbackTo(name):
            session.rollback_to(name)
            return Result("ROLLBACK")
        case Release(name):
            session.release(name)
            return Result("RELEASE")
        case SetTransaction():
            session.set_transaction(statement.level, statement.read_only, statement.deferrable)
            return Result("SET")
        case SetSessionCharacteristics(level, read_only, deferrable):
            if level is not None:
                session.set("default_transaction_isolation", level)
            if read_only is not None:
                session.set("default_transaction_read_only", "on" if read_only else "off")
            if deferrable is not None:
                session.set("default_transaction_deferrable", "on" if deferrable else "off")
            return Result("SET")
        case SetSetting(name, value, local):
            return _set(session, name, value, local)
        case Show(name):
            return _show(session, name)
        case Explain():
            return _explain(session, statement, values)
        case Analyze(tables) | Vacuum(tables, True):
            return _analyze(session, tables, "ANALYZE" if isinstance(statement, Analyze) else "VACUUM")
        case Vacuum():
            return Result("VACUUM")
        case Checkpoint():
            session.database.store.checkpoint()
            return Result("CHECKPOINT")
        case Discard(what):
            if session.in_transaction and what == "all":
                raise InternalError("DISCARD ALL cannot run inside a transaction block", sqlstate="25001")
            if what == "all":
                session.reset_all()
                session.advisory.unlock_all()
            elif what != "plans":
                raise NotSupportedError(f"DISCARD {what.upper()} is not supported")
            session.database.prepared.clear()
            return Result("DISCARD " + what.upper())
        case LockTables():
            return lock_tables(session, statement)
        case Call():
            return routines.call(session, statement, values)
        case Copy():
            from minidb.session import copy

            return copy.run(session, statement)
        case Do():
            from minidb.session.plpgsql.language import run_do

            return run_do(session, statement)
        case _:
            raise NotSupportedError(f"{type(statement).__name__} is not supported")


def _end(session: SessionState, chain: bool, commit: bool) -> Result:
    transaction = session.transaction
    if transaction is None and session.autocommit and chain:
        what = "COMMIT" if commit else "ROLLBACK"
        raise InternalError(f"{what} AND CHAIN can only be used in transaction blocks", sqlstate="25P01")
    # Asked now: a transaction that has ended writes no more, and says so.
    again = None
    if transaction is not None:
        again = (transaction.level.value, transaction.read_only, transaction.deferrable)
    committed = commit
    if commit:
        committed = session.commit()
    else:
        session.rollback()
    if chain and again is not None:
        session.begin(*again)
    return Result("COMMIT" if committed else "ROLLBACK")


def _set(session: SessionState, name: str, value: str | None, local: bool) -> Result:
    if name == "all":
        session.reset_all()
    elif name == "transaction_isolation":
        session.set_transaction(value, None, None)
    elif name == "transaction_read_only":
        read_only = settings_.parse_boolean(name, value) if value is not None else None
        session.set_transaction(None, read_only, None)
    elif name == "transaction_deferrable":
        deferrable = settings_.parse_boolean(name, value) if value is not None else None
        session.set_transaction(None, None, deferrable)
    elif name in ("serializable_strategy", "range_locking"):
        session.set_serializable(name, value, local)
    else:
        session.set(name, value, local)
    return Result("RESET" if value is None else "SET")


def _show(session: SessionState, name: str) -> Result:
    if name == "all":
        rows: list[tuple[Any, ...]] = [
            (key, settings_.SETTINGS[key].show(value)) for key, value in sorted(session.settings.items())
        ]
        return Result("SHOW", (("name", TEXT), ("setting", TEXT)), rows)
    transaction = session.transaction
    if name in ("transaction_isolation", "transaction isolation level"):
        default = str(session.settings["default_transaction_isolation"])
        level = transaction.level.value if transaction is not None else default
        return Result("SHOW", (("transaction_isolation", TEXT),), [(level,)])
    if name in ("transaction_read_only", "transaction_deferrable"):
        on = bool(session.settings[f"default_{name}"])
        if transaction is not None:
            on = transaction.read_only if name == "transaction_read_only" else transaction.deferrable
        return Result("SHOW", ((name, TEXT),), [("on" if on else "off",)])
    key, setting = settings_.find(name)
    shown_name = {"timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle"}.get(
        key, key
    )
    return Result("SHOW", ((shown_name, TEXT),), [(setting.show(session.settings[key]),)])


def _explain(session: SessionState, statement: Explain, values: list[Any]) -> Result:
    if statement.format != "text":
        raise NotSupportedError(f"EXPLAIN (FORMAT {statement.format.upper()}) is not supported")
    plan = statement.statement
    if not isinstance(plan, Plan):
        raise NotSupportedError("EXPLAIN of this statement is not supported")
    plan = optimize(plan)
    lines = explain(plan, costs=statement.costs, verbose=statement.verbose).splitlines()
    if statement.locks:
        settings = session.settings
        transaction = session.transaction
        level = settings["default_transaction_isolation"] if transaction is None else transaction.level.value
        strategy = SERIAL if session.serial else settings["serializable_strategy"]
        safe = (
            strategy == SSI
            and level == "serializable"
            and transaction is not None
            and transaction.reads is None
        )
        lines.extend(explain_locks(plan, level, strategy, settings["range_locking"], safe))
    if statement.analyze:
        start = perf_counter()
        count = session.run_plan(resolve(plan), values)
        lines.append(f"Rows: {count}")
        if statement.timing:
            lines.append(f"Execution Time: {(perf_counter() - start) * 1000:.3f} ms")
    return Result("EXPLAIN", (("QUERY PLAN", TEXT),), [(line,) for line in lines])


def _analyze(session: SessionState, tables: tuple[Any, ...], tag: str) -> Result:
    with session.implicit_transaction() as transaction:
        chosen = tables or session.catalog.tables()
        for table in chosen:
            put_statistics(transaction, table, statistics.gather(transaction, table))
        session.catalog_has_changed()
    return Result(tag)
