"""What the store promises: snapshots, durability, what changed since, memory and file databases alike."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_fixture import QUIET, contents, key, publish, publish_pairs, put

from minidb.errors import DatabaseError, DiskFull, InternalError, OperationalError
from minidb.storage.key_codec import storage_prefix
from minidb.storage.memtable import Generation
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(str(tmp_path / "test.db"), QUIET)
    yield opened
    opened.close()


@pytest.fixture(params=["file", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(str(tmp_path / "test.db") if request.param == "file" else None, QUIET)
    yield opened
    opened.close()


def test_a_snapshot_does_not_change(either: Store) -> None:
    put(either, a="1", b="1")
    before = either.latest
    put(either, a="2", b=None, c="2")
    middle = either.latest
    either.checkpoint()
    put(either, a="3", d="3")
    either.checkpoint()
    assert contents(before) == {"a": "1", "b": "1"}
    assert contents(middle) == {"a": "2", "c": "2"}
    assert contents(either.latest) == {"a": "3", "c": "2", "d": "3"}
    assert (before.get(key("a")), before.get(key("c"))) == (b"1", None)
    assert (middle.get(key("b")), middle.get(key("c"))) == (None, b"2")


def test_what_was_checkpointed_leaves_memory(either: Store) -> None:
    mine = [f"leaves memory {number} {id(either)}" for number in range(3)]  # other tests' stores may linger
    for value in mine:
        put(either, a=value)
        either.checkpoint()
    gc.collect()
    versions = [
        each.versions[key("a")].value
        for each in gc.get_objects()
        if isinstance(each, Generation) and key("a") in each.versions
    ]
    assert not {value.encode() for value in mine} & set(versions)


def test_durable_follows_sync(store: Store) -> None:
    put(store, a="1")
    first = publish(store, a="2")
    second = publish(store, a="3")
    assert store.latest.commit_id == second
    assert contents(store.durable) == {"a": "1"}
    store.sync(first)
    assert store.durable.commit_id == second  # one sync for all that was there
    assert contents(store.durable) == {"a": "3"}
    assert store.statistics().syncs == 2


def test_relaxed_commits_are_acknowledged_at_once(tmp_path: Path) -> None:
    relaxed = replace(QUIET, synchronous_commit=False, flush_seconds=1000)
    store = Store.open(str(tmp_path / "test.db"), relaxed)
    commit_id = publish(store, a="1")
    store.sync(commit_id)
    assert store.durable is store.latest
    store.set_synchronous_commit(True)
    syncs = store.statistics().syncs
    assert put(store, a="2") == commit_id + 1
    assert store.statistics().syncs == syncs + 1
    store.set_synchronous_commit(False)
    publish(store, a="3")
    store.close()
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    assert contents(store.latest) == {"a": "3"}
    store.close()


def test_memory_databases_have_no_files_until_they_need_them() -> None:
    store = Store.open(None)
    put(store, a="1")
    assert store.durable is store.latest
    assert store.statistics().syncs == 0
    directory = store._parts.temporary_directory()
    store.checkpoint()
    assert os.listdir(directory)
    assert contents(store.latest) == {"a": "1"}
    store.close()
    assert not os.path.exists(directory)


def test_newest_change(either: Store) -> None:
    put(either, a="1", b="1")
    since = either.latest
    assert either.newest_change(key("a"), since) == 0
    either.checkpoint()
    put(either, a="2")
    either.checkpoint()
    either.checkpoint()
    third = put(either, a=None, c="3")
    assert either.newest_change(key("a"), since) == third
    assert either.newest_change(key("b"), since) == 0
    assert either.newest_change(key("c"), since) == third
    assert either.newest_change(key("a"), either.latest) == 0


def test_dropped_storage_ids_vanish_with_the_checkpoint_but_not_from_old_snapshots(either: Store) -> None:
    publish_pairs(either, {key("a", 16): b"1", key("a", 17): b"2", key("a", 18): b"3"})
    either.checkpoint()
    publish_pairs(either, {key("b", 17): b"2"})
    old = either.latest
    with either.commit_mutex:
        either.sync(either.commit({key("c", 18): b"4"}, [17]))
    either.checkpoint()
    assert contents(old, 17) == {"a": "2", "b": "2"}
    assert contents(either.latest, 16) == {"a": "1"}
    assert contents(either.latest, 17) == {}
    assert contents(either.latest, 18) == {"a": "3", "c": "4"}


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "test.db")
    for number in range(4):
        store = Store.open(path, QUIET)
        assert store.latest.commit_id == 3 * number
        put(store, **{f"a{number}": "1"})
        store.checkpoint()
        put(store, **{f"b{number}": "2"})
        publish(store, **{f"c{number}": "3"})  # closing syncs it
        store.close()
        assert sorted(os.listdir(path)) == ["checkpoint", "checkpoint-lock", "format", "owner"]
    store = Store.open(path, QUIET)
    assert contents(store.latest) == {
        f"{a}{n}": v for a, v in zip("abc", "123", strict=True) for n in range(4)
    }
    store.close()


def test_use_after_close(either: Store) -> None:
    put(either, a="1")
    held = either.latest
    either.close()
    either.close()
    for use in (
        lambda: publish(either, a="2"),
        lambda: either.latest.get(key("a")),
        lambda: held.get(key("z")),
        lambda: contents(held),
        either.checkpoint,
        either.begin_huge,
    ):
        with pytest.raises(OperationalError) as caught:
            use()
        assert caught.value.sqlstate == "57P01"


def test_read_only_shows_what_the_log_has_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    put(store, a="1")
    store.checkpoint()
    put(store, a="2", b="2")
    copy = tmp_path / "copy.db"
    copy.mkdir()
    for name in os.listdir(path):
        (copy / name).write_bytes((path / name).read_bytes())
    store.close()
    before = {name: (copy / name).read_bytes() for name in os.listdir(copy) if name != "checkpoint-lock"}
    first = Store.open(str(copy), replace(QUIET, read_only=True))
    assert first.read_only
    assert contents(first.latest) == {"a": "2", "b": "2"}
    with pytest.raises(InternalError) as caught:
        publish(first, a="3")
    assert caught.value.sqlstate == "25006"
    with pytest.raises(InternalError):
        first.checkpoint()
    first.sync(first.latest.commit_id)
    first.close()
    assert before == {
        name: (copy / name).read_bytes() for name in os.listdir(copy) if name != "checkpoint-lock"
    }


def test_an_interrupted_commit_leaves_no_trace(either: Store) -> None:
    put(either, a="1", b="1")
    assert contents(either.latest) == {"a": "1", "b": "1"}

    class Interrupted(dict[bytes, bytes | None]):
        """A keyboard interrupt in the middle of a commit."""

        def items(self):  # type: ignore[no-untyped-def]
            for number, item in enumerate(list(super().items())):
                if number == 2:
                    raise KeyboardInterrupt
                yield item

    with either.commit_mutex, pytest.raises(KeyboardInterrupt):
        either.commit(Interrupted({key("a"): b"2", key("c"): b"2", key("d"): b"2"}))
    assert contents(either.latest) == {"a": "1", "b": "1"}
    put(either, b="3", d="3")
    assert contents(either.latest) == {"a": "1", "b": "3", "d": "3"}
    either.checkpoint()
    assert contents(either.latest) == {"a": "1", "b": "3", "d": "3"}


def test_quota(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "test.db"), replace(QUIET, quota_bytes=200_000))
    with pytest.raises(DiskFull) as caught:
        for number in range(1000):
            put(store, **{f"k{number}": "x" * 1000})
            if number % 30 == 0:
                store.checkpoint()
    assert caught.value.sqlstate == "53100"
    many = contents(store.latest)
    assert 50 < len(many) < 200
    publish_pairs(store, {key(name): None for name in many})  # deleting is what helps
    store.checkpoint()
    put(store, again="x" * 1000)
    store.close()


def test_views_are_shared_and_dropped(store: Store) -> None:
    put(store, a="1")
    held = [store.latest]
    for number in range(5):
        put(store, a=str(number))
        store.checkpoint()
        held.append(store.latest)
    assert store.statistics().roots_held == 6
    assert len({id(snapshot.view) for snapshot in held}) == 6
    del held[1:]
    gc.collect()
    assert store.statistics().roots_held == 2
    held.clear()
    gc.collect()
    assert store.statistics().roots_held == 1
    assert store._tree is not None
    assert len(store._tree.environment.readers().splitlines()) <= 3


def test_many_writes_at_once(either: Store) -> None:
    put(either, **{f"k{number:03}": "old" for number in range(0, 100, 10)})
    before = either.latest
    put(either, **{f"n{number:03}": "new" for number in range(100)})  # all new
    put(either, **{f"k{number:03}": "new" for number in range(100)})  # some are there already
    assert contents(before) == {f"k{number:03}": "old" for number in range(0, 100, 10)}
    expected = {f"{letter}{number:03}": "new" for letter in "kn" for number in range(100)}
    assert contents(either.latest) == expected
    assert [either.newest_change(key(name), before) for name in ("n005", "k000", "k001")] == [2, 3, 3]
    either.checkpoint()
    assert contents(either.latest) == expected


def test_large_values_and_long_ranges(either: Store) -> None:
    large = {f"k{number:05d}": "v" * (number % 3000) for number in range(5000)}
    put(either, **large)
    assert contents(either.latest) == large
    either.checkpoint()
    put(either, **dict.fromkeys(list(large)[::7], "new"))
    large.update(dict.fromkeys(list(large)[::7], "new"))
    assert contents(either.latest) == large
    reverse = either.latest.rows(storage_prefix(16), None, reverse=True)
    assert [name for name, _ in reverse] == [key(name) for name in sorted(large, reverse=True)]
    sizes = [len(batch) for batch in either.latest.batches(storage_prefix(16), None)]
    assert sizes[0] < 64 and max(sizes) <= 4096 and sum(sizes) == len(large)


def test_a_scan_sees_its_snapshot_while_others_write(either: Store) -> None:
    rows = {f"k{number:05d}": "old" for number in range(3000)}
    put(either, **rows)
    either.checkpoint()
    put(either, **dict.fromkeys(list(rows)[::2], "old"))
    batches = either.latest.batches(storage_prefix(16), None)
    seen = next(batches)
    put(either, **dict.fromkeys(rows, "new"), k99999="new")
    either.checkpoint()
    put(either, **dict.fromkeys(rows))
    either.checkpoint()
    for batch in batches:
        seen += batch
    assert [(name[4:].decode(), value) for name, value in seen] == [(name, b"old") for name in sorted(rows)]


def test_many_threads_commit_and_read(either: Store) -> None:
    """Each commit moves one from a counter to another: every snapshot must show the same sum."""
    names = [f"c{number}" for number in range(8)]
    put(either, **dict.fromkeys(names, "100"))
    failures: list[str] = []

    def move(seed: int) -> None:
        for step in range(150):
            source, target = key(names[(seed + step) % 8]), key(names[(seed * 3 + step + 1) % 8])
            with either.commit_mutex:
                found = [either.latest.get(name) for name in (source, target)]
                if source != target and None not in found:
                    amounts = [int(value or b"0") for value in found]
                    writes = {source: b"%d" % (amounts[0] - 1), target: b"%d" % (amounts[1] + 1)}
                    commit_id = either.commit(writes)
                else:
                    commit_id = 0
            either.sync(commit_id)
            if step % 50 == seed:
                either.checkpoint()

    def look() -> None:
        for _ in range(300):
            total = sum(map(int, contents(either.latest).values()))
            if total != 800:
                failures.append(f"a snapshot shows {total}")

    threads = [threading.Thread(target=move, args=(seed,)) for seed in range(4)]
    threads += [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sum(map(int, contents(either.latest).values())) == 800


def test_background_checkpoints_by_size_and_pause(tmp_path: Path) -> None:
    options = StoreOptions(checkpoint_bytes=20_000, pause_seconds=0.05, flush_seconds=0.01)
    store = Store.open(str(tmp_path / "test.db"), options)
    deadline = threading.Event()
    for number in range(300):
        put(store, **{f"k{number}": "x" * 100})
    for _ in range(1000):
        if store.statistics().memtable_bytes == 0:
            break
        deadline.wait(0.01)
    statistics = store.statistics()
    assert statistics.memtable_bytes == 0
    assert statistics.checkpoints >= 2
    assert len(contents(store.latest)) == 300
    store.close()


def test_committers_wait_for_checkpoints_when_memory_runs_out(tmp_path: Path) -> None:
    options = StoreOptions(checkpoint_bytes=2_000, synchronous_commit=False)
    store = Store.open(str(tmp_path / "test.db"), options)
    largest = 0
    for number in range(500):
        put(store, **{f"k{number}": "x" * 500})
        largest = max(largest, store.statistics().memtable_bytes)
    assert largest < 20_000
    assert len(contents(store.latest)) == 500
    store.close()


def test_errors_are_of_our_own_tree(store: Store) -> None:
    with pytest.raises(DatabaseError):
        store.latest.get(b"")
