"""SQL statements, PERFORM and EXECUTE: run, counted, and their row taken by INTO."""

from __future__ import annotations

from minidb.errors import ProgrammingError, SyntaxError_
from minidb.plan.definitions import Call
from minidb.session.plpgsql.command import Command, Outcome
from minidb.session.plpgsql.dynamic import DynamicCommand
from minidb.session.plpgsql.frame import FOUND, Frame
from minidb.session.plpgsql.node import Node, Signal
from minidb.session.plpgsql.targets import RowTargets
from minidb.session.result import Result
from minidb.value.sql_types import Row


def count_of(outcome: Outcome) -> int:
    """How many rows it changed or yielded; these are computed."""
    if isinstance(outcome, int):
        return outcome
    if isinstance(outcome, list):
        return len(outcome)
    if outcome.rowcount >= 0 or outcome.columns is None:
        outcome.close()
        return max(outcome.rowcount, 0)
    count = 0
    while batch := outcome.next_batch():
        count += len(batch)
    return count


class _SqlNode(Node):
    """Base of what runs one statement."""

    __slots__ = ("_command",)

    def __init__(self, line: int, command: Command | DynamicCommand) -> None:
        super().__init__(line)
        self._command = command


class Perform(_SqlNode):
    """PERFORM: the rows are computed and forgotten."""

    __slots__ = ()
    what = "PERFORM"

    def run(self, frame: Frame) -> Signal | None:
        count = count_of(self._command.run(frame))
        frame.row_count = count
        frame.values[FOUND] = count > 0
        return None


class RunSql(_SqlNode):
    """A statement without INTO: it must not yield rows, for nobody takes them."""

    __slots__ = ()

    def run(self, frame: Frame) -> Signal | None:
        outcome = self._command.run(frame)
        if isinstance(outcome, int):
            frame.row_count = outcome
            frame.values[FOUND] = outcome > 0
            return None
        if isinstance(outcome, list) or (isinstance(outcome, Result) and outcome.columns is not None):
            query = isinstance(outcome, list) or outcome.tag == "SELECT"
            hint = "If you want to discard the results of a SELECT, use PERFORM instead." if query else None
            if isinstance(outcome, Result):
                outcome.close()
            raise SyntaxError_("query has no destination for result data", hint=hint)
        if outcome.rowcount >= 0:
            frame.row_count = count_of(outcome)
            frame.values[FOUND] = frame.row_count > 0
        return None


class RunDynamic(_SqlNode):
    """EXECUTE without INTO: rows are forgotten, FOUND stays."""

    __slots__ = ()
    what = "EXECUTE"

    def run(self, frame: Frame) -> Signal | None:
        frame.row_count = count_of(self._command.run(frame))
        return None


class SelectInto(_SqlNode):
    """A statement, static or EXECUTE, with INTO [STRICT]: the first row, or NULLs."""

    __slots__ = ("_sets_found", "_strict", "_targets", "what")

    def __init__(
        self,
        line: int,
        command: Command | DynamicCommand,
        targets: RowTargets,
        strict: bool,
    ) -> None:
        super().__init__(line, command)
        self._targets = targets
        self._strict = strict
        self._sets_found = isinstance(command, Command)
        self.what = "SQL statement" if self._sets_found else "EXECUTE"

    def run(self, frame: Frame) -> Signal | None:
        outcome = self._command.run(frame)
        # One row of a fast form is what there mostly is.
        rows = outcome if type(outcome) is list and len(outcome) == 1 else self._rows(outcome)
        row = rows[0] if rows else None
        self._targets.store(frame, row, frame.columns)
        frame.row_count = 0 if row is None else 1
        if self._sets_found:
            frame.values[FOUND] = row is not None
        return None

    def _rows(self, outcome: Outcome) -> list[Row]:
        if isinstance(outcome, int) or (isinstance(outcome, Result) and outcome.columns is None):
            raise SyntaxError_("INTO used with a command that cannot return data")
        changed = False
        if isinstance(outcome, list):
            rows = outcome
        else:
            changed = outcome.rowcount >= 0
            rows = outcome.next_batch()
            if len(rows) == 1 and (self._strict or changed):
                rows = rows + outcome.next_batch()
            outcome.close()
        if len(rows) > 1 and (self._strict or changed):
            raise ProgrammingError(
                "query returned more than one row",
                sqlstate="P0003",
                hint="Make sure the query returns a single row, or use LIMIT 1.",
            )
        if not rows and self._strict:
            raise ProgrammingError("query returned no rows", sqlstate="P0002")
        return rows


class CallProcedure(_SqlNode):
    """CALL: the procedure's INOUT and OUT arguments go to the variables that stand in their places."""

    __slots__ = ("_arguments",)
    what = "CALL"

    def __init__(self, line: int, command: Command, arguments: list[RowTargets | None]) -> None:
        super().__init__(line, command)
        self._arguments = arguments  # the call's, None where one is no variable

    def run(self, frame: Frame) -> Signal | None:
        rows = self._command.rows(frame, 1)
        columns = frame.columns
        if not rows:
            return None
        assert isinstance(self._command, Command)
        call = self._command.statement(frame)
        assert isinstance(call, Call)
        declared = call.routine.arguments
        if len(declared) != len(self._arguments):
            declared = call.routine.inputs  # OUT arguments left out
        targets = zip(declared, self._arguments, strict=False)
        outputs = [(argument, target) for argument, target in targets if argument.mode != "in"]
        for (argument, target), value, column in zip(outputs, rows[0], columns, strict=False):
            if target is None:
                raise SyntaxError_(
                    f'procedure parameter "{argument.name}" is an output parameter '
                    "but corresponding argument is not writable"
                )
            target.store(frame, (value,), (column,))
        return None
