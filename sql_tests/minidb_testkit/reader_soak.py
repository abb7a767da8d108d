"""A reader that stays open while many threads write: does it keep its snapshot, and does the disk stay small?

    python -m minidb_testkit.reader_soak [--seconds 60] [--threads 16] [--seed N]

One REPEATABLE READ transaction reads a checksum of the whole table at its start, and again and again until
the end; it also keeps a result open from which it fetches a little at a time. Meanwhile the writers update,
insert and delete rows. Reported: commits, bytes written (rows, as the writers gave them), the size of the
database's files at the start, at most, and at the end, and their growth as a multiple of what was written.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import minidb

ROWS = 20_000
PAYLOAD_BYTES = 200
LARGEST_MULTIPLE = 4.0  # of growth over bytes written: log, checkpoint, and pages the reader keeps
LEAST_ALLOWANCE = 64 << 20  # log segments and their spare exist however little is written


class Writer(threading.Thread):
    """Changes rows of its own until told to stop; counts what it wrote."""

    def __init__(self, path: str, number: int, threads: int, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.number = number
        self.threads = threads
        self.rng = random.Random(seed * 1000 + number)
        self.stop = stop
        self.commits = 0
        self.bytes = 0
        self.error: minidb.Error | None = None

    def run(self) -> None:
        try:
            with minidb.connect(self.path, autocommit=True) as connection:
                while not self.stop.is_set():
                    self.step(connection)
        except minidb.Error as error:
            self.error = error

    def step(self, connection: minidb.Connection) -> None:
        """One transaction: some updates, and a row that comes and goes."""
        rng = self.rng
        payload = rng.randbytes(PAYLOAD_BYTES // 2).hex()
        with connection.transaction():
            for _ in range(5):
                key = rng.randrange(ROWS // self.threads) * self.threads + self.number
                connection.execute("UPDATE test SET n = n + 1, payload = ? WHERE id = ?", (payload, key))
            extra = ROWS + self.number
            if rng.random() < 0.5:
                connection.execute("DELETE FROM test WHERE id = ?", (extra,))
            else:
                connection.execute(
                    "INSERT INTO test VALUES (?, 0, ?) ON CONFLICT (id) DO UPDATE SET n = 1", (extra, payload)
                )
        self.commits += 1
        self.bytes += 5 * (PAYLOAD_BYTES + 16)


def fingerprint(connection: minidb.Connection) -> str:
    """A hash over all rows as the connection's transaction sees them."""
    digest = hashlib.sha256()
    for row in connection.execute("SELECT id, n, payload FROM test ORDER BY id"):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def disk_bytes(path: str) -> int:
    """What the database's files take on disk, preallocated log space included."""
    total = 0
    for entry in os.scandir(path):
        try:
            total += entry.stat().st_blocks * 512
        except FileNotFoundError:
            continue  # a log segment that a checkpoint has just removed
    return total


def soak(path: str, seconds: float, threads: int, seed: int) -> list[str]:
    """What went wrong, a line each."""
    problems: list[str] = []
    with minidb.connect(path) as connection:
        connection.execute("CREATE TABLE test (id INTEGER PRIMARY KEY, n INTEGER, payload TEXT)")
        rows = [(number, 0, "x" * PAYLOAD_BYTES) for number in range(ROWS)]
        connection.executemany("INSERT INTO test VALUES (?, ?, ?)", rows)
        connection.commit()
        connection.execute("CHECKPOINT")
    stop = threading.Event()
    with minidb.connect(path, isolation_level="repeatable read") as reader:
        expected = fingerprint(reader)
        stream = reader.execute("SELECT id, n FROM test ORDER BY id")
        streamed = [stream.fetchone()]
        before = largest = disk_bytes(path)
        writers = [Writer(path, number, threads, seed, stop) for number in range(threads)]
        for writer in writers:
            writer.start()
        end = time.monotonic() + seconds
        looks = 0
        while time.monotonic() < end:
            time.sleep(min(0.5, seconds / 10))
            largest = max(largest, disk_bytes(path))
            streamed += stream.fetchmany(ROWS // 200)
            if looks % 10 == 0 and fingerprint(reader) != expected:
                problems.append("the snapshot has changed")
            looks += 1
        stop.set()
        for writer in writers:
            writer.join()
            if writer.error is not None:
                problems.append(f"a writer failed: {writer.error.sqlstate} {writer.error}")
        streamed += stream.fetchall()
        if streamed != [(number, 0) for number in range(ROWS)]:
            problems.append("the open result has changed")
        if fingerprint(reader) != expected:
            problems.append("the snapshot has changed by the end")
        largest = max(largest, disk_bytes(path))
    after = disk_bytes(path)
    problems += minidb.check(path)
    written = sum([writer.bytes for writer in writers])
    grown = largest - before
    print(
        f"{seconds:g} s, {threads} writers: {sum([w.commits for w in writers]):,} commits, {written:,} bytes "
        f"written; files {before:,} bytes at first, {largest:,} at most, {after:,} closed: grown by "
        f"{grown / max(written, 1):.2f} of what was written"
    )
    if grown > max(LEAST_ALLOWANCE, LARGEST_MULTIPLE * written):
        problems.append("the files have grown too much")
    return problems


def main() -> int:
    """Exit status 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.reader_soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = soak(str(Path(folder) / "reader.db"), options.seconds, options.threads, options.seed)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
