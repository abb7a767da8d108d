"""Huge transactions: reading own writes at a position, savepoints, and their life as a layer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fixture import QUIET, contents, key, publish_pairs, put

from minidb.errors import DiskFull
from minidb.storage.check import check_files
from minidb.storage.huge import HugeWrites
from minidb.storage.key_codec import storage_prefix
from minidb.storage.lmdb_store import CheckpointTree
from minidb.storage.store import Store

START, STOP = storage_prefix(16), storage_prefix(17)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(str(tmp_path / "test.db") if request.param == "file" else None, QUIET)
    yield opened
    opened.close()


def entries(
    huge: HugeWrites, position: int | None = None, reverse: bool = False
) -> list[tuple[bytes, bytes | None]]:
    batches = list(huge.batches(START, STOP, position, reverse=reverse))
    assert all(batches)
    return [entry for batch in batches for entry in batch]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.none() | st.binary(max_size=3)), max_size=30)
        | st.integers(0, 100),
        max_size=8,
    )
)
def test_like_a_list_of_writes(tmp_path_factory: pytest.TempPathFactory, steps: list[object]) -> None:
    huge = HugeWrites(str(tmp_path_factory.mktemp("huge")), 1)
    history: list[tuple[bytes, bytes | None]] = []
    for step in steps:
        if isinstance(step, int):
            position = step * len(history) // 100
            huge.rollback_to(position)
            del history[position:]
        else:
            assert isinstance(step, list)
            writes = [(START + bytes((name,)), value) for name, value in step]
            huge.write([(name, len(history) + place, value) for place, (name, value) in enumerate(writes)])
            history += writes
    for position in {0, len(history) // 3, len(history) // 2, len(history)}:
        expected = dict(history[:position])
        assert entries(huge, position) == sorted(expected.items())
        assert entries(huge, position, reverse=True) == sorted(expected.items(), reverse=True)
        for number in range(21):
            name = START + bytes((number,))
            assert huge.get(name, position) == (name in expected, expected.get(name))
    assert entries(huge) == sorted(dict(history).items())
    huge.abort()
    huge.abort()
    assert os.listdir(huge.directory) == []


def test_a_scan_of_own_writes_holds_still(store: Store) -> None:
    huge = store.begin_huge()
    huge.write([(key(f"k{number:04d}"), number, b"old") for number in range(1000)])
    batches = huge.batches(START, STOP, 1000)
    seen = next(batches)
    huge.write([(key(f"k{number:04d}"), 1000 + number, b"new") for number in range(2000)])
    for batch in batches:
        seen += batch
    assert seen == [(key(f"k{number:04d}"), b"old") for number in range(1000)]
    huge.abort()


def test_commit_lies_over_the_past_and_under_the_future(store: Store) -> None:
    put(store, a="1", b="1", c="1")
    store.checkpoint()
    put(store, b="2", d="2")
    since = store.latest
    huge = store.begin_huge()
    huge.write([(key("b"), 0, b"huge"), (key("c"), 1, None), (key("e"), 2, b"huge"), (key("f"), 3, None)])
    put(store, z="others go on")
    assert contents(store.latest) == {"a": "1", "b": "2", "c": "1", "d": "2", "z": "others go on"}
    commit_id = store.commit_huge(huge)
    assert store.durable.commit_id == store.latest.commit_id == commit_id
    expected = {"a": "1", "b": "huge", "d": "2", "e": "huge", "z": "others go on"}
    assert contents(store.latest) == expected
    assert contents(since) == {"a": "1", "b": "2", "c": "1", "d": "2"}
    assert store.latest.get(key("c")) is None
    assert store.newest_change(key("b"), since) == commit_id
    assert store.newest_change(key("c"), since) == commit_id
    assert store.newest_change(key("f"), since) == 0  # deleted what was not there
    assert store.newest_change(key("a"), since) == 0
    assert store.newest_change(key("b"), store.latest) == 0
    between = store.latest
    last = put(store, e="3", b=None)
    assert contents(store.latest) == {"a": "1", "d": "2", "e": "3", "z": "others go on"}
    assert store.newest_change(key("e"), since) == last
    store.checkpoint()
    assert contents(store.latest) == {"a": "1", "d": "2", "e": "3", "z": "others go on"}
    assert contents(between) == expected
    assert store.latest.view.layers == ()
    del between
    assert not [name for name in os.listdir(huge.directory) if name.startswith("huge.")]


def test_several_layers_and_a_dropped_table(store: Store) -> None:
    publish_pairs(store, {key("a", 17): b"old"})
    first = store.begin_huge()
    first.write([(key("a"), 0, b"1"), (key("b"), 1, b"1"), (key("x", 17), 2, b"1"), (key("x", 18), 3, b"1")])
    store.commit_huge(first)
    second = store.begin_huge()
    second.write([(key("b"), 0, b"2"), (key("c"), 1, b"2"), (key("y", 18), 2, b"2")])
    store.commit_huge(second, [17])
    assert contents(store.latest) == {"a": "1", "b": "2", "c": "2"}
    store.checkpoint()
    assert contents(store.latest) == {"a": "1", "b": "2", "c": "2"}
    assert contents(store.latest, 17) == {}
    assert contents(store.latest, 18) == {"x": "1", "y": "2"}


def test_layers_survive_a_crash_and_unfinished_files_do_not(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    put(store, a="1")
    huge = store.begin_huge()
    huge.write([(key(f"k{number:05d}"), number, b"x" * 50) for number in range(20_000)])
    store.commit_huge(huge)
    put(store, k00000="later")
    unfinished = store.begin_huge()
    unfinished.write([(key("never"), 0, b"x")])
    copy = tmp_path / "copy.db"
    shutil.copytree(path, copy)
    unfinished.abort()
    store.close()
    assert check_files(str(copy)) == []
    store = Store.open(str(copy), QUIET)
    assert len([name for name in os.listdir(copy) if name.startswith("huge.")]) == 1
    assert len(store.latest.view.layers) == 1
    found = contents(store.latest)
    assert (len(found), found["k00000"], found["k19999"]) == (20_001, "later", "x" * 50)
    store.close()
    assert sorted(os.listdir(copy)) == ["checkpoint", "checkpoint-lock", "format", "owner"]
    assert contents_after_reopening(copy) == found == contents_after_reopening(path)


def contents_after_reopening(path: Path) -> dict[str, str]:
    store = Store.open(str(path), QUIET)
    try:
        return contents(store.latest)
    finally:
        store.close()


def test_a_failed_commit_can_be_aborted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, a="1")
    store.checkpoint()
    huge = store.begin_huge()
    huge.write([(key("b"), 0, b"x")])

    def fail(*arguments: object) -> None:
        raise DiskFull("no space")

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointTree, "write", fail)
        with pytest.raises(DiskFull):
            store.commit_huge(huge)
    huge.abort()
    put(store, c="2")
    store.checkpoint()
    assert contents(store.latest) == {"a": "1", "c": "2"}
