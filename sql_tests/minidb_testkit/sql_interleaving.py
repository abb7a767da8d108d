"""Interleavings of SQL sessions as golden files, every isolation level side by side.

    # what the case shows
    setup> CREATE TABLE test (id int PRIMARY KEY, value int)
    t1> UPDATE test SET value = 11 WHERE id = 1
    t2> UPDATE test SET value = 12 WHERE id = 1
    t1> COMMIT
    t2> COMMIT
    end> SELECT * FROM test
    anomaly> G0 when end[0] == "1 | 12"
    --- read committed
    ...
    => G0 prevented
    => as if one by one: t1, t2

Each session begins a transaction of the section's level with its first step; a first step
`t3> BEGIN READ ONLY` adds characteristics. A step of a session that still waits is postponed until it goes
on. `setup`, `watch` and `end` run outside: before, meanwhile and after; `t2> (interrupt)` stops what t2
waits for.

`mix> t1 serializable ssi, t2 serializable 2pl predicate` gives each session a level of its own, and is a
section by that name; a case with mixes runs under these only.

`anomaly>` names an anomaly and the condition, in Python, under which it happened: each session is the list of
its steps' results. The last line says which serial order of the committed transactions gives all of them the
same results and the same end, or that none does; a SERIALIZABLE section for which there is none is a failure.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

from minidb.errors import Error
from minidb.session.database import Database, open_database
from minidb.session.session import Session
from minidb_testkit.golden import GoldenCase, Results
from minidb_testkit.interleaving import Action, Outcome, Stepper, describe_error
from minidb_testkit.levels import LEVELS, Level

_INDENT = "    "
_OUTSIDE = frozenset({"setup", "watch", "end", "mix", "anomaly"})
_NOT_SERIAL = "=> as if in no serial order"

Transcript = dict[str, list[str]]  # session (or `end`) -> the result of each of its steps


def run_levels(case: GoldenCase) -> Results:
    """The case's transcript under each level, or each mix of levels."""
    mixes = [text for name, text in _steps(case) if name == "mix"]
    return {section: run_section(case, section) for section in mixes or LEVELS}


def run_section(case: GoldenCase, section: str) -> list[str]:
    """The case's transcript under one level or mix, with its verdicts."""
    run = _Run(case, section)
    lines = run.run()
    for name, text in _steps(case):
        if name == "anomaly":
            anomaly, condition = text.split(" when ", 1)
            happened = eval(condition, {}, run.results)  # golden files are code of ours
            lines.append(f"=> {anomaly} {'possible' if happened else 'prevented'}")
    if not run.interrupted:
        order = _serial_order(run)
        lines.append(_NOT_SERIAL if order is None else f"=> as if one by one: {', '.join(order) or 'nobody'}")
        asked_for = any("SKIP LOCKED" in text for _, text in run.steps)  # which is to see less than there is
        must = all(level.serializable for level in run.levels.values()) and not asked_for
        assert order is not None or not must, f"{section} is not serializable:\n" + "\n".join(lines)
    return lines


def _steps(case: GoldenCase) -> list[tuple[str, str]]:
    return [(name, text) for name, text in (line.split("> ", 1) for line in case.script)]


class _Run:
    def __init__(self, case: GoldenCase, section: str) -> None:
        self.steps = _steps(case)
        self.levels = _levels(self.steps, section)
        self.database: Database = open_database(":memory:")
        self.sessions: dict[str, Session] = {}
        self.postponed: dict[str, list[str]] = {}
        self.lines: list[str] = []
        self.results: Transcript = {"end": []}
        self.interrupted = False

    def run(self) -> list[str]:
        outside = Session(self.database, True)
        try:
            with Stepper(self.database.transactions.locks) as stepper:
                for name, text in self.steps:
                    if name == "setup":
                        outside.execute(text)
                    elif name in ("watch", "end"):
                        self.lines.append(f"{name}> {text}")
                        self._show(Outcome(name, _attempt(outside, text)))
                    elif name not in _OUTSIDE:
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
            self.interrupted = True
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
        return lambda: _first_statement(session, text, self.levels[name])

    def _show(self, outcome: Outcome) -> None:
        if not outcome.waits:
            self.results.setdefault(outcome.session, []).append(outcome.text)
        self.lines.extend(f"{_INDENT}{outcome.session}: {line}" for line in outcome.text.splitlines())


def _levels(steps: list[tuple[str, str]], section: str) -> dict[str, Level]:
    """The level of each session."""
    names = dict.fromkeys([name for name, _ in steps if name not in _OUTSIDE])
    if section in LEVELS:
        return dict.fromkeys(names, LEVELS[section])
    mixed = dict(part.strip().split(" ", 1) for part in section.split(","))
    return {name: LEVELS[mixed[name]] for name in names}


def _first_statement(session: Session, text: str, level: Level) -> str:
    for setting, value in level.settings:
        session.set(setting, value)
    characteristics = text.removeprefix("BEGIN") if text.startswith("BEGIN") else ""
    begun = _statement(session, f"BEGIN ISOLATION LEVEL {level.isolation.upper()}{characteristics}")
    return begun if text.startswith("BEGIN") else _statement(session, text)


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


def _serial_order(run: _Run) -> tuple[str, ...] | None:
    """An order in which the committed transactions, run one by one, have the results that they had."""
    ended = {name: results[-1] for name, results in run.results.items() if results and name != "end"}
    committed = [name for name in run.sessions if ended[name] == "COMMIT"]
    happened = {name: run.results[name] for name in (*committed, "end")}
    for order in permutations(committed):
        if _one_by_one(tuple(run.steps), order) == happened:
            return order
    return None


@cache
def _one_by_one(steps: tuple[tuple[str, str], ...], order: tuple[str, ...]) -> Transcript:
    """What these sessions' steps give without any concurrency."""
    database = open_database(":memory:")
    sessions = {name: Session(database, True) for name in ("outside", *order)}
    results: Transcript = {}
    try:
        for name, text in steps:
            if name == "setup":
                sessions["outside"].execute(text)
        for name in order:
            first, *rest = [text for session, text in steps if session == name]
            results[name] = [_first_statement(sessions[name], first, LEVELS["read committed"])]
            results[name] += [_attempt(sessions[name], text) for text in rest]
        results["end"] = [_attempt(sessions["outside"], text) for name, text in steps if name == "end"]
    finally:
        for session in sessions.values():
            session.close()
    return results
