"""What ANALYZE stored about a table, with the assumptions that stand in where it has not run."""

from __future__ import annotations

from minidb.catalog.schema import Table
from minidb.value.sql_types import Value

ASSUMED_ROWS = 1000  # a table never analyzed
ASSUMED_DISTINCT_FRACTION = 0.1  # of a column never analyzed


def row_count(table: Table) -> float:
    """How many rows the table is thought to have."""
    return float(table.statistics.rows) if table.statistics is not None else float(ASSUMED_ROWS)


def distinct_values(table: Table, slot: int) -> float:
    """How many different values a column is thought to have; at least 1."""
    rows = row_count(table)
    if table.primary_key == (slot,) or any(
        index.unique and index.predicate is None and len(index.keys) == 1 and index.keys[0].slot == slot
        for index in table.indexes
    ):
        return max(rows, 1.0)
    statistics = table.statistics
    if statistics is not None and slot in statistics.columns:
        return max(statistics.columns[slot][0], 1.0)
    return max(rows * ASSUMED_DISTINCT_FRACTION, 1.0)


def null_fraction(table: Table, slot: int) -> float:
    """Which part of a column's values is NULL."""
    statistics = table.statistics
    if statistics is not None and slot in statistics.columns:
        return statistics.columns[slot][1]
    return 0.0


def bounds(table: Table, slot: int) -> tuple[Value, Value] | None:
    """The least and greatest value that ANALYZE saw in a column; None if unknown."""
    statistics = table.statistics
    if statistics is None or slot not in statistics.columns:
        return None
    _, _, least, greatest = statistics.columns[slot]
    return None if least is None or greatest is None else (least, greatest)
