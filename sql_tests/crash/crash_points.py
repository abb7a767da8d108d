"""Runs the workload again and again, killed before its first file operation, its second, and so on.

Each time the database is opened again by a process that is killed too, at a point that moves along; then by
one that verifies it. Everything runs in forks of this small process, which never opens a database itself.

    python crash_points.py DIRECTORY FIRST STEP     prints how many points there were
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from workload import GONE, OPTIONS, Writer, die_at, verify

from minidb.storage.check import check_files, check_pairs
from minidb.storage.key_codec import prefix_successor
from minidb.storage.store import Store


def in_fork(run: Callable[[Callable[[int], None]], None]) -> tuple[bool, int]:
    """Run in a child; whether it came to its end, and the last number that it acknowledged."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 0
        try:
            run(lambda number: void(os.write(writer, b"%d\n" % number)))
        except BaseException:
            traceback.print_exc()
            status = 1
        os._exit(status)
    os.close(writer)
    with open(reader, "rb") as pipe:
        numbers = [int(line) for line in pipe.read().split()]
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        sys.exit("a child failed")
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return not os.WIFSIGNALED(status), numbers[-1] if numbers else 0


def void(result: object) -> None:
    return None


def dying_workload(path: str, point: int) -> Callable[[Callable[[int], None]], None]:
    def run(acknowledge: Callable[[int], None]) -> None:
        die_at(point)
        Writer(path, acknowledge).everything()

    return run


def dying_recovery(path: str, point: int) -> Callable[[Callable[[int], None]], None]:
    def run(acknowledge: Callable[[int], None]) -> None:
        die_at(point)
        writer = Writer(path, acknowledge)
        writer.commit(1)
        writer.store.checkpoint()
        writer.commit(1)

    return run


def verification(path: str, acknowledged: int, finished: bool) -> Callable[[Callable[[int], None]], None]:
    def run(acknowledge: Callable[[int], None]) -> None:
        problems = check_files(path) if os.path.exists(os.path.join(path, "format")) else []
        assert not problems, problems
        store = Store.open(path, OPTIONS)
        verify(store, acknowledged)
        store.checkpoint()
        assert not any(check_pairs(store.latest, lambda storage_id: False))
        if finished:
            assert not store.latest.rows(GONE, prefix_successor(GONE))
        store.close()
        left = sorted(os.listdir(path))
        assert left == ["checkpoint", "checkpoint-lock", "format", "owner"], left

    return run


def main(base: Path, first: int, step: int) -> None:
    point = first
    while True:
        path = str(base / f"{point}.db")
        finished, acknowledged = in_fork(dying_workload(path, point))
        _, again = in_fork(dying_recovery(path, point % 23 + 1))
        in_fork(verification(path, max(acknowledged, again), finished))
        if finished:
            print(point)
            return
        point += step


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
