"""nextval, currval, setval, lastval: the functions over sequences, whose values no rollback takes back."""

from __future__ import annotations

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Sequence
from minidb.catalog.sequence_counter import sequence_counter
from minidb.errors import InternalError, ProgrammingError
from minidb.txn.database import TransactionalStore
from minidb.txn.lock_modes import ROW_EXCLUSIVE
from minidb.txn.transaction import Transaction


class Sequences:
    """A session's view of sequences: what it last drew from each."""

    def __init__(self, transactions: TransactionalStore) -> None:
        self._transactions = transactions
        self._values: dict[int, int] = {}  # sequence id -> what nextval last returned here
        self._last: int | None = None  # the id of the sequence used last

    def value(
        self,
        catalog: Catalog,
        operation: str,
        name: str,
        argument: int | None,
        transaction: Transaction | None,
    ) -> int:
        """Carry out an operation; `setval_uncalled` is setval(..., false).

        A transaction that draws from a sequence or sets it keeps others from altering it, and waits for
        those who have.
        """
        if operation == "lastval":
            if self._last is None or self._last not in self._values:
                raise InternalError("lastval is not yet defined in this session", sqlstate="55000")
            return self._values[self._last]
        sequence = _find(catalog, name)
        if operation == "currval":
            if sequence.id not in self._values:
                raise InternalError(
                    f'currval of sequence "{sequence.name}" is not yet defined in this session',
                    sqlstate="55000",
                )
            return self._values[sequence.id]
        if transaction is not None:
            transaction.lock_table(sequence.id, ROW_EXCLUSIVE)
        counter = sequence_counter(self._transactions.counters, sequence)
        if operation == "nextval":
            value = counter.next()
        else:
            assert argument is not None
            counter.set(argument, operation == "setval")
            value = argument
        if operation != "setval_uncalled":
            self._values[sequence.id] = value
            self._last = sequence.id
        return value


def _find(catalog: Catalog, name: str) -> Sequence:
    found = catalog.sequence(name)
    if found is None:
        if catalog.relation(name) is not None:
            raise ProgrammingError(f'"{name}" is not a sequence', sqlstate="42809")
        raise ProgrammingError(f'relation "{name}" does not exist', sqlstate="42P01")
    return found
