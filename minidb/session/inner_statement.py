"""A statement inside of a routine's body, prepared once per catalog.

Names that are no columns may be the routine's variables: they are the statement's parameters, by place. So
the same prepared statement serves every call, and the values need no conversion: they are of their types.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.plan.definitions import Begin, Commit, Release, Rollback, RollbackTo, Savepoint, SetTransaction
from minidb.session.prepared import Prepared
from minidb.sql.binder import Variables
from minidb.sql.parse import ParsedStatement
from minidb.value.sql_types import SqlType

TRANSACTION_CONTROL = Begin | Commit | Rollback | Savepoint | Release | RollbackTo | SetTransaction


class InnerStatement:
    """See the module. `types` are the variables' by their places, `$1` is the first."""

    __slots__ = ("parsed", "prepared", "types", "variables")

    def __init__(self, parsed: ParsedStatement, variables: Variables, types: Sequence[SqlType]) -> None:
        if isinstance(parsed.tree, TRANSACTION_CONTROL):
            raise NotSupportedError(
                f"{parsed.kind.upper()} is not allowed in an SQL function", position=parsed.offset + 1
            )
        if len(parsed.parameters) > len(types):
            raise ProgrammingError(f"there is no parameter ${len(parsed.parameters)}", sqlstate="42P02")
        self.parsed = parsed
        self.variables = variables
        self.types = tuple(types)
        self.prepared: Prepared | None = None  # for the catalog that it was last run with
