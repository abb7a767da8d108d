"""A busy process killed at random moments, many times in a row on one database."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from random_writer import OPTIONS, THREADS, thread_key

from minidb.storage.check import check_files
from minidb.storage.key_codec import prefix_successor, storage_prefix
from minidb.storage.store import Store

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KILLS = 8


def kill_after(path: Path, acknowledgements: int) -> dict[int, int]:
    """Run the writer until it has acknowledged that many commits; the last number of each thread."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    last: dict[int, int] = {}
    with subprocess.Popen(
        [sys.executable, str(HERE / "random_writer.py"), str(path)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        for _ in range(acknowledgements):
            thread, number = process.stdout.readline().split()
            last[int(thread)] = int(number)
        process.kill()
        for line in process.stdout:
            thread, number = line.split()
            last[int(thread)] = int(number)
    return last


def test_random_kills(tmp_path: Path) -> None:
    random_numbers = random.Random(20240229)
    path = tmp_path / "busy.db"
    last = dict.fromkeys(range(THREADS), 0)
    for _ in range(KILLS):
        last.update(kill_after(path, random_numbers.randint(1, 3000)))
        assert check_files(str(path)) == []
        store = Store.open(str(path), OPTIONS)
        for thread, acknowledged in last.items():
            found = store.latest.get(thread_key(thread, 0))
            number = 0 if found is None else int(found)
            assert number >= acknowledged
            assert store.latest.get(thread_key(thread, 1)) == found
            rows = store.latest.rows(
                storage_prefix(20 + thread), prefix_successor(storage_prefix(20 + thread))
            )
            assert [int.from_bytes(key[4:], "big") for key, _ in rows] == list(range(1, number + 1))
            assert all(value == b"%d" % index * 20 for index, (_, value) in enumerate(rows, 1))
        store.close()
