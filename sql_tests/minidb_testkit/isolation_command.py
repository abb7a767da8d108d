"""`minidb isolation [--engine-settings ...] [--expected DIR] [--jobs N] FILES...`: run isolation specs.

Prints the transcripts; with --expected, compares them with DIR/NAME.out (and NAME_1.out ...) instead.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minidb.errors import Error
from minidb.session import settings as settings_
from minidb_testkit import isolation_differences
from minidb_testkit.interleaving import SilentSession
from minidb_testkit.isolation_differences import KnownDifferences, ListError, Verdict, judge
from minidb_testkit.isolation_run import run_spec
from minidb_testkit.isolation_spec import Spec, SpecError, parse_spec
from minidb_testkit.isolation_transcript import Difference, Transcript, compare, parse_transcripts

SHOWN_FAILURES = 60  # lines per file

Settings = dict[str, str]


@dataclass(frozen=True)
class _Job:
    path: Path
    settings: Settings
    expected: Path | None
    known: KnownDifferences


@dataclass
class Result:
    """What a file's run came to: a transcript, or a comparison, or neither: an error."""

    path: Path
    transcript: str = ""
    incomplete: bool = False  # a setup failed
    verdict: Verdict | None = None
    error: str | None = None


def find_specs(arguments: list[str]) -> list[Path]:
    """The files; a folder stands for all `.spec` files below it."""
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        found.extend(sorted(path.rglob("*.spec")) if path.is_dir() else [path])
    return found


def parse_settings(text: str) -> Settings:
    """`NAME=VALUE,...`; a setting that does not exist, or not with this value, is refused."""
    found: Settings = {}
    for part in text.split(",") if text else []:
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            raise SpecError(f"--engine-settings takes NAME=VALUE,..., not {part!r}")
        settings_.parse(name, value)
        found[name] = value
    return found


def compare_spec(
    spec: Spec, transcript: str, expected: list[str], known: KnownDifferences, check_list: bool = True
) -> Verdict:
    """Compare a transcript with the expected ones: each permutation with the one it is most like."""
    ordered = frozenset(
        step.name
        for session in spec.sessions
        for step in session.steps
        if re.search(r"\border\s+by\b", step.sql, re.IGNORECASE)
    )
    actual = parse_transcripts(transcript, spec)
    alternatives = [parse_transcripts(text, spec) for text in expected]
    found: dict[str, list[Difference]] = {}
    for index, wanted in enumerate(alternatives[0]):
        if index >= len(actual):
            found[_numbered(wanted, found)] = [Difference("", "this permutation was not run")]
            continue
        choices = [each[index] for each in alternatives if index < len(each)]
        differences = [compare(choice, actual[index], ordered) for choice in choices]
        found[_numbered(wanted, found)] = min(differences, key=len)
    for extra in actual[len(alternatives[0]) :]:
        found[_numbered(extra, found)] = [
            Difference("", "this permutation is not in the expected transcript")
        ]
    return judge(found, known, check_list)


def _numbered(transcript: Transcript, taken: dict[str, list[Difference]]) -> str:
    """The permutation's title; a second one of the same steps is numbered."""
    title, number = transcript.title, 2
    while title in taken:
        title, number = f"{transcript.title} #{number}", number + 1
    return title


def _run(job: _Job) -> Result:
    try:
        spec = parse_spec(job.path.read_text(encoding="utf-8"), str(job.path))
        if job.expected is None:
            transcript, complete = run_spec(spec, job.settings)
            return Result(job.path, transcript, incomplete=not complete)
        expected = [path.read_text(encoding="utf-8") for path in expected_files(job.expected, job.path.stem)]
        transcript, complete = run_spec(spec, job.settings)
        verdict = compare_spec(spec, transcript, expected, job.known, check_list=not job.settings)
        return Result(job.path, transcript, not complete, verdict)
    except (OSError, UnicodeDecodeError, SpecError, SilentSession) as error:
        return Result(job.path, error=str(error))


def expected_files(folder: Path, stem: str) -> list[Path]:
    """The expected transcript of a spec, and its alternatives."""
    files = [folder / f"{stem}.out", *sorted(folder.glob(f"{stem}_[0-9].out"))]
    if not files[0].exists():
        raise SpecError(f"there is no {files[0]}")
    return files


def _results(jobs: list[_Job], processes: int) -> Iterator[Result]:
    if processes > 1:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            yield from pool.imap(_run, jobs)
    else:
        yield from map(_run, jobs)


def main(arguments: list[str]) -> int:
    """Exit status 1 if a file could not be run, or differed from what was expected and is not listed."""
    parser = argparse.ArgumentParser(prog="minidb isolation", description="Run isolation specs.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .spec file, or a folder of them")
    parser.add_argument(
        "--engine-settings", default="", metavar="NAME=VALUE,...", help="set on every session first"
    )
    parser.add_argument("--expected", metavar="DIR", help="compare with the transcripts DIR/NAME.out")
    parser.add_argument(
        "--differences",
        metavar="FILE",
        help="the list of known, explained differences (default: the project's own)",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files run at once (default 1)")
    options = parser.parse_args(arguments)
    if options.differences and not options.expected:
        parser.error("--differences goes with --expected")
    differences = Path(options.differences or isolation_differences.DEFAULT)
    try:
        settings = parse_settings(options.engine_settings)
        known = isolation_differences.load(differences) if options.expected else {}
    except (SpecError, ListError, Error) as error:
        parser.error(str(error))
    expected = None if options.expected is None else Path(options.expected)
    jobs = [
        _Job(path, settings, expected, known.get(path.stem, KnownDifferences()))
        for path in find_specs(options.files)
    ]
    results = []
    for result in _results(jobs, options.jobs):
        results.append(result)
        _print(result, titled=len(jobs) > 1)
    if options.expected is not None:
        _print_summary(results)
    return 1 if not results or any(_failed(result) for result in results) else 0


def _failed(result: Result) -> bool:
    if result.verdict is not None:
        return bool(result.verdict.failures)
    return result.incomplete or result.error is not None


def _print(result: Result, titled: bool) -> None:
    verdict = result.verdict
    if result.error is not None:
        print(f"FAILED {result.path}: {result.error}", flush=True)
    elif verdict is None:
        print(f"--- {result.path}\n" if titled else "", result.transcript, sep="", end="", flush=True)
    else:
        state = "FAILED" if verdict.failures else "ok"
        print(
            f"{state} {result.path}: {verdict.agreed} permutations agree, "
            f"{_explained(verdict)} differ as listed, {verdict.failed} otherwise",
            flush=True,
        )
        for reason, count in verdict.explained.items():
            print(f"    {count} listed: {reason}")
        for line in verdict.failures[:SHOWN_FAILURES]:
            print(f"    {line}")
        if len(verdict.failures) > SHOWN_FAILURES:
            print(f"    ... and {len(verdict.failures) - SHOWN_FAILURES} more lines")


def _explained(verdict: Verdict) -> int:
    return sum(verdict.explained.values())


def _print_summary(results: list[Result]) -> None:
    verdicts = [result.verdict for result in results if result.verdict is not None]
    failed = sum(_failed(result) for result in results)
    listed = sum(bool(verdict.explained) and not verdict.failures for verdict in verdicts)
    print(
        f"{len(results)} specs: {len(results) - failed - listed} agree, {listed} differ as listed, "
        f"{failed} failed; permutations: {sum(verdict.agreed for verdict in verdicts)} agree, "
        f"{sum(_explained(verdict) for verdict in verdicts)} differ as listed, "
        f"{sum(verdict.failed for verdict in verdicts)} otherwise"
    )
