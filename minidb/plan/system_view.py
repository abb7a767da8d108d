"""A system view: a relation whose rows are made up when they are read, from what the database is doing.

One definition is all there is to a view: its name, its columns and the function that yields its rows. The
binder finds it by name after the user's relations, `SystemScan` carries it through the plan, and the executor
calls `rows` with the session that runs the statement (of a layer above this one, hence `Any`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from minidb.value.sql_types import Row, SqlType

SYSTEM_SCHEMA: Final = "pg_catalog"  # where all of them are; it is searched without being named


@dataclass(frozen=True, slots=True)
class SystemView:
    """See the module. `rows` is called once for each time that a statement scans the view."""

    name: str
    description: str
    columns: tuple[tuple[str, SqlType], ...]
    rows: Callable[[Any], Iterable[Row]]
