"""Reads transcripts of isolation tests, and says where two of one permutation differ in what matters.

What must agree, launch by launch: whether the step waits, after which other launch it then completes, the
kind of its error (by SQLSTATE's meaning, not by words), and the rows of each result, in order only if the
step says ORDER BY. What surrounds the steps (results of setup and teardown) belongs to the step before it.

A deadlock is found here at the moment of blocking, there after `deadlock_timeout`: whether its victim is
shown as waiting first says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from minidb_testkit.isolation_spec import Spec

_TITLE = "starting permutation: "
_SUMMARY = re.compile(r"\(\d+ rows?\)")
_SQLSTATE = re.compile(r"\s*\[SQLSTATE (\w{5})\]$")

# What PostgreSQL's messages (and minidb's, where they differ) mean.
_CLASSES: tuple[tuple[str, str], ...] = (
    ("could not serialize access", "40001"),
    ("was already moved to another partition due to concurrent", "40001"),
    ("deadlock detected", "40P01"),
    ("duplicate key value violates unique constraint", "23505"),
    ("violates foreign key constraint", "23503"),
    ("violates not-null constraint", "23502"),
    ("violates check constraint", "23514"),
    ("could not obtain lock", "55P03"),
    ("due to lock timeout", "55P03"),
    ("canceling statement due to", "57014"),
    ("current transaction is aborted", "25P02"),
    ("permission denied", "42501"),
    ("reached maximum value of sequence", "2200H"),
    ("reached minimum value of sequence", "2200H"),
    ("command cannot affect row a second time", "21000"),
    ("is not supported", "0A000"),
)


@dataclass
class Table:
    """A result set: its header and its rows, cells without their padding."""

    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)


@dataclass
class Report:
    """One launch of a step: whether it waited, when it completed, and what it led to."""

    step: str
    waits: bool = False
    completed_after: int | None = None  # how many steps had been launched; None: never
    tables: list[Table] = field(default_factory=list)
    error: str | None = None
    other: list[str] = field(default_factory=list)  # notices, and what the tester says


@dataclass
class Transcript:
    """One permutation. The first report is of what came before the first step, with an empty name."""

    title: str
    reports: list[Report] = field(default_factory=lambda: [Report("", completed_after=0)])


def error_class(message: str) -> str:
    """The SQLSTATE that an error's line stands for; the message itself if that is not known."""
    stated = _SQLSTATE.search(message)
    if stated is not None:
        return stated[1]
    for words, sqlstate in _CLASSES:
        if words in message:
            return sqlstate
    return message


def parse_transcripts(text: str, spec: Spec) -> list[Transcript]:
    """The permutations of a transcript of `spec`."""
    texts = {step.name: step.sql for session in spec.sessions for step in session.steps}
    blocks = text.replace("\r\n", "\n").split("\n" + _TITLE)[1:]
    return [_parse_permutation(block, texts) for block in blocks]


def _parse_permutation(block: str, texts: dict[str, str]) -> Transcript:
    title, _, rest = block.partition("\n")
    transcript = Transcript(title.strip())
    present = transcript.reports[0]
    while rest:
        name = rest.partition(": ")[0].removeprefix("step ") if rest.startswith("step ") else ""
        if name not in texts:
            line, _, rest = rest.partition("\n")
            rest = _parse_line(present, line, rest)
            continue
        rest = rest[len(name) + 7 :]
        if rest.startswith("<... completed>"):
            present = next(
                report
                for report in reversed(transcript.reports)
                if report.step == name and report.completed_after is None
            )
        else:
            present = Report(name)
            transcript.reports.append(present)
            rest = rest.removeprefix(texts[name])
        ending, _, rest = rest.partition("\n")
        present.waits = present.waits or ending.strip() == "<waiting ...>"
        if ending.strip() != "<waiting ...>":
            present.completed_after = len(transcript.reports) - 1
    return transcript


def _parse_line(report: Report, line: str, rest: str) -> str:
    """Take in a line, and a whole table if it begins one; what is left of `rest`."""
    border, _, after = rest.partition("\n")
    if border and not border.strip("-+") and len(border) == len(line):
        table = Table(_cells(line))
        report.tables.append(table)
        line, _, after = after.partition("\n")
        while after and not _SUMMARY.fullmatch(line):
            table.rows.append(_cells(line))
            line, _, after = after.partition("\n")
        return after
    if line.startswith("ERROR: "):
        report.error = line
    elif line.strip():
        report.other.append(line)
    return rest


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split("|"))


@dataclass(frozen=True)
class Difference:
    """Where a permutation went otherwise than expected."""

    step: str
    text: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.text}" if self.step else self.text


def compare(expected: Transcript, actual: Transcript, ordered: frozenset[str]) -> list[Difference]:
    """What differs; `ordered` names the steps whose rows have an order."""
    found: list[Difference] = []
    for wanted, seen in zip(expected.reports, actual.reports, strict=False):
        if wanted.step != seen.step:
            return [*found, Difference(seen.step, f"run where {wanted.step} was expected")]
        for text in _differences(wanted, seen, expected, actual, seen.step in ordered):
            found.append(Difference(seen.step, text))
    if len(actual.reports) < len(expected.reports):
        missing = expected.reports[len(actual.reports)].step
        found.append(Difference(missing, "expected, but not run"))
    return found


def _differences(
    wanted: Report, seen: Report, expected: Transcript, actual: Transcript, ordered: bool
) -> list[str]:
    found: list[str] = []
    wanted_error = None if wanted.error is None else error_class(wanted.error)
    seen_error = None if seen.error is None else error_class(seen.error)
    if wanted_error != seen_error:
        found.append(f"expected {wanted.error or 'no error'}, got {seen.error or 'no error'}")
    elif wanted.waits != seen.waits and seen_error != "40P01":
        found.append("expected to wait, did not" if wanted.waits else "waits, which was not expected")
    if wanted.waits and seen.waits and wanted.completed_after != seen.completed_after:
        found.append(f"expected to complete {_when(expected, wanted)}, completed {_when(actual, seen)}")
    if wanted_error == seen_error and not _same_tables(wanted.tables, seen.tables, ordered):
        found.append(f"expected rows {_show(wanted.tables)}, got {_show(seen.tables)}")
    if wanted.other != seen.other:
        found.append(f"expected {wanted.other or 'nothing more'}, got {seen.other or 'nothing more'}")
    return found


def _when(transcript: Transcript, report: Report) -> str:
    if report.completed_after is None:
        return "never"
    return f"after {transcript.reports[report.completed_after].step}"


def _same_tables(wanted: list[Table], seen: list[Table], ordered: bool) -> bool:
    return len(wanted) == len(seen) and all(
        first.header == second.header
        and (first.rows == second.rows if ordered else sorted(first.rows) == sorted(second.rows))
        for first, second in zip(wanted, seen, strict=True)
    )


def _show(tables: list[Table]) -> str:
    return " and ".join([str(table.rows) for table in tables]) or "none"
