"""The counter that a sequence's schema describes."""

from __future__ import annotations

from minidb.catalog.schema import Sequence
from minidb.txn.counters import Counter, Counters


def sequence_counter(counters: Counters, sequence: Sequence) -> Counter:
    """The counter behind a sequence, with the limits that the schema gives it now."""
    return counters.get(
        sequence.storage_id,
        sequence.start,
        sequence.increment,
        sequence.minimum,
        sequence.maximum,
        sequence.cycle,
        sequence.name,
    )
