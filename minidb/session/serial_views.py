"""System views of the serial executor: what waits, how calls are batched, how long they run."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from minidb.plan.system_view import SystemView
from minidb.session.state import SessionState
from minidb.value.sql_types import BIGINT, DOUBLE, TEXT, TIMESTAMPTZ, Row


def _executor(session: SessionState) -> Iterator[Row]:
    executor = session.database.executor
    statistics = executor.statistics
    yield ("queue length", float(executor.waiting))
    yield ("calls", float(sum([each.calls for each in list(statistics.procedures.values())])))
    yield ("failed calls", float(sum([each.failures for each in list(statistics.procedures.values())])))
    yield ("lock waits", float(statistics.lock_waits))
    yield ("batches", float(statistics.batches))
    yield ("last batch", float(statistics.last_batch))
    yield ("average batch", statistics.batched / statistics.batches if statistics.batches else 0.0)
    yield ("largest batch", float(statistics.largest_batch))


def _procedures(session: SessionState) -> Iterator[Row]:
    for name, times in sorted(session.database.executor.statistics.procedures.items()):
        mean = times.total / times.calls
        yield (name, times.calls, times.failures, times.total * 1e3, mean * 1e3, times.longest * 1e3)


def _slowest(session: SessionState) -> Iterator[Row]:
    for seconds, ended, name in session.database.executor.statistics.slowest:
        yield (name, seconds * 1e3, datetime.datetime.fromtimestamp(ended, datetime.UTC))


SERIAL_VIEWS: Final = (
    SystemView(
        "minidb_serial_executor",
        "the serial executor's queue and batches",
        (("name", TEXT), ("value", DOUBLE)),
        _executor,
    ),
    SystemView(
        "minidb_procedures",
        "run times on the serial executor, by procedure",
        (
            ("name", TEXT),
            ("calls", BIGINT),
            ("failures", BIGINT),
            ("total_ms", DOUBLE),
            ("mean_ms", DOUBLE),
            ("max_ms", DOUBLE),
        ),
        _procedures,
    ),
    SystemView(
        "minidb_slowest_calls",
        "the slowest calls on the serial executor",
        (("name", TEXT), ("milliseconds", DOUBLE), ("ended", TIMESTAMPTZ)),
        _slowest,
    ),
)
