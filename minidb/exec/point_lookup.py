"""The right side of an index nested loop, without an operator run per left row: key, get, decode."""

from __future__ import annotations

from minidb.catalog.row_keys import keys_of
from minidb.exec.context import ExecutionContext
from minidb.exec.scan import KeyFinder, stored_row_maker
from minidb.plan.nodes import KeyLookup, Scan
from minidb.value.sql_types import Row


class PointLookup:
    """The rows of a `Scan` by `KeyLookup`, under the present outer values."""

    __slots__ = ("_context", "_decode", "_finder", "_get", "_make", "_where", "_with_key")

    def __init__(self, plan: Scan, access: KeyLookup, context: ExecutionContext) -> None:
        self._context = context
        self._finder = KeyFinder(plan, access, context)
        self._get = context.transaction.get
        self._decode = keys_of(plan.table).codec.decode
        self._make = stored_row_maker(plan.slots)
        self._with_key = plan.key is not None
        self._where = None if plan.where is None else plan.where.evaluate

    def rows(self) -> list[Row]:
        """The rows found."""
        found: list[Row] = []
        for key in self._finder.find():
            data = self._get(key)
            if data is None:
                continue
            rows = self._make([self._decode(data)])
            if self._with_key:
                rows = [(*rows[0], key)]
            if self._where is None or self._where(rows[0], self._context):
                found += rows
        return found
