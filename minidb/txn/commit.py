"""The commit path: validate and publish under the mutex, wait for the disk without holding anything.

    commit mutex |  before_commit, on_commit, store.commit     order of commits = order of the log
                 |  locks released                             others go on, on top of what is not durable yet
                 |  store.sync                                 one fdatasync for all who wait

Early release: a hot row is limited by the processor, not by the disk. It is safe because the log keeps the
order: what built on this commit cannot be durable without it, and nothing is acknowledged before it is
durable. For the same reason a transaction that wrote nothing, but may have seen commits that are not durable,
waits for those at COMMIT; a READ ONLY one reads only what is durable, and never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from minidb.storage.huge import HugeWrites
from minidb.storage.store import Store

_REMEMBERED: Final = 4096  # commits whose author is known; a power of two


class Committer:
    """Numbers commits through the store, and remembers who made the recent ones."""

    __slots__ = ("_authors", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self._authors: list[tuple[int, int]] = [(0, 0)] * _REMEMBERED

    def publish(
        self,
        author: int,
        writes: dict[bytes, bytes | None],
        dropped: Sequence[int],
        prepare: Callable[[int], None] | None = None,
        revoke: Callable[[], None] | None = None,
        urgent: bool = False,
    ) -> int:
        """Make one transaction's writes the newest commit; its id. Not yet durable; `urgent`: `sync` follows.

        `prepare` is told the coming commit's id before anybody can see the commit, and may refuse by raising;
        `revoke` takes back what it did if the commit then fails.
        """
        store = self.store
        with store.commit_mutex:
            if prepare is None:
                commit_id = store.commit(writes, dropped, urgent=urgent)
            else:
                coming = store.latest.commit_id + 1
                try:
                    prepare(coming)
                    commit_id = store.commit(writes, dropped, urgent=urgent)
                except BaseException:
                    # A keyboard interrupt may come right after the commit was made.
                    if revoke is not None and store.latest.commit_id < coming:
                        revoke()
                    raise
                assert commit_id == coming
            self._authors[commit_id & (_REMEMBERED - 1)] = (commit_id, author)
        return commit_id

    def publish_huge(self, author: int, huge: HugeWrites, dropped: Sequence[int]) -> int:
        """`publish` for writes that went to disk; durable when this returns."""
        commit_id = self.store.commit_huge(huge, dropped)
        self._authors[commit_id & (_REMEMBERED - 1)] = (commit_id, author)
        return commit_id

    def autonomously(self, writes: dict[bytes, bytes | None]) -> None:
        """Commit outside of any transaction (a counter moved on), not durable before the next that is."""
        with self.store.commit_mutex:
            self.store.commit(writes)

    def author_of(self, commit_id: int) -> int:
        """The transaction that made a commit, or 0 where that is forgotten."""
        remembered, author = self._authors[commit_id & (_REMEMBERED - 1)]
        return author if remembered == commit_id else 0
