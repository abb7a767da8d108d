"""Golden scripts of PL/pgSQL: a case is a script, below it what it says: notices, rows, tags, errors.

    DO $$ BEGIN RAISE NOTICE 'hello'; x := 1; END $$
    ---
    ERROR 42601: "x" is not a known variable
      at x := 1; END $$

An error shows its detail, hint and context, and the text at its position. Cases of one file share a database.
"""

from __future__ import annotations

from minidb.errors import Error
from minidb.session.notices import Notice
from minidb.session.session import Session
from minidb_testkit.golden import GoldenCase, Results


def run_case(session: Session, case: GoldenCase) -> Results:
    """What a case's script says."""
    script = "\n".join(case.script)
    lines: list[str] = []
    session.notices.handlers[:] = [lambda notice: lines.extend(_notice(notice))]
    try:
        for result in session.execute_script(script):
            if result.columns is None:
                lines.append(result.tag)
                continue
            rows = [row for batch in iter(result.next_batch, []) for row in batch]
            lines.extend(
                [" | ".join(["null" if value is None else str(value) for value in row]) for row in rows]
            )
            lines.extend([] if rows else ["(no rows)"])
    except Error as error:
        lines.extend(_error(error, script))
    return {"": lines}


def _notice(notice: Notice) -> list[str]:
    code = "" if notice.sqlstate in ("00000", "01000") else f" {notice.sqlstate}"
    return _with_details(f"{notice.severity}{code}: {notice.message}", notice.detail, notice.hint)


def _error(error: Error, script: str) -> list[str]:
    lines = _with_details(f"ERROR {error.sqlstate}: {error.message}", error.detail, error.hint)
    lines.extend(["  " + line for line in (error.context or "").splitlines()])
    if error.position is not None:
        rest = script[error.position - 1 :]
        lines.append("  at " + rest.splitlines()[0] if rest else "  at the end")
    return lines


def _with_details(first: str, *texts: str | None) -> list[str]:
    return [first, *["  " + text for text in texts if text]]
