"""A full disk as LMDB reports it: a write taken in part is an I/O error to it, but DiskFull to us."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmdb
import pytest
from store_fixture import QUIET, contents, put

from minidb.errors import DatabaseError
from minidb.storage.store import Store


@pytest.mark.parametrize(("free", "sqlstate"), [(0, "53100"), (100 << 20, "58030")])
def test_partial_write_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, sqlstate: str
) -> None:
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    put(store, a="1")

    def fail(*arguments: Any) -> None:
        raise lmdb.Error(f"mdb_txn_commit: {os.strerror(errno.EIO)}")

    with monkeypatch.context() as patch:
        patch.setattr("minidb.storage.checkpoint.put_all", fail)
        patch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free // 4096, f_frsize=4096))
        with pytest.raises(DatabaseError) as caught:
            store.checkpoint()
    assert caught.value.sqlstate == sqlstate
    put(store, a="2")
    store.checkpoint()
    assert contents(store.latest) == {"a": "2"}
    store.close()
