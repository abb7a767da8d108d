"""Paths that are something else, belong to somebody else, or are damaged: a clear error, no change."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_fixture import QUIET, contents, key, publish, put

from minidb.errors import DataCorrupted, OperationalError
from minidb.storage.directory import canonical_path
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store

ROOT = Path(__file__).parents[3]


def refused(path: Path, sqlstate: str, options: StoreOptions = QUIET) -> OperationalError:
    with pytest.raises(OperationalError) as caught:
        Store.open(str(path), options)
    assert caught.value.sqlstate == sqlstate
    assert str(path.name) in caught.value.message
    return caught.value


def run_python(code: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def database(path: Path) -> Path:
    store = Store.open(str(path), QUIET)
    put(store, a="1")
    store.close()
    return path


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    error = refused(path, "55000")
    assert "is not a minidb database" in error.message
    assert path.read_text() == "hello\n"


def test_foreign_directories(tmp_path: Path) -> None:
    for name, content in (("notes.txt", "x"), ("checkpoint", "x"), ("format", "something else\n")):
        path = tmp_path / f"with-{name}"
        path.mkdir()
        (path / name).write_text(content)
        refused(path, "55000")
        assert os.listdir(path) == [name]
        assert (path / name).read_text() == content


def test_an_empty_directory_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.mkdir()
    assert contents_of(database(path)) == {"a": "1"}


def contents_of(path: Path) -> dict[str, str]:
    store = Store.open(str(path), QUIET)
    try:
        return contents(store.latest)
    finally:
        store.close()


def test_missing_parent_and_missing_database(tmp_path: Path) -> None:
    with pytest.raises(OperationalError) as caught:
        Store.open(str(tmp_path / "no" / "such.db"))
    assert caught.value.sqlstate == "58P01"
    refused(tmp_path / "none.db", "58P01", StoreOptions(read_only=True))
    assert os.listdir(tmp_path) == []


def test_a_newer_format(tmp_path: Path) -> None:
    path = database(tmp_path / "test.db")
    (path / "format").write_text("minidb database, format 2\n")
    error = refused(path, "55000")
    assert "format 2" in error.message


@pytest.mark.parametrize("size", [0, 100, 4096, 8192, 12288])
def test_interrupted_creation_starts_over(tmp_path: Path, size: int) -> None:
    path = tmp_path / "test.db"
    Store.open(str(path), QUIET).close()
    (path / "format").rename(path / "format.new")
    os.truncate(path / "checkpoint", min(size, (path / "checkpoint").stat().st_size))
    assert contents_of(path) == {}


def test_a_database_that_lost_its_format_file_is_not_taken_for_an_interrupted_creation(
    tmp_path: Path,
) -> None:
    path = database(tmp_path / "test.db")
    (path / "format").unlink()
    before = sorted(os.listdir(path))
    with pytest.raises(DataCorrupted) as caught:
        Store.open(str(path), QUIET)
    assert caught.value.sqlstate == "XX001"
    assert sorted(os.listdir(path)) == before
    (path / "format").write_text("minidb database, format 1\n")
    assert contents_of(path) == {"a": "1"}


@pytest.mark.parametrize("path", ["", "nul\0byte", "\ud800"])
def test_impossible_paths(path: str) -> None:
    with pytest.raises(OperationalError) as caught:
        Store.open(path, QUIET)
    assert caught.value.sqlstate == "22023"


def test_second_open_in_this_process(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    assert canonical_path(str(link)) == canonical_path(str(path)) == store.path
    error = refused(path, "55006")
    assert "this process has it open already" in error.message
    refused(path, "55006", StoreOptions(read_only=True))
    put(store, a="2")  # the failed attempts have not harmed it
    store.close()
    assert contents_of(path) == {"a": "2"}


def test_second_process(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    code = """
import sys
from minidb.errors import OperationalError
from minidb.storage.store import Store
try:
    Store.open(sys.argv[1])
except OperationalError as error:
    print(error.sqlstate, error.message)
"""
    output = run_python(code, str(path))
    assert output.startswith("55006 ")
    assert f"open in process {os.getpid()}" in output
    put(store, a="2")
    store.close()
    assert run_python(code, str(path)) == ""


def test_readers_share_but_not_with_a_writer(tmp_path: Path) -> None:
    path = database(tmp_path / "test.db")
    code = """
import sys
from minidb.errors import OperationalError
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store
for read_only in (True, False):
    try:
        Store.open(sys.argv[1], StoreOptions(read_only=read_only)).close()
        print("opened")
    except OperationalError as error:
        print(error.sqlstate)
"""
    reader = Store.open(str(path), StoreOptions(read_only=True))
    assert run_python(code, str(path)).split() == ["opened", "55006"]
    assert contents(reader.latest) == {"a": "1"}
    reader.close()


def test_fork(tmp_path: Path) -> None:
    code = """
import os, sys
from minidb.errors import OperationalError
from minidb.storage.store import Store
from store_fixture import *
store = Store.open(sys.argv[1], QUIET)
put(store, a="1")
store.checkpoint()
put(store, b="1")
held = store.latest
store.commit_mutex.acquire()
pid = os.fork()
if pid == 0:
    refused = []
    for use in (lambda: store.latest.get(key("a")), lambda: held.get(key("b")), lambda: contents(held),
                lambda: publish(store, a="2"), store.checkpoint, lambda: store.sync(99), store.begin_huge):
        try:
            use()
        except OperationalError as error:
            refused.append(error.sqlstate)
    store.close()
    del held, store
    os._exit(len(refused) if refused == ["55006"] * 7 else 99)
store.commit_mutex.release()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
put(store, c="1")
assert contents(held) == {"a": "1", "b": "1"}
pid = os.fork()  # a child that lives on does not keep the lock
if pid == 0:
    os.read(0, 1)
    os._exit(0)
store.close()
store = Store.open(sys.argv[1], QUIET)
print(contents(store.latest))
store.close()
os.kill(pid, 9)
os.waitpid(pid, 0)
"""
    assert run_python(code, str(tmp_path / "test.db")) == "{'a': '1', 'b': '1', 'c': '1'}"


def test_forgotten_stores_let_go_of_their_files(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    put(store, a="1")
    publish(store, b="1")
    del store
    gc.collect()
    assert contents_of(path)["a"] == "1"


@pytest.mark.parametrize("pages", [0, 1, 2, 3])
def test_truncated_checkpoint(tmp_path: Path, pages: int) -> None:
    path = tmp_path / "test.db"
    store = Store.open(str(path), QUIET)
    put(store, **{f"k{number}": "x" * 500 for number in range(200)})
    store.close()
    os.truncate(path / "checkpoint", pages * 4096)
    with pytest.raises(DataCorrupted) as caught:
        Store.open(str(path), QUIET)
    assert caught.value.sqlstate == "XX001"
    os.truncate(path / "checkpoint", pages * 4096 + 100)
    with pytest.raises(DataCorrupted):
        Store.open(str(path), QUIET)


def test_missing_and_foreign_checkpoint(tmp_path: Path) -> None:
    path = database(tmp_path / "test.db")
    (path / "checkpoint").write_bytes(b"not LMDB's" * 1000)
    with pytest.raises(DataCorrupted):
        Store.open(str(path), QUIET)
    (path / "checkpoint").unlink()
    with pytest.raises(DataCorrupted):
        Store.open(str(path), QUIET)


UNPRIVILEGED = """
import os, sys
from minidb.errors import DatabaseError
from minidb.storage.store import Store
from store_fixture import *
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = Store.open(sys.argv[1], QUIET)
    print(contents(store.latest), store.read_only)
    publish(store, a="2")
except DatabaseError as error:
    print(error.sqlstate, error.message)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that other users may enter, which pytest's are not."""
    base = Path(tempfile.mkdtemp(prefix="minidb-test-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def test_without_permission_to_write_it_opens_read_only(public: Path) -> None:
    path = database(public / "test.db")
    for name in os.listdir(path):
        (path / name).chmod(0o444)
    path.chmod(0o555)
    lines = run_python(UNPRIVILEGED, str(path)).splitlines()
    assert lines[0] == "{'a': '1'} True"
    assert lines[1].startswith("25006 ")
    path.chmod(0o755)


@pytest.mark.skipif(os.getuid() != 0, reason="cannot become another user")
@pytest.mark.parametrize("name", ["test.db", "new.db"])
def test_without_permission_to_read_or_create(public: Path, name: str) -> None:
    database(public / "test.db").chmod(0o700)
    output = run_python(UNPRIVILEGED, str(public / name))
    assert output.startswith("42501 could not ")
    assert output.endswith("Permission denied")


def test_spawned_processes_can_open_their_own(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "parent.db"), QUIET)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(database, (tmp_path / "child.db",)) == tmp_path / "child.db"
    store.close()
    assert contents_of(tmp_path / "child.db") == {"a": "1"}
    assert key("a")
