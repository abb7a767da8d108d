"""Schema objects through transactions: what is put is what is loaded, names are unique, damage is seen."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest

from minidb.catalog import catalog as catalogs
from minidb.catalog.catalog import Catalog, definition_key, drop_object, load, put_object, put_statistics
from minidb.catalog.schema import (
    CheckSchema,
    ColumnSchema,
    ForeignKeySchema,
    IndexKey,
    IndexSchema,
    Sequence,
    Table,
    TableStatistics,
    View,
)
from minidb.errors import DataCorrupted, ProgrammingError
from minidb.storage.store import Store, StoreOptions
from minidb.txn.database import TransactionalStore
from minidb.value.interval import Interval
from minidb.value.sql_types import INTEGER, Kind, SqlType, Value

TYPES: tuple[SqlType, ...] = (
    INTEGER,
    SqlType(Kind.NUMERIC, precision=10, scale=2),
    SqlType(Kind.VARCHAR, length=20),
    SqlType(Kind.TIMESTAMPTZ),
    SqlType(Kind.INTERVAL),
    SqlType(Kind.BYTEA),
)
MISSING: tuple[Value, ...] = (
    None,
    Decimal("1.50"),
    "text",
    datetime.datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC),
    Interval(1, 2, 3),
    b"\x00\xff",
)


def table(id_: int = 20, name: str = "t") -> Table:
    return Table(
        id=id_,
        storage_id=id_ + 1,
        name=name,
        columns=tuple(
            [
                ColumnSchema(f"c{slot}", type_, slot, nullable=slot > 0, missing=MISSING[slot])
                for slot, type_ in enumerate(TYPES)
                if slot != 2  # a dropped one
            ]
        ),
        slot_types=TYPES,
        slot_missing=MISSING,
        primary_key=(0,),
        primary_key_name=f"{name}_pkey",
        indexes=(
            IndexSchema(
                f"{name}_idx",
                id_ + 2,
                (IndexKey(1, None, TYPES[1], descending=True), IndexKey(None, "lower(c2)", TYPES[2])),
                predicate="c0 > 1",
            ),
        ),
        checks=(CheckSchema(f"{name}_check", "c0 > 0"),),
        foreign_keys=(ForeignKeySchema(f"{name}_fkey", (0,), id_, (0,), "cascade", "set null", True),),
    )


@pytest.fixture
def store() -> Iterator[TransactionalStore]:
    store = TransactionalStore(Store.open(None, StoreOptions()))
    yield store
    store.close()


def loaded(store: TransactionalStore) -> Catalog:
    transaction = store.begin()
    transaction.new_statement()
    try:
        return load(transaction)
    finally:
        transaction.rollback()


def test_objects_come_back_as_they_were(store: TransactionalStore) -> None:
    view = View(30, "v", "SELECT c0 FROM t", ("x",), ((20, (0,)),), ((20, 6),))
    sequence = Sequence(31, 32, "s", start=5, increment=-1, cycle=True, owner=(20, 0))
    transaction = store.begin()
    transaction.new_statement()
    for object_ in (table(), view, sequence):
        put_object(transaction, object_)
    assert transaction.catalog_changed
    uncommitted = load(transaction)
    assert uncommitted.version < 0
    assert uncommitted.table("t") == table()
    assert load(transaction).version != uncommitted.version
    transaction.commit()
    catalog = loaded(store)
    assert catalog.version >= 0
    assert catalog.table("t") == table()
    assert catalog.view("v") == view
    assert catalog.sequence("s") == sequence
    assert catalog.objects() == [sequence, table(), view]
    assert catalog.tables() == [table()]
    assert catalog.index("t_idx") == (table(), table().indexes[0])
    assert catalog.index("t_pkey") == (table(), None)
    assert catalog.referencing(20) == [(table(), table().foreign_keys[0])]
    assert catalog.dependents(20) == [view]
    assert catalog.owned_sequences(20) == [sequence]
    assert catalog.owned_sequences(20, 1) == []
    assert catalog.table_by_id(20) is catalog.relation("t")
    assert catalog.object_by_id(99) is None
    assert catalog.is_taken("t_pkey") and not catalog.is_taken("x")
    assert catalog.table("v") is None and catalog.view("t") is None and catalog.sequence("t") is None


def test_an_unchanged_object_is_the_same_one(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.new_statement()
    put_object(transaction, table())
    transaction.commit()
    assert loaded(store).table("t") is loaded(store).table("t")


def test_names_are_unique_among_relations_and_indexes(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.new_statement()
    put_object(transaction, table())
    for name in ("t", "t_pkey", "t_idx"):
        with pytest.raises(ProgrammingError) as caught:
            put_object(transaction, Sequence(50, 51, name))
        assert caught.value.sqlstate == "42P07"
    put_object(transaction, Sequence(50, 51, "t_check"))  # a constraint is no relation
    transaction.rollback()


def test_a_replaced_object_gives_up_its_names(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.new_statement()
    old = table()
    put_object(transaction, old)
    new = table(name="renamed")
    put_object(transaction, new, old)
    put_object(transaction, Sequence(50, 51, "t_idx"))
    catalog = load(transaction)
    assert catalog.table("renamed") == new and catalog.table("t") is None
    drop_object(transaction, new)
    assert [object_.name for object_ in load(transaction).objects()] == ["t_idx"]
    put_object(transaction, Sequence(60, 61, "renamed_pkey"))
    transaction.rollback()
    assert loaded(store).objects() == []


def test_statistics_are_kept_apart(store: TransactionalStore) -> None:
    statistics = TableStatistics(
        100, {0: (50.0, 0.0, 1, 99), 1: (2.0, 0.5, Decimal("-1.50"), Decimal("2")), 4: (1.0, 1.0, None, None)}
    )
    transaction = store.begin()
    transaction.new_statement()
    put_object(transaction, table())
    put_statistics(transaction, table(), statistics)
    found = load(transaction).table("t")
    assert found is not None and found.statistics == statistics
    drop_object(transaction, found)
    assert load(transaction).objects() == []
    assert not [key for batch in transaction.batches_latest(b"\0" * 4, b"\0\0\0\1") for key, _ in batch]
    transaction.rollback()


def test_a_damaged_entry_is_reported(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.new_statement()
    put_object(transaction, table())
    key = definition_key(20)
    data = transaction.get_latest(key)
    assert data is not None
    transaction.put(key, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DataCorrupted):
        load(transaction)
    transaction.rollback()


def test_the_memo_of_decoded_objects_is_bounded(
    store: TransactionalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogs, "_DECODED_LIMIT", 3)
    transaction = store.begin()
    transaction.new_statement()
    for number in range(10):
        put_object(transaction, Sequence(100 + number, 200 + number, f"s{number}"))
    assert len(load(transaction).objects()) == 10
    assert len(catalogs._decoded) <= 3
    transaction.rollback()
