"""A body made runnable under one catalog: its types known, its names resolved, a node for each statement.

    Body (syntax) + Routine + Catalog  --compile_body-->  Program  --run(session, arguments)-->  rows

A program is shared by all sessions: what a call has is in its `Frame`. It is kept with the body, for the
catalog that it was last needed for.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.errors import Error, ProgrammingError
from minidb.session.plpgsql.compile import Compiler
from minidb.session.plpgsql.frame import FOUND, Frame
from minidb.session.plpgsql.node import RETURNED, Node
from minidb.session.plpgsql.routine_shape import RoutineShape
from minidb.session.plpgsql.variables import Shapes
from minidb.session.state import SessionState
from minidb.sql.plpgsql.syntax import Body
from minidb.value.sql_types import Row, Value


class Program:
    """See the module."""

    __slots__ = (
        "_block", "_described", "_fixed", "_input_slots", "_output_slots", "_returns_set", "_returns_value",
        "_shapes", "_values", "catalog",
    )  # fmt: skip

    def __init__(
        self, catalog: Catalog, block: Node, shape: RoutineShape, values: list[Value], shapes: Shapes
    ) -> None:
        self.catalog = catalog
        self._block = block
        self._described = shape.described
        self._fixed = shape.fixed
        self._input_slots = shape.input_slots
        self._output_slots = shape.output_slots
        self._returns_set = shape.returns_set
        self._returns_value = bool(shape.columns)
        self._values = values  # what a frame begins with
        self._shapes = shapes

    def run(self, session: SessionState, arguments: Sequence[Value]) -> list[Row]:
        """One call in the open transaction. `arguments` are the inputs', of their types."""
        values = self._values[:]
        for place, slot in enumerate(self._input_slots):
            values[slot] = arguments[place]
        values[FOUND] = False
        frame = Frame(session, self._described, values, self._shapes[:], self._fixed)
        try:
            signal = self._block.run(frame)
        except Error as error:
            # Of the outermost block's declarations and of what is no statement; others have it already.
            if error.context is None:
                error.add_context(f"PL/pgSQL function {self._described}")
            raise
        finally:
            session.forget_finished_results()
        if self._returns_set:
            return frame.rows
        if self._output_slots:
            return [tuple([values[slot] for slot in self._output_slots])]
        if not self._returns_value:
            return []
        if signal is not RETURNED:
            missing = ProgrammingError("control reached end of function without RETURN", sqlstate="2F005")
            missing.add_context(f"PL/pgSQL function {self._described}")
            raise missing
        row: Row = frame.returned
        return [row]


def program_of(body: Body, routine: Routine | None, catalog: Catalog) -> Program:
    """The body's program under `catalog`. `routine` is always the same for a body; None: DO."""
    program = body.program
    if isinstance(program, Program) and program.catalog is catalog:
        return program
    compiler = Compiler(body, routine, catalog)
    block = compiler.body()
    program = Program(catalog, block, compiler.shape, compiler.values, compiler.shapes)
    body.program = program
    return program
