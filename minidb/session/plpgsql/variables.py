"""What names mean at one place of a body: scopes of variables, innermost first, and how SQL reaches them.

    <<outer>> DECLARE amount ...        Namespace(label "outer", amount)
      DECLARE amount ...                  ^-- parent -- Namespace(amount)        amount, outer.amount

Every variable has a slot in the frame's list of values; a record is one tuple there, what its fields are
called is fixed (`columns`) or comes with each value (RECORD: `Frame.shapes`). An expression that is computed
without a plan reads the slots themselves (`SlotScope`). A statement gets a list of just the values that it
uses (`ParameterScope`): its fast forms want their parameters dense.
"""

from __future__ import annotations

from typing import Final

from minidb.errors import InternalError, ProgrammingError
from minidb.expr.node import Expr, Parameter
from minidb.expr.record_field import RecordField
from minidb.session.result import Columns
from minidb.sql.binder import Binder, VariableScope
from minidb.value.sql_types import SqlType

NO_FIELD: Final = -1


class Variable:
    """A variable of a scalar type."""

    __slots__ = ("constant", "name", "not_null", "slot", "type")

    def __init__(
        self, name: str, slot: int, type_: SqlType, constant: bool = False, not_null: bool = False
    ) -> None:
        self.name = name
        self.slot = slot
        self.type = type_
        self.constant = constant
        self.not_null = not_null


class Record:
    """A variable that is a row: of these columns, or (None) of whatever it is assigned."""

    __slots__ = ("columns", "constant", "name", "not_null", "slot")

    def __init__(
        self, name: str, slot: int, columns: Columns | None, constant: bool = False, not_null: bool = False
    ) -> None:
        self.name = name
        self.slot = slot
        self.columns = columns
        self.constant = constant
        self.not_null = not_null


Member = Variable | Record
Shapes = list[Columns | None]  # by slot: the present columns of records
Dependencies = dict[int, Columns | None]  # the slots of RECORD variables whose columns a binding relies on


class Namespace:
    """The variables of one block, loop or routine; `label` qualifies them."""

    __slots__ = ("label", "members", "parent")

    def __init__(self, parent: Namespace | None, label: str | None) -> None:
        self.parent = parent
        self.label = label
        self.members: dict[str, Member] = {}

    def find(self, path: tuple[str, ...]) -> tuple[Member, tuple[str, ...]] | None:
        """The variable that a path begins with, and what is left of the path: a record's field."""
        current: Namespace | None = self
        while current is not None:
            member = current.members.get(path[0])
            if member is not None and (len(path) == 1 or isinstance(member, Record)):
                return member, path[1:]
            if len(path) > 1 and current.label == path[0]:
                member = current.members.get(path[1])
                if member is not None and (len(path) == 2 or isinstance(member, Record)):
                    return member, path[2:]
            current = current.parent
        return None


def columns_of(record: Record, shapes: Shapes, dependencies: Dependencies) -> Columns:
    """What a record's fields are at present; 55000 if that is not known yet."""
    if record.columns is not None:
        return record.columns
    columns = shapes[record.slot]
    if columns is None:
        raise InternalError(
            f'record "{record.name}" is not assigned yet',
            sqlstate="55000",
            detail="The tuple structure of a not-yet-assigned record is indeterminate.",
        )
    dependencies[record.slot] = columns
    return columns


def field_of(record: Record, columns: Columns, rest: tuple[str, ...]) -> int:
    """The place of a field; 42703."""
    if len(rest) == 1:
        for place, (name, _) in enumerate(columns):
            if name == rest[0]:
                return place
    raise ProgrammingError(f'record "{record.name}" has no field "{".".join(rest)}"', sqlstate="42703")


class SlotScope(VariableScope):
    """The variables as an expression reads them: the context's parameters are the frame's values.

    `arguments` are the routine's, for `$1`; `dependencies` collects what the binding relies on.
    """

    __slots__ = ("arguments", "conflicts", "dependencies", "namespace", "shapes")

    def __init__(self, namespace: Namespace, arguments: list[Member], shapes: Shapes) -> None:
        self.conflicts = True
        self.namespace = namespace
        self.arguments = arguments
        self.shapes = shapes
        self.dependencies: Dependencies = {}

    def value(self, binder: Binder, slot: int, field: int, type_: SqlType) -> Expr:
        """The expression that reads a slot, or one of its fields."""
        return Parameter(slot, type_) if field == NO_FIELD else RecordField(slot, field, type_)

    def find(self, binder: Binder, path: tuple[str, ...]) -> Expr | None:
        found = self.namespace.find(path)
        return None if found is None else self._value_of(binder, *found)

    def numbered(self, binder: Binder, number: int) -> Expr:
        if number > len(self.arguments):
            raise ProgrammingError(f"there is no parameter ${number}", sqlstate="42P02")
        return self._value_of(binder, self.arguments[number - 1], ())

    def row(self, binder: Binder, path: tuple[str, ...]) -> list[tuple[str, Expr]] | None:
        found = self.namespace.find(path)
        if found is None or found[1] or not isinstance(found[0], Record):
            return None
        record = found[0]
        if record.columns is None and self.shapes[record.slot] is None:
            self.dependencies[record.slot] = None
            return []
        columns = columns_of(record, self.shapes, self.dependencies)
        return [
            (name, self.value(binder, record.slot, place, type_))
            for place, (name, type_) in enumerate(columns)
        ]

    def _value_of(self, binder: Binder, member: Member, rest: tuple[str, ...]) -> Expr:
        if isinstance(member, Variable):
            return self.value(binder, member.slot, NO_FIELD, member.type)
        if not rest:
            raise ProgrammingError(
                f'the record "{member.name}" as a whole is not supported as a value here', sqlstate="0A000"
            )
        columns = columns_of(member, self.shapes, self.dependencies)
        place = field_of(member, columns, rest)
        return self.value(binder, member.slot, place, columns[place][1])


class ParameterScope(SlotScope):
    """The variables as a statement's parameters; `sources` says which value of the frame each of them is."""

    __slots__ = ("sources",)

    def __init__(self, namespace: Namespace, arguments: list[Member], shapes: Shapes) -> None:
        super().__init__(namespace, arguments, shapes)
        self.sources: list[tuple[int, int]] = []  # (slot, field or NO_FIELD)

    def value(self, binder: Binder, slot: int, field: int, type_: SqlType) -> Expr:
        source = (slot, field)
        if source not in self.sources:
            self.sources.append(source)
            binder.parameter_types.append(type_)
        return Parameter(self.sources.index(source), type_)
