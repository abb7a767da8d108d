"""The list of differences from PostgreSQL's transcripts that are known and explained, and its check.

    [[difference]]
    spec = "sequence-ddl"
    permutations = ["s1alter s2nv s1commit"]    each must differ; `*` stands for any characters
    steps = ["s2nv"]                            where; left out: anywhere in them
    reason = "nextval takes no lock."

    [[skipped]]
    spec = "merge-update"
    needs = "MERGE"                             the whole spec is excused until it agrees

A difference that is not listed fails, and so does an entry that no difference answers to any more.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from minidb_testkit.isolation_transcript import Difference

DEFAULT = Path(__file__).with_suffix(".toml")


class ListError(Exception):
    """The list is not as it must be."""


@dataclass(frozen=True)
class Allowed:
    """Permutations of a spec that may differ, in some steps or anywhere."""

    permutations: tuple[str, ...]
    steps: frozenset[str]
    reason: str

    def covers(self, title: str) -> bool:
        """Whether the permutation is meant."""
        return any(fnmatchcase(title, pattern) for pattern in self.permutations)

    def excuses(self, difference: Difference) -> bool:
        """Whether the step is meant."""
        return not self.steps or difference.step in self.steps


@dataclass
class KnownDifferences:
    """What is listed for one spec."""

    allowed: list[Allowed] = field(default_factory=list)
    needs: str | None = None


def load(path: Path) -> dict[str, KnownDifferences]:
    """The list by spec."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ListError(f"{path}: {error}") from None
    known: dict[str, KnownDifferences] = {}
    for entry in content.pop("difference", []):
        _check(path, entry, {"spec", "permutations", "reason"}, {"steps"})
        allowed = Allowed(tuple(entry["permutations"]), frozenset(entry.get("steps", ())), entry["reason"])
        known.setdefault(entry["spec"], KnownDifferences()).allowed.append(allowed)
    for entry in content.pop("skipped", []):
        _check(path, entry, {"spec", "needs"}, set())
        known.setdefault(entry["spec"], KnownDifferences()).needs = entry["needs"]
    if content:
        raise ListError(f"{path}: unknown {', '.join(content)}")
    return known


def _check(path: Path, entry: dict[str, Any], required: set[str], optional: set[str]) -> None:
    if not required <= set(entry) <= required | optional:
        raise ListError(f"{path}: an entry has {', '.join(sorted(required))}, and not {sorted(entry)}")


@dataclass
class Verdict:
    """What comparing a spec's permutations came to. `failures` make it fail."""

    agreed: int = 0
    explained: dict[str, int] = field(default_factory=dict)  # reason -> permutations
    failed: int = 0  # permutations
    failures: list[str] = field(default_factory=list)


def judge(found: dict[str, list[Difference]], known: KnownDifferences, check_list: bool = True) -> Verdict:
    """Hold the differences of each permutation against the list, and the list against them."""
    verdict = Verdict()
    answered: set[tuple[Allowed, str]] = set()
    for title, differences in found.items():
        covering = [allowed for allowed in known.allowed if allowed.covers(title)]
        unexcused = []
        for difference in differences:
            excuses = [allowed for allowed in covering if allowed.excuses(difference)]
            answered.update([(allowed, title) for allowed in excuses])
            if not excuses:
                unexcused.append(difference)
        if known.needs is not None and differences:
            _count(verdict, f"needs {known.needs}")
        elif unexcused:
            verdict.failed += 1
            verdict.failures.append(f"permutation {title}")
            verdict.failures.extend([f"    {difference}" for difference in unexcused])
        elif differences:
            for reason in {allowed.reason for allowed in covering if (allowed, title) in answered}:
                _count(verdict, reason)
        else:
            verdict.agreed += 1
    if check_list:
        verdict.failures.extend(_unanswered(found, known, answered))
    return verdict


def _count(verdict: Verdict, reason: str) -> None:
    verdict.explained[reason] = verdict.explained.get(reason, 0) + 1


def _unanswered(
    found: dict[str, list[Difference]], known: KnownDifferences, answered: set[tuple[Allowed, str]]
) -> list[str]:
    """Entries of the list without a difference."""
    lines: list[str] = []
    if known.needs is not None and not any(found.values()):
        lines.append(f"listed as needing {known.needs}, but all permutations agree")
    for allowed in known.allowed:
        for pattern in allowed.permutations:
            titles = [title for title in found if fnmatchcase(title, pattern)]
            if not titles:
                lines.append(f"listed, but there is no such permutation: {pattern}")
        for title in found:
            if allowed.covers(title) and (allowed, title) not in answered:
                lines.append(f"listed as different, but agrees: {title}")
    return lines
