"""RAISE and ASSERT: messages to the client, and errors."""

from __future__ import annotations

from typing import Final

from minidb.errors import Error, ProgrammingError, SyntaxError_, error_class
from minidb.expr.node import Slot
from minidb.session.notices import Notice
from minidb.session.plpgsql.conversions import as_text
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.node import Node, Signal
from minidb.session.plpgsql.variables import Record
from minidb.sql.plpgsql.conditions import SQLSTATES, is_sqlstate

_QUOTED_IN_ROWS: Final = frozenset('"\\(), \t\n\r\v\f')


class RecordText:
    """A whole record as RAISE prints it: `(1,"a b",)`."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def evaluate(self, frame: Frame) -> str | None:
        """The text; None if the record is NULL or has not been assigned."""
        record = self._record
        columns = record.columns or frame.shapes[record.slot]
        row = frame.values[record.slot]
        if columns is None or row is None or all(value is None for value in row):
            return None
        texts = [
            as_text(Slot(place, type_)).evaluate(row, frame.context)
            for place, (_, type_) in enumerate(columns)
        ]
        return "(" + ",".join([_field_text(text) for text in texts]) + ")"


def _field_text(text: str | None) -> str:
    if text is None:
        return ""
    if text and _QUOTED_IN_ROWS.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


class Raise(Node):
    """A message at one of the levels; `exception` is an error. `options` are USING's."""

    __slots__ = ("_condition", "_format", "_level", "_options", "_sqlstate", "_values")
    what = "RAISE"

    def __init__(
        self,
        line: int,
        level: str,
        format: str | None,
        values: list[Expression | RecordText],
        sqlstate: str | None,
        condition: str | None,
        options: list[tuple[str, Expression]],
    ) -> None:
        super().__init__(line)
        self._level = level
        self._format = format
        self._values = values
        self._sqlstate = sqlstate
        self._condition = condition
        self._options = options

    def run(self, frame: Frame) -> Signal | None:
        options: dict[str, str] = {}
        for name, expression in self._options:
            value = expression.evaluate(frame)
            if value is None:
                raise ProgrammingError("RAISE statement option cannot be null", sqlstate="22004")
            options[name] = value
        sqlstate = self._sqlstate
        if "errcode" in options:
            if sqlstate is not None:
                raise SyntaxError_("RAISE option already specified: ERRCODE")
            sqlstate = _code_of(options["errcode"])
        if sqlstate is None:
            sqlstate = (
                "P0001" if self._level == "exception" else "00000" if self._level != "warning" else "01000"
            )
        message = self._message(frame, options, sqlstate)
        detail, hint = options.get("detail"), options.get("hint")
        named = (options.get("constraint"), options.get("table"), options.get("column"))
        if self._level == "exception":
            raise error_class(sqlstate)(
                message,
                sqlstate=sqlstate,
                detail=detail,
                hint=hint,
                constraint=named[0],
                table=named[1],
                column=named[2],
            )
        context = f"PL/pgSQL function {frame.name} line {self.line} at RAISE"
        notice = Notice(
            self._level.upper(), message, sqlstate, detail, hint, context, named[1], named[2], named[0]
        )
        session = frame.session
        session.notices.add(notice, session.settings["client_min_messages"])
        return None

    def _message(self, frame: Frame, options: dict[str, str], sqlstate: str) -> str:
        if self._format is None:
            return options.get("message") or self._condition or sqlstate
        if "message" in options:
            raise SyntaxError_("RAISE option already specified: MESSAGE")
        texts = []
        for value in self._values:
            text = value.evaluate(frame)
            texts.append("<NULL>" if text is None else str(text))
        pieces = [piece.split("%") for piece in self._format.split("%%")]
        filled = iter(texts)
        return "%".join(
            [
                "".join([part if not place else next(filled) + part for place, part in enumerate(piece)])
                for piece in pieces
            ]
        )


def _code_of(text: str) -> str:
    """An SQLSTATE, or that of a condition's name."""
    if is_sqlstate(text):
        return text
    codes = SQLSTATES.get(text)
    if codes is None:
        raise ProgrammingError(f'unrecognized exception condition "{text}"', sqlstate="42704")
    return codes[0]


class RaiseAgain(Node):
    """RAISE alone: the error that is being handled."""

    __slots__ = ()
    what = "RAISE"

    def run(self, frame: Frame) -> Signal | None:
        raise handled_error(frame, "RAISE without parameters")


def handled_error(frame: Frame, what: str) -> Error:
    """The error that the innermost handler handles; 0Z002 outside of one."""
    if not frame.errors:
        raise ProgrammingError(f"{what} cannot be used outside an exception handler", sqlstate="0Z002")
    return frame.errors[-1]


class Assert(Node):
    """ASSERT condition [, message]."""

    __slots__ = ("_condition", "_message")
    what = "ASSERT"

    def __init__(self, line: int, condition: Expression, message: Expression | None) -> None:
        super().__init__(line)
        self._condition = condition
        self._message = message

    def run(self, frame: Frame) -> Signal | None:
        if not self._condition.evaluate(frame):
            message = None if self._message is None else self._message.evaluate(frame)
            raise ProgrammingError("assertion failed" if message is None else message, sqlstate="P0004")
        return None
