"""Calling a procedure that is a Python function of this process: registered, never stored in the database."""

from __future__ import annotations

from collections.abc import Sequence

from minidb.catalog.schema import Routine
from minidb.errors import Error, InFailedTransaction
from minidb.session.state import SessionState
from minidb.session.state_base import IN_FAILED_TRANSACTION
from minidb.value.sql_types import Row, Value


def run(session: SessionState, routine: Routine, values: Sequence[Value]) -> list[Row]:
    """Call it inside of the running statement. What Python raises passes through, and undoes that."""
    function = session.database.procedure_functions[routine.signature]
    session.enter_call()
    try:
        rows = function(session, values)
    except Error as error:
        error.position = None
        error.add_context(f'Python procedure "{routine.name}"')
        raise
    finally:
        session.leave_call()
    if session.failed:  # a statement failed, and the function went on as if nothing had happened
        raise InFailedTransaction(IN_FAILED_TRANSACTION)
    return rows
