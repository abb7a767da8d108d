"""One call: the variables' values, and what its statements leave for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from minidb.errors import Error
from minidb.exec.context import ExecutionContext
from minidb.exec.fast_conditions import parameter_context
from minidb.session.plpgsql.variables import Dependencies, Shapes
from minidb.session.result import Columns
from minidb.txn.interrupt import Interrupt
from minidb.value.sql_types import Row, Value

if TYPE_CHECKING:
    from minidb.session.state import SessionState

FOUND: Final = 0  # the slot of FOUND


class Frame:
    """See the module.

    values      by slot; the parameters of `variables` and of `context`
    variables   in which expressions are computed that see nothing but these
    context     in which all others are, made when the first needs it
    shapes      by slot: the present columns of records
    fixed       a stable or immutable routine: its statements see what the calling statement sees
    columns     of the statement that ran last
    errors      those being handled, the innermost last
    noted       the error that has got this call's line already
    """

    __slots__ = (
        "_context",
        "columns",
        "errors",
        "fixed",
        "interrupt",
        "name",
        "noted",
        "returned",
        "row_count",
        "rows",
        "session",
        "shapes",
        "values",
        "variables",
    )

    def __init__(
        self, session: SessionState, name: str, values: list[Value], shapes: Shapes, fixed: bool
    ) -> None:
        self.session = session
        self.name = name
        self.values = values
        self.shapes = shapes
        self.fixed = fixed
        self.variables = parameter_context(values)
        self._context: ExecutionContext | None = None
        self.interrupt: Interrupt = session.interruption
        self.columns: Columns = ()
        self.row_count = 0
        self.rows: list[Row] = []  # of RETURN NEXT and RETURN QUERY
        self.returned: Any = None  # RETURN's value or row
        self.errors: list[Error] = []
        self.noted: Error | None = None

    @property
    def context(self) -> ExecutionContext:
        """See the class."""
        found = self._context
        if found is None:
            found = self._context = self.session.evaluation_context(self.values)
        return found

    def settings_may_have_changed(self) -> None:
        """A statement was run that may have been a SET."""
        if self._context is not None:
            self._context.settings = self.session.settings

    def fits(self, dependencies: Dependencies) -> bool:
        """Whether the records still have the columns that something was bound to."""
        shapes = self.shapes
        for slot, columns in dependencies.items():
            now = shapes[slot]
            if now is not columns and now != columns:
                return False
        return True

    def note(self, error: Error, line: int, what: str) -> None:
        """Add this call's line to an error's context, once; errors raised again have theirs."""
        known = self.noted is error or any(error is handled for handled in self.errors)
        self.noted = error
        if not known:
            error.add_context(f"PL/pgSQL function {self.name} line {line} {what}")
