"""Golden files: scripts with the results they had when somebody last looked, kept as text to be reviewed.

    # A comment says what the case shows.
    t1> INSERT INTO test VALUES (1)          the script: lines of whatever language the test speaks
    t1> COMMIT
    --- read committed                       a section of results; there may be several, or an unnamed one
    t1 committed

Cases are separated by blank lines. `pytest --rewrite-golden` writes what happens now into the files; the
difference is then reviewed like any other change. A test that runs without that option only compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

RULE = "---"

Results = dict[str, list[str]]  # section name -> lines


class GoldenCase:
    """One script of a golden file."""

    def __init__(self, line: int) -> None:
        self.line = line  # where it begins
        self.comment: list[str] = []
        self.script: list[str] = []
        self.results: Results = {}


def parse(text: str) -> list[GoldenCase]:
    """The cases of a golden file."""
    cases: list[GoldenCase] = []
    case: GoldenCase | None = None
    section: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            case = section = None
            continue
        if case is None:
            case = GoldenCase(number)
            cases.append(case)
        if line.startswith(RULE):
            section = case.results.setdefault(line[len(RULE) :].strip(), [])
        elif section is not None:
            section.append(line)
        elif line.startswith("#"):
            case.comment.append(line)
        else:
            case.script.append(line)
    return cases


def render(cases: list[GoldenCase]) -> str:
    """The text of a golden file."""
    blocks: list[str] = []
    for case in cases:
        lines = [*case.comment, *case.script]
        for name, results in case.results.items():
            lines.append(f"{RULE} {name}".rstrip())
            lines.extend(results)
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def check(path: Path, run: Callable[[GoldenCase], Results], rewrite: bool) -> None:
    """Run every case of a file and compare, or rewrite the file."""
    cases = parse(path.read_text(encoding="utf-8"))
    expected = render(cases)
    for case in cases:
        if case.script:
            case.results = run(case)
    actual = render(cases)
    if rewrite:
        path.write_text(actual, encoding="utf-8")
        return
    assert actual == expected, f"{path.name} differs; look at it, then run pytest --rewrite-golden\n{actual}"
