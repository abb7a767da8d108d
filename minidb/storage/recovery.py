"""After a crash: the log is read from LMDB's position on, into the memtable. A torn tail is cut, damage is
not.

    expected id e:   e-1 | e torn | zeros                   the tail: cut
                     e-1 | e bad  | e+1, durable_id < e     written by one sync that never ended: cut
                     e-1 | e bad  | e+1, durable_id >= e    e was durable, so somebody was told: corruption
                     e-1 | e torn || e (next segment)       cut by an earlier recovery, which went on there

Nothing is rewritten. Appending goes on in a new segment, so what was cut can never be mistaken for valid
later, and the same decision is made again should recovery itself be killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from minidb.errors import DataCorrupted
from minidb.storage.log import RECORDS_START, LogRecord, SegmentReader, segment_name, segment_numbers


def replay(directory: str, first_segment: int, applied_id: int, apply: Callable[[LogRecord], None]) -> int:
    """Apply every commit after `applied_id` in order; returns the last commit's id."""
    numbers = [number for number in segment_numbers(directory) if number >= first_segment]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise DataCorrupted(f'a log file is missing in "{directory}": there are {numbers}')
    expected = applied_id + 1
    cut: tuple[SegmentReader, int] | None = None  # where reading stopped before the end of what was written
    for number in numbers:
        reader = SegmentReader(os.path.join(directory, segment_name(number)), number)
        position = RECORDS_START
        end = reader.end_of(position, 1)
        if end and reader.ids_at(position)[0] > expected:
            _report_missing(cut[0] if cut else reader, expected)
        while end:
            commit_id = reader.ids_at(position)[0]
            if commit_id == expected:
                apply(reader.record_at(position))
                expected += 1
            elif commit_id > expected:
                _report_missing(reader, expected)
            position = end
            end = reader.end_of(position, 1)
        _check_tail(reader, position, expected)
        cut = (reader, position)
    return expected - 1


def _check_tail(reader: SegmentReader, position: int, expected: int) -> None:
    """Nothing valid at `position`: is this the end, or damage with acknowledged commits behind it?"""
    while True:
        position = reader.valid_after(position, expected)
        if not position:
            return
        if reader.ids_at(position)[1] >= expected:
            _report_missing(reader, expected)


def _report_missing(reader: SegmentReader, commit_id: int) -> None:
    raise DataCorrupted(
        f'log file "{reader.path}" is damaged: commit {commit_id} is missing or fails its checksum',
        detail="Later commits follow it, so it was once complete.",
        hint="Restore from a backup.",
    )
