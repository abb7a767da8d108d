"""One call of a routine, as the interpreter of its language sees it.

    session.call_routine(routine, values)              who calls: an expression, FROM, CALL, connection.call
        -> language.run(body, RoutineCall) -> rows     what a language implements: sql_language, plpgsql
            -> call.run(statement, values) -> Result   each statement of the body: a command of the
                                                       transaction that is open

A language parses a body once (`Language.compile`) into statements, each an `InnerStatement`: its text, the
names that are variables in it, and their types. It is prepared once per catalog. The interpreter keeps the
variables' values in a list and hands that list to `RoutineCall.run`; `Variables` says which name is which
place.

What a routine yields is always a list of rows of `call.columns`:

    scalar function            one row of one value; no row is NULL
    set-returning function     any number of rows, one value a column
    OUT or INOUT arguments     one row with their values (a procedure's CALL shows it)
    void                       nothing
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minidb.catalog.schema import Routine
from minidb.session.inner_statement import InnerStatement
from minidb.session.result import Result
from minidb.session.state import SessionState
from minidb.value.sql_types import Row, SqlType, Value


class RoutineCall:
    """`values` are those of `routine.inputs`, already of the arguments' types; `columns` are the result's."""

    __slots__ = ("columns", "routine", "session", "values")

    def __init__(
        self,
        session: SessionState,
        routine: Routine,
        values: Sequence[Value],
        columns: tuple[tuple[str, SqlType], ...],
    ) -> None:
        self.session = session
        self.routine = routine
        self.values = values
        self.columns = columns

    def run(self, statement: InnerStatement, values: Sequence[Value]) -> Result:
        """Run one statement of the body to its end; `values` are the variables' by their places.

        In a volatile routine it sees all that earlier statements wrote, under READ COMMITTED on a snapshot
        of its own; in a stable or immutable one it sees what the calling statement sees, and may not write.
        """
        return self.session.run_inner(statement, values, fixed=self.routine.volatility != "volatile")


@dataclass(frozen=True)
class Language:
    """What LANGUAGE name needs: `compile` checks a body and prepares it for `run`.

    `compile(routine)` raises syntax errors with a position within the body; what it returns is kept
    for as long as the routine is in the catalog, and shared by all sessions: it must not change.
    `check(compiled, session)` finds what is wrong with the statements at CREATE, as far as the language does
    that. `run` carries a call out.
    """

    name: str
    compile: Callable[[Routine], Any]
    check: Callable[[Any, Routine, SessionState], None]
    run: Callable[[Any, RoutineCall], list[Row]]
