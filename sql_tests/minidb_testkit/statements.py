"""Golden scripts of one session: each line is a statement, and what it answered is kept below.

    # The key is taken.
    INSERT INTO t VALUES (1)
    ---
    ERROR 23505: duplicate key value violates unique constraint "t_pkey"
      Key (a)=(1) already exists.

Cases of one file share a database, so a file reads like a session at the shell. Where a case has several
statements, each is repeated above its answer. `<- (1, 'x')` at the end of a line are parameters.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from minidb.errors import Error
from minidb.session.session import Session
from minidb_testkit.golden import GoldenCase, Results

_PARAMETERS = re.compile(r"\s+<- (\(.*\))$")


def run_case(session: Session, case: GoldenCase) -> Results:
    """The answers to a case's statements."""
    lines: list[str] = []
    for statement in case.script:
        if len(case.script) > 1:
            lines.append(f"> {statement}")
        lines.extend(_answer(session, statement))
    return {"": lines}


def _answer(session: Session, statement: str) -> list[str]:
    parameters: tuple[Any, ...] = ()
    match = _PARAMETERS.search(statement)
    if match is not None:
        parameters = ast.literal_eval(match.group(1))
        statement = statement[: match.start()]
    try:
        result = session.execute(statement, parameters)
        if result.columns is None:
            return [result.tag]
        rows = [row for batch in iter(result.next_batch, []) for row in batch]
    except Error as error:
        return _error(error)
    return [" | ".join(["null" if value is None else str(value) for value in row]) for row in rows] or [
        "(no rows)"
    ]


def _error(error: Error) -> list[str]:
    lines = [f"ERROR {error.sqlstate}: {error.message}"]
    for text in (error.detail, error.hint, error.context):
        if text:
            lines.extend(["  " + line for line in text.splitlines()])
    return lines
