"""Reading isolation specs."""

from __future__ import annotations

import pytest

from minidb_testkit.isolation_spec import Launch, Marker, SpecError, parse_spec

SPEC = """
# a comment { with a brace
setup { CREATE TABLE t (a int); }
setup
{
  INSERT INTO t VALUES (1);   -- a comment
}
teardown { DROP TABLE t; }
session one   -- a comment
setup { BEGIN; }
step r1 { SELECT 1; }
step "w ""1"" x" { SELECT 2; }
teardown { ROLLBACK; }
session "two words"
step r2 { SELECT 3; }
"""


def test_parts() -> None:
    spec = parse_spec(SPEC, "x.spec")
    assert spec.setups == ["CREATE TABLE t (a int);", "\n  INSERT INTO t VALUES (1);   -- a comment\n"]
    assert spec.teardown == "DROP TABLE t;"
    one, two = spec.sessions
    assert (one.name, one.setup, one.teardown) == ("one", "BEGIN;", "ROLLBACK;")
    assert [(step.name, step.sql, step.session) for step in one.steps] == [
        ("r1", "SELECT 1;", 0),
        ('w "1" x', "SELECT 2;", 0),
    ]
    assert (two.name, two.setup, two.teardown) == ("two words", None, None)


def names(launches: list[Launch]) -> str:
    return " ".join([launch.step.name for launch in launches])


def test_all_interleavings_in_postgresqls_order() -> None:
    spec = parse_spec(SPEC, "x.spec")
    assert [names(order) for order in spec.orders()] == ['r1 w "1" x r2', 'r1 r2 w "1" x', 'r2 r1 w "1" x']


def test_markers() -> None:
    text = SPEC + "session three step r3 { SELECT 4; }\npermutation r1 r2(*) r3(r1, r2 notices 2, *)\n"
    (order,) = parse_spec(text, "x.spec").orders()
    assert names(order) == "r1 r2 r3"
    assert [launch.markers for launch in order] == [
        [],
        [Marker(None)],
        [Marker("r1"), Marker("r2", 2), Marker(None)],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x:1: expected a session, found the end of the file"),
        ("setup {\n SELECT 1;\n", "x:1: syntax error at a block without an end"),
        ("session s\nstep a { }\nsession t\nsetup { }\n", "x:5: session t has no step"),
        ("session s\nstep a { }\nstep a { }\n", 'x:3: duplicate step name "a"'),
        ("session s\nstep a { }\npermutation b\n", 'x:4: undefined step "b" in a permutation'),
        ("session s\nstep a { }\npermutation\n", "x:4: expected a step's name, found the end of the file"),
        ("session s\nstep a { }\npermutation a(a)\n", 'step "a" cannot wait for step "a" of its own session'),
        ("session s\nstep a { }\npermutation a(\n", "x:4: expected a step's name or '*' as marker"),
        ("session setup\n", "x:1: expected a session's name, found 'setup'"),
        ("session s\nstep a { } ;\n", "x:2: syntax error at ';'"),
        (
            "session s step a { } session t step b { }\npermutation a(b)\n",
            'step "a" waits for "b", not in its permutation',
        ),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "x")
    assert message in str(caught.value)
