"""What the snapshots between two checkpoints share. The store keeps track of views by weak references, which
compiled classes do not have: this module is never compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lmdb

from minidb.storage.layer import Layer
from minidb.storage.memtable import Generation
from minidb.storage.scan import OpenCursor
from minidb.storage.version import Version

RootGet = Callable[[bytes], "bytes | None"]


def find_nothing(key: bytes) -> bytes | None:
    """The `root_get` of a database that has no checkpoint yet."""
    return None


class View:
    """One LMDB root and what lies on top of it; shared by all snapshots between two checkpoints."""

    __slots__ = ("__weakref__", "generations", "layers", "open_cursor", "root", "root_get", "tables")

    def __init__(
        self,
        root: lmdb.Transaction[bytes] | None,
        generations: tuple[Generation, ...],
        layers: tuple[Layer, ...] = (),
    ) -> None:
        self.root = root  # None before the first checkpoint of a database in memory
        self.generations = generations  # newest first
        self.layers = layers  # newest first
        self.tables: tuple[dict[bytes, Version], ...] = tuple([each.versions for each in generations])
        self.root_get: RootGet = find_nothing if root is None else root.get
        self.open_cursor: OpenCursor | None = None if root is None else root.cursor
        if layers:
            self.root_get = LayeredGet(layers, self.root_get).get

    def forbid(self, refuse: Callable[..., Any]) -> None:
        """From now on any access calls `refuse`, which raises."""
        self.tables = ()
        self.generations = (Generation(),)
        self.layers = ()
        self.root_get = refuse
        self.open_cursor = refuse


class LayeredGet:
    """Looks into the layers before the root."""

    __slots__ = ("layers", "root_get")

    def __init__(self, layers: tuple[Layer, ...], root_get: RootGet) -> None:
        self.layers = layers
        self.root_get = root_get

    def get(self, key: bytes) -> bytes | None:
        """The value under `key` below the generations."""
        for layer in self.layers:
            found, value = layer.find(key)
            if found:
                return value
        return self.root_get(key)
