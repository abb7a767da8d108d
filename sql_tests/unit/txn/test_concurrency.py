"""Transactions under real threads: money moves between accounts, and none is made or lost."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from unit.txn.database_fixture import READ_COMMITTED, REPEATABLE_READ, begin, key, new_database, rows_of

from minidb.errors import DeadlockDetected, SerializationFailure
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store
from minidb.txn.control import StatementRestart
from minidb.txn.database import TransactionalStore
from minidb.txn.isolation import IsolationLevel
from minidb.txn.transaction import Transaction

ACCOUNTS = 6
START = 100
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(before)


def fill(database: TransactionalStore) -> TransactionalStore:
    transaction = begin(database)
    for number in range(ACCOUNTS):
        transaction.put(key(number), str(START).encode())
    transaction.commit()
    return database


def statement(transaction: Transaction, body: Callable[[], None]) -> None:
    """What a session does around a statement."""
    transaction.new_statement()
    start = transaction.savepoint()
    while True:
        try:
            return body()
        except StatementRestart:
            transaction.rollback_to(start)
            transaction.new_statement()


def add(transaction: Transaction, account: int, amount: int) -> None:
    balance = transaction.get(key(account))
    assert balance is not None
    transaction.put(key(account), str(int(balance) + amount).encode())


def transfer(database: TransactionalStore, level: IsolationLevel, chance: random.Random) -> bool:
    source, target = chance.sample(range(ACCOUNTS), 2)
    amount = chance.randint(1, 10)
    transaction = database.begin(level)
    try:
        statement(transaction, lambda: add(transaction, source, -amount))
        statement(transaction, lambda: add(transaction, target, amount))
        if chance.random() < 0.1:
            transaction.rollback()
            return False
        transaction.commit()
        return True
    except (SerializationFailure, DeadlockDetected):
        transaction.rollback()
        return False


def total(transaction: Transaction) -> int:
    return sum(int(value) for _, value in rows_of(transaction))


def run(database: TransactionalStore, rounds: int, threads: int) -> list[int]:
    committed: list[int] = []
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        level = REPEATABLE_READ if seed % 2 else READ_COMMITTED
        try:
            done = 0
            for _ in range(rounds):
                done += transfer(database, level, chance)
                if chance.random() < 0.1:
                    reader = begin(database, REPEATABLE_READ)
                    assert total(reader) == START * ACCOUNTS
                    reader.commit()
            committed.append(done)
        except BaseException as error:
            failures.append(error)
            raise

    workers = [Thread(target=work, args=(seed,), daemon=True) for seed in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
        assert not worker.is_alive(), [each.waiting_for() for each in database.transactions()]
    assert not failures
    assert not database.active
    assert not database.locks.owners
    assert not database.locks.queues
    return committed


def test_money_is_conserved_in_memory() -> None:
    database = fill(new_database())
    committed = run(database, 300, 4)
    assert sum(committed) > 300
    assert total(begin(database)) == START * ACCOUNTS


def test_money_is_conserved_on_disk_with_checkpoints_and_a_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "bank.db")
    database = fill(TransactionalStore(Store.open(path, StoreOptions(checkpoint_bytes=100_000))))
    committed = run(database, 100, 4)
    assert sum(committed) > 100
    database.close()
    database = TransactionalStore(Store.open(path))
    reader = begin(database)
    assert total(reader) == START * ACCOUNTS
    reader.rollback()
    database.close()


def test_updates_of_one_row_are_never_lost() -> None:
    database = fill(new_database())

    def work() -> None:
        for _ in range(200):
            transaction = database.begin(READ_COMMITTED)
            statement(transaction, lambda transaction=transaction: add(transaction, 0, 1))  # type: ignore[misc]
            transaction.commit()

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert rows_of(begin(database))[0] == (0, str(START + 800).encode())


def test_one_key_is_inserted_once() -> None:
    database = new_database()
    winners: list[int] = []

    def work(name: int) -> None:
        for number in range(200):
            transaction = begin(database)
            if transaction.insert(key(number), b"%d" % name):
                transaction.commit()
                winners.append(number)
            else:
                transaction.rollback()

    workers = [Thread(target=work, args=(name,)) for name in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert sorted(winners) == list(range(200))


def test_a_commit_waits_until_what_it_saw_is_durable(tmp_path: Path) -> None:
    never = StoreOptions(flush_seconds=3600.0, pause_seconds=3600.0)  # what nobody waits for is not synced
    database = TransactionalStore(Store.open(str(tmp_path / "slow.db"), never))
    store = database.store
    synced: list[int] = []
    inner = store.sync

    def sync(commit_id: int) -> None:
        synced.append(commit_id)
        inner(commit_id)

    store.sync = sync  # type: ignore[method-assign]
    eager = begin(database)
    eager.synchronous_commit = False
    eager.put(key(1), b"1")
    eager.commit()
    assert not synced
    assert store.durable.commit_id < store.latest.commit_id
    reader = begin(database)
    assert reader.get(key(1)) == b"1"
    reader.commit()
    assert synced == [store.latest.commit_id]
    assert store.durable.commit_id == store.latest.commit_id
    lone = database.begin(REPEATABLE_READ, read_only=True)
    lone.commit()
    assert len(synced) == 1
    database.close()
