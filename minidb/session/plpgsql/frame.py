"""One call: the variables' values, and what its statements leave for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from minidb.errors import Error
from minidb.exec.context import ExecutionContext
from minidb.session.plpgsql.variables import Dependencies, Shapes
from minidb.session.result import Columns
from minidb.txn.interrupt import Interrupt
from minidb.value.sql_types import Row, Value

if TYPE_CHECKING:
    from minidb.session.state import SessionState

FOUND: Final = 0  # the slot of FOUND


class Frame:
    """See the module.

    values      by slot; the parameters of `context`, in which expressions are computed
    shapes      by slot: the present columns of records
    fixed       a stable or immutable routine: its statements see what the calling statement sees
    columns     of the statement that ran last
    errors      those being handled, the innermost last
    noted       the error that has got this call's line already
    """

    __slots__ = (
        "columns",
        "context",
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
    )

    def __init__(
        self, session: SessionState, name: str, values: list[Value], shapes: Shapes, fixed: bool
    ) -> None:
        self.session = session
        self.name = name
        self.values = values
        self.shapes = shapes
        self.fixed = fixed
        self.context: ExecutionContext = session.evaluation_context(values)
        self.interrupt: Interrupt = session.interruption
        self.columns: Columns = ()
        self.row_count = 0
        self.rows: list[Row] = []  # of RETURN NEXT and RETURN QUERY
        self.returned: Any = None  # RETURN's value or row
        self.errors: list[Error] = []
        self.noted: Error | None = None

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
