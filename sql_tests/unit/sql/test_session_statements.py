"""Transaction control, settings, EXPLAIN and COPY, from text to data."""

from __future__ import annotations

import pytest

from minidb.errors import Error
from minidb.plan.definitions import (
    Begin,
    Checkpoint,
    Commit,
    Discard,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    SetSessionCharacteristics,
    SetSetting,
    SetTransaction,
    Show,
    Utility,
)
from minidb.sql.copy_statement import CopyStatement
from minidb.sql.parse import parse
from minidb.sql.utility import AnalyzeStatement, ExplainStatement, TableName


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN", Begin()),
        ("begin work", Begin()),
        ("START TRANSACTION READ ONLY", Begin(None, True)),
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE",
            Begin("repeatable read", True, True),
        ),
        ("BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ WRITE", Begin("serializable", False)),
        ("COMMIT", Commit()),
        ("END TRANSACTION AND CHAIN", Commit(True)),
        ("ABORT", Rollback()),
        ("ROLLBACK AND NO CHAIN", Rollback()),
        ('SAVEPOINT "Here"', Savepoint("Here")),
        ("ROLLBACK WORK TO SAVEPOINT a", RollbackTo("a")),
        ("rollback to A", RollbackTo("a")),
        ("RELEASE SAVEPOINT a", Release("a")),
        ("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", SetTransaction("read uncommitted")),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            SetSessionCharacteristics("read committed"),
        ),
        ("SET work_mem = '8MB'", SetSetting("work_mem", "8MB")),
        ("SET LOCAL statement_timeout TO 500", SetSetting("statement_timeout", "500", True)),
        ("SET SESSION x TO off", SetSetting("x", "off")),
        ("SET x TO on", SetSetting("x", "on")),
        ("SET x TO -1", SetSetting("x", "-1")),
        ("SET search_path TO a, b", SetSetting("search_path", "a, b")),
        ("SET TIME ZONE 'Europe/Paris'", SetSetting("timezone", "Europe/Paris")),
        ("SET x TO DEFAULT", SetSetting("x", None)),
        ("RESET x", SetSetting("x", None)),
        ("RESET ALL", SetSetting("all", None)),
        ("SHOW transaction isolation level", Show("transaction_isolation")),
        ("SHOW ALL", Show("all")),
        ("CHECKPOINT", Checkpoint()),
        ("DISCARD ALL", Discard("all")),
    ],
)
def test_session_statements(sql: str, expected: Utility) -> None:
    assert parse(sql)[0].tree == expected


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("BEGIN ISOLATION LEVEL CHAOS", "42601", 'syntax error at or near "CHAOS"'),
        ("BEGIN READ ONLY,", "42601", "syntax error at end of input"),
        ("SET TRANSACTION", "42601", "syntax error at end of input"),
        ("COMMIT please", "42601", 'syntax error at or near "please"'),
        ("COMMIT PREPARED 'x'", "0A000", "COMMIT PREPARED is not supported"),
        ("SAVEPOINT", "42601", "syntax error at end of input"),
        ("SAVEPOINT 'x'", "42601", "syntax error at or near \"'x'\""),
        ("SET x", "42601", "syntax error at end of input"),
        ("DISCARD everything", "42601", 'syntax error at or near "everything"'),
        ("EXPLAIN (BUFFERS) SELECT 1", "0A000", 'EXPLAIN option "buffers" is not supported'),
        ("EXPLAIN (NOISE) SELECT 1", "42601", 'unrecognized EXPLAIN option "noise"'),
        ("EXPLAIN (COSTS maybe) SELECT 1", "42601", "costs requires a Boolean value"),
        ("EXPLAIN", "42601", "syntax error at end of input"),
        ("COPY t FROM STDIN", "0A000", "COPY FROM STDIN is not supported"),
        ("COPY t FROM 'f' (COLOUR 'x')", "42601", 'option "colour" not recognized'),
        ("COPY (SELECT 1) FROM 'f'", "42601", "syntax error at or near \"'f'\""),
    ],
)
def test_wrong_ones(sql: str, sqlstate: str, message: str) -> None:
    with pytest.raises(Error) as caught:
        parse(sql)
    assert (caught.value.sqlstate, str(caught.value)) == (sqlstate, message)


def test_explain() -> None:
    tree = parse("EXPLAIN (ANALYZE, COSTS off, FORMAT json) SELECT 1")[0].tree
    assert isinstance(tree, ExplainStatement)
    assert (tree.analyze, tree.verbose, tree.costs, tree.format) == (True, False, False, "json")
    assert [token.text for token in tree.tokens] == ["SELECT", "1"]
    tree = parse("EXPLAIN ANALYZE VERBOSE (SELECT 1)")[0].tree
    assert isinstance(tree, ExplainStatement) and tree.analyze and tree.verbose


def test_analyze_and_vacuum() -> None:
    assert parse("ANALYZE")[0].tree == AnalyzeStatement(())
    assert parse("analyze t, public.u")[0].tree == AnalyzeStatement(
        (TableName("t", None, 9), TableName("u", "public", 12))
    )
    assert parse("VACUUM (ANALYZE) t")[0].tree == AnalyzeStatement((TableName("t", None, 18),), True, True)


def test_copy() -> None:
    tree = parse("COPY t (a, \"B\") FROM '/tmp/x.csv' WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'n')")[
        0
    ].tree
    assert isinstance(tree, CopyStatement)
    assert tree.table == TableName("t", None, 6)
    assert tree.columns == (("a", 9), ("B", 12))
    assert not tree.to
    assert tree.options == {"format": "csv", "header": True, "delimiter": ";", "null": "n"}
    tree = parse("COPY (SELECT f(1)) TO 'x' CSV HEADER")[0].tree
    assert isinstance(tree, CopyStatement)
    assert [token.text for token in tree.query] == ["SELECT", "f", "(", "1", ")"]
    assert tree.to and tree.options == {"format": "csv", "header": True}
