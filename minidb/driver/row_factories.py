"""Row factories: what a fetched row looks like. Set `connection.row_factory` or `cursor.row_factory`."""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from typing import Any

from minidb.driver.cursor import Cursor


def dict_row(cursor: Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """A dict by column name; of equal names the last one wins."""
    return dict(zip(cursor.column_names, row, strict=True))


def named_row(cursor: Cursor, row: tuple[Any, ...]) -> Any:
    """A named tuple; names that are no Python identifiers become `_0`, `_1`, ..."""
    return _named_class(cursor.column_names)(*row)


@lru_cache(maxsize=256)
def _named_class(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)
