"""Calling routines: the languages, compiled bodies, and what a call means for the session that makes it.

A call is a part of the statement that makes it: it runs in its transaction, is undone with it, and when it
returns, the statement goes on seeing what it saw. What the call wrote is there for the next statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.errors import Error, NotSupportedError, ProgrammingError
from minidb.plan.definitions import Call, PutRoutine
from minidb.session import python_procedures, sql_language
from minidb.session.database import Database
from minidb.session.plpgsql.language import PLPGSQL
from minidb.session.prepared import row_converter
from minidb.session.result import Result
from minidb.session.routine_call import Language, RoutineCall
from minidb.session.state import SessionState
from minidb.sql.object_names import quoted
from minidb.txn.control import StatementRestart
from minidb.value.python_values import OUTPUT_CONVERTERS
from minidb.value.sql_types import Row, Value

LANGUAGES: Final[dict[str, Language]] = {language.name: language for language in (sql_language.SQL, PLPGSQL)}


def language_of(routine: Routine) -> Language:
    """The language of its body."""
    found = LANGUAGES.get(routine.language)
    if found is None:
        raise NotSupportedError(f"LANGUAGE {routine.language} is not supported")
    return found


def compiled(database: Database, routine: Routine) -> Any:
    """The body as its language wants it, compiled once for a version of the routine."""
    found = database.routine_bodies.get(routine.id)
    if found is None or found[0] is not routine:
        found = (routine, language_of(routine).compile(routine))
        database.routine_bodies[routine.id] = found
    return found[1]


def check_definition(session: SessionState, definition: PutRoutine) -> None:
    """What is wrong with the body of a routine that was created just now; positions are the statement's."""
    routine = next(
        each
        for each in session.catalog.routines(definition.routine.name)
        if each.signature == definition.routine.signature
    )
    language = language_of(routine)
    try:
        language.check(compiled(session.database, routine), routine, session)
    except Error as error:
        if language is PLPGSQL:
            line = 1 if error.position is None else routine.body.count("\n", 0, error.position - 1) + 1
            error.add_context(f'compilation of PL/pgSQL function "{routine.name}" near line {line}')
        elif error.position is None:
            error.add_context(f'SQL function "{routine.name}"')
        if error.position is not None:
            start = definition.body_start
            error.position = None if start is None else start + error.position
        raise


def run(session: SessionState, catalog: Catalog, routine: Routine, values: Sequence[Value]) -> list[Row]:
    """Call a routine of the catalog in the open transaction: the rows that it yields."""
    if routine.strict and None in values:
        return []
    transaction = session.transaction
    assert transaction is not None
    view = transaction.view()
    session.enter_call()
    try:
        body = compiled(session.database, routine)
        call = RoutineCall(session, routine, values, catalog.routine_columns(routine))
        return language_of(routine).run(body, call)
    finally:
        session.leave_call()
        transaction.restore_view(view)


def call_text(catalog: Catalog, procedures: Mapping[str, Sequence[Routine]], name: str, count: int) -> str:
    """CALL of a procedure with so many input values, OUT arguments filled in; 42725 if that is not clear."""
    texts: set[str] = set()
    for routine in [*catalog.routines(name), *procedures.get(name, ())]:
        inputs = routine.inputs
        if len(inputs) < count or any(argument.default is None for argument in inputs[count:]):
            continue
        places: list[str] = []
        given = 0
        for argument in routine.arguments:
            if argument.mode == "out":
                places.append("NULL")
            elif given < count:
                places.append("?")
                given += 1
        texts.add(f"CALL {quoted(name)}({', '.join(places)})")
    if len(texts) > 1:
        raise ProgrammingError(
            f'procedure name "{name}" is not unique',
            sqlstate="42725",
            hint="Use CALL with a place for each argument.",
        )
    return texts.pop() if texts else f"CALL {quoted(name)}({', '.join(['?'] * count)})"


def call(session: SessionState, statement: Call, parameters: list[Any]) -> Result:
    """CALL: a transaction of its own unless one is open."""
    routine = statement.routine
    with session.implicit_transaction():
        if routine.id and session.catalog.routine(routine.id) is not routine:
            raise StatementRestart  # it was replaced since the statement was bound
        context = session.evaluation_context(parameters)
        values = [argument.evaluate((), context) for argument in statement.arguments]
        if routine.id:
            rows = run(session, session.catalog, routine, values)
        else:
            rows = python_procedures.run(session, routine, values)
    columns = routine.columns
    if not columns:
        return Result("CALL")
    return Result(
        "CALL",
        columns,
        rows[:1] or [(None,) * len(columns)],
        convert=row_converter(columns, OUTPUT_CONVERTERS),
    )
