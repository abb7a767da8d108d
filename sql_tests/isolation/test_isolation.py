"""Isolation specs: the project's own, and PostgreSQL's where they lie beside the repository.

`pytest --rewrite-golden` writes the own transcripts; what PostgreSQL printed is compared in what matters.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_testkit import isolation_differences
from minidb_testkit.isolation_command import compare_spec, expected_files
from minidb_testkit.isolation_differences import KnownDifferences
from minidb_testkit.isolation_run import run_spec
from minidb_testkit.isolation_spec import parse_spec

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "isolation"
KNOWN = isolation_differences.load(isolation_differences.DEFAULT)


def transcript_of(path: Path) -> str:
    """What the runner prints for a file."""
    spec = parse_spec(path.read_text(encoding="utf-8"), path.name)
    return run_spec(spec, {})[0]


@pytest.mark.parametrize("path", sorted(HERE.glob("*.spec")), ids=lambda path: path.stem)
def test_own_spec(path: Path, rewrite_golden: bool) -> None:
    transcript = transcript_of(path)
    expected = path.with_suffix(".out")
    if rewrite_golden:
        expected.write_text(transcript, encoding="utf-8")
    assert transcript == expected.read_text(encoding="utf-8")


def shared_specs() -> list[Path]:
    return sorted(SHARED.glob("*/specs/*.spec"))


@pytest.mark.skipif(not SHARED.exists(), reason=f"PostgreSQL's isolation specs are not at {SHARED}")
@pytest.mark.parametrize("path", shared_specs(), ids=lambda path: path.stem)
def test_postgresql_spec(path: Path) -> None:
    spec = parse_spec(path.read_text(encoding="utf-8"), path.name)
    files = expected_files(path.parents[1] / "expected", path.stem)
    expected = [file.read_text(encoding="utf-8") for file in files]
    verdict = compare_spec(spec, transcript_of(path), expected, KNOWN.get(path.stem, KnownDifferences()))
    assert verdict.failures == []


def test_list_names_only_specs_that_exist() -> None:
    if not SHARED.exists():
        pytest.skip(f"PostgreSQL's isolation specs are not at {SHARED}")
    assert set(KNOWN) <= {path.stem for path in shared_specs()}
