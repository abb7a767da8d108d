"""RETURN, RETURN NEXT and RETURN QUERY, and what a call yields in the end: rows of the routine's columns."""

from __future__ import annotations

from minidb.errors import ProgrammingError
from minidb.expr.node import Expr, Slot
from minidb.session.plpgsql.command import Command, Outcome
from minidb.session.plpgsql.conversions import assigned
from minidb.session.plpgsql.dynamic import DynamicCommand
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import FOUND, Frame
from minidb.session.plpgsql.node import RETURNED, Node, Signal
from minidb.session.plpgsql.variables import Record
from minidb.session.result import Columns, Result
from minidb.value.sql_types import Row


class Return(Node):
    """RETURN without a value: what the OUT arguments hold, the rows so far, or nothing."""

    __slots__ = ()
    what = "RETURN"

    def run(self, frame: Frame) -> Signal | None:
        return RETURNED


class ReturnValue(Node):
    """RETURN value, of a scalar function."""

    __slots__ = ("_expression",)
    what = "RETURN"

    def __init__(self, line: int, expression: Expression) -> None:
        super().__init__(line)
        self._expression = expression

    def run(self, frame: Frame) -> Signal | None:
        frame.returned = (self._expression.evaluate(frame),)
        return RETURNED


class RowOf:
    """A row of a record or a query, converted to the routine's columns."""

    __slots__ = ("_columns", "_conversions", "_source")

    def __init__(self, source: Record | Command, columns: Columns) -> None:
        self._source = source
        self._columns = columns
        self._conversions: tuple[Columns, list[Expr]] | None = None

    def row(self, frame: Frame) -> Row:
        """The row; all NULL for a NULL record."""
        source = self._source
        if isinstance(source, Command):
            rows = source.rows(frame, 1)
            row, columns = (rows[0] if rows else None), frame.columns
        else:
            row, columns = frame.values[source.slot], source.columns or frame.shapes[source.slot] or ()
        if row is None or not columns:
            return (None,) * len(self._columns)
        cached = self._conversions
        if cached is None or cached[0] is not columns:
            cached = self._conversions = (columns, self._converted(columns))
        return tuple([conversion.evaluate(row, frame.context) for conversion in cached[1]])

    def _converted(self, columns: Columns) -> list[Expr]:
        if len(columns) != len(self._columns):
            raise ProgrammingError(
                "returned record type does not match expected record type",
                sqlstate="42804",
                detail=f"Number of returned columns ({len(columns)}) does not match expected column count "
                f"({len(self._columns)}).",
            )
        return [
            assigned(Slot(place, type_), wanted)
            for place, ((_, type_), (_, wanted)) in enumerate(zip(columns, self._columns, strict=True))
        ]


class ReturnRow(Node):
    """RETURN record, of a function that returns a row; `next`: RETURN NEXT."""

    __slots__ = ("_next", "_source", "what")

    def __init__(self, line: int, source: RowOf, next_: bool) -> None:
        super().__init__(line)
        self._source = source
        self._next = next_
        self.what = "RETURN NEXT" if next_ else "RETURN"

    def run(self, frame: Frame) -> Signal | None:
        row = self._source.row(frame)
        if not self._next:
            frame.returned = row
            return RETURNED
        frame.rows.append(row)
        return None


class ReturnNext(Node):
    """RETURN NEXT value; without an expression, the OUT arguments of these slots."""

    __slots__ = ("_expression", "_slots")
    what = "RETURN NEXT"

    def __init__(self, line: int, expression: Expression | None, slots: list[int]) -> None:
        super().__init__(line)
        self._expression = expression
        self._slots = slots

    def run(self, frame: Frame) -> Signal | None:
        if self._expression is not None:
            frame.rows.append((self._expression.evaluate(frame),))
        else:
            frame.rows.append(tuple([frame.values[slot] for slot in self._slots]))
        return None


class ReturnQuery(Node):
    """RETURN QUERY: all rows of a query, whose types must be the routine's."""

    __slots__ = ("_checked", "_columns", "_command")
    what = "RETURN QUERY"

    def __init__(self, line: int, command: Command | DynamicCommand, columns: Columns) -> None:
        super().__init__(line)
        self._command = command
        self._columns = columns
        self._checked: tuple[Columns, list[Expr] | None] | None = None

    def run(self, frame: Frame) -> Signal | None:
        rows = _all_rows(self._command.run(frame))
        columns = frame.columns
        checked = self._checked
        if checked is None or checked[0] is not columns:
            checked = self._checked = (columns, self._check(columns))
        conversions = checked[1]
        if conversions is not None:
            context = frame.context
            rows = [tuple([part.evaluate(row, context) for part in conversions]) for row in rows]
        frame.rows.extend(rows)
        frame.row_count = len(rows)
        frame.values[FOUND] = bool(rows)
        return None

    def _check(self, columns: Columns) -> list[Expr] | None:
        """What fits the rows to the routine's type modifiers; None if there is nothing to do."""
        wanted = self._columns
        detail = None
        if len(columns) != len(wanted):
            detail = (
                f"Number of returned columns ({len(columns)}) does not match "
                f"expected column count ({len(wanted)})."
            )
        for place, ((_, type_), (_, expected)) in enumerate(zip(columns, wanted, strict=False), 1):
            if detail is None and type_.kind is not expected.kind:
                detail = f"Returned type {type_} does not match expected type {expected} in column {place}."
        if detail is not None:
            raise ProgrammingError(
                "structure of query does not match function result type", sqlstate="42804", detail=detail
            )
        if all(type_ == expected for (_, type_), (_, expected) in zip(columns, wanted, strict=True)):
            return None
        return [
            assigned(Slot(place, type_), expected)
            for place, ((_, type_), (_, expected)) in enumerate(zip(columns, wanted, strict=True))
        ]


def _all_rows(outcome: Outcome) -> list[Row]:
    if isinstance(outcome, Result):
        if outcome.columns is None:
            outcome.close()
            raise ProgrammingError(
                "cannot open a statement that returns no rows as a query", sqlstate="42P11"
            )
        rows: list[Row] = []
        while batch := outcome.next_batch():
            rows.extend(batch)
        return rows
    if isinstance(outcome, int):
        raise ProgrammingError("cannot open a statement that returns no rows as a query", sqlstate="42P11")
    return outcome
