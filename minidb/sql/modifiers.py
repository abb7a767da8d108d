"""WITH, ORDER BY, LIMIT, OFFSET and FOR UPDATE, wherever they stand around a query's parentheses."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from minidb.errors import SyntaxError_
from minidb.sql.names import position_of
from minidb.sql.row_locks import LockClause


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What is known so far, from the outside in."""

    withs: tuple[exp.Expression, ...] = ()
    order: tuple[exp.Expression, ...] = ()
    limit: exp.Expression | None = None
    offset: exp.Expression | None = None
    locks: tuple[exp.Expression, ...] = ()
    pushed: tuple[LockClause, ...] = ()  # locking clauses of the query around it

    def within(self, tree: exp.Expression) -> Modifiers:
        """Together with those of the next node; 42601 if both have the same clause."""
        arguments = tree.args
        order = arguments.get("order")
        limit, offset = arguments.get("limit"), arguments.get("offset")
        with_ = arguments.get("with_")
        if not (order or limit or offset or with_ or arguments.get("locks")):
            return self
        for ours, theirs, clause in (
            (self.order, order, "ORDER BY"),
            (self.limit, limit, "LIMIT"),
            (self.offset, offset, "OFFSET"),
            (self.withs, with_, "WITH"),
        ):
            if ours and theirs:
                raise SyntaxError_(f"multiple {clause} clauses not allowed", position=position_of(tree))
        return Modifiers(
            (with_,) if with_ is not None else self.withs,
            tuple(order.expressions) if order is not None else self.order,
            limit if limit is not None else self.limit,
            offset if offset is not None else self.offset,
            (*self.locks, *(arguments.get("locks") or ())),
            self.pushed,
        )
