"""The short way of a call: a procedure of one name, plain arguments, in a transaction of its own.

    connection.call(name, 1, 'x')  --(name, int, str)-->  FastCall  -->  values  -->  the body's program

A CALL is text that is bound, with casts of its arguments, and runs as a statement does. Where its name stands
for one procedure only and the arguments' classes leave nothing to convert, all of that comes out the same
every time, so it is kept. What a FastCall does not take goes the general way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.session import python_procedures, routines
from minidb.session.database import Database
from minidb.session.prepared import row_converter
from minidb.session.routine_call import RoutineCall
from minidb.session.state import SessionState
from minidb.value.python_values import OUTPUT_CONVERTERS, input_converter
from minidb.value.sql_types import Kind, Row

_PLAIN: Final[dict[Kind, type]] = {
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.TEXT: str,
    Kind.VARCHAR: str,
    Kind.BOOLEAN: bool,
    Kind.DOUBLE: float,
}
_LEAST, _GREATEST = -(2**31), 2**31 - 1  # an argument beyond is a bigint, which not all take


class FastCall:
    """A procedure under one catalog, and `text`, the CALL that is the same."""

    __slots__ = (
        "_body",
        "_columns",
        "_convert",
        "_converters",
        "_plain",
        "_run_body",
        "_yields",
        "catalog",
        "procedures",
        "routine",
        "text",
    )

    def __init__(self, database: Database, catalog: Catalog, routine: Routine, text: str) -> None:
        self.catalog = catalog
        self.procedures = database.procedures
        self.routine = routine
        self.text = text
        self._converters = [input_converter(argument.type) for argument in routine.inputs]
        self._plain = [_PLAIN[argument.type.kind] for argument in routine.inputs]
        self._columns = len(routine.columns)
        self._convert = row_converter(routine.columns, OUTPUT_CONVERTERS)
        self._body: Any = None  # of a stored procedure, and what runs it
        self._run_body: Callable[[Any, RoutineCall], list[Row]] | None = None
        if routine.id:
            self._body = routines.compiled(database, routine)
            self._run_body = routines.language_of(routine).run
            self._yields = catalog.routine_columns(routine)

    def takes(self, arguments: Sequence[Any]) -> bool:
        """Whether these are plainly values of the procedure's types."""
        if len(arguments) != len(self._plain):
            return False
        for place, plain in enumerate(self._plain):  # which compiled code does faster than zip
            argument = arguments[place]
            kind: type = type(argument)
            if kind is not plain or (kind is int and not _LEAST <= argument <= _GREATEST):
                return False
        return True

    def run(self, session: SessionState, arguments: Sequence[Any]) -> Any:
        """The result's row, as Python's values, or None if it has no columns. A transaction is open, of which
        this is all: unlike `routines.run` it leaves no statement behind that goes on."""
        values = [convert(arguments[place]) for place, convert in enumerate(self._converters)]
        routine = self.routine
        if self._run_body is None:
            rows = python_procedures.run(session, routine, values)
        else:
            session.enter_call()
            try:
                rows = self._run_body(self._body, RoutineCall(session, routine, values, self._yields))
            finally:
                session.leave_call()
        if not self._columns:
            return None
        row = rows[0] if rows else (None,) * self._columns
        return row if self._convert is None else self._convert(row)


def find_fast_call(database: Database, name: str) -> FastCall | None:
    """The short way of calls of that name; None if there is none."""
    catalog, procedures = database.catalog, database.procedures
    found = [*catalog.routines(name), *procedures.get(name, ())]
    if len(found) != 1:
        return None
    routine = found[0]
    if routine.kind != "procedure" or any(argument.type.kind not in _PLAIN for argument in routine.inputs):
        return None
    text = routines.call_text(catalog, procedures, name, len(routine.inputs))
    return FastCall(database, catalog, routine, text)
