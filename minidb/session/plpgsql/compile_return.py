"""Which RETURN fits the routine: a value, a row, one more row of a set, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidb.errors import ProgrammingError
from minidb.session.plpgsql.conversions import to_type
from minidb.session.plpgsql.node import Node
from minidb.session.plpgsql.returning import Return, ReturnNext, ReturnQuery, ReturnRow, ReturnValue, RowOf
from minidb.sql.plpgsql import syntax
from minidb.sql.plpgsql.syntax import Fragment

if TYPE_CHECKING:
    from minidb.session.plpgsql.compile import Compiler


class ReturnCompiler:
    """See the module."""

    __slots__ = ("_compiler",)

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def value(self, statement: syntax.Return, line: int) -> Node:
        """RETURN [value]."""
        shape = self._compiler.shape
        value = statement.value
        wants = bool(shape.columns) and not shape.output_slots and not shape.returns_set
        if value is None:
            if wants:
                raise _refused("RETURN needs a value in this function", statement, "42601")
            return Return(line)
        if shape.returns_set:
            raise _refused(
                "RETURN cannot have a parameter in function returning set",
                statement,
                "42804",
                "Use RETURN NEXT or RETURN QUERY.",
            )
        if shape.output_slots:
            raise _refused(
                "RETURN cannot have a parameter in function with OUT parameters", statement, "42804"
            )
        if not wants:
            raise _refused("RETURN cannot have a parameter in function returning void", statement, "42804")
        if shape.returns_row:
            return ReturnRow(line, self._row_of(value), False)
        return ReturnValue(line, self._compiler.expression(value, to_type(shape.columns[0][1])))

    def next(self, statement: syntax.ReturnNext, line: int) -> Node:
        """RETURN NEXT [value]."""
        shape = self._compiler.shape
        value = statement.value
        if not shape.returns_set:
            raise _refused("cannot use RETURN NEXT in a non-SETOF function", statement, "42804")
        if shape.output_slots:
            if value is not None:
                message = "RETURN NEXT cannot have a parameter in function with OUT parameters"
                raise _refused(message, statement, "42804")
            return ReturnNext(line, None, shape.output_slots)
        if value is None:
            raise _refused("RETURN NEXT must have a parameter", statement, "42601")
        if shape.returns_row:
            return ReturnRow(line, self._row_of(value), True)
        return ReturnNext(line, self._compiler.expression(value, to_type(shape.columns[0][1])), [])

    def query(self, statement: syntax.ReturnQuery, line: int) -> Node:
        """RETURN QUERY [EXECUTE]."""
        shape = self._compiler.shape
        if not shape.returns_set:
            raise _refused("cannot use RETURN QUERY in a non-SETOF function", statement, "42804")
        return ReturnQuery(line, self._compiler.command(statement.query), shape.columns)

    def _row_of(self, value: Fragment) -> RowOf:
        source = self._compiler.record(value) or self._compiler.row_query(value)
        return RowOf(source, self._compiler.shape.columns)


def _refused(
    message: str, statement: syntax.Statement, sqlstate: str, hint: str | None = None
) -> ProgrammingError:
    return ProgrammingError(message, sqlstate=sqlstate, position=statement.position + 1, hint=hint)
