"""Counters: no value twice, whatever is rolled back, cut off or run at once."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from unit.txn.database_fixture import new_database

from minidb.errors import DataError, InternalError
from minidb.storage.store import Store
from minidb.txn.counters import CounterExhausted
from minidb.txn.database import TransactionalStore
from minidb.txn.environment import FIRST_ID


def test_a_counter_counts_on_within_its_limits() -> None:
    counters = new_database().counters
    up = counters.get(20, start=1, maximum=3, name="few")
    assert [up.next(), up.next(), up.next()] == [1, 2, 3]
    with pytest.raises(
        CounterExhausted, match=r"nextval: reached maximum value of sequence \"few\" \(3\)"
    ) as raised:
        up.next()
    assert raised.value.sqlstate == "2200H"
    round_and_round = counters.get(20, start=1, maximum=3, cycle=True)
    assert round_and_round is up
    assert [up.next() for _ in range(4)] == [1, 2, 3, 1]
    down = counters.get(21, start=-1, increment=-2, minimum=-5, maximum=-1)
    assert [down.next(), down.next(), down.next()] == [-1, -3, -5]
    with pytest.raises(CounterExhausted):
        down.next()


def test_setval() -> None:
    counter = new_database().counters.get(20, maximum=1000)
    counter.next()
    counter.set(500)
    assert counter.next() == 501
    counter.set(7, called=False)
    assert counter.next() == 7
    with pytest.raises(DataError) as raised:
        counter.set(1001)
    assert raised.value.sqlstate == "22003"


def test_many_at_once() -> None:
    counter = new_database().counters.get(20, start=5, maximum=100)
    assert counter.next_many(10) == list(range(5, 15))
    assert counter.next() == 15
    assert counter.next_many(80) == list(range(16, 96))
    with pytest.raises(CounterExhausted):
        counter.next_many(10)
    backwards = new_database().counters.get(20, start=0, increment=-1, minimum=-100, maximum=0)
    assert backwards.next_many(4) == [0, -1, -2, -3]


def test_changed_increments_count_from_the_last_value() -> None:
    counters = new_database().counters
    counter = counters.get(20)
    assert [counter.next(), counter.next()] == [1, 2]
    counters.get(20, increment=10)
    assert [counter.next(), counter.next()] == [12, 22]


def test_values_survive_a_restart_exactly_and_a_crash_with_a_gap(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.db")
    database = TransactionalStore(Store.open(path))
    counter = database.counters.get(20)
    assert [counter.next() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert database.allocate_id() == FIRST_ID
    database.close()
    database = TransactionalStore(Store.open(path))
    counter = database.counters.get(20)
    assert counter.next() == 6
    assert database.allocate_id() == FIRST_ID + 1
    database.store.close()  # as after a crash: what was reserved ahead counts as given out
    database = TransactionalStore(Store.open(path))
    assert database.counters.get(20).next() > 6
    database.close()


def test_threads_never_get_the_same_value() -> None:
    counter = new_database().counters.get(20)
    found: list[list[int]] = [[] for _ in range(4)]

    def draw(mine: list[int]) -> None:
        for _ in range(1000):
            mine.append(counter.next())
        mine.extend(counter.next_many(100))

    threads = [Thread(target=draw, args=(each,)) for each in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = [value for each in found for value in each]
    assert sorted(values) == list(range(1, 4401))


def test_closing_rolls_back_open_transactions() -> None:
    database = new_database()
    transaction = database.begin()
    transaction.put(b"\x00\x00\x00\x10key", b"value")
    database.close()
    with pytest.raises(InternalError):
        transaction.commit()
