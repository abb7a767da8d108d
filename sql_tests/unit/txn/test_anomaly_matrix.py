"""The matrix of anomalies and isolation levels, computed from the golden interleavings.

The page that shows it to users is compared with what happens, and the weaker levels with PostgreSQL's rows.
"""

from __future__ import annotations

import re
from pathlib import Path

from minidb_testkit.golden import parse
from minidb_testkit.levels import LEVELS
from minidb_testkit.sql_interleaving import run_section

ROOT = Path(__file__).parents[3]
VERDICT = re.compile(r"^=> (\S+) (possible|prevented)$", re.MULTILINE)
TABLE_ROW = re.compile(r"^\| `([\w-]+)` \|[^|]*\|(.*)\|$", re.MULTILINE)

# What PostgreSQL lets happen: Hermitage's findings for its levels, and our applications of them.
POSSIBLE_IN_POSTGRESQL = {
    "read committed": {
        *("PMP", "PMP-write", "P4", "G-single", "G-single-predicate", "G-single-write"),
        *("G2-item", "G2-item-three", "G2", "G2-two-edges", "read-only"),
        *("doctors-on-call", "meeting-room", "username", "double-spending"),
    },
    "repeatable read": {
        *("G2-item", "G2-item-three", "G2", "G2-two-edges", "read-only"),
        *("doctors-on-call", "meeting-room", "username", "double-spending", "materialised-conflict-locked"),
    },
}

# The delete that waited starts over and searches again; PostgreSQL looks only at the row it waited for.
STRICTER_BY_RESTART = {"PMP-write"}


def matrix() -> dict[str, dict[str, str]]:
    """anomaly -> level -> possible or prevented, by running every case that names an anomaly."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "sql_tests" / "interleavings").glob("*.golden")):
        for case in parse(path.read_text(encoding="utf-8")):
            if any(line.startswith("anomaly> ") for line in case.script):
                for level in LEVELS:
                    for anomaly, verdict in VERDICT.findall("\n".join(run_section(case, level))):
                        assert level not in found.setdefault(anomaly, {}), f"{anomaly} has two cases"
                        found[anomaly][level] = verdict
    return found


def test_matrix() -> None:
    found = matrix()
    for level in LEVELS:
        possible = {anomaly for anomaly, verdicts in found.items() if verdicts[level] == "possible"}
        expected = set(POSSIBLE_IN_POSTGRESQL.get(level, ()))
        if level == "read committed":
            assert expected >= STRICTER_BY_RESTART
            expected -= STRICTER_BY_RESTART
        assert possible == expected, level
    assert len(found) >= 25


def test_the_documented_matrix_is_the_computed_one() -> None:
    page = (ROOT / "docs" / "reference" / "anomalies.md").read_text(encoding="utf-8")
    documented = {
        anomaly: [cell.strip().split()[0].strip("*") for cell in cells.split("|")]
        for anomaly, cells in TABLE_ROW.findall(page)
    }
    assert documented == {
        anomaly: [verdicts[level] for level in LEVELS] for anomaly, verdicts in matrix().items()
    }
