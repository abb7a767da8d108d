"""The names that PostgreSQL makes up: t_pkey, t_a_b_key, t_a_check, t_a_fkey, t_lower_idx, t_id_seq.

Made-up names are at most 63 bytes: the longer of table and column name is cut first. A name that is taken
gets a number: t_a_key1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Table
from minidb.sql.keywords import RESERVED, TYPE_OR_FUNCTION

_BYTES = 63
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def quoted(name: str) -> str:
    """The name as SQL text: in quotes only where it needs them."""
    if _PLAIN.fullmatch(name) and name not in RESERVED and name not in TYPE_OR_FUNCTION:
        return name
    return '"' + name.replace('"', '""') + '"'


def next_value_text(sequence: str) -> str:
    """The default of a SERIAL column."""
    text = quoted(sequence).replace("'", "''")
    return f"nextval('{text}')"


class RelationNames:
    """Names for new relations (tables, indexes, sequences): not in the catalog, nor given out before."""

    __slots__ = ("_catalog", "_given")

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given: set[str] = set()

    def take(self, name: str) -> None:
        """A name that the statement itself uses."""
        self._given.add(name)

    def is_taken(self, name: str) -> bool:
        """Whether something has that name already."""
        return name in self._given or self._catalog.is_taken(name)

    def choose(self, table: str, middle: str, label: str) -> str:
        """table_middle_label, with a number if need be."""
        name = choose(table, middle, label, self.is_taken)
        self._given.add(name)
        return name


def choose(table: str, middle: str, label: str, is_taken: Callable[[str], bool]) -> str:
    """The first of table_middle_label, table_middle_label1, ... that is free."""
    number = 0
    while True:
        name = made_up(table, middle, label if number == 0 else f"{label}{number}")
        if not is_taken(name):
            return name
        number += 1


def made_up(table: str, middle: str, label: str) -> str:
    """table_middle_label within 63 bytes."""
    left, right = table.encode(), middle.encode()
    room = _BYTES - len(label) - 1 - (1 if middle else 0)
    while len(left) + len(right) > room:
        if len(left) > len(right):
            left = left[:-1]
        else:
            right = right[:-1]
    parts = [left.decode(errors="ignore")]
    if middle:
        parts.append(right.decode(errors="ignore"))
    return "_".join([*parts, label])


def joined(names: Iterable[str]) -> str:
    """a_b_c, for constraints of several columns."""
    return "_".join(names)[:_BYTES]


def constraint_name(table: Table, middle: str, label: str) -> str:
    """A name for a new CHECK or FOREIGN KEY of the table."""
    taken = constraint_names(table)
    return choose(table.name, middle, label, taken.__contains__)


def constraint_names(table: Table) -> set[str]:
    """The names of all constraints of a table."""
    names = {check.name for check in table.checks} | {key.name for key in table.foreign_keys}
    names.update([index.name for index in table.indexes if index.constraint])
    if table.primary_key:
        names.add(table.primary_key_name)
    return names
