"""LOCK TABLE, and what an ACCESS EXCLUSIVE one means to those who only read.

A plain SELECT takes no lock: DDL does not stop it. Only a lock that somebody asked for by name does: while
one is held or waited for in ACCESS EXCLUSIVE mode, its table is *barred* (`LockTable.barred`), and statements
that read it take ACCESS SHARE first. Nobody looks there but the general path of a statement; the short path
of prepared ones ends at `Database.prepared`, which stays empty while any table is barred:

    who bars:          `barred`, then empties `prepared`     then asks for the lock
    who remembers:     adds to `prepared`                    then looks at `barred`, and takes it out again
"""

from __future__ import annotations

from minidb.errors import InternalError, LockNotAvailable
from minidb.plan.definitions import LockTables
from minidb.plan.nodes import Plan, Scan
from minidb.plan.traverse import walk_statement
from minidb.session.result import Result
from minidb.session.state import SessionState
from minidb.txn.control import StatementRestart
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, ACCESS_SHARE, ROW_EXCLUSIVE
from minidb.txn.transaction import Transaction


def lock_tables(session: SessionState, statement: LockTables) -> Result:
    """LOCK TABLE: held to the end of the transaction, so there must be one."""
    if session.transaction is None and session.autocommit:
        raise InternalError("LOCK TABLE can only be used in transaction blocks", sqlstate="25P01")
    database = session.database
    locks = database.transactions.locks
    with session.implicit_transaction() as transaction:
        if transaction.read_only and statement.mode > ROW_EXCLUSIVE:
            raise InternalError("cannot execute LOCK TABLE in a read-only transaction", sqlstate="25006")
        for table in statement.tables:
            granted = False
            try:
                if statement.mode == ACCESS_EXCLUSIVE:
                    locks.bar(transaction, table.id)
                    database.prepared.clear()
                granted = transaction.lock_table_by_name(table.id, statement.mode, statement.wait)
            finally:
                if not granted:
                    locks.unbar(transaction, table.id)
            if not granted:
                raise LockNotAvailable(f'could not obtain lock on relation "{table.name}"')
    return Result("LOCK TABLE")


def wait_to_read(plan: Plan, transaction: Transaction) -> None:
    """Wait for the tables of a statement that are barred; READ COMMITTED then starts over to see them now."""
    barred = transaction.locks.barred
    waited = False
    for node in walk_statement(plan):
        if (
            isinstance(node, Scan)
            and node.table.id in barred
            and node.table.id not in transaction.table_locks
        ):
            transaction.lock_table(node.table.id, ACCESS_SHARE)
            waited = True
    if waited and transaction.control.snapshot_per_statement:
        if transaction.store.latest is not transaction.snapshot:
            raise StatementRestart
