"""Checks a history of committed transactions: is there a serial order that explains it?

    versions of one row, in the order of their commits      v0 (t1)    v3 (t2)    gone (t5)    v9 (t6)
    t4 searched when v3 was the newest                                   ^ t2 -wr-> t4 -rw-> t5

The idea: every statement knows the snapshot that it saw (a commit id), so it stands at one place in each
row's line of versions. From there the direct serialization graph follows: ww from each version's writer to
the next one's; wr from who wrote what was read, or made the row leave the search; rw to who replaces what
was read, or makes a row enter or leave the search. A cycle in it is what no serial order explains.

Invariant of a serializable history: the graph has no cycle. Besides, every result must be what a naive
interpreter gives for the statement's snapshot with the transaction's own writes over it, or versions prove
nothing.

Paper: Adya, Liskov, O'Neil, *Generalized Isolation Level Definitions*, ICDE 2000. Where we differ: a search
depends on a later version only if that version, on its own, changes what the search finds.

Small histories are checked in a second way too, which knows nothing of graphs: `serial_order` looks for an
order in which the interpreter gives all the results that there were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from minidb_testkit.history_operations import (
    DuplicateKey,
    Insert,
    Operation,
    RollbackTo,
    Row,
    Rows,
    Savepoint,
    Search,
    Select,
    State,
    Upsert,
    by_id,
)

INITIAL = "initial"


@dataclass
class Observation:
    """One statement that ran: the commit id of its snapshot, and its result (None: it failed).

    An insert looks at the newest state, whatever the level: its snapshot is the newest commit.
    """

    operation: Operation
    snapshot: int
    rows: Rows | None


@dataclass
class Transaction:
    """One transaction; `commit` is 0 if it wrote nothing, `end` its place in the order of the ends."""

    name: str
    level: str
    observations: list[Observation] = field(default_factory=list)
    commit: int = 0
    end: int = 0
    failure: str = ""  # what the database said when it refused it


@dataclass
class History:
    """The rows at the start (with all their commits at or before `start`), and who committed since."""

    initial: State
    start: int
    committed: list[Transaction]


@dataclass(frozen=True)
class Edge:
    """`source` must come before `target` in any serial order."""

    source: str
    target: str
    kind: str  # ww, wr, rw
    id: int

    def __str__(self) -> str:
        return f"{self.source} -{self.kind}(item/{self.id})-> {self.target}"


class _Versions:
    """The line of versions of one row."""

    __slots__ = ("commits", "rows", "writers")

    def __init__(self, row: Row | None, start: int) -> None:
        self.commits = [start]
        self.writers = [INITIAL]
        self.rows: list[Row | None] = [row]

    def at(self, snapshot: int) -> int:
        """The position of the version that a snapshot shows."""
        return bisect_right(self.commits, snapshot) - 1


class DependencyGraph:
    """The direct serialization graph of a history. `problems`: results that the snapshots do not explain."""

    def __init__(self, history: History) -> None:
        self.start = history.start
        self.problems: list[str] = []
        self.transactions = {each.name: each for each in history.committed}
        self.successors: dict[str, dict[str, Edge]] = {name: {} for name in self.transactions}
        self._lines = {id: _Versions(row, history.start) for id, row in history.initial.items()}
        self._replays: dict[str, _Replay] = {}
        # What a transaction wrote follows from what it saw, that is, from earlier commits.
        for transaction in sorted(history.committed, key=lambda each: (each.commit == 0, each.commit)):
            replay = self._replays[transaction.name] = self._replay(transaction)
            self.problems += replay.problems
            for id, row in replay.writes.items():
                line = self._line(id)
                self._add(Edge(line.writers[-1], transaction.name, "ww", id))
                line.commits.append(transaction.commit)
                line.writers.append(transaction.name)
                line.rows.append(row)
        for transaction in history.committed:
            for edge in self._reads_of(transaction, self._replays[transaction.name]):
                self._add(edge)

    def cycle(self) -> list[Edge] | None:
        """A shortest cycle through some transaction, or None: the history is serializable."""
        for name in _on_or_between_cycles(self.successors):
            path = _shortest_path(self.successors, name, name)
            if path is not None:
                return path
        return None

    def would_close_cycle(self, aborted: Transaction) -> bool:
        """Whether a transaction that was refused would be on a cycle with those that ended before it."""
        name, end = aborted.name, aborted.end
        replay = self._replay(aborted)
        edges = self._reads_of(aborted, replay)
        for id in replay.writes:
            line = self._line(id)
            edges += [Edge(writer, name, "ww", id) for writer in line.writers]
        before = {
            edge.source for edge in edges if edge.target == name and self._ended_before(edge.source, end)
        }
        todo = [edge.target for edge in edges if edge.source == name]
        seen: set[str] = set()
        while todo:
            other = todo.pop()
            if other in seen or not self._ended_before(other, end):
                continue
            seen.add(other)
            if other in before or self._read_what_is_replaced(other, replay.writes):
                return True
            todo += self.successors[other]
        return False

    # -- building it --------------------------------------------------------------------------------------

    def _line(self, id: int) -> _Versions:
        line = self._lines.get(id)
        if line is None:
            line = self._lines[id] = _Versions(None, self.start)
        return line

    def _add(self, edge: Edge) -> None:
        if edge.source not in (edge.target, INITIAL):
            self.successors[edge.source].setdefault(edge.target, edge)

    def _ended_before(self, name: str, end: int) -> bool:
        transaction = self.transactions.get(name)
        return transaction is not None and transaction.end < end

    def _replay(self, transaction: Transaction) -> _Replay:
        replay = _Replay()
        own = replay.writes
        saved: dict[int, Row | None] = {}
        for observation in transaction.observations:
            replay.own_before.append(set(own))
            rows = {id: line.rows[line.at(observation.snapshot)] for id, line in self._lines.items()}
            before = {id: row for id, row in {**rows, **own}.items() if row is not None}
            state = dict(before)
            operation = observation.operation
            if observation.rows is None:
                searches, written = _refused(operation, state)
                replay.searches.append(searches)
                own.update(written)
            else:
                expected = _apply(operation, state)
                replay.searches.append(operation.searches(expected))
                if observation.rows != expected:
                    replay.problems.append(
                        f"{transaction.name} ({transaction.level}), snapshot {observation.snapshot}: "
                        f"{operation.statement()} gave {observation.rows}, not {expected}"
                    )
            own.update({id: row for id, row in state.items() if before.get(id) != row})
            own.update({id: None for id in before if id not in state})
            if isinstance(operation, RollbackTo):
                own.clear()
                own.update(saved)
            elif isinstance(operation, Savepoint):
                saved = dict(own)
        return replay

    def _reads_of(self, transaction: Transaction, replay: _Replay) -> list[Edge]:
        """The wr and rw edges of all that a transaction read, less what it had written itself."""
        edges: list[Edge] = []
        for observation, own, searches in zip(
            transaction.observations, replay.own_before, replay.searches, strict=True
        ):
            for search in searches:
                for id, line in self._lines.items():
                    if id not in own and search.may_match(id):
                        edges += _reads(transaction.name, search, id, line, line.at(observation.snapshot))
        return edges

    def _read_what_is_replaced(self, name: str, writes: dict[int, Row | None]) -> bool:
        """Whether a committed transaction's reads would be different after these writes."""
        replay = self._replays[name]
        for observation, searches in zip(self.transactions[name].observations, replay.searches, strict=True):
            for search in searches:
                for id, row in writes.items():
                    line = self._line(id)
                    found = search.matches(line.rows[line.at(observation.snapshot)])
                    if (found and search.content) or found != search.matches(row):
                        return True
        return False


class _Replay:
    """A transaction done by the interpreter on what it saw."""

    __slots__ = ("own_before", "problems", "searches", "writes")

    def __init__(self) -> None:
        self.writes: dict[int, Row | None] = {}  # the last of each row
        self.own_before: list[set[int]] = []  # for each statement: the rows written before it
        self.searches: list[Sequence[Search]] = []  # of each statement
        self.problems: list[str] = []


def _reads(name: str, search: Search, id: int, line: _Versions, position: int) -> list[Edge]:
    """The edges of one search and one row, whose version at `position` was seen."""
    rows = line.rows
    found = search.matches(rows[position])
    first, following = position, position + 1
    if not (found and search.content):  # else any other version would have been another result
        while first > 0 and search.matches(rows[first - 1]) == found:
            first -= 1
        while following < len(rows) and search.matches(rows[following]) == found:
            following += 1
    edges = [Edge(line.writers[first], name, "wr", id)]
    if following < len(rows):
        edges.append(Edge(name, line.writers[following], "rw", id))
    return edges


# -- graphs -----------------------------------------------------------------------------------------------


def _on_or_between_cycles(successors: dict[str, dict[str, Edge]]) -> list[str]:
    """What is left when nodes without predecessors, or without successors, are taken away until none is."""
    predecessors: dict[str, set[str]] = {name: set() for name in successors}
    for name, edges in successors.items():
        for target in edges:
            predecessors[target].add(name)
    left = dict.fromkeys(successors)
    for forward, backward in ((successors, predecessors), (predecessors, successors)):
        degree = {name: len([each for each in backward[name] if each in left]) for name in left}
        todo = [name for name in left if degree[name] == 0]
        while todo:
            name = todo.pop()
            del left[name]
            for target in forward[name]:
                if target in left:
                    degree[target] -= 1
                    if degree[target] == 0:
                        todo.append(target)
    return list(left)


def _shortest_path(successors: dict[str, dict[str, Edge]], source: str, target: str) -> list[Edge] | None:
    """The edges from `source` to `target` (at least one), or None."""
    came_by: dict[str, Edge] = {}
    todo = deque([source])
    while todo:
        name = todo.popleft()
        for other, edge in successors[name].items():
            if other in came_by:
                continue
            came_by[other] = edge
            if other == target:
                path = [edge]
                while path[0].source != source:
                    path.insert(0, came_by[path[0].source])
                return path
            todo.append(other)
    return None


# -- the second way ---------------------------------------------------------------------------------------


def serial_order(history: History, end: State) -> list[str] | None:
    """An order in which the interpreter gives every result that there was, and `end`; or None."""

    def search(state: State, left: list[Transaction]) -> list[str] | None:
        if not left:
            return [] if state == end else None
        for transaction in left:
            after = dict(state)
            if _gives_its_results(transaction, after):
                rest = search(after, [each for each in left if each is not transaction])
                if rest is not None:
                    return [transaction.name, *rest]
        return None

    return search(history.initial, history.committed)


def _gives_its_results(transaction: Transaction, state: State) -> bool:
    saved: State = {}
    for observation in transaction.observations:
        if isinstance(observation.operation, RollbackTo):
            state.clear()
            state.update(saved)
        elif isinstance(observation.operation, Savepoint):
            saved = dict(state)
        elif _apply(observation.operation, state) != observation.rows:
            return False
    return True


def _apply(operation: Operation, state: State) -> Rows:
    try:
        return operation.apply(state)
    except DuplicateKey:
        return [("23505",)]  # no statement that was recorded has that result


def _refused(operation: Operation, state: State) -> tuple[Sequence[Search], State]:
    """What a statement that failed with 40001 read and meant to write, as its snapshot has it."""
    if isinstance(operation, Insert | Upsert):
        return (by_id(operation.row[0]),), {operation.row[0]: operation.row}
    if isinstance(operation, Select) and operation.lock:
        return (operation.search,), {row[0]: row for row in operation.search.found(state)}
    return operation.searches(_apply(operation, state)), {}
