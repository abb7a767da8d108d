"""A sorted set of keys in chunks: what a memtable generation needs of order, and nothing else.

    chunks   [a b d] [f g k m] [p r]
    maxima      d       m        r        bisected to find the chunk, which is bisected to find the key

Like sortedcontainers.SortedList, the idea's origin, but a range comes as slices of the chunks, not as an
iterator: the short scans of a busy table cost a third.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

_CHUNK: Final = 512
_SPLIT: Final = 2 * _CHUNK


class SortedKeys:
    """Keys in order, each once."""

    __slots__ = ("_chunks", "_count", "_maxima")

    def __init__(self) -> None:
        self._chunks: list[list[bytes]] = []
        self._maxima: list[bytes] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            yield from chunk

    def update(self, keys: list[bytes]) -> None:
        """Add keys that are not there yet. Sorts the list that it is given."""
        keys.sort()
        if keys and self._maxima and keys[0] > self._maxima[-1]:
            self._append(keys)
            return
        if 4 * len(keys) < self._count:
            for key in keys:
                self.add(key)
            return
        merged = [*self, *keys]
        merged.sort()
        self._chunks = [merged[start : start + _CHUNK] for start in range(0, len(merged), _CHUNK)]
        self._maxima = [chunk[-1] for chunk in self._chunks]
        self._count = len(merged)

    def _append(self, keys: list[bytes]) -> None:
        """Add sorted keys that all come after the last."""
        chunks, maxima = self._chunks, self._maxima
        last = chunks[-1]
        room = max(0, _CHUNK - len(last))
        last += keys[:room]
        maxima[-1] = last[-1]
        for start in range(room, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            chunks.append(chunk)
            maxima.append(chunk[-1])
        self._count += len(keys)

    def add(self, key: bytes) -> None:
        """Add a key that is not there yet."""
        maxima = self._maxima
        self._count += 1
        if not maxima:
            self._chunks.append([key])
            maxima.append(key)
            return
        place = bisect_left(maxima, key)
        if place == len(maxima):
            place -= 1
            self._chunks[place].append(key)
            maxima[place] = key
        else:
            insort(self._chunks[place], key)
        chunk = self._chunks[place]
        if len(chunk) > _SPLIT:
            self._chunks[place : place + 1] = [chunk[:_CHUNK], chunk[_CHUNK:]]
            maxima[place : place + 1] = [chunk[_CHUNK - 1], chunk[-1]]

    def discard(self, key: bytes) -> None:
        """Remove a key, if it is there."""
        place = bisect_left(self._maxima, key)
        if place == len(self._maxima):
            return
        chunk = self._chunks[place]
        index = bisect_left(chunk, key)
        if chunk[index] != key:
            return
        del chunk[index]
        self._count -= 1
        if chunk:
            self._maxima[place] = chunk[-1]
        else:
            del self._chunks[place]
            del self._maxima[place]

    def from_start(self, start: bytes, stop: bytes | None, count: int, exclusive: bool) -> list[bytes]:
        """Up to `count` keys from `start` on (after it if `exclusive`), all below `stop`."""
        maxima = self._maxima
        place = bisect_left(maxima, start)
        if place == len(maxima):
            return []
        chunk = self._chunks[place]
        index = bisect_left(chunk, start)
        if exclusive and chunk[index] == start:
            index += 1
        found = chunk[index : index + count]
        while len(found) < count and place + 1 < len(maxima):
            place += 1
            found += self._chunks[place][: count - len(found)]
        if stop is not None and found and found[-1] >= stop:
            del found[bisect_left(found, stop) :]
        return found

    def from_stop(self, start: bytes, stop: bytes | None, count: int) -> list[bytes]:
        """Up to `count` keys below `stop`, from the last on, none below `start`."""
        chunks = self._chunks
        if stop is None:
            place, index = len(chunks), 0
        else:
            place = bisect_left(self._maxima, stop)
            index = bisect_left(chunks[place], stop) if place < len(chunks) else 0
        found = chunks[place][max(0, index - count) : index] if index else []
        while len(found) < count and place > 0:
            place -= 1
            found = chunks[place][len(found) - count :] + found
        if found and found[0] < start:
            del found[: bisect_left(found, start)]
        found.reverse()
        return found
