"""What `minidb check` finds in the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_fixture import QUIET, publish_pairs, put

from minidb.errors import OperationalError
from minidb.storage.check import check_files, check_pairs, storage_ids
from minidb.storage.key_codec import encoder_for, storage_prefix
from minidb.storage.row_codec import RowCodec
from minidb.storage.store import Store
from minidb.value.sql_types import INTEGER, TEXT

CODEC = RowCodec((INTEGER, TEXT))
ENCODE = encoder_for([INTEGER], prefix=storage_prefix(16))


def filled(path: Path) -> Store:
    store = Store.open(str(path), QUIET)
    rows = {ENCODE((number,)): CODEC.encode((number, f"row {number}")) for number in range(2000)}
    store.sync(publish_pairs(store, rows))
    store.sync(publish_pairs(store, {storage_prefix(18) + b"entry": b"no row"}))
    store.checkpoint()
    return store


def is_row(storage_id: int) -> bool:
    return storage_id == 16


def test_a_whole_database(tmp_path: Path) -> None:
    store = filled(tmp_path / "test.db")
    assert [problem for problem in check_pairs(store.latest, is_row) if problem] == []
    assert list(storage_ids(store.latest)) == [2, 16, 18]
    with pytest.raises(OperationalError) as caught:
        check_files(str(tmp_path / "test.db"))
    assert caught.value.sqlstate == "55006"
    store.close()
    assert check_files(str(tmp_path / "test.db")) == []


def test_a_damaged_row(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    filled(path).close()
    content = (path / "checkpoint").read_bytes()
    assert content.count(b"row 1234") == 1
    (path / "checkpoint").write_bytes(content.replace(b"row 1234", b"row 1235"))
    assert check_files(str(path)) == []
    store = Store.open(str(path), QUIET)
    problems = [str(problem) for problem in check_pairs(store.latest, is_row) if problem]
    assert problems == [f"storage 16: row {ENCODE((1234,)).hex()} fails its checksum"]
    store.close()


def test_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    filled(path).close()
    pristine = (path / "checkpoint").read_bytes()
    pages = range(0, len(pristine), 4096)
    noticed = 0
    for start in pages:
        damaged = bytearray(pristine)
        damaged[start + 8 : start + 24] = b"\xa5" * 16  # a page's header
        (path / "checkpoint").write_bytes(damaged)
        noticed += bool(check_files(str(path)))
    assert noticed >= len(pages) - 6  # pages that are free hold nothing
    (path / "checkpoint").write_bytes(pristine)
    assert check_files(str(path)) == []


def test_damaged_log(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    for number in range(5):
        put(store, **{f"k{number}": "value"})
    files = {file.name: file.read_bytes() for file in path.iterdir()}
    store.close()
    for name, content in files.items():
        (path / name).write_bytes(content)
    assert check_files(str(path)) == []
    (log,) = [name for name in files if name.startswith("log.0")]
    (path / log).write_bytes(files[log].replace(b"k2", b"kX"))
    problems = check_files(str(path))
    assert [problem.where for problem in problems] == ["log"]
    assert "commit 3 is missing or fails its checksum" in problems[0].message


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(OperationalError):
        check_files(str(tmp_path / "none.db"))
    (tmp_path / "text").write_text("x")
    with pytest.raises(OperationalError):
        check_files(str(tmp_path / "text"))
    assert not (tmp_path / "none.db").exists()
