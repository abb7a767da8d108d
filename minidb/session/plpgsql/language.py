"""LANGUAGE plpgsql: what creating and calling routines needs of it; and DO."""

from __future__ import annotations

from minidb.catalog.schema import Routine
from minidb.errors import Error
from minidb.plan.definitions import Do
from minidb.session.plpgsql.program import program_of
from minidb.session.result import Result
from minidb.session.routine_call import Language, RoutineCall
from minidb.session.state import SessionState
from minidb.sql.plpgsql.parse import parse_body
from minidb.sql.plpgsql.syntax import Body
from minidb.value.sql_types import Row


def _compile(routine: Routine) -> Body:
    return parse_body(routine.body)


def _check(compiled: Body, routine: Routine, session: SessionState) -> None:
    """What CREATE finds out: unknown types and targets, wrong RETURNs. SQL is bound when it runs."""
    program_of(compiled, routine, session.visible_catalog())


def _run(compiled: Body, call: RoutineCall) -> list[Row]:
    try:
        return program_of(compiled, call.routine, call.session.catalog).run(call.session, call.values)
    except Error as error:
        error.position = None  # it counts in the routine's body, not in what the caller wrote
        raise


PLPGSQL = Language("plpgsql", _compile, _check, _run)


def run_do(session: SessionState, statement: Do) -> Result:
    """DO: the block is one statement, in the open transaction or one of its own."""
    body = statement.body
    assert isinstance(body, Body)
    with session.implicit_transaction():
        try:
            program_of(body, None, session.visible_catalog()).run(session, ())
        except Error as error:
            if error.position is not None:
                error.position = None if statement.offset is None else error.position + statement.offset
            raise
    return Result("DO")
