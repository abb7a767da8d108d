"""The `minidb` command as a user runs it: one process a test, what it prints and its exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import minidb
from minidb_repl.app import main
from minidb_repl.commands import run_command
from minidb_repl.interactive import is_complete
from minidb_repl.render import FORMATS, describe_error
from minidb_repl.runner import Runner


def run(arguments: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minidb_repl.app", *arguments], input=stdin, capture_output=True, text=True
    )


def test_command_script_and_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "shop.db")
    script = tmp_path / "script.sql"
    script.write_text("INSERT INTO item VALUES (2, 'desk');\nSELECT count(*) FROM item;")
    assert (
        main([path, "-c", "CREATE TABLE item (id INTEGER, name TEXT); INSERT INTO item VALUES (1, 'lamp')"])
        == 0
    )
    assert capsys.readouterr().out == "CREATE TABLE\nINSERT 0 1\n"
    assert main([path, "-f", str(script)]) == 0
    assert "count" in capsys.readouterr().out
    piped = run([path], "SELECT id, name FROM item ORDER BY id;")
    assert piped.stdout == " id | name\n----+------\n  1 | lamp\n  2 | desk\n(2 rows)\n"
    assert piped.returncode == 0


def test_errors_end_with_status_1_and_a_caret(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.db")
    result = run([path, "-c", "SELECT 1;\nSELECT nonsense", "-c", "SELECT 'never run'"])
    assert result.returncode == 1
    assert "never run" not in result.stdout
    assert "42703" in result.stderr
    assert "LINE 2: SELECT nonsense\n               ^" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["/dev/null/x"], ["-f", "/no/such/file"]])
def test_bad_files_are_messages(arguments: list[str]) -> None:
    result = run(arguments, "SELECT 1")
    assert result.returncode == 1
    assert result.stderr.startswith("ERROR")
    assert "Traceback" not in result.stderr


def test_csv_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT 1 AS a, NULL AS b, 'x,\"y' AS c, 1.50 AS d, DATE '2024-02-29' AS e"
    assert main([":memory:", "--csv", "-c", sql]) == 0
    assert capsys.readouterr().out == 'a,b,c,d,e\n1,,"x,""y",1.50,2024-02-29\n'
    assert main([":memory:", "--json", "-c", sql]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"a": 1, "b": None, "c": 'x,"y', "d": "1.50", "e": "2024-02-29"}
    with pytest.raises(SystemExit):
        main([":memory:", "--json", "--csv", "-c", sql])


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "shop.db")
    minidb.connect(path).close()
    assert main(["check", path]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT ';'", False),
        ("SELECT ';\n';", True),
        ("SELECT 1; -- more", True),
        ("SELECT 1 -- ;", False),
        ("SELECT 1 /* ; */", False),
        ("SELECT ';", False),
        ("SELECT $$;", False),
        ("SELECT $a$ ; $$ $a$;", True),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN 1 = 1 THEN 1 END;", False),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN 1 = 1 THEN 1 END; END;", True),
        ("BEGIN;", True),
        ("\\d", True),
        ("", True),
    ],
)
def test_when_enter_runs_the_text(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


def test_describe_error_points_at_wide_characters() -> None:
    error = minidb.ProgrammingError("no", position=13, hint="yes")
    assert describe_error(error, "SELECT '日本' x").splitlines()[1:] == [
        "LINE 1: SELECT '日本' x",
        " " * (8 + 14) + "^",
        "HINT:  yes",
    ]


def test_system_views_are_described() -> None:
    out = io.StringIO()
    runner = Runner(minidb.connect(":memory:"), out, out, FORMATS["table"])
    assert run_command("\\dS", runner) and run_command("\\dS minidb_counters", runner)
    lines = out.getvalue().splitlines()
    assert "minidb_locks          the locks that transactions hold or wait for" in lines
    assert lines[-3:] == ["  name      text", "  sqlstate  text", "  value     bigint"]


def test_notices_and_the_context_of_errors_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    block = "DO $$ BEGIN RAISE NOTICE 'half way' USING HINT = 'go on'; PERFORM 1 / 0; END $$"
    assert main([":memory:", "-c", block]) == 1
    assert capsys.readouterr().err == (
        "NOTICE:  half way\nHINT:  go on\n"
        'ERROR:  22012: division by zero\nCONTEXT:  SQL statement "SELECT 1 / 0"\n'
        "PL/pgSQL function inline_code_block line 1 at PERFORM\n"
    )


def test_output_streams(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT g FROM generate_series(1, 2500) AS t(g);"))
    assert main([":memory:"]) == 0
    assert capsys.readouterr().out.endswith("(2500 rows)\n")


def test_routines_are_listed() -> None:
    out = io.StringIO()
    with minidb.connect(":memory:", autocommit=True) as connection:
        runner = Runner(connection, out, out, FORMATS["table"])
        assert run_command("\\df", runner)
        runner.run(
            "CREATE FUNCTION f(a int, b int DEFAULT 2) RETURNS int IMMUTABLE STRICT RETURN a + b;"
            "CREATE FUNCTION g() RETURNS TABLE (n int, t text) LANGUAGE sql AS $$ SELECT 1, 'x' $$;"
            "CREATE PROCEDURE p(INOUT x text) LANGUAGE plpgsql AS $$\nBEGIN\n  x := 1;\nEND\n$$"
        )
        run_command("\\df", runner)
        run_command("\\df p", runner)
        run_command("\\df nope", runner)
    assert out.getvalue().splitlines() == [
        "no routines",
        "CREATE FUNCTION",
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "function  f(a integer, b integer DEFAULT 2) returns integer  sql immutable strict",
        "function  g() returns TABLE(n integer, t text)  sql volatile",
        "procedure p(INOUT x text)  plpgsql",
        "procedure p(INOUT x text)  plpgsql",
        "  BEGIN",
        "    x := 1;",
        "  END",
        "no routine is called nope",
    ]


def test_errors_inside_of_routines_show_where(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1 / a'; SELECT f(0)"
    assert main([":memory:", "-c", sql]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "ERROR:  22012: division by zero",
        'CONTEXT:  SQL function "f" statement 1',
    ]


def test_backslash_commands_by_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "by_option.db")
    assert (
        main([path, "-c", "CREATE TABLE shown (id INTEGER PRIMARY KEY)", "-c", "\\d", "-c", "\\nonsense"])
        == 0
    )
    output = capsys.readouterr()
    assert "shown" in output.out and "unknown command \\nonsense" in output.err
