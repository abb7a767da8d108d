"""A text of several statements, run and printed as PostgreSQL's simple query protocol and libpq do it.

Several statements of one text are one implicit transaction: what fails undoes those before it, and the rest
is not run. BEGIN turns the implicit transaction into one that stays open; COMMIT and ROLLBACK end it, and the
next statement begins another.

Results are printed as libpq's PQprint aligns them: no padding around the separator, a column of nothing but
numbers (and empty cells) to the right, others to the left, the last one padded as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from minidb.errors import Error
from minidb.session.result import Result
from minidb.session.session import Session
from minidb.sql.parse import ParsedStatement, parse
from minidb.value.session_time import SessionTime, zone_by_name
from minidb.value.sql_types import BOOLEAN, SqlType
from minidb.value.text import writer

_BEGIN = re.compile(r"(?:begin(?:\s+work|\s+transaction)?|start\s+transaction)\b", re.IGNORECASE)
_TRANSACTION_CONTROL = frozenset({"begin", "start", "commit", "end", "rollback", "abort"})
# What steers PostgreSQL's planner and its deadlock check away from what would blur a test. Deadlocks are
# found at once here, and no plan is chosen by these names: they have nothing to act on.
_WITHOUT_MEANING = re.compile(
    r"set\s+(?:local\s+|session\s+)?(?:deadlock_timeout|enable_\w+|client_min_messages)\b", re.IGNORECASE
)
# What minidb refuses by name because it would have no effect, and of which no interleaving depends: how full
# pages are left, columns kept in an index beside its key, an index that finds by hash.
_CREATES = re.compile(r"\bcreate\s", re.IGNORECASE)
_STORAGE = re.compile(
    r"\s+with\s*\(\s*fillfactor\s*=\s*\d+\s*\)|\s+include\s*\([\w\s,]+\)|\s+using\s+hash(?=\s*\()",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?![eE])[0-9.eE -]*[0-9]")


@dataclass
class Answer:
    """What a text led to: the lines of each statement's result, in order, and the error that ended it."""

    results: list[list[str]] = field(default_factory=list)
    error: str | None = None


def run_simple_query(session: Session, text: str) -> Answer:
    """Run a text as one request of the simple query protocol."""
    answer = Answer()
    try:
        statements = parse(_STORAGE.sub("", text) if _CREATES.search(text) else text)
        if len(statements) == 1:
            answer.results.append(_run(session, statements[0]))
        else:
            _run_several(session, statements, answer)
    except Error as error:
        answer.error = f"ERROR:  {error}"
    return answer


def _run_several(session: Session, statements: list[ParsedStatement], answer: Answer) -> None:
    implicit = False
    try:
        for statement in statements:
            opening = _BEGIN.match(statement.text)
            if implicit and opening is not None:
                implicit = False
                modes = statement.text[opening.end() :].strip()
                if modes:
                    session.execute("SET TRANSACTION " + modes)
                answer.results.append([])
                continue
            if not session.in_transaction and statement.kind not in _TRANSACTION_CONTROL:
                session.begin()
                implicit = True
            answer.results.append(_run(session, statement))
            implicit = implicit and session.in_transaction
        if implicit:
            session.commit()
    except Error:
        if implicit:
            session.rollback()
        raise


def _run(session: Session, statement: ParsedStatement) -> list[str]:
    if _WITHOUT_MEANING.match(statement.text):
        return []
    return print_result(session.execute(statement.text), str(session.settings["timezone"]))


def print_result(result: Result, zone: str) -> list[str]:
    """A result set as PQprint aligns it, and an empty line; nothing for other statements."""
    if result.columns is None:
        return []
    time = SessionTime(zone_by_name(zone))
    writers = [_writer(type_, time) for _, type_ in result.columns]
    table = [[name for name, _ in result.columns]]
    while batch := result.next_batch():
        for row in batch:
            table.append(
                ["" if value is None else write(value) for value, write in zip(row, writers, strict=True)]
            )
    columns = list(zip(*table, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(not cell or _NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    lines = [
        "|".join(
            [
                cell.rjust(width) if numeric else cell.ljust(width)
                for cell, width, numeric in zip(row, widths, right, strict=True)
            ]
        )
        for row in table
    ]
    lines.insert(1, "+".join(["-" * width for width in widths]))
    count = len(table) - 1
    return [*lines, f"({count} row{'' if count == 1 else 's'})", ""]


def _writer(type_: SqlType, time: SessionTime) -> Callable[[Any], str]:
    if type_ == BOOLEAN:
        return lambda value: "t" if value else "f"
    return writer(type_, time)
