"""The short way of a call: a procedure of one name, plain arguments, in a transaction of its own.

    connection.call(name, 1, 'x')  --(name, int, str)-->  FastCall  -->  values  -->  the body's program

A CALL is text that is bound, with casts of its arguments, and runs as a statement does. Where its name stands
for one procedure only and the arguments' classes leave nothing to convert, all of that comes out the same
every time, so it is kept. What a FastCall does not take goes the general way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.session import python_procedures, routines
from minidb.session.database import Database
from minidb.session.prepared import row_converter
from minidb.session.state import SessionState
from minidb.value.python_values import OUTPUT_CONVERTERS, input_converter
from minidb.value.sql_types import Kind, Value

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
        "_columns",
        "_convert",
        "_converters",
        "_integers",
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
        self._integers = [
            place for place, argument in enumerate(routine.inputs) if _PLAIN[argument.type.kind] is int
        ]
        self._columns = len(routine.columns)
        self._convert = row_converter(routine.columns, OUTPUT_CONVERTERS)

    def values(self, arguments: Sequence[Any]) -> list[Value] | None:
        """The arguments as the body gets them; None if they have to go the general way."""
        for place in self._integers:
            if not _LEAST <= arguments[place] <= _GREATEST:
                return None
        return [convert(value) for convert, value in zip(self._converters, arguments, strict=True)]

    def run(self, session: SessionState, values: list[Value]) -> Any:
        """The result's row, as Python's values, or None if it has no columns; a transaction is open."""
        routine = self.routine
        if routine.id:
            rows = routines.run(session, self.catalog, routine, values)
        else:
            rows = python_procedures.run(session, routine, values)
        if not self._columns:
            return None
        row = rows[0] if rows else (None,) * self._columns
        return row if self._convert is None else self._convert(row)


def fast_call(database: Database, name: str, classes: Sequence[type], text: str) -> FastCall | None:
    """The short way of a call that has gone the general way once; None if there is none."""
    catalog = database.catalog
    found = [*catalog.routines(name), *database.procedures.get(name, ())]
    if len(found) != 1:
        return None
    routine = found[0]
    plain = [_PLAIN.get(argument.type.kind) for argument in routine.inputs]
    if routine.kind != "procedure" or plain != list(classes):
        return None
    return FastCall(database, catalog, routine, text)
