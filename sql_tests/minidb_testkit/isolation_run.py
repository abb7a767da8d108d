"""Runs a spec's permutations and writes what PostgreSQL's isolationtester would: the transcript.

    starting permutation: w1 w2 c1 c2
    step w1: UPDATE t SET v = 1;
    step w2: UPDATE t SET v = 2; <waiting ...>      launched, and not complete
    step c1: COMMIT;
    step w2: <... completed>                        reported where it became complete
    step c2: COMMIT;

The stepper says at once whether a step waits and which waits its end has ended, so nothing is polled. After
each step the waiting ones are looked at in the order in which they began to wait; one that is complete is
reported, unless a marker holds its report back (isolation_spec.py). A timeout is waited for only when nothing
else can happen. What can never go on is cancelled, where PostgreSQL's tester would do so after minutes.

As in PostgreSQL, sessions live as long as the spec; setup and teardown are run around each permutation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minidb.session.database import open_database
from minidb.session.session import Session
from minidb_testkit.interleaving import Action, Outcome, Stepper
from minidb_testkit.isolation_spec import Launch, Permutation, Spec, SpecError
from minidb_testkit.simple_query import Answer, run_simple_query

STATEMENT_LIMIT_S = 600.0  # of running, not waiting: a setup may load much
CONTROL = 0  # the index of the connection that runs the spec's setup and teardown; sessions count from 1


def run_spec(spec: Spec, settings: Mapping[str, str]) -> tuple[str, bool]:
    """The transcript, and whether all permutations were run. `settings` are set on every session first."""
    for order in spec.permutations:
        for launch in order:
            if any(marker.notices for marker in launch.markers):
                raise SpecError(f"step {launch.step.name} waits for notices, which minidb does not send")
    lines = [f"Parsed test spec with {len(spec.sessions)} sessions"]
    complete = True
    tester: _Tester | None = None
    try:
        for order in spec.orders():
            if tester is None:
                tester = _Tester(spec, settings)
            lines += ["", "starting permutation: " + " ".join([launch.step.name for launch in order])]
            lines += tester.run(order)
            if tester.stopped:
                complete = False
                break
            if tester.spoilt:
                tester.close()
                tester = None
    finally:
        if tester is not None:
            tester.close()
    return "\n".join(lines) + "\n", complete


class _Running:
    """A launched step, until it is reported."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.session = launch.step.session + 1
        self.answer = Answer()
        self.ended = False


class _Tester:
    """A database, a connection for each session of a spec, and the permutation that runs.

    stopped  setup failed: no permutation can be run
    spoilt   teardown failed: the next permutation needs a new database
    """

    def __init__(self, spec: Spec, settings: Mapping[str, str]) -> None:
        self.spec = spec
        self.stopped = False
        self.spoilt = False
        self.lines: list[str] = []
        self.active: dict[int, _Running] = {}  # by session: launched and not reported
        self.waiting: list[_Running] = []  # those of `active` that were shown as waiting, in that order
        database = open_database(":memory:")
        self.sessions = [Session(database, True) for _ in range(1 + len(spec.sessions))]
        database.sessions = len(self.sessions)
        for session in self.sessions:
            for name, value in settings.items():
                session.set(name, value)
        self.stepper = Stepper(database.transactions.locks, STATEMENT_LIMIT_S)

    def close(self) -> None:
        """End the threads and the database."""
        with self.stepper:
            pass
        for session in self.sessions:
            session.close()

    def run(self, order: Permutation) -> list[str]:
        """One permutation's transcript, without its title."""
        self.lines = []
        self.active.clear()
        self.waiting.clear()
        if self._set_up():
            for launch in order:
                self._launch(launch)
            while self.waiting:
                self._go_on("failed to complete permutation due to mutually-blocking steps")
            self._tear_down()
        return self.lines

    # -- around the steps -----------------------------------------------------------------------------

    def _set_up(self) -> bool:
        for setup in self.spec.setups:
            if not self._run_block(CONTROL, setup, "setup"):
                self.stopped = True
                return False
        for index, session in enumerate(self.spec.sessions, 1):
            if session.setup is not None:
                if not self._run_block(index, session.setup, f"setup of session {session.name}"):
                    self.stopped = True
                    return False
        return True

    def _tear_down(self) -> None:
        for index, session in enumerate(self.spec.sessions, 1):
            if session.teardown is not None:
                self._run_block(index, session.teardown, f"teardown of session {session.name}")
        if self.spec.teardown is not None:
            self.spoilt = not self._run_block(CONTROL, self.spec.teardown, "teardown")

    def _run_block(self, index: int, sql: str, what: str) -> bool:
        """Run a setup or teardown; only its last result is printed. Whether it succeeded."""
        answer = Answer()
        outcomes = self.stepper.step(str(index), self._action(index, sql, answer))
        if outcomes[0].waits:
            outcomes = self._cancel(index)
        if outcomes[0].text:  # not an error of SQL: a bug
            answer.error = outcomes[0].text
        if answer.error is not None:
            self.lines.append(f"{what} failed: {answer.error}")
            return False
        self.lines.extend(answer.results[-1] if answer.results else [])
        return True

    def _action(self, index: int, sql: str, answer: Answer) -> Action:
        def run() -> str:
            found = run_simple_query(self.sessions[index], sql)
            answer.results, answer.error = found.results, found.error
            return ""

        return run

    # -- steps ----------------------------------------------------------------------------------------

    def _launch(self, launch: Launch) -> None:
        index = launch.step.session + 1
        while index in self.active:
            name = self.active[index].launch.step.name
            self._go_on(f"isolationtester: canceling step {name}: nothing lets it go on", [index])
        running = self.active[index] = _Running(launch)
        self._note(self.stepper.step(str(index), self._action(index, launch.step.sql, running.answer)))
        shown_waiting = any(marker.step is None for marker in launch.markers)
        if shown_waiting or not self._can_be_reported(running):
            self.lines.append(f"step {launch.step.name}: {launch.step.sql} <waiting ...>")
            self._report_waiting()
            self.waiting.append(running)
        else:
            self._report(running, launch.step.sql)
            self._report_waiting()

    def _note(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            running = self.active[int(outcome.session)]
            running.ended = not outcome.waits
            if running.ended and outcome.text:  # not an error of SQL: a bug
                running.answer.error = outcome.text

    def _can_be_reported(self, running: _Running) -> bool:
        held_back = {marker.step for marker in running.launch.markers}
        return running.ended and not any(
            other.launch.step.name in held_back for other in self.active.values() if other is not running
        )

    def _report(self, running: _Running, text: str) -> None:
        del self.active[running.session]
        self.lines.append(f"step {running.launch.step.name}: {text}")
        for result in running.answer.results:
            self.lines.extend(result)
        if running.answer.error is not None:
            self.lines.append(running.answer.error)

    def _report_waiting(self) -> bool:
        """Report those that waited and are complete; each may release the report of others."""
        progress = False
        again = True
        while again:
            again = False
            for running in list(self.waiting):
                if self._can_be_reported(running):
                    self.waiting.remove(running)
                    self._report(running, "<... completed>")
                    progress = again = True
        return progress

    def _go_on(self, complaint: str, blamed: list[int] | None = None) -> None:
        """Nothing more is launched before a waiting step ends: wait for a timeout, or cancel those blamed."""
        if self._report_waiting():
            return
        pending = [index for index, running in self.active.items() if not running.ended]
        if any(self.stepper.has_timeout(str(index)) for index in pending):
            self._note(self.stepper.wake_first())
            return
        self.lines.append(complaint)
        for index in blamed or list(self.active):
            running = self.active[index]
            if running.ended:  # its marker is never fulfilled
                self.waiting.remove(running)
                self._report(running, "<... completed>")
            elif self.stepper.is_waiting(str(index)):
                self._note(self._cancel(index))

    def _cancel(self, index: int) -> list[Outcome]:
        return self.stepper.wake(str(index), self.sessions[index].interrupt)
