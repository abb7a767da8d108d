"""EXECUTE: a statement whose text is computed, with the values of USING as `$1`, `$2`, ..."""

from __future__ import annotations

from minidb.errors import DataError, Error, NotSupportedError
from minidb.session.inner_statement import TRANSACTION_CONTROL
from minidb.session.plpgsql.command import Outcome, first_rows
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.frame import Frame
from minidb.txn.control import StatementRestart
from minidb.value.sql_types import Row


class DynamicCommand:
    """See the module. Prepared statements are the session's: the same text is prepared once."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: Expression, values: list[Expression]) -> None:
        self._text = text
        self._values = values

    def run(self, frame: Frame) -> Outcome:
        """Run it. `frame.columns` are those of the rows, if it has any."""
        text = self._text.evaluate(frame)
        if text is None:
            raise DataError("query string argument of EXECUTE is null", sqlstate="22004")
        values = [value.evaluate(frame) for value in self._values]
        types = tuple([value.type(frame) for value in self._values])
        session = frame.session
        transaction = session.transaction
        assert transaction is not None
        frame.interrupt.check()
        try:
            while True:
                prepared = session.prepare_typed(text, types, fixed=frame.fixed)
                if isinstance(prepared.statement, TRANSACTION_CONTROL):
                    raise NotSupportedError("EXECUTE of transaction commands is not implemented")
                start = transaction.savepoint()
                try:
                    result = session.run_bound(prepared, values, fixed=frame.fixed)
                except StatementRestart:
                    transaction.rollback_to(start)
                    continue
                frame.columns = result.columns or ()
                frame.settings_may_have_changed()
                return result
        except Error as error:
            error.position = None  # it counts in this text, not in the body
            error.add_context(f'SQL statement "{text}"')
            raise

    def rows(self, frame: Frame, wanted: int) -> list[Row]:
        """Its first rows, at least so many if there are; the rest is not computed."""
        outcome = self.run(frame)
        assert not isinstance(outcome, int | list)
        return first_rows(outcome, wanted)
