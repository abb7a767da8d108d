"""Rows divided among files by the hash of a key, so that equal keys meet in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from minidb.exec.spill import BLOCK_ROWS, SpillFile
from minidb.value.sql_types import Row, SqlType

COUNT: Final = 16


class Partitions:
    """`depth` selects other bits of the hash, so that a partition can be divided again."""

    __slots__ = ("_depth", "_files", "_pending", "_types")

    def __init__(self, types: Sequence[SqlType], depth: int) -> None:
        self._types = types
        self._depth = depth
        self._files: list[SpillFile | None] = [None] * COUNT
        self._pending: list[list[Row]] = [[] for _ in range(COUNT)]

    def add(self, key: Any, rows: list[Row]) -> None:
        """Set rows with this key aside."""
        number = hash((self._depth, key)) % COUNT
        pending = self._pending[number]
        pending += rows
        if len(pending) >= BLOCK_ROWS:
            self._flush(number)

    def add_all(self, keys: Sequence[Any], rows: Sequence[Row]) -> None:
        """Set rows aside, one key each."""
        depth = self._depth
        pending = self._pending
        for key, row in zip(keys, rows, strict=True):
            pending[hash((depth, key)) % COUNT].append(row)
        for number in range(COUNT):
            if len(pending[number]) >= BLOCK_ROWS:
                self._flush(number)

    def _flush(self, number: int) -> None:
        file = self._files[number]
        if file is None:
            file = self._files[number] = SpillFile(self._types)
        file.append(self._pending[number])
        self._pending[number] = []

    def finish(self) -> list[SpillFile | None]:
        """Write what is left; the files by partition number, None for an empty one."""
        for number in range(COUNT):
            if self._pending[number]:
                self._flush(number)
        return self._files

    def files(self) -> list[SpillFile]:
        """Write what is left; the files that hold anything."""
        return [file for file in self.finish() if file is not None]
