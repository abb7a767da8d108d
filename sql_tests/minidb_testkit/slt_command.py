"""`minidb slt [--jobs N] [--known-failures FILE] FILES...`: run sqllogictest files and sum up."""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

from minidb_testkit.sqllogictest import FileResult, FormatError, run_file

SHOWN_FAILURES = 20  # per file; the count is always given


def find_files(arguments: list[str]) -> list[tuple[Path, str]]:
    """(path, display name) of each file; a folder stands for all `.test` and `.slt` files below it."""
    found: list[tuple[Path, str]] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            inner = sorted([*path.rglob("*.test"), *path.rglob("*.slt")])
            found.extend([(file, file.relative_to(path).as_posix()) for file in inner])
        else:
            found.append((path, argument))
    return found


def read_known_failures(path: str | None) -> dict[str, frozenset[int]]:
    """Lines `name:line<tab>reason` -> name to line numbers; `#` starts a comment."""
    known: dict[str, set[int]] = {}
    if path is not None:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                name, _, number = line.split("\t")[0].rpartition(":")
                known.setdefault(name, set()).add(int(number))
    return {name: frozenset(lines) for name, lines in known.items()}


def _run(job: tuple[Path, str, frozenset[int]]) -> FileResult:
    path, name, allowed = job
    try:
        return run_file(path, name, allowed)
    except (OSError, FormatError) as error:
        return FileResult(name, failures=[(0, str(error))])


def main(arguments: list[str]) -> int:
    """Exit status 1 if any record failed that is not a known failure."""
    parser = argparse.ArgumentParser(prog="minidb slt", description="Run sqllogictest files.")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a file, or a folder of .test and .slt files"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files run at once (default 1)")
    parser.add_argument(
        "--known-failures", metavar="FILE", help="lines `file:line<tab>reason` of records that may fail"
    )
    options = parser.parse_args(arguments)
    known = read_known_failures(options.known_failures)
    jobs = [(path, name, known.get(name, frozenset())) for path, name in find_files(options.files)]
    results: list[FileResult] = []
    if options.jobs > 1:
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            for result in pool.imap(_run, jobs):
                _print_file(result)
                results.append(result)
    else:
        for job in jobs:
            results.append(_run(job))
            _print_file(results[-1])
    failed = sum(len(result.failures) for result in results)
    print(
        f"{len(results)} files: {sum(r.passed for r in results)} passed, {failed} failed, "
        f"{sum(r.allowed for r in results)} known failures, {sum(r.skipped for r in results)} skipped"
    )
    return 1 if failed or not results else 0


def _print_file(result: FileResult) -> None:
    state = "ok" if not result.failures else "FAILED"
    print(
        f"{state} {result.path}: {result.passed} passed, {len(result.failures)} failed, "
        f"{result.allowed} known failures, {result.skipped} skipped",
        flush=True,
    )
    for line, message in result.failures[:SHOWN_FAILURES]:
        print(f"    {result.path}:{line}: {message}")
    if len(result.failures) > SHOWN_FAILURES:
        print(f"    ... and {len(result.failures) - SHOWN_FAILURES} more")
