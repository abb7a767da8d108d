"""The log cut and damaged at every byte of its last records: the tail is cut, earlier damage is reported."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from workload import OPTIONS, Writer, transaction, verify

from minidb.errors import DataCorrupted
from minidb.storage.check import check_files
from minidb.storage.log import RECORD_HEADER, RECORDS_START, SegmentReader, segment_numbers
from minidb.storage.store import Store

COMMITS = 6


def crashed_database(base: Path, commits: int = COMMITS) -> Path:
    """A database with that many commits in its log, none in its checkpoint, as a killed process leaves it."""
    original = base / "original.db"
    writer = Writer(str(original), lambda number: None)
    writer.commit(commits)
    copy = base / "crashed.db"
    shutil.copytree(original, copy)
    writer.store.close()
    return copy


def log_file(path: Path) -> Path:
    (number,) = segment_numbers(str(path))
    return path / f"log.{number:08d}"


def record_starts(log: Path) -> list[int]:
    """Where each record begins, and where the last one ends."""
    reader = SegmentReader(str(log), int(log.name[4:]))
    starts = [RECORDS_START]
    while end := reader.end_of(starts[-1], 1):
        starts.append(end)
    assert len(starts) == COMMITS + 1
    return starts


def recovered(path: Path) -> int:
    """Open, verify, use and check the database; how many transactions it had."""
    store = Store.open(str(path), OPTIONS)
    try:
        count = verify(store, 0)
    finally:
        store.close()
    assert check_files(str(path)) == []
    return count


def restore(path: Path, pristine: Path) -> None:
    shutil.rmtree(path)
    shutil.copytree(pristine, path)


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = crashed_database(tmp_path)
    pristine = tmp_path / "pristine.db"
    shutil.copytree(path, pristine)
    starts = record_starts(log_file(path))
    for size in range(starts[-3] - 3, starts[-1] + 1):
        restore(path, pristine)
        os.truncate(log_file(path), size)
        assert recovered(path) == sum(1 for end in starts[1:] if end <= size)


@pytest.mark.parametrize("damage", [0xFF, 0x01, 0x80])
def test_every_byte_of_the_last_record_damaged(tmp_path: Path, damage: int) -> None:
    path = crashed_database(tmp_path)
    pristine = tmp_path / "pristine.db"
    shutil.copytree(path, pristine)
    starts = record_starts(log_file(path))
    content = log_file(path).read_bytes()
    for place in range(starts[-2], starts[-1]):
        restore(path, pristine)
        log_file(path).write_bytes(content[:place] + bytes((content[place] ^ damage,)) + content[place + 1 :])
        assert recovered(path) == COMMITS - 1


@pytest.mark.parametrize("record", [0, COMMITS - 3, COMMITS - 2])
def test_every_byte_of_an_earlier_record_damaged(tmp_path: Path, record: int) -> None:
    path = crashed_database(tmp_path)
    starts = record_starts(log_file(path))
    content = log_file(path).read_bytes()
    before = sorted(os.listdir(path))
    for place in range(starts[record], starts[record + 1]):
        damaged = content[:place] + bytes((content[place] ^ 0x10,)) + content[place + 1 :]
        log_file(path).write_bytes(damaged)
        with pytest.raises(DataCorrupted) as caught:
            Store.open(str(path), OPTIONS)
        assert caught.value.sqlstate == "XX001"
        assert f"commit {record + 1} " in caught.value.message
        assert [str(problem) for problem in check_files(str(path))]
        assert log_file(path).read_bytes() == damaged  # nothing is changed, it can still be repaired
        assert sorted(os.listdir(path)) == before


def test_a_group_torn_in_the_middle_is_a_tail(tmp_path: Path) -> None:
    """Of two commits written by one sync that never ended, the second may be on disk without the first."""
    path = tmp_path / "original.db"
    writer = Writer(str(path), lambda number: None)
    writer.commit(2)
    for number in (3, 4):
        with writer.store.commit_mutex:
            commit_id = writer.store.commit(transaction(number))
    writer.store.sync(commit_id)
    copy = tmp_path / "crashed.db"
    shutil.copytree(path, copy)
    writer.store.close()
    log = log_file(copy)
    reader = SegmentReader(str(log), int(log.name[4:]))
    place = RECORDS_START
    while reader.ids_at(place)[0] != 3:
        place = reader.end_of(place, 1)
    content = bytearray(log.read_bytes())
    content[place + RECORD_HEADER.size] ^= 0xFF
    log.write_bytes(content)
    assert recovered(copy) == 2


def test_what_was_cut_stays_cut(tmp_path: Path) -> None:
    """Commits after a recovery take the numbers of those that were cut, and may be of the same length."""
    path = crashed_database(tmp_path)
    starts = record_starts(log_file(path))
    content = bytearray(log_file(path).read_bytes())
    first_log = log_file(path)
    content[starts[-2] + 5] ^= 0xFF
    first_log.write_bytes(content)
    writer = Writer(str(path), lambda number: None)
    assert writer.number == COMMITS - 1
    writer.commit(3)
    second = tmp_path / "second.db"
    shutil.copytree(path, second)
    writer.store.close()
    assert len(segment_numbers(str(second))) == 2
    assert recovered(second) == COMMITS + 2


def test_a_missing_log_file_is_reported(tmp_path: Path) -> None:
    path = crashed_database(tmp_path)
    writer = Writer(str(path), lambda number: None)
    writer.commit(1)
    copy = tmp_path / "second.db"
    shutil.copytree(path, copy)
    writer.store.close()
    first, _ = segment_numbers(str(copy))
    os.unlink(copy / f"log.{first:08d}")
    with pytest.raises(DataCorrupted):
        Store.open(str(copy), OPTIONS)


@pytest.mark.parametrize("place", [0, 15, 20, 25, 30, 35])
def test_a_damaged_log_header_is_reported(tmp_path: Path, place: int) -> None:
    path = crashed_database(tmp_path)
    content = bytearray(log_file(path).read_bytes())
    content[place] ^= 0xFF
    log_file(path).write_bytes(content)
    with pytest.raises(DataCorrupted) as caught:
        Store.open(str(path), OPTIONS)
    assert caught.value.sqlstate == "XX001"
