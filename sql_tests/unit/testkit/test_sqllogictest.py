"""The sqllogictest runner: it must fail what is wrong, and read the whole format."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_testkit.slt_command import main
from minidb_testkit.sqllogictest import FormatError, digest, format_value, parse_file, render, run_file

GOOD = """
# a comment
statement ok
CREATE TABLE t (a INTEGER, b TEXT, c DOUBLE PRECISION)

statement ok
INSERT INTO t VALUES (2, 'two', 2.5), (1, '', NULL)

statement error
SELECT nothing FROM t

query ITR rowsort label-1
SELECT a, b, c FROM t
----
1
(empty)
NULL
2
two
2.500

query I valuesort
SELECT a FROM t
UNION ALL SELECT 10
----
1
10
2

onlyif sqlite
query I
SELECT 7
----
8

skipif postgresql # not for us
statement ok
THIS IS NOT SQL

skipif sqlite
query T
SELECT 'x'
----
x

hash-threshold 2

query I nosort
SELECT a FROM t ORDER BY a
----
2 values hashing to 6ddb4095eb719e2a9f0a3f95677d24e0

halt

query I
SELECT 1
----
2
"""


def write(tmp_path: Path, text: str, name: str = "a.test") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_good_file_passes(tmp_path: Path) -> None:
    result = run_file(write(tmp_path, GOOD), "good")
    assert result.failures == []
    assert (result.passed, result.skipped) == (7, 2)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("statement ok\nSELECT nonsense", "42703"),
        ("statement error\nSELECT 1", "no error"),
        ("query I\nSELECT 1\n----\n2", "wrong values"),
        ("query I\nSELECT 1, 2\n----\n1\n2", "columns"),
        ("query I\nSELECT 1\n----\n1 values hashing to 00000000000000000000000000000000", "hashing"),
        ("query I nosort x\nSELECT 1\n----\n1\n\nquery I nosort x\nSELECT 2\n----\n2", "labelled x"),
        ("query I\nSELECT 1 WHERE false\n----\n1", "wrong values"),
    ],
)
def test_what_is_wrong_fails(tmp_path: Path, record: str, message: str) -> None:
    (failure,) = run_file(write(tmp_path, record), "bad").failures
    assert message in failure[1]


@pytest.mark.parametrize("text", ["statment ok\nSELECT 1", "query X\nSELECT 1", "query I upwards\nSELECT 1"])
def test_what_is_not_the_format_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=":1:"):
        list(parse_file(write(tmp_path, text)))


def test_command_sums_up_and_honours_known_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "query I\nSELECT 1\n----\n2")
    assert main([str(tmp_path)]) == 1
    assert "1 failed" in capsys.readouterr().out
    known = write(tmp_path, "# may fail\na.test:1\twrong values\n", "known.txt")
    assert main([str(tmp_path), "--known-failures", str(known)]) == 0
    assert "1 known failures" in capsys.readouterr().out
    assert main([str(tmp_path / "missing.test")]) == 1


def test_formatting() -> None:
    assert format_value(None, "T") == "NULL"
    assert format_value("", "T") == "(empty)"
    assert format_value("a\nb", "T") == "a@b"
    assert format_value(True, "I") == "1"
    assert format_value(2.9, "I") == "2"
    assert format_value(2, "R") == "2.000"
    assert render([(2, "b"), (1, "a")], "IT", "rowsort") == ["1", "a", "2", "b"]
    assert digest(["1", "2"]) == "6ddb4095eb719e2a9f0a3f95677d24e0"
