"""The operator interface: rows in batches, one base class deep.

    build(plan, context) -> Operator
    next_batch() ... next_batch()   lists of rows; the empty list is the end, and stays so
    reset()                         from the start again, under the present `context.outer`
    close()                         gives up files and cursors; the operator is not used again

An operator computes nothing in its constructor that depends on outer values, so one operator serves every
execution of a correlated sub-plan: `reset` costs less than building it anew.

Invariant: between two calls of `context.check_cancel()` an operator handles some thousand rows at most.
Leaves call it once a batch, and so does every operator that can loop for long without asking its input.
"""

from __future__ import annotations

from typing import Final

from minidb.value.sql_types import Row

BATCH_ROWS: Final = 2048  # what a leaf delivers at a time once it is warm, and what others aim at


class Operator:
    """A running plan node."""

    __slots__ = ()

    def next_batch(self) -> list[Row]:
        """Some more rows; none when there are no more."""
        raise NotImplementedError

    def reset(self) -> None:
        """Start again, with the outer values that hold now."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the operator holds, and its inputs."""

    def expect(self, rows: int) -> None:
        """A hint: at most `rows` rows will be used. Expressions need not be evaluated beyond them."""


class SharedRows:
    """Rows that are computed once and read from several places: a CTE, a recursive query's working table."""

    __slots__ = ()

    def batch(self, number: int) -> list[Row]:
        """The `number`-th batch, from 0; none beyond the end."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what it holds."""


def drain(source: Operator) -> list[Row]:
    """All rows of `source`, in memory."""
    rows: list[Row] = []
    batch = source.next_batch()
    while batch:
        rows.extend(batch)
        batch = source.next_batch()
    return rows
