"""The soaks, for a moment each: that they run, and find nothing at once. By hand they run for longer."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ["kill_soak", "--rounds", "2"],
        ["kill_soak", "--rounds", "3", "--serial"],
        ["procedure_soak", "--rounds", "3"],
        ["call_soak", "--calls", "480"],
        ["replay_soak", "--calls", "400"],
        ["reader_soak", "--seconds", "1", "--threads", "4"],
        ["interrupt_soak", "--seconds", "1.5"],
        ["interrupt_soak", "--seconds", "1.5", "--autocommit"],
        ["thread_soak", "--seconds", "1.5"],
        ["history_soak", "--transactions", "200", "--seeds", "2", "--level", "repeatable read"],
        ["history_soak", "--transactions", "200", "--seeds", "2"],
        ["history_soak", "--transactions", "200", "--seeds", "2", "--exact", "--level", "serializable ssi"],
        ["history_soak", "--transactions", "200", "--seeds", "1", "--threads"],
    ],
    ids=" ".join,
)
def test_soak(arguments: list[str]) -> None:
    command = [sys.executable, "-m", f"minidb_testkit.{arguments[0]}", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
