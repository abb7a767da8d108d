"""Records histories: random transactions through real SQL connections, stepped or in threads.

Stepped, one thread runs at a time and everything follows from the seed; a statement that must wait really
waits, and goes on when another transaction's end lets it. In threads, the operating system decides.

A statement's snapshot and a commit's id come from the engine; `history.DependencyGraph` checks that the
snapshots explain the results before it believes them.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import minidb
from minidb_testkit.history import History, Observation, Transaction
from minidb_testkit.history_operations import (
    SCHEMA,
    Delete,
    Follow,
    Greatest,
    Insert,
    Operation,
    RollbackTo,
    Savepoint,
    Search,
    Select,
    State,
    Update,
    Upsert,
    by_id,
)
from minidb_testkit.interleaving import Action, Stepper
from minidb_testkit.left_behind import left_behind
from minidb_testkit.levels import ALL_LEVELS, SERIAL, Level

COMMITTED = "committed"
LOCKS = ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE")


@dataclass(frozen=True)
class Shape:
    """How big, and how much in each other's way."""

    ids: int = 16  # keys that may exist; half of them do at the start
    values: int = 8  # of `a` and `b`
    sessions: int = 5
    longest: int = 5  # statements of a transaction
    read_only_share: float = 0.15
    read_share: float = 0.55  # of the statements of the others
    memory: int = 0  # keys that a read set, and the conflict graph, may hold; 0: the engine's own limits
    exact: bool = False  # only statements whose reads the engine records exactly, see history_soak.py


@dataclass
class Recording:
    """What a run left: the history, and who did not get into it."""

    history: History
    end: State
    aborted: list[Transaction] = field(default_factory=list)  # by 40001
    outcomes: Counter[str] = field(default_factory=Counter)  # committed, or SQLSTATE
    left_behind: list[str] = field(default_factory=list)  # by transactions that have all ended


@dataclass(frozen=True)
class _Program:
    """A transaction to run."""

    name: str
    level: str
    read_only: bool
    operations: list[Operation]


class _Programs:
    """Random transactions; versions count up through all of them."""

    def __init__(self, seed: int, shape: Shape, levels: Sequence[str]) -> None:
        self.rng = random.Random(seed)
        self.shape = shape
        self.levels = levels
        self.versions = count(1)
        self.names = count(1)

    def next(self) -> _Program:
        rng = self.rng
        level = rng.choice(self.levels)
        read_only = rng.random() < self.shape.read_only_share
        length = rng.randint(1, self.shape.longest)
        operations = [self._operation(read_only) for _ in range(length)]
        if not read_only and length > 2 and rng.random() < 0.15:
            first, last = sorted(rng.sample(range(length + 1), 2))
            operations = [
                *(*operations[:first], Savepoint(), *operations[first:last], RollbackTo(), *operations[last:])
            ]
        return _Program(f"t{next(self.names)}", level, read_only, operations)

    def initial_rows(self) -> list[Insert]:
        return [self._insert(id, False) for id in range(0, self.shape.ids, 2)]

    def _operation(self, read_only: bool) -> Operation:
        rng = self.rng
        if read_only or rng.random() < self.shape.read_share:
            dice = rng.random()
            if dice < 0.1 and not self.shape.exact:
                return Greatest()
            if dice < 0.2:
                return Follow(rng.randrange(self.shape.ids))
            if not read_only and dice < 0.3:
                return Select(self._search(), lock=rng.choice(LOCKS))
            return Select(self._search(), rng.random() < 0.2)
        dice = rng.random()
        if dice < 0.55:
            value = None if rng.random() < 0.3 else rng.randrange(self.shape.values)
            column, returning = rng.choice("ab"), rng.random() < 0.4
            return Update(self._search(), column, value, next(self.versions), returning)
        if dice < 0.75:
            return Delete(self._search(), rng.random() < 0.4)
        insert = self._insert(rng.randrange(self.shape.ids), rng.random() < 0.5)
        if rng.random() < 0.7:
            return insert
        return Upsert(insert.row, rng.randrange(self.shape.values) if rng.random() < 0.5 else None)

    def _insert(self, id: int, or_nothing: bool) -> Insert:
        a, b = self.rng.randrange(self.shape.values), self.rng.randrange(self.shape.values)
        return Insert((id, a, b, next(self.versions), 0), or_nothing)

    def _search(self) -> Search:
        rng = self.rng
        dice = rng.random()
        if dice < 0.5:
            return by_id(rng.randrange(self.shape.ids))
        column = "id" if dice < 0.62 else "a" if dice < 0.87 else "b"
        low = rng.randrange(self.shape.ids if column == "id" else self.shape.values)
        width = rng.choice((0, 0, 1, 2))
        first = (column, low, low + width)
        if rng.random() < 0.25 and not (self.shape.exact and column == "id" and width == 0):
            other = rng.choice([each for each in ("a", "b") if each != column])
            least = rng.randrange(self.shape.values)
            return Search((first, (other, least, least + 3)))
        return Search((first,))


class _Client:
    """A connection that runs transactions and notes what it sees."""

    def __init__(self, path: str, recording: Recording, ends: Callable[[], int], seed: int) -> None:
        self.connection = minidb.connect(path, autocommit=True)
        self.recording = recording
        self.ends = ends
        self.rng = random.Random(seed)
        self.transaction = Transaction("", "")
        self.settings: Level | None = None

    def begin(self, program: _Program) -> None:
        level = ALL_LEVELS[program.level]
        if level is not self.settings:
            for name, value in level.settings:
                self.connection.execute(f"SET {name} = '{value}'")
            self.settings = level
        if level is SERIAL:
            return
        mode = " READ ONLY" if program.read_only else ""
        self.connection.execute(f"BEGIN ISOLATION LEVEL {level.isolation.upper()}{mode}")
        self.transaction = Transaction(program.name, program.level)
        engine = self.connection._session.transaction
        assert engine is not None
        if not program.read_only:
            engine.on_commit = self._note_commit

    def run_serially(self, program: _Program) -> None:
        """A whole transaction as a call of the serial executor, which may run it several times."""
        session = self.connection._session
        rng_before = self.rng.getstate()

        def work() -> None:
            self.rng.setstate(rng_before)
            self.transaction = Transaction(program.name, program.level)
            engine = session.transaction
            assert engine is not None
            engine.on_commit = self._note_commit
            for operation in program.operations:
                self._execute(operation)

        try:
            session.run_serially("transaction", work, None)
        except minidb.Error as error:
            self.recording.outcomes[error.sqlstate] += 1
            if error.sqlstate != "23505":
                raise
        else:
            self._committed()

    def _note_commit(self, engine: object, commit_id: int) -> None:
        self.transaction.commit = commit_id

    def run(self, operation: Operation) -> bool:
        """Run one statement; whether the transaction goes on."""
        return self._guarded(lambda: self._execute(operation), operation)

    def commit(self) -> None:
        """End the transaction."""
        if self._guarded(self.connection.commit, None):
            self._committed()

    def _committed(self) -> None:
        self.transaction.end = self.ends()
        self.recording.history.committed.append(self.transaction)
        self.recording.outcomes[COMMITTED] += 1

    def _execute(self, operation: Operation) -> None:
        text, parameters = operation.statement()
        if self.rng.random() < 0.3:  # the ways of text and of parameters through the session differ
            for value in parameters:
                text = text.replace("?", str(value), 1)
            parameters = []
        cursor = self.connection.execute(text, parameters)
        rows = sorted(cursor.fetchall()) if cursor.description is not None else [(cursor.rowcount,)]
        # An insert locks its key and looks at the newest state; nobody has changed that key since.
        database = self.connection._session.database
        newest = isinstance(operation, Insert | Upsert)
        snapshot = database.store.latest.commit_id if newest else self._snapshot()
        self.transaction.observations.append(Observation(operation, snapshot, rows))

    def _snapshot(self) -> int:
        engine = self.connection._session.transaction
        assert engine is not None
        return engine.snapshot.commit_id

    def _guarded(self, action: Callable[[], None], operation: Operation | None) -> bool:
        try:
            action()
        except minidb.Error as error:
            if operation is not None:
                self.transaction.observations.append(Observation(operation, self._snapshot(), None))
            self.connection.rollback()
            self.transaction.commit = 0
            self.transaction.end = self.ends()
            self.transaction.failure = f"{error}\n{error.detail or ''}"
            self.recording.outcomes[error.sqlstate] += 1
            if error.sqlstate == "40001":
                self.recording.aborted.append(self.transaction)
            elif error.sqlstate not in ("40P01", "23505"):
                raise
            return False
        return True


def _start(path: str, programs: _Programs) -> tuple[minidb.Connection, Recording]:
    keeper = minidb.connect(path, autocommit=True)
    state: State = {}
    for statement in SCHEMA:
        keeper.execute(statement)
    for insert in programs.initial_rows():
        keeper.execute(*insert.statement())
        insert.apply(state)
    database = keeper._session.database
    if programs.shape.memory:
        certification = database.transactions.certification
        certification.read_set_limit = certification.graph.limit = programs.shape.memory
    start = database.store.latest.commit_id
    return keeper, Recording(History(state, start, []), {})


def _finish(keeper: minidb.Connection, recording: Recording) -> Recording:
    recording.left_behind = left_behind(keeper._session.database)
    recording.end = {row[0]: row for row in keeper.execute("SELECT * FROM item").fetchall()}
    return recording


def record_stepped(seed: int, transactions: int, levels: Sequence[str], shape: Shape = Shape()) -> Recording:
    """A history in which one session runs at a time; the same for the same seed."""
    path = f":memory:history-{seed}-{id(levels)}"
    programs = _Programs(seed, shape, levels)
    keeper, recording = _start(path, programs)
    rng = random.Random(seed + 1)
    ends = count(1).__next__
    clients = [_Client(path, recording, ends, seed + number) for number in range(shape.sessions)]
    left: list[list[Action]] = [[] for _ in clients]  # the steps that each has before it
    begun = 0
    try:
        with Stepper(keeper._session.database.transactions.locks) as stepper:
            while begun < transactions or any(left):
                ready = [
                    number
                    for number, steps in enumerate(left)
                    if not stepper.is_waiting(str(number)) and (steps or begun < transactions)
                ]
                if not ready:
                    raise AssertionError("everybody waits, and nobody is told of a deadlock")
                number = rng.choice(ready)
                client, steps = clients[number], left[number]
                if not steps:
                    begun += 1
                    steps.extend(_steps_of(client, programs.next(), steps))
                outcomes = stepper.step(str(number), steps.pop(0))
                failures = [outcome.text for outcome in outcomes if outcome.text.startswith("ERROR")]
                assert not failures, failures
        return _finish(keeper, recording)
    finally:
        for client in clients:
            client.connection.close()
        keeper.close()


def _steps_of(client: _Client, program: _Program, steps: list[Action]) -> list[Action]:
    """The steps of a transaction; one that fails clears those behind it from `steps`."""
    if ALL_LEVELS[program.level] is SERIAL:
        return [partial(_run_serially, client, program)]

    def run(operation: Operation) -> str:
        if operation is program.operations[0]:
            client.begin(program)
        if not client.run(operation):
            steps.clear()
        return "ran"

    def commit() -> str:
        client.commit()
        return "ended"

    return [*[partial(run, operation) for operation in program.operations], commit]


def _run_serially(client: _Client, program: _Program) -> str:
    client.begin(program)
    client.run_serially(program)
    return "ran"


def record_threads(seed: int, transactions: int, levels: Sequence[str], shape: Shape = Shape()) -> Recording:
    """A history of free threads, one for each session."""
    path = f":memory:history-threads-{seed}-{id(levels)}"
    keeper, recording = _start(path, _Programs(seed, shape, levels))
    ends = count(1).__next__
    versions, names = count(10**6), count(1)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        programs = _Programs(seed * 100 + number + 1, shape, levels)
        programs.versions, programs.names = versions, names
        client = _Client(path, recording, ends, seed + number)
        try:
            while not failures and len(recording.history.committed) < transactions:
                program = programs.next()
                client.begin(program)
                if ALL_LEVELS[program.level] is SERIAL:
                    client.run_serially(program)
                elif all(client.run(operation) for operation in program.operations):
                    client.commit()
        except BaseException as error:  # shown by the thread that waits for this one
            failures.append(error)
        finally:
            client.connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(shape.sessions)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return _finish(keeper, recording)
    finally:
        keeper.close()
