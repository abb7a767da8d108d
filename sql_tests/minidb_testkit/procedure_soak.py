"""Kills a process that calls procedures at random moments, again and again, and looks at what is left.

    python -m minidb_testkit.procedure_soak [--rounds 50] [--seed N]      (in the repository's root)

The database holds SmallBank and a small TPC-C (`benchmarks/`). For each of their procedures there is another
that calls it and writes what it returned to a ledger, under a number that the caller reports once it has
heard back. Rounds go through the ways to run calls: ssi, serial, 2pl. After each kill: every reported number
is in the ledger, the ledger explains the money of bank and warehouses to the cent, TPC-C's consistency
conditions hold, `minidb check` is clean.
"""

from __future__ import annotations

import argparse
import inspect
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minidb
from benchmarks import tpcc_transactions
from benchmarks.clients import RAISED, Workload
from benchmarks.smallbank import TRANSACTIONS, SmallBank
from benchmarks.tpcc import TpcC
from minidb_testkit import kill_soak
from minidb_testkit.levels import CALL_LEVELS, Level

ROUND_LEVELS = ("serializable ssi", "serializable serial", "serializable 2pl predicate")
THREADS = 4
_OUTPUTS = {"order_status": 3}  # how many results a TPC-C procedure has, if not two


def workloads() -> tuple[Workload, Workload]:
    """The two, small enough to be looked through after each round."""
    return SmallBank(200, 20), TpcC(1, 300)


def connect(path: str, level: Level) -> minidb.Connection:
    """A client whose calls run at that level."""
    settings: dict[str, Any] = dict(level.settings)
    return minidb.connect(path, autocommit=True, isolation_level=level.isolation, **settings)


def prepare(path: str) -> None:
    """Make the database, with its procedures."""
    with minidb.connect(path, autocommit=True) as connection:
        for workload in workloads():
            workload.language = "plpgsql"
            workload.create(connection)
            workload.create_procedures(connection)
        connection.execute(
            "CREATE TABLE ledger (id BIGINT PRIMARY KEY, source TEXT, changed BIGINT NOT NULL)"
        )
        for function in TRANSACTIONS:
            connection.execute(_with_ledger(function, "smallbank", 1))
        for function in tpcc_transactions.TRANSACTIONS:
            outputs = _OUTPUTS.get(function.__name__, 2)
            connection.execute(_with_ledger(function, "tpcc", outputs))


def _with_ledger(function: Callable[..., int], source: str, outputs: int) -> str:
    """A procedure that calls the function's counterpart and writes down what it returned."""
    inputs = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    names = [f"the_{each.name}" for each in inputs]
    types = ["TEXT" if each.annotation is str else "INTEGER" for each in inputs]
    declared = ", ".join([f"{name} {type_}" for name, type_ in zip(names, types, strict=True)])
    others = [f"output_{place}" for place in range(1, outputs)]
    variables = "DECLARE " + " ".join([f"{name} BIGINT;" for name in others]) if others else ""
    return f"""
        CREATE PROCEDURE ledger_{function.__name__}(number BIGINT, {declared}, OUT result BIGINT)
        LANGUAGE plpgsql AS $$
        {variables}
        BEGIN
            CALL {function.__name__}({", ".join([*names, "result", *others])});
            INSERT INTO ledger VALUES (number, '{source}', result);
        END $$"""


def child(path: str, seed: int) -> None:
    """Call until killed; each acknowledged number goes to standard output as a line."""
    level = CALL_LEVELS[ROUND_LEVELS[seed % len(ROUND_LEVELS)]]
    for number in range(THREADS):
        threading.Thread(target=_call, args=(path, level, seed * 10 + number), daemon=True).start()
    with minidb.connect(path, autocommit=True) as connection:
        while True:
            connection.execute("CHECKPOINT")


def _call(path: str, level: Level, seed: int) -> None:
    rng = random.Random(seed)
    connection = connect(path, level)
    both = workloads()
    while True:
        function, arguments = both[rng.randrange(2)].choose(rng)
        number = rng.getrandbits(62)
        try:
            connection.call(f"ledger_{function.__name__}", number, *arguments)
        except minidb.Error as error:
            if not error.retryable and error.sqlstate != RAISED:
                raise
        else:
            os.write(1, f"{number}\n".encode())


def check(path: str, acknowledged: set[int]) -> list[str]:
    """What is wrong with the database that the child left behind."""
    problems = list(minidb.check(path))
    with minidb.connect(path, autocommit=True) as connection:
        ledger = connection.execute("SELECT id, source, changed FROM ledger").fetchall()
        missing = acknowledged - {number for number, _, _ in ledger}
        if missing:
            problems.append(f"{len(missing)} acknowledged calls are gone")
        for workload in workloads():
            total = sum([changed for _, source, changed in ledger if source == workload.name])
            broken = workload.broken(connection, total, True)
            if broken is not None:
                problems.append(f"{workload.name}: {broken}")
    return problems


def main() -> int:
    """Exit status 1 if any round was bad."""
    parser = argparse.ArgumentParser(prog="python -m minidb_testkit.procedure_soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        threading.excepthook = kill_soak.end_at_once
        child(options.child, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        module = "minidb_testkit.procedure_soak"
        bad = kill_soak.soak(
            options.rounds, options.seed, Path(folder), module=module, check=check, prepare=prepare
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
