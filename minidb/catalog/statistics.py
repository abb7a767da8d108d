"""What ANALYZE finds out about a table, with the assumptions that stand in where it has not run.

All rows are counted, but only a sample is decoded: every row at first, then each with a chance of a half, a
quarter ... so that the sample stays below a limit. It is random, not every n-th row: neighbours are often
equal. Distinct values of a column are estimated from the sample's (Haas and Stokes, 1998, the estimator that
PostgreSQL uses):

    n d / (n - f + f n / N)      n rows sampled of N, d different values, f of them seen once
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

from minidb.catalog.row_keys import keys_of
from minidb.catalog.schema import Table, TableStatistics
from minidb.storage.key_codec import prefix_successor
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import NUMERIC_KINDS, Kind, Value

MOST_SAMPLED: Final = 60_000  # rows

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


# --- ANALYZE --------------------------------------------------------------------------------------

# Kinds whose least and greatest values say where a value lies between them.
_SCALED_KINDS: Final = NUMERIC_KINDS | {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}


def gather(transaction: Transaction, table: Table) -> TableStatistics:
    """The table's statistics as the transaction sees it now."""
    rows, sample = _sampled(transaction, table)
    codec = keys_of(table).codec
    decoded = codec.decode_many(sample)
    columns: dict[int, tuple[float, float, Value, Value]] = {}
    for column in table.columns:
        slot = column.slot
        columns[slot] = _column_statistics([row[slot] for row in decoded], rows, column.type.kind)
    return TableStatistics(rows, columns)


def _sampled(transaction: Transaction, table: Table) -> tuple[int, list[bytes]]:
    """How many rows there are, and a random sample of them, encoded: the same one each time."""
    prefix = keys_of(table).prefix
    random = Random(table.id).random
    rows = 0
    chance = 1.0
    sample: list[bytes] = []
    for batch in transaction.batches(prefix, prefix_successor(prefix)):
        transaction.interrupt.check()
        rows += len(batch)
        if chance == 1.0:
            sample.extend([value for _, value in batch])
        else:
            sample.extend([value for _, value in batch if random() < chance])
        if len(sample) > MOST_SAMPLED:
            sample = [value for value in sample if random() < 0.5]
            chance /= 2
    return rows, sample


def _column_statistics(values: list[Value], rows: int, kind: Kind) -> tuple[float, float, Value, Value]:
    """Of the sampled values of one column."""
    if not values:
        return 0.0, 0.0, None, None
    known = [value for value in values if value is not None]
    null_part = 1.0 - len(known) / len(values)
    counts = Counter(known)
    distinct = _estimated_distinct(counts, len(known), rows * (1.0 - null_part))
    least = greatest = None
    if kind in _SCALED_KINDS:
        ordered = [value for value in counts if value == value]  # without NaN
        if ordered:
            least, greatest = min(ordered), max(ordered)
    return distinct, null_part, least, greatest


def _estimated_distinct(counts: Counter[Value], sampled: int, total: float) -> float:
    found = len(counts)
    if sampled >= total or not found:
        return float(found)
    once = sum([1 for count in counts.values() if count == 1])
    estimate = sampled * found / (sampled - once + once * sampled / total)
    return min(max(estimate, float(found)), total)
