"""Where a database may lie and what may happen around it: success or a clear error."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb.storage.store import Store


@pytest.mark.parametrize("path", ["", "a\0b", "\udcff.db"])
def test_impossible_paths(path: str) -> None:
    for function in (minidb.connect, minidb.check):
        with pytest.raises(minidb.OperationalError) as caught:
            function(path)
        assert caught.value.sqlstate == "22023"


def test_odd_paths(tmp_path: Path) -> None:
    for name in ("with space", "ünï 🦆", "quote'\" %d {x}", "-c", "new\nline"):
        path = tmp_path / name
        with minidb.connect(path) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        with minidb.connect(str(path)) as connection:
            assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
        assert minidb.check(str(path)) == []


def test_missing_parent(tmp_path: Path) -> None:
    with pytest.raises(minidb.OperationalError) as caught:
        minidb.connect(tmp_path / "no" / "such.db")
    assert caught.value.sqlstate == "58P01"


def test_a_thousand_columns(tmp_path: Path) -> None:
    path = str(tmp_path / "wide.db")
    names = [f"column_{number}" for number in range(1000)]
    with minidb.connect(path) as connection:
        connection.execute(f"CREATE TABLE wide ({', '.join([f'{name} INTEGER' for name in names])})")
        connection.execute(f"INSERT INTO wide VALUES ({', '.join(['?'] * 1000)})", range(1000))
        connection.execute("UPDATE wide SET column_999 = column_998 + column_0 + 5 WHERE column_500 = 500")
    with minidb.connect(path) as connection:
        row = connection.execute("SELECT * FROM wide").fetchone()
        assert row == (*range(999), 1003)
    assert minidb.check(path) == []


def test_directory_removed_while_open(tmp_path: Path) -> None:
    path = tmp_path / "gone.db"
    connection = minidb.connect(path, autocommit=True)
    connection.execute("CREATE TABLE t (n INTEGER)")
    shutil.rmtree(path)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    try:
        connection.execute("CHECKPOINT")
    except minidb.OperationalError as error:
        assert error.sqlstate in ("58P01", "58030")
    connection.close()
    with minidb.connect(path) as connection:  # a new one
        assert connection.describe() == ["no tables"]


def test_closing_in_odd_orders(tmp_path: Path) -> None:
    path = tmp_path / "order.db"
    first, second = minidb.connect(path), minidb.connect(path)
    first.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 10000) AS g(i)")
    first.commit()
    cursor = second.execute("SELECT i FROM t")
    first.close()
    first.close()
    assert len(cursor.fetchmany(10)) == 10
    second.close()
    with pytest.raises(minidb.InterfaceError):
        cursor.fetchall()
    cursor.close()
    with minidb.connect(path) as again:
        assert again.execute("SELECT count(*) FROM t").fetchone() == (10000,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_connection_is_collected_while_another_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    open_store = Store.open

    def collect_and_open(*arguments: Any) -> Store:
        gc.collect()
        return open_store(*arguments)

    def open_another() -> None:
        cycle: list[object] = [minidb.connect(":memory:abandoned")]
        cycle.append(cycle)
        del cycle
        monkeypatch.setattr(Store, "open", collect_and_open)
        minidb.connect(":memory:another").close()

    gc.disable()
    try:
        thread = threading.Thread(target=open_another, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        gc.enable()


def test_fork_in_a_transaction(tmp_path: Path) -> None:
    path = tmp_path / "fork.db"
    with minidb.connect(path) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (1)")
        cursor = connection.execute("SELECT n FROM t")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for use in (
                    connection.commit,
                    lambda: connection.execute("SELECT n FROM t").fetchall(),
                    lambda: minidb.connect(path),
                ):
                    try:
                        use()
                        status = 2
                        break
                    except minidb.Error:
                        status = 0
                connection.close()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cursor.fetchall() == [(1,)]
        connection.commit()
    assert minidb.check(str(path)) == []
    with minidb.connect(path) as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_a_process_that_closes_nothing_ends(tmp_path: Path) -> None:
    """Connections that only the garbage collector finds, in a cycle, at the very end."""
    script = (
        "import minidb\n"
        f"paths = [{str(tmp_path / 'left.db')!r}, ':memory:']\n"
        "kept = [minidb.connect(path) for path in paths]\n"
        "for connection in kept:\n"
        "    connection.execute('CREATE TABLE t AS SELECT 1 AS n')\n"
        "    connection.commit()\n"
        "    connection.execute('INSERT INTO t VALUES (2)')\n"
        "    connection.cycle = [connection, kept]\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    with minidb.connect(tmp_path / "left.db") as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
