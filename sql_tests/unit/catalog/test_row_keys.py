"""Rows and index entries have the keys that the storage layer's encoders give them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minidb.catalog.row_keys import IndexKeys, TableKeys, index_keys_of, keys_of
from minidb.catalog.schema import ColumnSchema, IndexKey, IndexSchema, Table
from minidb.storage.key_codec import MAXIMUM_KEY, encoder_for
from minidb.value.sql_types import BIGINT, INTEGER, TEXT, SqlType


def table(types: tuple[SqlType, ...], primary_key: tuple[int, ...]) -> Table:
    return Table(
        id=16,
        storage_id=17,
        name="t",
        columns=tuple([ColumnSchema(f"c{slot}", type_, slot) for slot, type_ in enumerate(types)]),
        slot_types=types,
        slot_missing=(None,) * len(types),
        primary_key=primary_key,
        primary_key_name="t_pkey",
    )


@given(st.integers(-(2**63), 2**63 - 1))
def test_one_integer(value: int) -> None:
    keys = TableKeys(table((TEXT, BIGINT), (1,)))
    assert keys.row_key is not None and keys.key_of is not None
    expected = b"\0\0\0\x11" + encoder_for([BIGINT])((value,))
    assert keys.row_key(("x", value)) == keys.key_of((value,)) == expected


@given(st.integers(-(2**31), 2**31 - 1), st.text())
def test_several_columns_in_the_order_of_the_key(number: int, text: str) -> None:
    keys = TableKeys(table((INTEGER, TEXT), (1, 0)))
    assert keys.row_key is not None and keys.key_of is not None
    key = keys.row_key((number, text, 12345))
    assert key == keys.key_of((text, number))
    assert key == encoder_for([TEXT, INTEGER], prefix=b"\0\0\0\x11")((text, number))


def test_a_hidden_row_id() -> None:
    keys = TableKeys(table((INTEGER,), ()))
    assert keys.row_key is None and keys.key_of is None
    assert keys.row_id_key(258) == b"\0\0\0\x11" + b"\0\0\0\0\0\0\1\2"


def index(unique: bool) -> IndexSchema:
    return IndexSchema("i", 18, (IndexKey(0, None, INTEGER), IndexKey(1, None, TEXT, True)), unique=unique)


def test_entries_end_with_the_row_unless_their_key_is_unique() -> None:
    row_key = b"rowkey"
    several = IndexKeys(index(unique=False))
    assert several.entry((1, "a"), row_key) == several.encode((1, "a")) + row_key
    single = IndexKeys(index(unique=True))
    assert single.entry((1, "a"), row_key) == single.encode((1, "a"))
    assert single.entry((1, None), row_key) == single.encode((1, None)) + row_key
    assert single.slots == (0, 1)


def test_long_entries_fit() -> None:
    keys = IndexKeys(index(unique=False))
    entries = {keys.entry((1, "x" * 600), b"%d" % number) for number in range(50)}
    assert len(entries) == 50
    assert all(len(entry) <= MAXIMUM_KEY for entry in entries)


def test_functions_are_made_once_per_schema() -> None:
    one, same = table((INTEGER,), (0,)), table((INTEGER,), (0,))
    assert keys_of(one) is keys_of(one)
    assert keys_of(one) is not keys_of(same)
    first = index(unique=True)
    assert index_keys_of(first) is index_keys_of(first)
