"""Small helpers of the storage tests."""

from __future__ import annotations

from collections.abc import Mapping

from minidb.storage.key_codec import storage_prefix
from minidb.storage.options import StoreOptions
from minidb.storage.snapshot import Snapshot
from minidb.storage.store import Store

QUIET = StoreOptions(pause_seconds=1000, checkpoint_seconds=1000)  # checkpoints only when asked for


def key(name: str, storage_id: int = 16) -> bytes:
    return storage_prefix(storage_id) + name.encode()


def publish(store: Store, **values: str | None) -> int:
    """Commit without waiting for the disk."""
    writes = {key(name): None if value is None else value.encode() for name, value in values.items()}
    return publish_pairs(store, writes)


def publish_pairs(store: Store, writes: Mapping[bytes, bytes | None]) -> int:
    with store.commit_mutex:
        return store.commit(writes)


def put(store: Store, **values: str | None) -> int:
    """Commit, durably."""
    commit_id = publish(store, **values)
    store.sync(commit_id)
    return commit_id


def contents(snapshot: Snapshot, storage_id: int = 16) -> dict[str, str]:
    rows = snapshot.rows(storage_prefix(storage_id), storage_prefix(storage_id + 1))
    return {name[4:].decode(): value.decode() for name, value in rows}
