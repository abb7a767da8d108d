"""Replaying a log of calls: the same calls, one by one, in an empty database give the same content."""

from __future__ import annotations

from minidb.catalog.sequence_counter import sequence_counter
from minidb.errors import DataError, Error, InternalError
from minidb.session import settings as settings_
from minidb.session.call_log import RecordedCall, decoded_parameters, read_calls
from minidb.session.session import Session


def replay(session: Session, path: str) -> int:
    """Run the calls of a log in a session whose database is empty; how many they were."""
    store = session.database.store
    if session.database.catalog.objects() or session.database.catalog.routines():
        raise InternalError("calls are replayed into an empty database", sqlstate="55000")
    calls = 0
    session.set("synchronous_commit", "off")
    for number, record in enumerate(read_calls(path), 1):
        try:
            if record.text:
                _run(session, record)
                calls += 1
            _set_counters(session, record)
        except Error as error:
            raise DataError(
                f"call {number} of the log fails, which did not when it was recorded: {error}",
                sqlstate=error.sqlstate,
                detail=record.text,
                hint=error.hint,
            ) from error
    store.sync(store.latest.commit_id)
    return calls


def _run(session: Session, record: RecordedCall) -> None:
    values = dict(settings_.defaults(), synchronous_commit=False)
    for name, text in record.settings.items():
        values[name] = settings_.parse(name, text)[1]
    session.replay(values, record.time, record.seed)
    if record.many:
        session.execute_many(record.text, [decoded_parameters(each) for each in record.parameters])
    else:
        session.execute(record.text, decoded_parameters(record.parameters)).close()


def _set_counters(session: Session, record: RecordedCall) -> None:
    catalog, counters = session.database.catalog, session.database.transactions.counters
    for name, (value, called) in record.counters.items():
        sequence = catalog.sequence(name)
        if sequence is not None:
            sequence_counter(counters, sequence).set(value, called)
