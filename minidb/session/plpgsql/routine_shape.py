"""What a body is called with and has to give back: a routine's arguments and result, as slots and columns."""

from __future__ import annotations

from minidb.catalog.schema import Routine
from minidb.session.plpgsql.variables import Member, Namespace, Variable
from minidb.session.result import Columns
from minidb.value.sql_types import SqlType


class RoutineShape:
    """Declares the arguments in `namespace`, in the slots from `next_slot` on.

    described      for error contexts: `f(integer,text)`
    columns        of the result; empty for procedures, void and DO
    input_slots    where a call's values go
    output_slots   of OUT and INOUT arguments and TABLE columns: RETURN takes no value then
    arguments      what `$1`, `$2`, ... are
    """

    def __init__(
        self, routine: Routine | None, columns: Columns, namespace: Namespace, next_slot: int
    ) -> None:
        self.described = "inline_code_block"
        self.columns: Columns = ()
        self.returns_set = False
        self.returns_row = False
        self.fixed = False
        self.input_slots: list[int] = []
        self.output_slots: list[int] = []
        self.arguments: list[Member] = []
        self.next_slot = next_slot
        if routine is None:
            return
        namespace.label = routine.name
        self.described = routine.signature
        self.columns = columns
        self.returns_set = routine.returns_set
        self.returns_row = routine.returns_row
        self.fixed = routine.volatility != "volatile"
        for argument in routine.arguments:
            variable = self._declare(namespace, argument.name, argument.type)
            self.arguments.append(variable)
            if argument.mode != "out":
                self.input_slots.append(variable.slot)
            if argument.mode != "in":
                self.output_slots.append(variable.slot)
        is_table = routine.returns_set and routine.returns_row and routine.row_of is None
        if is_table and not self.output_slots:
            for name, type_ in columns:
                self.output_slots.append(self._declare(namespace, name, type_).slot)

    def _declare(self, namespace: Namespace, name: str, type_: SqlType) -> Variable:
        variable = Variable(name, self.next_slot, type_)
        self.next_slot += 1
        if name:
            namespace.members[name] = variable
        return variable
