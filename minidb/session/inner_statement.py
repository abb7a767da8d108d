"""A statement inside of a routine's body, prepared once per catalog.

Names that are no columns may be the routine's variables: they are the statement's parameters, by place. So
the same prepared statement serves every call, and the values need no conversion: they are of their types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.errors import NotSupportedError, ProgrammingError
from minidb.plan.definitions import Begin, Commit, Release, Rollback, RollbackTo, Savepoint, SetTransaction
from minidb.session.prepare import prepare
from minidb.session.prepared import Prepared
from minidb.sql.binder import Variables
from minidb.sql.parse import ParsedStatement
from minidb.value.sql_types import SqlType

TRANSACTION_CONTROL = Begin | Commit | Rollback | Savepoint | Release | RollbackTo | SetTransaction


class InnerStatement:
    """See the module. `types` are the variables' by their places, `$1` is the first."""

    __slots__ = ("_prepared", "parsed", "types", "variables")

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
        self._prepared: Prepared | None = None  # under the catalog that it was last run with

    def prepared(
        self, catalog: Catalog, settings: Mapping[str, Any], procedures: Mapping[str, Sequence[Routine]]
    ) -> Prepared:
        """The statement, ready to run under `catalog`; `procedures` are the others that it may call."""
        found = self._prepared
        if found is None or found.catalog is not catalog:
            found = prepare(self.parsed, catalog, self.types, settings, self.variables, procedures)
            self._prepared = found
        return found
