"""Advisory locks: pg_[try_]advisory_[xact_]lock[_shared], pg_advisory_unlock[_shared | _all].

A key is one bigint or two integers; the two kinds never meet. The session that runs the statement takes the
locks (`EvaluationContext.advisory_lock`). What returns void in PostgreSQL is empty text here, as pg_sleep is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from minidb.expr.function_table import Overload, define
from minidb.expr.node import EvaluationContext


def _taking(*, shared: bool, session: bool, wait: bool) -> Callable[..., Any]:
    def take(context: EvaluationContext, first: int, second: int | None = None) -> bool | str:
        granted = context.advisory_lock(first, second, shared=shared, session=session, wait=wait)
        return "" if wait else granted

    return take


def _unlocking(*, shared: bool) -> Callable[..., Any]:
    def unlock(context: EvaluationContext, first: int, second: int | None = None) -> bool:
        return context.advisory_unlock(first, second, shared=shared)

    return unlock


def unlock_all(context: EvaluationContext) -> str:
    """pg_advisory_unlock_all(): what the session holds, not what the transaction does."""
    context.advisory_unlock_all()
    return ""


def _functions() -> tuple[Overload, ...]:
    found: list[Overload] = []
    for shared, suffix in ((False, ""), (True, "_shared")):
        for keys in ("bigint", "integer, integer"):
            for session, scope in ((True, ""), (False, "xact_")):
                for wait, attempt in ((True, ""), (False, "try_")):
                    name = f"pg_{attempt}advisory_{scope}lock{suffix}"
                    take = _taking(shared=shared, session=session, wait=wait)
                    result = "text" if wait else "boolean"
                    found.append(define(f"{name}({keys}) {result}", take, "volatile", with_context=True))
            unlock = _unlocking(shared=shared)
            name = f"pg_advisory_unlock{suffix}"
            found.append(define(f"{name}({keys}) boolean", unlock, "volatile", with_context=True))
    found.append(define("pg_advisory_unlock_all() text", unlock_all, "volatile", with_context=True))
    return tuple(found)


FUNCTIONS: Final = _functions()
NAMES: Final = frozenset([overload.name for overload in FUNCTIONS])
