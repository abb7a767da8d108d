"""PostgreSQL's isolation `.spec` format: sessions, their steps, and the orders in which to run them.

    setup { CREATE TABLE t (id int PRIMARY KEY); }      any number of them, each run on its own
    teardown { DROP TABLE t; }
    session s1
    setup { BEGIN; }                                    before each permutation
    step r1 { SELECT * FROM t; }
    step c1 { COMMIT; }
    teardown { ROLLBACK; }
    session "s 2" ...
    permutation r1 w2(*) c1(w2, r1 notices 2) ...       none: every interleaving of the sessions' steps

A marker holds back the *report* of a step, never its running: `(*)` shows it as waiting first, `(other)`
until `other` is complete, `(other notices n)` until the session of `other` has sent n notices since the
launch. A block ends at its first `}`. Comments begin with `#`, and between blocks with `--` as well.

The format is described in PostgreSQL's src/test/isolation/README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

KEYWORDS = frozenset({"setup", "teardown", "session", "step", "permutation", "notices"})
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|--[^\n]*)
    | \{[ \t\r\f]*(?P<block>[^}]*?)[ \t\r\f]*\}
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
    | "(?P<quoted>(?:[^"\n]|"")*)"
    | (?P<number>\d+)
    | (?P<mark>[(),*])""",
    re.VERBOSE,
)


class SpecError(Exception):
    """The file is not a spec; the message names the line."""


@dataclass
class Step:
    """A named piece of SQL, and the index of the session that runs it."""

    name: str
    sql: str
    session: int


@dataclass
class Marker:
    """What holds back the report of a step. `step` None is `(*)`; `notices` 0 is `(other)`."""

    step: str | None
    notices: int = 0


@dataclass
class Launch:
    """A step in a permutation, with its markers."""

    step: Step
    markers: list[Marker] = field(default_factory=list)


@dataclass
class SpecSession:
    """One session: what it runs before and after each permutation, and its steps."""

    name: str
    setup: str | None = None
    teardown: str | None = None
    steps: list[Step] = field(default_factory=list)


Permutation = list[Launch]


@dataclass
class Spec:
    """A parsed file. `permutations` is empty where all interleavings are meant."""

    setups: list[str]
    teardown: str | None
    sessions: list[SpecSession]
    permutations: list[Permutation]

    def orders(self) -> Iterator[Permutation]:
        """The permutations to run, in order."""
        if self.permutations:
            yield from self.permutations
        else:
            yield from _interleavings([session.steps for session in self.sessions], [])


def _interleavings(piles: list[list[Step]], taken: list[Step]) -> Iterator[Permutation]:
    """Every order that keeps each pile's own, taking from the first pile first."""
    if not any(piles):
        yield [Launch(step) for step in taken]
    for index, pile in enumerate(piles):
        if pile:
            yield from _interleavings([*piles[:index], pile[1:], *piles[index + 1 :]], [*taken, pile[0]])


@dataclass
class _Token:
    kind: str  # block | name | keyword | number | mark | end
    text: str
    line: int

    def __str__(self) -> str:
        return {"end": "the end of the file", "block": "a block"}.get(self.kind, repr(self.text))


def _tokens(text: str, name: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            what = "a block without an end" if text[position] == "{" else repr(text[position])
            raise SpecError(f"{name}:{line}: syntax error at {what}")
        kind, found = match.lastgroup, match[0]
        if kind == "block":
            yield _Token("block", match["block"], line)
        elif kind == "quoted":
            yield _Token("name", match["quoted"].replace('""', '"'), line)
        elif kind == "word":
            yield _Token("keyword" if found in KEYWORDS else "name", found, line)
        elif kind in ("number", "mark"):
            yield _Token(kind, found, line)
        position = match.end()
        line += found.count("\n")
    yield _Token("end", "", line)


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.tokens = _tokens(text, name)
        self.token = next(self.tokens)
        self.steps: dict[str, Step] = {}

    def error(self, message: str) -> SpecError:
        return SpecError(f"{self.name}:{self.token.line}: {message}")

    def accept(self, kind: str, text: str | None = None) -> str | None:
        """The next token's text if it is one of these, else None."""
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            return None
        if kind != "end":
            self.token = next(self.tokens)
        return token.text

    def expect(self, kind: str, what: str) -> str:
        found = self.accept(kind)
        if found is None:
            raise self.error(f"expected {what}, found {self.token}")
        return found

    def block_after(self, keyword: str) -> str | None:
        if self.accept("keyword", keyword) is None:
            return None
        return self.expect("block", f"a block in braces after {keyword}")

    def spec(self) -> Spec:
        setups = []
        while (setup := self.block_after("setup")) is not None:
            setups.append(setup)
        spec = Spec(setups, self.block_after("teardown"), [], [])
        while self.accept("keyword", "session") is not None:
            spec.sessions.append(self.session(len(spec.sessions)))
        if not spec.sessions:
            raise self.error(f"expected a session, found {self.token}")
        while self.accept("keyword", "permutation") is not None:
            spec.permutations.append(self.permutation())
        if self.accept("end") is None:
            raise self.error(f"expected a permutation or the end of the file, found {self.token}")
        return spec

    def session(self, index: int) -> SpecSession:
        session = SpecSession(self.expect("name", "a session's name"), self.block_after("setup"))
        while self.accept("keyword", "step") is not None:
            name = self.expect("name", "a step's name")
            if name in self.steps:
                raise self.error(f'duplicate step name "{name}"')
            step = Step(name, self.expect("block", f"the SQL of step {name} in braces"), index)
            self.steps[name] = step
            session.steps.append(step)
        if not session.steps:
            raise self.error(f"session {session.name} has no step")
        session.teardown = self.block_after("teardown")
        return session

    def permutation(self) -> Permutation:
        launches: Permutation = []
        while (name := self.accept("name")) is not None:
            launches.append(Launch(self.named(name, "permutation"), self.markers(name)))
        if not launches:
            raise self.error(f"expected a step's name, found {self.token}")
        names = {launch.step.name for launch in launches}
        for launch in launches:
            for marker in launch.markers:
                if marker.step is not None and marker.step not in names:
                    raise self.error(
                        f'step "{launch.step.name}" waits for "{marker.step}", not in its permutation'
                    )
        return launches

    def named(self, name: str, where: str) -> Step:
        step = self.steps.get(name)
        if step is None:
            raise self.error(f'undefined step "{name}" in a {where}')
        return step

    def markers(self, step: str) -> list[Marker]:
        if self.accept("mark", "(") is None:
            return []
        markers = [self.marker(step)]
        while self.accept("mark", ",") is not None:
            markers.append(self.marker(step))
        if self.accept("mark", ")") is None:
            raise self.error(f"expected ')' after a marker, found {self.token}")
        return markers

    def marker(self, step: str) -> Marker:
        if self.accept("mark", "*") is not None:
            return Marker(None)
        other = self.named(self.expect("name", "a step's name or '*' as marker"), "marker")
        if other.session == self.steps[step].session:
            raise self.error(f'step "{step}" cannot wait for step "{other.name}" of its own session')
        notices = 0
        if self.accept("keyword", "notices") is not None:
            notices = int(self.expect("number", "a number of notices"))
        return Marker(other.name, notices)


def parse_spec(text: str, name: str) -> Spec:
    """The spec in `text`; `name` is the file's, for errors."""
    return _Parser(text, name).spec()
