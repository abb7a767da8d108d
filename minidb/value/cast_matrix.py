"""Which casts exist, and when they happen by themselves: PostgreSQL's pg_cast for our types.

    implicit     anywhere an expression needs it       integer -> bigint, date -> timestamp
    assignment   when storing into a column too        bigint -> integer, anything -> text
    explicit     only where CAST or :: is written      boolean -> integer, text -> integer

A quoted literal of unknown type becomes any type implicitly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from minidb.errors import ProgrammingError
from minidb.value.sql_types import FLOAT_KINDS, INTEGER_KINDS, TEXT, TEXT_KINDS, UNKNOWN, Kind, SqlType

CastContext = Literal["implicit", "assignment", "explicit"]
_RANK = {"implicit": 0, "assignment": 1, "explicit": 2}
_IMPLICIT, _ASSIGNMENT, _EXPLICIT, _NEVER = 0, 1, 2, 3

_NUMBER_ORDER = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.NUMERIC, Kind.REAL, Kind.DOUBLE)
_DATE_ORDER = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)

_OTHERS: dict[tuple[Kind, Kind], int] = {
    (Kind.BOOLEAN, Kind.INTEGER): _EXPLICIT,
    (Kind.INTEGER, Kind.BOOLEAN): _EXPLICIT,
    (Kind.TIME, Kind.INTERVAL): _IMPLICIT,
    (Kind.INTERVAL, Kind.TIME): _ASSIGNMENT,
    (Kind.TIMESTAMP, Kind.TIME): _ASSIGNMENT,
    (Kind.TIMESTAMPTZ, Kind.TIME): _ASSIGNMENT,
    (Kind.JSON, Kind.JSONB): _ASSIGNMENT,
    (Kind.JSONB, Kind.JSON): _ASSIGNMENT,
    (Kind.JSONB, Kind.BOOLEAN): _EXPLICIT,
} | {(Kind.JSONB, number): _EXPLICIT for number in _NUMBER_ORDER}


def _needed_context(source: Kind, target: Kind) -> int:
    """The least context in which the cast is made, as a rank; `_NEVER` if there is none."""
    if source is target or source is Kind.UNKNOWN:
        return _IMPLICIT
    if target is Kind.UNKNOWN:
        return _ASSIGNMENT
    if source in TEXT_KINDS:
        return _IMPLICIT if target in TEXT_KINDS else _EXPLICIT
    if target in TEXT_KINDS:
        return _ASSIGNMENT
    for order in (_NUMBER_ORDER, _DATE_ORDER):
        if source in order and target in order:
            return _IMPLICIT if order.index(source) < order.index(target) else _ASSIGNMENT
    return _OTHERS.get((source, target), _NEVER)


_NEEDED = {(source, target): _needed_context(source, target) for source in Kind for target in Kind}


def can_cast(source: SqlType, target: SqlType, context: CastContext) -> bool:
    """Whether `source` becomes `target` in a place of this kind."""
    return _NEEDED[source.kind, target.kind] <= _RANK[context]


# Categories as in pg_type.typcategory: types of one category can meet in one column.
_CATEGORY: dict[Kind, str] = {
    Kind.BOOLEAN: "B",
    Kind.NUMERIC: "N",
    Kind.DATE: "D",
    Kind.TIME: "D",
    Kind.TIMESTAMP: "D",
    Kind.TIMESTAMPTZ: "D",
    Kind.INTERVAL: "T",
    Kind.UNKNOWN: "X",
}
_CATEGORY |= dict.fromkeys(INTEGER_KINDS | FLOAT_KINDS, "N")
_CATEGORY |= dict.fromkeys(TEXT_KINDS, "S")
_PREFERRED = frozenset({Kind.BOOLEAN, Kind.DOUBLE, Kind.TEXT, Kind.TIMESTAMPTZ, Kind.INTERVAL})


def category(kind: Kind) -> str:
    """PostgreSQL's letter: N numbers, S strings, D dates, T intervals, B booleans, X unknown, U others."""
    return _CATEGORY.get(kind, "U")


def is_preferred(kind: Kind) -> bool:
    """Whether the kind is the one that its category prefers in ambiguous cases."""
    return kind in _PREFERRED


def common_type(types: Sequence[SqlType], construct: str = "UNION") -> SqlType:
    """The type in which values of all `types` meet in CASE, UNION, COALESCE, VALUES, ...; 42804 if none.

    Quoted literals adapt to the others; if there is nothing else, the type is text.
    """
    first = types[0]
    if first is not UNKNOWN and all(type_ == first for type_ in types):
        return first
    known = [type_ for type_ in types if type_.kind is not Kind.UNKNOWN]
    if not known:
        return TEXT
    chosen = known[0].kind
    for type_ in known:
        kind = type_.kind
        if kind is chosen:
            continue
        if category(kind) != category(chosen) or (
            # Types outside the standard categories match only themselves.
            category(kind) == "U" and min(_NEEDED[kind, chosen], _NEEDED[chosen, kind]) > _IMPLICIT
        ):
            raise ProgrammingError(
                f"{construct} types {SqlType(chosen)} and {SqlType(kind)} cannot be matched", sqlstate="42804"
            )
        to_new, to_chosen = _NEEDED[chosen, kind], _NEEDED[kind, chosen]
        if not is_preferred(chosen) and to_new <= _IMPLICIT and to_chosen > _IMPLICIT:
            chosen = kind
    for type_ in known:
        if _NEEDED[type_.kind, chosen] > _IMPLICIT:
            message = f"{construct} could not convert type {SqlType(type_.kind)} to {SqlType(chosen)}"
            raise ProgrammingError(message, sqlstate="42846")
    # Modifiers survive only where all agree on them; a literal has none.
    if len(known) == len(types) and all(type_ == known[0] for type_ in known):
        return known[0]
    return SqlType(chosen)
