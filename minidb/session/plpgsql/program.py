"""A body made runnable for one catalog version, and one call of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minidb.catalog.catalog import Catalog
from minidb.errors import NotSupportedError
from minidb.sql.plpgsql.parse import Body
from minidb.value.sql_types import Row, SqlType, Value

if TYPE_CHECKING:
    from minidb.session.session import Session


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a routine; `mode` is in, out, inout, or table for a column of RETURNS TABLE."""

    name: str  # empty: only $n reaches it
    type: SqlType
    mode: str = "in"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a body is called as.

    name          the routine's own, which qualifies its arguments: `f.amount`
    described     for error contexts: `f(integer,text)`
    returns       the scalar type; None: nothing (void, procedures), or the OUT / TABLE arguments say
    returns_row   the columns where a whole row is returned (OUT arguments aside): RETURNS t, SETOF t
    returns_set   RETURN NEXT and RETURN QUERY instead of RETURN value
    """

    name: str = ""
    described: str = "inline_code_block"
    arguments: tuple[Argument, ...] = ()
    returns: SqlType | None = None
    returns_row: tuple[tuple[str, SqlType], ...] = ()
    returns_set: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave back.

    value    of a function with a scalar type, already of that type
    row      the values of the OUT, INOUT arguments in order, or of `returns_row`; None without any
    rows     of a function that returns a set: tuples, of one value for a scalar type
    """

    value: Value = None
    row: Row | None = None
    rows: tuple[Row, ...] | list[Row] = ()


class Program:
    """See the module. Shared by all sessions."""

    def run(self, session: Session, values: Sequence[Value]) -> Outcome:
        """One call, in the session's open transaction. `values`: one for each in and inout argument, of
        its type (internal values). Errors pass through, with `context` added; nothing is undone here."""
        raise NotSupportedError("PL/pgSQL is not supported yet")


def compile_body(body: Body, signature: Signature, catalog: Catalog) -> Program:
    """The body, runnable under `catalog`: declared types resolved; its statements are prepared at their
    first run. Errors are those of CREATE FUNCTION, with positions in the body's text."""
    return Program()
