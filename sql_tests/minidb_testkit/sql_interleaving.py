"""Interleavings of SQL sessions as golden files, every isolation level side by side.

    # what the case shows
    setup> CREATE TABLE test (id int PRIMARY KEY, value int)
    t1> UPDATE test SET value = 11 WHERE id = 1
    t2> UPDATE test SET value = 12 WHERE id = 1
    t1> COMMIT
    t2> COMMIT
    end> SELECT * FROM test
    --- read committed
    ...

Each session begins a transaction of the section's level with its first step. A step of a session that still
waits is postponed until it goes on. `setup`, `watch` and `end` run outside: before, meanwhile and after;
`t2> (interrupt)` stops what t2 waits for.
"""

from __future__ import annotations

from minidb.errors import Error
from minidb.session.database import Database, open_database
from minidb.session.session import Session
from minidb_testkit.golden import GoldenCase, Results
from minidb_testkit.interleaving import Action, Outcome, Stepper, describe_error

LEVELS = ("read committed", "repeatable read")
_INDENT = "    "


def run_levels(case: GoldenCase) -> Results:
    """The case's transcript under each level."""
    return {level: _Run(case, level).run() for level in LEVELS}


class _Run:
    def __init__(self, case: GoldenCase, level: str) -> None:
        self.case = case
        self.level = level
        self.database: Database = open_database(":memory:")
        self.sessions: dict[str, Session] = {}
        self.postponed: dict[str, list[str]] = {}
        self.lines: list[str] = []

    def run(self) -> list[str]:
        outside = Session(self.database, True)
        try:
            with Stepper(self.database.transactions.locks) as stepper:
                for line in self.case.script:
                    name, text = (part.strip() for part in line.split(">", 1))
                    if name == "setup":
                        outside.execute(text)
                    elif name in ("watch", "end"):
                        self.lines.append(f"{name}> {text}")
                        self._show(Outcome(name, _attempt(outside, text)))
                    else:
                        self._step(stepper, name, text)
                waiting = [name for name in self.sessions if stepper.is_waiting(name)]
                assert not waiting, f"{waiting} still wait at the end of\n" + "\n".join(self.lines)
        finally:
            for session in (*self.sessions.values(), outside):
                session.close()
        return self.lines

    def _step(self, stepper: Stepper, name: str, text: str) -> None:
        if stepper.is_waiting(name) and text != "(interrupt)":
            self.postponed.setdefault(name, []).append(text)
            return
        self.lines.append(f"{name}> {text}")
        if text == "(interrupt)":
            outcomes = stepper.wake(name, self.sessions[name].interrupt)
        else:
            outcomes = stepper.step(name, self._action(name, text))
        for outcome in outcomes:
            self._show(outcome)
        for waited, steps in list(self.postponed.items()):
            while steps and not stepper.is_waiting(waited):
                self._step(stepper, waited, steps.pop(0))

    def _action(self, name: str, text: str) -> Action:
        present = self.sessions.get(name)
        if present is not None:
            return lambda: _statement(present, text)
        session = self.sessions[name] = Session(self.database, True)

        def begin_and_run() -> str:
            session.execute(f"BEGIN ISOLATION LEVEL {self.level.upper()}")
            return _statement(session, text)

        return begin_and_run

    def _show(self, outcome: Outcome) -> None:
        self.lines.extend(f"{_INDENT}{outcome.session}: {line}" for line in outcome.text.splitlines())


def _attempt(session: Session, text: str) -> str:
    try:
        return _statement(session, text)
    except Error as error:
        return describe_error(error)


def _statement(session: Session, text: str) -> str:
    """Run one statement: its rows, or its tag."""
    result = session.execute(text)
    if result.columns is None:
        return result.tag
    rows: list[str] = []
    while batch := result.next_batch():
        rows.extend(" | ".join("null" if value is None else str(value) for value in row) for row in batch)
    return "\n".join(rows) if rows else "(no rows)"
