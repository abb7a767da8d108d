"""Which names mean which columns here: relations, what is visible unqualified, and enclosing queries.

    Level    one query: the enclosing columns it uses (`free`), its aggregates, the clause being bound
    Scope    the names that can be seen at one place of a query; `outer` is the next one out

    SELECT (SELECT s.a + t.b FROM s) FROM t         scope of s --outer--> scope of t
                                                    level of the subquery: free = {t.b}

A name is looked up from the inside out. Every level that a found column was carried into from outside
notes it in `free`: those are the columns that its `Subquery` node, or the `NestedLoop` above a LATERAL
item, must hand down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from minidb.catalog.schema import Table
from minidb.errors import ProgrammingError
from minidb.expr.node import Column, Expr, walk
from minidb.plan.nodes import AggregateCall, FunctionScan, RowMark
from minidb.sql.names import refuse

_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})


@dataclass(slots=True)
class Relation:
    """One FROM item: its alias and the columns that `alias.name` can mean.

    `table` is set for a stored table that is scanned here; `original` is the table's name if an alias hides
    it; `marks` are the stored rows behind each of its rows, if they are to be locked; `unlockable` says what
    it is if they cannot be.
    """

    name: str
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    table: Table | None = None
    original: str | None = None
    marks: tuple[RowMark, ...] = ()
    unlockable: str | None = None


@dataclass(slots=True)
class Visible:
    """A column that can be named without its relation; under USING it stands for two."""

    name: str
    expression: Expr


@dataclass(slots=True)
class Level:
    """One query. `clause` names what is being bound, for messages; `calls` collects its aggregates."""

    depth: int = 0
    free: dict[int, Column] = field(default_factory=dict)
    clause: str = ""
    aggregates_allowed: bool = False
    in_aggregate: bool = False
    calls: list[AggregateCall] = field(default_factory=list)
    owned: set[int] = field(default_factory=set)  # columns found, or computed, at this level
    series: list[FunctionScan] = field(default_factory=list)  # set-returning functions of its select list


class Scope:
    """The names at one place of a query."""

    __slots__ = ("level", "outer", "relations", "unreachable", "visible")

    def __init__(self, outer: Scope | None = None, level: Level | None = None) -> None:
        depth = 0 if outer is None else outer.level.depth + 1
        self.level: Level = level if level is not None else Level(depth)
        self.outer = outer
        self.relations: list[Relation] = []
        self.visible: list[Visible] = []
        self.unreachable: list[Relation] = []  # for the hint: FROM items that are not LATERAL's

    def add(self, relation: Relation, *, visible: bool = True) -> None:
        """One more relation, its columns visible unqualified too."""
        self.relations.append(relation)
        if visible:
            for name, column in zip(relation.names, relation.columns, strict=True):
                self.visible.append(Visible(name, column))

    def join(self, other: Scope) -> None:
        """The relations of `other` beside those here; 42712 if both have one of the same name."""
        names = {relation.name for relation in self.relations}
        for relation in other.relations:
            if relation.name in names:
                raise ProgrammingError(
                    f'table name "{relation.name}" specified more than once', sqlstate="42712"
                )
            self.relations.append(relation)
        self.visible.extend(other.visible)

    def sibling(self) -> Scope:
        """An empty scope in the same query."""
        return Scope(self.outer, self.level)

    def relation(self, name: str) -> Relation | None:
        """The relation of that name, here."""
        for relation in self.relations:
            if relation.name == name:
                return relation
        return None


def resolve(scope: Scope, name: str, qualifier: str | None = None, position: int | None = None) -> Expr:
    """The column that `name` or `qualifier.name` means; 42703, 42702 or 42P01 if none or several."""
    passed: list[Level] = []
    current: Scope | None = scope
    while current is not None:
        found = _find(current, name, qualifier, position)
        if found is not None:
            for part in walk(found):
                if isinstance(part, Column):
                    current.level.owned.add(part.id)
                    for level in passed:
                        level.free[part.id] = part
            return found
        if current.outer is not None and current.outer.level is not current.level:
            passed.append(current.level)
        current = current.outer
    raise _unknown_column(scope, name, qualifier, position)


def _find(scope: Scope, name: str, qualifier: str | None, position: int | None) -> Expr | None:
    if qualifier is not None:
        relation = scope.relation(qualifier)
        if relation is None:
            return None
        matches: list[Expr] = [
            column for own, column in zip(relation.names, relation.columns, strict=True) if own == name
        ]
        if not matches:
            if name in _SYSTEM_COLUMNS and relation.table is not None:
                raise refuse(f'the system column "{name}" is')
            raise ProgrammingError(
                f"column {qualifier}.{name} does not exist",
                sqlstate="42703",
                position=position,
                hint=_column_hint([relation], name),
            )
    else:
        matches = [visible.expression for visible in scope.visible if visible.name == name]
    if len(matches) > 1:
        raise ProgrammingError(f'column reference "{name}" is ambiguous', sqlstate="42702", position=position)
    return matches[0] if matches else None


def find_relation(scope: Scope, name: str, position: int | None = None) -> tuple[Relation, Scope]:
    """The relation that `name.*` means, and where it is; 42P01."""
    current: Scope | None = scope
    while current is not None:
        relation = current.relation(name)
        if relation is not None:
            return relation, current
        current = current.outer
    raise missing_relation(scope, name, position)


def missing_relation(scope: Scope, name: str, position: int | None) -> ProgrammingError:
    """42P01 for a qualifier that no FROM item has."""
    current: Scope | None = scope
    while current is not None:
        for relation in current.relations:
            if relation.original == name:
                return ProgrammingError(
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    sqlstate="42P01",
                    position=position,
                    hint=f'Perhaps you meant to reference the table alias "{relation.name}".',
                )
        for relation in current.unreachable:
            if relation.name == name:
                return ProgrammingError(
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    sqlstate="42P01",
                    position=position,
                    hint=f'There is an entry for table "{name}", '
                    "but it cannot be referenced from this part of the query.",
                )
        current = current.outer
    return ProgrammingError(
        f'missing FROM-clause entry for table "{name}"', sqlstate="42P01", position=position
    )


def _unknown_column(scope: Scope, name: str, qualifier: str | None, position: int | None) -> Exception:
    if qualifier is not None:
        return missing_relation(scope, qualifier, position)
    relations: list[Relation] = []
    current: Scope | None = scope
    while current is not None:
        if current.relation(name) is not None:
            return refuse(f'a whole row ("{name}") as a value is')
        relations.extend(current.relations)
        current = current.outer
    if name in _SYSTEM_COLUMNS and any(relation.table is not None for relation in relations):
        return refuse(f'the system column "{name}" is')
    return ProgrammingError(
        f'column "{name}" does not exist',
        sqlstate="42703",
        position=position,
        hint=_column_hint(relations, name),
    )


def _column_hint(relations: list[Relation], name: str) -> str | None:
    """PostgreSQL's suggestion: the nearest spelling, at most three edits and half the word away."""
    best: list[str] = []
    least = min(3, len(name) // 2)
    for relation in relations:
        for candidate in relation.names:
            distance = _distance(name, candidate, least)
            if distance < least:
                least, best = distance, []
            if distance == least:
                best.append(f'"{relation.name}.{candidate}"')
    if not best or len(best) > 2:
        return None
    if len(best) == 1:
        return f"Perhaps you meant to reference the column {best[0]}."
    return f"Perhaps you meant to reference the column {best[0]} or the column {best[1]}."


def _distance(left: str, right: str, limit: int) -> int:
    """Levenshtein's, or more than `limit`."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    previous = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (letter != other))
            )
        previous = current
    return previous[-1]
