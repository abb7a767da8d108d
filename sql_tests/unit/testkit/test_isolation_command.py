"""`minidb isolation`: transcripts, comparison, exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_repl.app import main

SPEC = """
setup { CREATE TABLE t (a int PRIMARY KEY); }
teardown { DROP TABLE t; }
session s1
step level { SHOW transaction_isolation; }
step i1 { INSERT INTO t VALUES (1); }
session s2
step i2 { INSERT INTO t VALUES (1); }
permutation level i1 i2
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "unique.spec"
    path.write_text(SPEC)
    return path


def run(*arguments: str) -> int:
    return main(["isolation", *arguments])


def test_transcript(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(spec), "--engine-settings", "default_transaction_isolation=repeatable read") == 0
    assert capsys.readouterr().out == (
        "Parsed test spec with 2 sessions\n\nstarting permutation: level i1 i2\n"
        "step level: SHOW transaction_isolation;\n"
        "transaction_isolation\n---------------------\nrepeatable read      \n(1 row)\n\n"
        "step i1: INSERT INTO t VALUES (1);\n"
        "step i2: INSERT INTO t VALUES (1);\n"
        'ERROR:  duplicate key value violates unique constraint "t_pkey"\n'
    )


def test_comparison(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(spec)) == 0
    transcript = capsys.readouterr().out
    expected = tmp_path / "unique.out"
    expected.write_text(transcript)
    assert run("--expected", str(tmp_path), str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "1 specs: 1 agree, 0 differ as listed, 0 failed; "
        "permutations: 1 agree, 0 differ as listed, 0 otherwise"
    )
    expected.write_text(transcript.replace("ERROR:  duplicate key value", "ERROR:  deadlock detected"))
    assert run("--expected", str(tmp_path), str(spec)) == 1
    assert "step i2: expected ERROR:  deadlock detected" in capsys.readouterr().out
    # An alternative that agrees is enough; so is the list.
    (tmp_path / "unique_1.out").write_text(transcript)
    assert run("--expected", str(tmp_path), "--jobs", "2", str(spec), str(spec)) == 0
    (tmp_path / "unique_1.out").unlink()
    differences = tmp_path / "list.toml"
    differences.write_text(
        '[[difference]]\nspec = "unique"\npermutations = ["*"]\nsteps = ["i2"]\nreason = "for a test"\n'
    )
    assert run("--expected", str(tmp_path), "--differences", str(differences), str(spec)) == 0
    assert "1 listed: for a test" in capsys.readouterr().out


def test_two_transcripts_are_titled(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(spec), str(spec)) == 0
    assert capsys.readouterr().out.count(f"--- {spec}\n") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("session s\n", "broken.spec:2: session s has no step"),
        (SPEC.replace("permutation level i1 i2", "permutation level(i2 notices 1) i2"), "waits for notices"),
    ],
)
def test_a_wrong_spec_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "broken.spec"
    path.write_text(text)
    assert run(str(path)) == 1
    assert message in capsys.readouterr().out


def test_missing_files(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.spec")) == 1
    assert run("--expected", str(tmp_path), str(spec)) == 1
    assert "there is no" in capsys.readouterr().out


@pytest.mark.parametrize("settings", ["no_such_setting=1", "lock_timeout=soon", "lock_timeout"])
def test_wrong_engine_settings(spec: Path, capsys: pytest.CaptureFixture[str], settings: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run("--engine-settings", settings, str(spec))
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_failing_setup_ends_the_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.spec"
    path.write_text("setup { SELECT 1/0; }\nsession s\nstep a { SELECT 1; }\nstep b { SELECT 2; }\n")
    assert run(str(path)) == 1
    assert capsys.readouterr().out.splitlines()[2:] == [
        "starting permutation: a b",
        "setup failed: ERROR:  division by zero",
    ]


def test_a_list_of_differences_needs_what_to_compare_with(spec: Path) -> None:
    with pytest.raises(SystemExit):
        run("--differences", "list.toml", str(spec))
