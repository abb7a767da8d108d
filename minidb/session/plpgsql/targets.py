"""Where values go: a variable, a record's field, a record; one by an assignment, a row by INTO and FOR.

A row fills its targets from the left; what is missing is NULL, what is too much is dropped (PostgreSQL).
"""

from __future__ import annotations

from minidb.errors import DataError, Error, ProgrammingError
from minidb.expr.node import Expr, Slot
from minidb.session.plpgsql.conversions import assigned
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.variables import Member, Namespace, Record, Variable, columns_of, field_of
from minidb.session.result import Columns
from minidb.sql.plpgsql.syntax import Name
from minidb.value.sql_types import TEXT, Row, SqlType, Value


def not_null_error(name: str) -> DataError:
    """22004 for a variable that is NOT NULL."""
    return DataError(
        f'null value cannot be assigned to variable "{name}" declared NOT NULL', sqlstate="22004"
    )


def find_target(name: Name, namespace: Namespace) -> tuple[Member, tuple[str, ...]]:
    """The variable to be assigned to, and its field; errors have their place in the body."""
    found = namespace.find(name.path)
    written = ".".join(name.path)
    if found is None:
        raise ProgrammingError(
            f'"{written}" is not a known variable', sqlstate="42601", position=name.position + 1
        )
    member, rest = found
    if member.constant:
        raise ProgrammingError(
            f'variable "{written}" is declared CONSTANT', sqlstate="22005", position=name.position + 1
        )
    if isinstance(member, Record) and member.columns is not None and rest:
        try:
            field_of(member, member.columns, rest)
        except Error as error:
            error.position = name.position + 1
            raise
    return member, rest


class FieldTarget:
    """A record's field."""

    __slots__ = ("_cached", "_record", "_rest")

    def __init__(self, record: Record, rest: tuple[str, ...]) -> None:
        self._record = record
        self._rest = rest
        self._cached: tuple[Columns, SqlType, int, Expr] | None = None  # of what to what, and where

    def store(self, frame: Frame, value: Value, type_: SqlType) -> None:
        """Convert the value, which is of the type, and put it into the record."""
        columns = columns_of(self._record, frame.shapes, {})
        cached = self._cached
        if cached is None or cached[0] is not columns or cached[1] != type_:
            place = field_of(self._record, columns, self._rest)
            cached = self._cached = (columns, type_, place, assigned(Slot(0, type_), columns[place][1]))
        place = cached[2]
        slot = self._record.slot
        row = frame.values[slot]
        frame.values[slot] = (*row[:place], cached[3].evaluate((value,), frame.context), *row[place + 1 :])


class RowTargets:
    """The targets of a row: one record, or variables and fields."""

    __slots__ = ("_conversions", "_plain", "_targets")

    def __init__(self, targets: list[tuple[Member, tuple[str, ...]]]) -> None:
        self._targets = targets
        self._plain: tuple[Columns, list[int]] | None = None  # slots that take rows of these columns as is
        self._conversions: tuple[Columns, list[Expr | None]] | None = None  # for rows of these columns

    def store(self, frame: Frame, row: Row | None, columns: Columns) -> None:
        """Put a row into the targets; None: NULLs."""
        slots = self._plain
        if slots is not None and slots[0] is columns and row is not None:
            values = frame.values
            for place, slot in enumerate(slots[1]):  # which compiled code does faster than zip
                values[slot] = row[place]
            return
        cached = self._conversions
        if cached is None or cached[0] is not columns:
            cached = self._conversions = (columns, self._converted(columns))
            self._plain = self._plainly(cached)
        if row is None:
            row = (None,) * len(columns)
        member, rest = self._targets[0]
        if isinstance(member, Record) and not rest:
            self._store_record(frame, member, row, cached)
            return
        values = frame.values
        width = len(row)
        for place, (member, rest) in enumerate(self._targets):
            value = row[place] if place < width else None
            if rest:
                assert isinstance(member, Record)
                FieldTarget(member, rest).store(frame, value, columns[place][1] if place < width else TEXT)
                continue
            conversion = cached[1][place] if place < width else None
            if conversion is not None and value is not None:
                value = conversion.evaluate(row, frame.context)
            if value is None and member.not_null:
                raise not_null_error(member.name)
            values[member.slot] = value

    def _store_record(
        self, frame: Frame, record: Record, row: Row, cached: tuple[Columns, list[Expr | None]]
    ) -> None:
        if record.columns is None:
            frame.shapes[record.slot] = cached[0]
            frame.values[record.slot] = row
            return
        frame.values[record.slot] = tuple(
            [
                None if conversion is None else conversion.evaluate(row, frame.context)
                for conversion in cached[1]
            ]
        )

    def _plainly(self, conversions: tuple[Columns, list[Expr | None]]) -> tuple[Columns, list[int]] | None:
        slots = [
            member.slot
            for member, rest in self._targets
            if isinstance(member, Variable) and not rest and not member.not_null
        ]
        columns, converted = conversions
        if any(converted) or not len(slots) == len(self._targets) == len(columns):
            return None
        return columns, slots

    def _converted(self, columns: Columns) -> list[Expr | None]:
        """What makes the targets' values of a row: None where the value is taken as it is; for a record of
        fixed columns one for each of these, None where the row has no value."""
        member, rest = self._targets[0]
        if isinstance(member, Record) and not rest:
            wanted = [type_ for _, type_ in member.columns or ()]
            return [
                assigned(Slot(place, columns[place][1]), type_) if place < len(columns) else None
                for place, type_ in enumerate(wanted)
            ]
        found: list[Expr | None] = []
        for (member, rest), (place, (_, type_)) in zip(self._targets, enumerate(columns), strict=False):
            slot = Slot(place, type_)
            conversion = assigned(slot, member.type) if isinstance(member, Variable) and not rest else slot
            found.append(None if conversion is slot else conversion)
        return found


def row_targets(names: tuple[Name, ...], namespace: Namespace) -> RowTargets:
    """The targets that names are; one record stands alone."""
    targets = [find_target(name, namespace) for name in names]
    if len(targets) > 1:
        for name, (member, rest) in zip(names, targets, strict=True):
            if isinstance(member, Record) and not rest:
                raise ProgrammingError(
                    f'"{".".join(name.path)}" is not a scalar variable',
                    sqlstate="42601",
                    position=name.position + 1,
                )
    return RowTargets(targets)
