"""The lock table alone, scenario by scenario: sql_tests/locks/*.golden.

t1> lock a [key-share | share | no-key-update | update] [nowait]
t1> table 16 access-exclusive [nowait]
t1> advisory 7 exclusive [session] [nowait]
t1> unlock 7 exclusive   what its session holds
t1> end                  releases everything; the session's next step is a new transaction
t1> escalate             all of its rows become one lock
t1> interrupt            another thread stops its wait
t1> times-out 1          from now on its waits end after so many milliseconds
show>                    prints the table
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from minidb.storage.snapshot import Snapshot
from minidb.storage.view import View
from minidb.txn.advisory_locks import AdvisoryLocks
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.lock_modes import ROW_NAMES, TABLE_NAMES
from minidb.txn.lock_report import lock_entries
from minidb.txn.lock_table import LockTable
from minidb.txn.state import AdvisoryKey, LockTarget, SessionOwner, TransactionState
from minidb_testkit.golden import GoldenCase, Results, check
from minidb_testkit.interleaving import Outcome, Stepper

SCENARIOS = sorted((Path(__file__).parents[2] / "locks").glob("*.golden"))
PREFIX = b"rows"

ROW_MODES = {name.lower().removeprefix("for ").replace(" ", "-"): mode for mode, name in ROW_NAMES.items()}
TABLE_MODES = {name.lower().replace(" ", "-"): mode for mode, name in TABLE_NAMES.items()}


def describe(target: LockTarget) -> str:
    if isinstance(target, AdvisoryKey):
        return str(target)
    if isinstance(target, int):
        return f"table {target}"
    return target[4:].decode() or "all rows"


class Scenario:
    def __init__(self) -> None:
        self.active: dict[int, TransactionState] = {}
        self.locks = LockTable(self.active, describe)
        self.transactions: dict[str, TransactionState] = {}
        self.timeouts: dict[str, int] = {}
        self.number = count(1)
        self.interrupts: dict[str, Interrupt] = {}  # a session's transactions share one
        self.sessions: dict[str, AdvisoryLocks] = {}

    def transaction(self, name: str) -> TransactionState:
        found = self.transactions.get(name)
        if found is None:
            snapshot = Snapshot(0, View(None, ()))
            interrupt = self.interrupts.setdefault(name, Interrupt())
            found = TransactionState(next(self.number), IsolationLevel.READ_COMMITTED, snapshot, interrupt)
            found.lock_timeout_ms = self.timeouts.get(name, 0)
            self.transactions[name] = found
            self.active[found.id] = found
        return found

    def advisory(self, name: str) -> AdvisoryLocks:
        found = self.sessions.get(name)
        if found is None:
            number = len(self.sessions) + 1
            found = self.sessions[name] = AdvisoryLocks(self.locks, number)
        return found

    def act(self, name: str, words: list[str]) -> str:
        transaction = self.transaction(name)
        wait = words[-1] != "nowait"
        if not wait:
            words = words[:-1]
        match words:
            case ["lock", key, *mode]:
                strength = ROW_MODES[mode[0]] if mode else ROW_MODES["update"]
                granted = self.locks.lock_row(transaction, PREFIX + key.encode(), strength, wait)
            case ["table", number, mode_name]:
                granted = self.locks.lock_table(transaction, int(number), TABLE_MODES[mode_name], wait)
            case ["advisory", number, mode_name, *session]:
                granted = self.advisory(name).lock(
                    transaction,
                    AdvisoryKey(int(number)),
                    shared=mode_name == "share",
                    session=bool(session),
                    wait=wait,
                )
            case ["unlock", number, mode_name]:
                key = AdvisoryKey(int(number))
                held = self.advisory(name).unlock(key, shared=mode_name == "share")
                return "unlocked" if held else "not held"
            case ["escalate"]:
                granted = self.locks.escalate(transaction, PREFIX)
            case ["end"]:
                self.locks.release_all(transaction)
                del self.transactions[name]
                return "ended"
            case _:
                raise ValueError(" ".join(words))
        return "granted" if granted else "refused"

    def show(self) -> list[str]:
        lines: list[str] = []
        for lock in lock_entries(self.locks):
            session = "session " if isinstance(lock.owner, SessionOwner) else ""
            waits = "" if lock.granted else " waits"
            lines.append(f"    {describe(lock.target)}: {session}{lock.owner.id} {lock.mode_name}{waits}")
        return lines or ["    nothing"]

    def run(self, case: GoldenCase) -> Results:
        lines: list[str] = []
        with Stepper(self.locks) as stepper:
            for line in case.script:
                name, command = (part.strip() for part in line.split(">", 1))
                words = command.split()
                lines.append(line)
                if name == "show":
                    lines.extend(self.show())
                    continue
                outcomes: list[Outcome]
                if words[0] == "interrupt":
                    outcomes = stepper.wake(name, self.transactions[name].interrupt.request)
                elif words[0] == "times-out":
                    self.timeouts[name] = self.transaction(name).lock_timeout_ms = int(words[1])
                    continue
                else:
                    outcomes = stepper.step(name, lambda name=name, words=words: self.act(name, words))
                    if outcomes[0].waits and self.transactions[name].lock_timeout_ms:
                        outcomes += stepper.wake(name)
                for outcome in outcomes:
                    lines.extend(f"    {outcome.session}: {text}" for text in outcome.text.splitlines())
        for name in list(self.transactions):
            assert self.transactions[name].waiting is None, f"{name} still waits at the end"
            self.locks.release_all(self.transactions[name])
        for session in self.sessions.values():
            session.unlock_all()
        assert not self.locks.owners
        assert not self.locks.queues
        return {"": lines}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, rewrite_golden: bool) -> None:
    assert SCENARIOS
    check(path, lambda case: Scenario().run(case), rewrite_golden)
