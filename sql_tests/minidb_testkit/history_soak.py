"""Random transactions, and a check that their history is serializable.

    python -m minidb_testkit.history_soak [--transactions 10000] [--seeds 5] [--first-seed 1]
        [--level "serializable ssi" ...] [--threads] [--sessions 5] [--exact]

Without `--level`, all serializable ways are mixed. A level that is not serializable must show a cycle, so
that the checker is known to find them: then it is an error if there is none.

Aborts by 40001 are counted as false if the transaction, added to what was committed when it ended, would
have closed no cycle (not in threads: there the order of the ends is not known exactly). Some statements
read more than they depend on: a search for the greatest value reads the table, and a lookup by key reads
the row whatever else is asked of it. `--exact` leaves those out, and then one false abort is an error.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from minidb_testkit.history import DependencyGraph, Edge, Transaction
from minidb_testkit.levels import ALL_LEVELS
from minidb_testkit.random_history import Recording, Shape, record_stepped, record_threads


@dataclass(frozen=True)
class Verdict:
    """What the checker says of one recording."""

    cycle: list[Edge] | None
    problems: list[str]  # results that no snapshot explains, and what was left behind
    false_aborts: list[Transaction]


def judge(recording: Recording) -> Verdict:
    """Check a whole history."""
    graph = DependencyGraph(recording.history)
    false_aborts = [each for each in recording.aborted if not graph.would_close_cycle(each)]
    return Verdict(graph.cycle(), graph.problems + recording.left_behind, false_aborts)


def soak(seed: int, transactions: int, levels: Sequence[str], threads: bool, shape: Shape) -> list[str]:
    """What went wrong with one seed, a line each."""
    begin = time.monotonic()
    record = record_threads if threads else record_stepped
    recording = record(seed, transactions, levels, shape)
    recorded = time.monotonic()
    verdict = judge(recording)
    outcomes = ", ".join([f"{number} {name}" for name, number in sorted(recording.outcomes.items())])
    false = "" if threads else f"; false: {len(verdict.false_aborts)} of {len(recording.aborted)} x 40001"
    shown = " ".join(["cycle:", *map(str, verdict.cycle)]) if verdict.cycle else "no cycle"
    print(
        f"seed {seed}: {outcomes}{false}; {shown}"
        f" ({recorded - begin:.1f} s to run, {time.monotonic() - recorded:.1f} s to check)",
        flush=True,
    )
    problems = verdict.problems[:3]
    if all(ALL_LEVELS[level].serializable for level in levels):
        if verdict.cycle:
            problems.append(f"seed {seed}: a cycle at SERIALIZABLE")
        if verdict.false_aborts and shape.exact and not threads:
            for each in verdict.false_aborts[:2]:
                statements = [observation.operation.statement() for observation in each.observations]
                problems.append(
                    f"seed {seed}: {each.name} aborted without need: {statements}\n{each.failure}"
                )
    elif not verdict.cycle:
        problems.append(f"seed {seed}: the checker finds no cycle where there must be some")
    return problems


def main() -> int:
    """Exit status 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.history_soak", description=__doc__)
    parser.add_argument("--transactions", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--level", action="append", choices=list(ALL_LEVELS), help="may be given several times"
    )
    parser.add_argument("--threads", action="store_true", help="free threads instead of the stepper")
    parser.add_argument("--sessions", type=int, default=Shape.sessions)
    parser.add_argument("--exact", action="store_true", help="a false abort is an error")
    options = parser.parse_args()
    levels = options.level or [name for name, level in ALL_LEVELS.items() if level.serializable]
    problems: list[str] = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        shape = Shape(sessions=options.sessions, exact=options.exact)
        problems += soak(seed, options.transactions, levels, options.threads, shape)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
