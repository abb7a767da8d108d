"""Doctors on call and rooms booked, by procedures from 16 threads: the textbook's examples of write skew.

    python -m minidb_testkit.call_soak [--calls 20000] [--threads 16] [--level NAME] [--seed N]

A doctor may go off call if that leaves one on call; a room may be booked for a time at which it is free. Each
procedure looks and then writes, so that two at the same time may each find that it can, and both be wrong. At
the serializable levels, which run in turn, a violation is an error; at others (`--level "repeatable read"`)
it is what has to be found.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import minidb
from minidb_testkit.levels import ALL_LEVELS, CALL_LEVELS, Level

DOCTORS = 5
ROOMS = 3
HOURS = 200

SCHEMA = f"""
CREATE TABLE doctor (id INTEGER PRIMARY KEY, on_call BOOLEAN NOT NULL);
INSERT INTO doctor SELECT g, true FROM generate_series(1, {DOCTORS}) AS s(g);
CREATE TABLE booking (id BIGINT PRIMARY KEY, room INTEGER, starts INTEGER, ends INTEGER);
CREATE INDEX booking_room ON booking (room, starts);

CREATE PROCEDURE go_off_call(which INTEGER, OUT others BIGINT) LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*) INTO others FROM doctor WHERE on_call AND id <> which;
    IF others >= 1 THEN
        UPDATE doctor SET on_call = false WHERE id = which;
    END IF;
END $$;

CREATE PROCEDURE go_on_call(which INTEGER) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE doctor SET on_call = true WHERE id = which;
END $$;

CREATE PROCEDURE book(number BIGINT, wanted INTEGER, first INTEGER, last INTEGER) LANGUAGE plpgsql AS $$
DECLARE
    taken BIGINT;
BEGIN
    SELECT count(*) INTO taken FROM booking WHERE room = wanted AND starts < last AND ends > first;
    IF taken = 0 THEN
        INSERT INTO booking VALUES (number, wanted, first, last);
    END IF;
END $$;

CREATE PROCEDURE cancel(wanted INTEGER, hour INTEGER) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM booking WHERE room = wanted AND starts <= hour AND ends > hour;
END $$;
"""


def violations(connection: minidb.Connection) -> list[str]:
    """What is wrong in the tables now."""
    found: list[str] = []
    on_call: Any = connection.execute("SELECT count(*) FROM doctor WHERE on_call").fetchone()
    if not on_call[0]:
        found.append("no doctor is on call")
    twice = connection.execute(
        "SELECT a.room, a.starts, b.starts FROM booking a JOIN booking b ON a.room = b.room AND a.id < b.id"
        " AND a.starts < b.ends AND b.starts < a.ends ORDER BY a.room, a.starts, b.starts"
    ).fetchall()
    found += [f"room {room} is booked at {first} and at {second}" for room, first, second in twice]
    return found


class _Caller(threading.Thread):
    """Makes random calls. `errors` are those that are nobody's fault but minidb's."""

    def __init__(self, path: str, level: Level, seed: int, calls: int) -> None:
        super().__init__(daemon=True)
        settings: dict[str, Any] = dict(level.settings)
        self.connection = minidb.connect(path, autocommit=True, isolation_level=level.isolation, **settings)
        self.rng = random.Random(seed)
        self.calls = calls
        self.retries = 0
        self.errors: list[str] = []

    def run(self) -> None:
        with self.connection:
            while self.calls > 0 and not self.errors:
                self.calls -= 1
                name, *arguments = self.choose()
                while not self.call(name, arguments):
                    self.retries += 1
                    time.sleep(self.rng.random() * 0.001)

    def choose(self) -> tuple[Any, ...]:
        rng = self.rng
        room, hour = rng.randrange(ROOMS), rng.randrange(HOURS)
        dice = rng.randrange(10)
        if dice < 3:
            return "go_off_call", rng.randint(1, DOCTORS)
        if dice < 5:
            return "go_on_call", rng.randint(1, DOCTORS)
        if dice < 8:
            return "book", rng.getrandbits(62), room, hour, hour + rng.randint(1, 8)
        return "cancel", room, hour

    def call(self, name: str, arguments: list[Any]) -> bool:
        """Whether it is done with; if not, it has to be tried again."""
        try:
            self.connection.call(name, *arguments)
        except minidb.Error as error:
            if error.retryable:
                return False
            self.errors.append(f"{name}: {error.sqlstate} {error}")
        return True


def soak(level: Level, calls: int, threads: int, seed: int) -> tuple[list[str], int]:
    """What was wrong after so many calls, or in the midst of them; and how many retries there were."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "calls.db")
        with minidb.connect(path, autocommit=True) as connection:
            connection.executescript(SCHEMA)
            callers = [
                _Caller(path, level, seed * 1000 + number, calls // threads) for number in range(threads)
            ]
            for caller in callers:
                caller.start()
            found: list[str] = []
            while any(caller.is_alive() for caller in callers):
                found += violations(connection)
                callers[0].join(0.05)
                if callers[0].is_alive():
                    continue
                for caller in callers:
                    caller.join()
            found += violations(connection)
    return found + [error for caller in callers for error in caller.errors], sum(
        [caller.retries for caller in callers]
    )


def main() -> int:
    """Exit status 1 if a serializable level let a violation pass, or another level none."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.call_soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--level", action="append", choices=list(ALL_LEVELS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for name in options.level or CALL_LEVELS:
        level = ALL_LEVELS[name]
        found, retries = soak(level, options.calls, options.threads, options.seed)
        failed |= bool(found) if level.serializable else not found
        shown = f"{len(found)} violations, such as: {found[0]}" if found else "no violation"
        print(f"{name}: {options.calls} calls, {retries} retries, {shown}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
