"""Several threads commit without pause, with checkpoints in the background, until this process is killed.

python random_writer.py DIRECTORY     prints `thread number` for every acknowledged commit
"""

from __future__ import annotations

import os
import sys
import threading

from minidb.storage.key_codec import storage_prefix
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store

THREADS = 4
OPTIONS = StoreOptions(checkpoint_bytes=40_000, pause_seconds=0.01, log_step_bytes=1 << 20)


def thread_key(thread: int, part: int) -> bytes:
    return storage_prefix(16 + part) + bytes((thread,))


def write(store: Store, thread: int) -> None:
    """Each commit writes its number twice, and a row of its own."""
    found = store.latest.get(thread_key(thread, 0))
    number = int(found) if found is not None else 0
    while True:
        number += 1
        value = b"%d" % number
        row = storage_prefix(20 + thread) + number.to_bytes(4, "big")
        writes = {thread_key(thread, 0): value, row: value * 20, thread_key(thread, 1): value}
        if number % 500 == 0:
            huge = store.begin_huge()
            huge.write([(key, position, value) for position, (key, value) in enumerate(writes.items())])
            store.commit_huge(huge)
        else:
            with store.commit_mutex:
                commit_id = store.commit(writes)
            store.sync(commit_id)
        os.write(1, b"%d %d\n" % (thread, number))


def main(path: str) -> None:
    store = Store.open(path, OPTIONS)
    for thread in range(THREADS):
        threading.Thread(target=write, args=(store, thread)).start()


if __name__ == "__main__":
    main(sys.argv[1])
