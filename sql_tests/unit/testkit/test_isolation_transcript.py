"""Comparing transcripts: what counts as a difference, and what does not."""

from __future__ import annotations

import pytest

from minidb_testkit.isolation_spec import parse_spec
from minidb_testkit.isolation_transcript import compare, error_class, parse_transcripts

SPEC = parse_spec(
    """
session s1
step w1 { UPDATE t
             SET a = 1; }
step c1 { COMMIT; }
session s2
step w2 { UPDATE t SET a = 2; }
step r2 { SELECT * FROM t; }
""",
    "x",
)
EXPECTED = """Parsed test spec with 2 sessions

starting permutation: w1 w2 c1 r2
setup
-----
    1
(1 row)

step w1: UPDATE t
             SET a = 1;
step w2: UPDATE t SET a = 2; <waiting ...>
step c1: COMMIT;
step w2: <... completed>
ERROR:  could not serialize access due to concurrent update
step r2: SELECT * FROM t;
a|b
-+-
1|x
2|
(2 rows)

s1: NOTICE:  from the teardown
"""


def differences(actual: str, ordered: frozenset[str] = frozenset()) -> list[str]:
    (wanted,) = parse_transcripts(EXPECTED, SPEC)
    (seen,) = parse_transcripts(actual, SPEC)
    return [str(difference) for difference in compare(wanted, seen, ordered)]


def test_reports() -> None:
    (transcript,) = parse_transcripts(EXPECTED, SPEC)
    assert transcript.title == "w1 w2 c1 r2"
    assert [(each.step, each.waits, each.completed_after) for each in transcript.reports] == [
        ("", False, 0),
        ("w1", False, 1),
        ("w2", True, 3),
        ("c1", False, 3),
        ("r2", False, 4),
    ]
    assert transcript.reports[0].tables[0].rows == [("1",)]
    assert transcript.reports[2].error == "ERROR:  could not serialize access due to concurrent update"
    assert transcript.reports[4].tables[0].header == ("a", "b")
    assert transcript.reports[4].other == ["s1: NOTICE:  from the teardown"]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("concurrent update", "read/write dependencies among transactions [SQLSTATE 40001]", []),
        ("1|x\n2|\n", "2|\n1|x\n", []),
        ("a|b\n-+-\n1|x\n2|\n", "a |b \n--+--\n 1|x \n 2|  \n", []),
        (
            "1|x",
            "1|y",
            ["step r2: expected rows [('1', 'x'), ('2', '')], got [('1', 'y'), ('2', '')]"],
        ),
        (" <waiting ...>\nstep c1: COMMIT;\nstep w2: <... completed>", "\nstep c1: COMMIT;", None),
        ("step w2: <... completed>\nERROR:  could not serialize access due to concurrent update\n", "", None),
        (
            "ERROR:  could not serialize access due to concurrent update\n",
            "",
            ["step w2: expected ERROR:  could not serialize access due to concurrent update, got no error"],
        ),
        ("NOTICE:  from", "NOTICE:  no", None),
        ("step c1: COMMIT;\n", "", None),
        ("    1\n(1 row)", "    2\n(1 row)", ["expected rows [('1',)], got [('2',)]"]),
    ],
)
def test_differences(old: str, new: str, found: list[str] | None) -> None:
    actual = EXPECTED.replace(old, new, 1)
    if found is None:
        assert differences(actual)
    else:
        assert differences(actual) == found


def test_order_counts_where_it_was_asked_for() -> None:
    actual = EXPECTED.replace("1|x\n2|\n", "2|\n1|x\n")
    assert differences(actual, frozenset({"r2"})) == [
        "step r2: expected rows [('1', 'x'), ('2', '')], got [('2', ''), ('1', 'x')]"
    ]


def test_completion_after_another_step() -> None:
    late = EXPECTED.replace(
        "step w2: <... completed>\nERROR:  could not serialize access due to concurrent update\n", ""
    ).replace(
        "s1: NOTICE:  from the teardown\n",
        "step w2: <... completed>\nERROR:  could not serialize access due to concurrent update\n"
        "s1: NOTICE:  from the teardown\n",
    )
    assert "step w2: expected to complete after c1, completed after r2" in differences(late)


def test_the_victim_of_a_deadlock_need_not_be_seen_waiting() -> None:
    expected = EXPECTED.replace("could not serialize access due to concurrent update", "deadlock detected")
    actual = expected.replace(" <waiting ...>", "\nERROR:  deadlock detected").replace(
        "step w2: <... completed>\nERROR:  deadlock detected\n", "", 1
    )
    (wanted,), (seen,) = parse_transcripts(expected, SPEC), parse_transcripts(actual, SPEC)
    assert compare(wanted, seen, frozenset()) == []


def test_error_classes() -> None:
    assert error_class('ERROR:  duplicate key value violates unique constraint "a_pkey"') == "23505"
    assert error_class("ERROR:  whatever [SQLSTATE 40P01]") == "40P01"
    assert error_class("ERROR:  something of its own") == "ERROR:  something of its own"
