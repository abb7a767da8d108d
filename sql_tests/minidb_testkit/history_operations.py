"""What random transactions do, as data: each operation as SQL, and as a naive interpreter does it.

    item(id primary key, a indexed, b not indexed, version, prior)

Every write stores a version that nothing else ever stores, and the one that it replaces as `prior`: a row
that was read tells who wrote it, and over what. A deletion shows by the rows that a search misses.

`apply` changes a state and gives the result that SQL gives for the same operation on the same state;
`searches` is what the result depended on, as predicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Row = tuple[int, int, int, int, int]  # id, a, b, version, prior
State = dict[int, Row]
Statement = tuple[str, list[int]]  # text with `?`, parameters
Rows = list[tuple[int | str | None, ...]]

SCHEMA = (
    "CREATE TABLE item (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL,"
    " version int NOT NULL, prior int NOT NULL)",
    "CREATE INDEX item_a ON item (a)",
)
NO_ROWS: Rows = [(-1,)]  # of a statement that neither returns rows nor counts any
_COLUMNS = {"id": 0, "a": 1, "b": 2}


class DuplicateKey(Exception):
    """An insert met a row: in SQL, 23505."""


@dataclass(frozen=True)
class Search:
    """The rows whose columns all lie in these ranges."""

    ranges: tuple[tuple[str, int, int], ...]  # column, least, greatest
    content: bool = True  # whether it read the rows that it found, or only that they are there

    def matches(self, row: Row | None) -> bool:
        """Whether the row is there and in all ranges."""
        if row is None:
            return False
        return all(low <= row[_COLUMNS[column]] <= high for column, low, high in self.ranges)

    def may_match(self, id: int) -> bool:
        """Whether a row of that id can be in all ranges."""
        return all(column != "id" or low <= id <= high for column, low, high in self.ranges)

    def where(self) -> Statement:
        """As a condition."""
        terms, parameters = [], []
        for column, low, high in self.ranges:
            if low == high:
                terms.append(f"{column} = ?")
                parameters.append(low)
            else:
                terms.append(f"{column} BETWEEN ? AND ?")
                parameters += [low, high]
        return " AND ".join(terms) or "true", parameters

    def found(self, state: State) -> list[Row]:
        """In order of their ids."""
        return [state[id] for id in sorted(state) if self.matches(state[id])]


EVERYTHING = Search(())


def by_id(id: int) -> Search:
    """The one row of that id."""
    return Search((("id", id, id),))


def _existence(id: int) -> Search:
    return Search((("id", id, id),), content=False)


@dataclass(frozen=True)
class Operation:
    """One statement."""

    def statement(self) -> Statement:
        """As SQL."""
        raise NotImplementedError

    def apply(self, state: State) -> Rows:
        """Do it to a state; what SQL returns, or the number of rows changed as one row."""
        raise NotImplementedError

    def searches(self, rows: Rows) -> Sequence[Search]:
        """What the result depended on."""
        raise NotImplementedError


@dataclass(frozen=True)
class Select(Operation):
    """A point or predicate read; `summed` gives the number of rows and the sum of their versions only.

    `lock` is a row-locking clause: whoever reads `FOR UPDATE` means to write.
    """

    search: Search
    summed: bool = False
    lock: str = ""

    def statement(self) -> Statement:
        where, parameters = self.search.where()
        if self.summed:
            return f"SELECT count(*), sum(version) FROM item WHERE {where}", parameters
        return f"SELECT * FROM item WHERE {where} ORDER BY id {self.lock}".rstrip(), parameters

    def apply(self, state: State) -> Rows:
        found = self.search.found(state)
        if self.summed:
            return [(len(found), sum([row[3] for row in found]) if found else None)]
        return [*found]

    def searches(self, rows: Rows) -> Sequence[Search]:
        return (self.search,)


@dataclass(frozen=True)
class Greatest(Operation):
    """The rows with the greatest `a`, by way of an index's end: nothing below it matters."""

    def statement(self) -> Statement:
        return "SELECT * FROM item WHERE a = (SELECT max(a) FROM item) ORDER BY id", []

    def apply(self, state: State) -> Rows:
        greatest = max([row[1] for row in state.values()], default=0)
        return [*Search((("a", greatest, greatest),)).found(state)]

    def searches(self, rows: Rows) -> Sequence[Search]:
        if not rows:
            return (EVERYTHING,)
        greatest = rows[0][1]
        assert isinstance(greatest, int)
        return (Search((("a", greatest, 2**31 - 1),)),)


@dataclass(frozen=True)
class Follow(Operation):
    """A join: the row of an id, and the row whose id is that row's `a`."""

    id: int

    def statement(self) -> Statement:
        return "SELECT x.*, y.* FROM item x LEFT JOIN item y ON y.id = x.a WHERE x.id = ?", [self.id]

    def apply(self, state: State) -> Rows:
        row = state.get(self.id)
        return [] if row is None else [(*row, *state.get(row[1], (None,) * 5))]

    def searches(self, rows: Rows) -> Sequence[Search]:
        if not rows:
            return (by_id(self.id),)
        other = rows[0][1]
        assert isinstance(other, int)
        return (by_id(self.id), by_id(other))


@dataclass(frozen=True)
class Update(Operation):
    """Set `a` or `b` of what is found, to a value or by one more."""

    search: Search
    column: str
    value: int | None  # None: what it was and 1
    version: int
    returning: bool

    def statement(self) -> Statement:
        where, parameters = self.search.where()
        value, before = (f"{self.column} + 1", []) if self.value is None else ("?", [self.value])
        text = f"UPDATE item SET {self.column} = {value}, prior = version, version = ? WHERE {where}"
        return text + (" RETURNING *" if self.returning else ""), [*before, self.version, *parameters]

    def apply(self, state: State) -> Rows:
        changed: list[Row] = []
        for id, a, b, version, _ in self.search.found(state):
            old = a if self.column == "a" else b
            new = old + 1 if self.value is None else self.value
            row = (id, *((new, b) if self.column == "a" else (a, new)), self.version, version)
            changed.append(row)
            state[id] = row
        return [*changed] if self.returning else [(len(changed),)]

    def searches(self, rows: Rows) -> Sequence[Search]:
        return (self.search,)


@dataclass(frozen=True)
class Delete(Operation):
    """Delete what is found."""

    search: Search
    returning: bool

    def statement(self) -> Statement:
        where, parameters = self.search.where()
        return f"DELETE FROM item WHERE {where}" + (" RETURNING *" if self.returning else ""), parameters

    def apply(self, state: State) -> Rows:
        found = self.search.found(state)
        for row in found:
            del state[row[0]]
        return [*found] if self.returning else [(len(found),)]

    def searches(self, rows: Rows) -> Sequence[Search]:
        return (self.search,)


@dataclass(frozen=True)
class Insert(Operation):
    """Insert a row; with `or_nothing`, unless there is one of that id."""

    row: Row
    or_nothing: bool

    def statement(self) -> Statement:
        text = "INSERT INTO item VALUES (?, ?, ?, ?, ?)"
        return text + (" ON CONFLICT (id) DO NOTHING" if self.or_nothing else ""), [*self.row]

    def apply(self, state: State) -> Rows:
        if self.row[0] in state:
            if self.or_nothing:
                return [(0,)]
            raise DuplicateKey
        state[self.row[0]] = self.row
        return [(1,)]

    def searches(self, rows: Rows) -> Sequence[Search]:
        return (_existence(self.row[0]),)  # seen even if the insert is undone afterwards


@dataclass(frozen=True)
class Upsert(Operation):
    """Insert a row, or update `b` of the one that is there, unless `b` is `unless`: by the newest state, like
    any insert."""

    row: Row
    unless: int | None = None

    def statement(self) -> Statement:
        text = (
            "INSERT INTO item VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET b = excluded.b, prior = item.version, version = excluded.version"
        )
        if self.unless is None:
            return text + " RETURNING *", [*self.row]
        return text + " WHERE item.b <> ? RETURNING *", [*self.row, self.unless]

    def apply(self, state: State) -> Rows:
        present = state.get(self.row[0])
        if present is not None and present[2] == self.unless:
            return []
        id, _, b, version, _ = self.row
        row = self.row if present is None else (id, present[1], b, version, present[3])
        state[id] = row
        return [row]

    def searches(self, rows: Rows) -> Sequence[Search]:
        inserted = rows and not rows[0][4]
        return (_existence(self.row[0]) if inserted else by_id(self.row[0]),)


@dataclass(frozen=True)
class Savepoint(Operation):
    """A place to go back to. `history.play` remembers the state."""

    def statement(self) -> Statement:
        return "SAVEPOINT here", []

    def apply(self, state: State) -> Rows:
        return NO_ROWS

    def searches(self, rows: Rows) -> Sequence[Search]:
        return ()


@dataclass(frozen=True)
class RollbackTo(Savepoint):
    """Undo what was written since. What was read since was read all the same."""

    def statement(self) -> Statement:
        return "ROLLBACK TO here", []
