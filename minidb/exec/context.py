"""What one execution of a statement knows: its transaction, parameters, limits, and the sub-plans it runs.

A context belongs to one execution. A statement that is run again on a new snapshot gets a new one, since
results of sub-plans and CTEs are kept here.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from random import Random
from typing import Any, Final

from minidb.exec.checkpoint import checkpoint
from minidb.exec.operator import Operator, SharedRows
from minidb.exec.subplan import SubPlan
from minidb.expr.node import EvaluationContext
from minidb.plan.nodes import Plan
from minidb.plan.subqueries import Subquery
from minidb.txn.interrupt import Interrupt
from minidb.txn.reads import Watch
from minidb.txn.state import AdvisoryKey
from minidb.value.sql_types import Row, Value

DEFAULT_WORK_MEM: Final = 64 << 20  # bytes that one operator may hold before it spills


class ExecutionContext(EvaluationContext):
    """`transaction` is a Transaction, or for a lone SELECT any object with a snapshot's `get` and `batches`.

    interrupt   the session's: set by another thread or a signal handler, holds statement_timeout's deadline
    watch       in a SERIALIZABLE transaction: is told what is about to be read, and gives where to read it
    session     who runs the statement; it answers nextval / currval / setval / lastval and users' functions,
                holds advisory locks, is what the system views look at
    """

    __slots__ = (
        "build",
        "catalog",
        "ctes",
        "interrupt",
        "session",
        "subplans",
        "transaction",
        "watch",
        "work_mem",
    )

    def __init__(
        self,
        transaction: Any,
        catalog: Any,
        parameters: list[Value],
        settings: dict[str, Any],
        now: datetime.datetime,
        interrupt: Interrupt | None = None,
        session: Any = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(parameters, settings, now)
        self.transaction = transaction
        self.catalog = catalog
        self.interrupt = interrupt if interrupt is not None else Interrupt()
        self.session = session
        self.watch = watch
        self.work_mem: int = settings.get("work_mem", DEFAULT_WORK_MEM)
        self.ctes: dict[int, SharedRows] = {}
        self.subplans: dict[int, SubPlan] = {}
        self.build: Callable[[Plan, ExecutionContext], Operator] | None = None  # set by exec/build.py

    def check_cancel(self) -> None:
        """Raise QueryCanceled if the statement was interrupted or timed out."""
        checkpoint(self.interrupt)

    def reader_of(self, keys: list[bytes], to_change: bool = False) -> Any:
        """Where to look these keys up."""
        return self.transaction if self.watch is None else self.watch.keys(keys, to_change)

    def subplan(self, subquery: Subquery) -> SubPlan:
        """The running form of a sub-plan expression, built at its first use."""
        found = self.subplans.get(id(subquery))
        if found is None:
            assert self.build is not None
            found = self.subplans[id(subquery)] = SubPlan(subquery, self.build(subquery.plan, self))
        return found

    def subquery_rows(self, plan: object, limit: int | None) -> list[Row]:
        """The rows of a `Subquery` expression's plan under the present outer values."""
        assert isinstance(plan, Subquery)
        return self.subplan(plan).rows(limit, self.outer, self.ctes)

    def subquery_contains(self, plan: object) -> Value:
        """The result of an IN for the present outer values; NotImplemented: compare row by row."""
        assert isinstance(plan, Subquery)
        return self.subplan(plan).contains(self.outer, self.ctes, self)

    def sequence_value(self, operation: str, name: str, value: int | None) -> int:
        """nextval / currval / setval / lastval."""
        result: int = self.session.sequence_value(operation, name, value)
        return result

    def clock(self) -> datetime.datetime:
        """clock_timestamp(): in a call that is recorded, the time of the call."""
        fixed = self.session is not None and self.session.is_recorded
        return self.now if fixed else super().clock()

    def chance(self) -> Random:
        """Where random() comes from: in a call under serial execution, from the call's seed."""
        result: Random = super().chance() if self.session is None else self.session.chance()
        return result

    def session_id(self) -> int:
        """pg_backend_pid."""
        result: int = self.session.id
        return result

    def advisory_lock(
        self, first: int, second: int | None, *, shared: bool, session: bool, wait: bool
    ) -> bool:
        """pg_advisory_lock and its kind, for the session or its transaction."""
        key = AdvisoryKey(first, second)
        granted: bool = self.session.advisory_lock(key, shared=shared, session=session, wait=wait)
        return granted

    def advisory_unlock(self, first: int, second: int | None, *, shared: bool) -> bool:
        """pg_advisory_unlock."""
        held: bool = self.session.advisory.unlock(AdvisoryKey(first, second), shared=shared)
        return held

    def advisory_unlock_all(self) -> None:
        """pg_advisory_unlock_all."""
        self.session.advisory.unlock_all()

    def routine_rows(self, routine: int, values: list[Value]) -> list[Row]:
        """The rows of a user's function: the session runs its body."""
        rows: list[Row] = self.session.routine_rows(self.catalog, routine, values)
        return rows

    def close(self) -> None:
        """Release the sub-plans' operators and the CTEs' files, at the end of the statement."""
        for subplan in self.subplans.values():
            subplan.close()
        self.subplans.clear()
        for rows in self.ctes.values():
            rows.close()
        self.ctes.clear()
