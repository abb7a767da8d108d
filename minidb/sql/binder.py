"""What binding one statement needs everywhere: the catalog, parameter types, fresh column ids, CTEs.

Expressions hold queries, queries hold expressions and changes: each reaches the others through `Parts`, so
that the modules need not import each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlglot import exp

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.expr.node import Column, Expr, Parameter
from minidb.plan.nodes import Plan, RowMark
from minidb.plan.system_view import SystemView
from minidb.sql.row_locks import LockClause
from minidb.sql.scope import Scope
from minidb.value.sql_types import UNKNOWN, SqlType


@dataclass(slots=True)
class BoundQuery:
    """A plan with its output names, and the enclosing columns it uses (its correlation)."""

    plan: Plan
    names: tuple[str, ...]
    free: dict[int, Column]
    marks: tuple[RowMark, ...] = ()  # left for the query around it to lock: its plan yields their keys, too


@dataclass(slots=True)
class CommonTable:
    """A WITH item that can be scanned: its id in the plan, output names and types."""

    id: int
    name: str
    names: tuple[str, ...]
    types: tuple[SqlType, ...]
    references: int = 0  # scans so far
    returns: bool = True  # a change without RETURNING has nothing to scan


@dataclass(frozen=True, slots=True)
class Parts:
    """The mutually recursive parts of the binder."""

    expression: Callable[[Binder, exp.Expression, Scope], Expr]
    query: Callable[[Binder, exp.Expression, Scope | None, bool, tuple[LockClause, ...]], BoundQuery]
    change: Callable[[Binder, exp.Expression, Scope | None], BoundQuery]
    user_function: Callable[[Binder, str, exp.Expression, Scope], Expr]


class VariableScope:
    """What names mean besides columns, inside of a routine: values that a call hands to its statements.

    `conflicts`: whether a name that is a column too is an error (42702: PL/pgSQL); else (SQL) the column.
    """

    __slots__ = ()
    conflicts: bool

    def find(self, binder: Binder, path: tuple[str, ...]) -> Expr | None:
        """What a name stands for, `path` being the name with what qualifies it; None: no variable."""
        raise NotImplementedError

    def numbered(self, binder: Binder, number: int) -> Expr:
        """What `$number` stands for."""
        return binder.parameter(number)

    def row(self, binder: Binder, path: tuple[str, ...]) -> list[tuple[str, Expr]] | None:
        """The fields of the record of that name, if it is one; none while it has not been assigned."""
        return None


@dataclass(frozen=True, slots=True)
class Variables(VariableScope):
    """Variables that are parameters of the statement, by their index.

    names    `amount`
    fields   `f.amount`, `record.field`, `label.amount`: by qualifier, then name
    """

    names: Mapping[str, int]
    fields: Mapping[str, Mapping[str, int]]
    conflicts: bool = False

    def find(self, binder: Binder, path: tuple[str, ...]) -> Expr | None:
        names = self.names if len(path) == 1 else self.fields.get(path[0]) if len(path) == 2 else None
        index = None if names is None else names.get(path[-1])
        return None if index is None else binder.parameter(index + 1)


class Binder:
    """The state of binding one statement."""

    __slots__ = (
        "catalog",
        "common_tables",
        "horizons",
        "next_cte",
        "next_id",
        "parameter_types",
        "parts",
        "procedures",
        "settings",
        "system_views",
        "variables",
        "views",
    )

    def __init__(
        self,
        catalog: Catalog,
        parameter_types: Sequence[SqlType],
        settings: Mapping[str, Any],
        parts: Parts,
        system_views: Mapping[str, SystemView],
        variables: VariableScope | None = None,
        procedures: Mapping[str, Sequence[Routine]] = MappingProxyType({}),
    ) -> None:
        self.catalog = catalog
        self.variables = variables
        self.procedures = procedures  # those in Python, by name
        self.parameter_types: list[SqlType] = list(parameter_types)
        self.settings = settings
        self.parts = parts
        self.system_views = system_views
        self.common_tables: list[CommonTable] = []
        self.next_id = 1
        self.next_cte = 1
        self.views: list[str] = []  # those being expanded
        self.horizons: dict[int, int] = {}  # of the innermost of them: see View.horizons

    def expression(self, tree: exp.Expression, scope: Scope) -> Expr:
        """A bound expression."""
        return self.parts.expression(self, tree, scope)

    def query(
        self,
        tree: exp.Expression,
        outer: Scope | None = None,
        *,
        keep_unknown: bool = False,
        locks: tuple[LockClause, ...] = (),
    ) -> BoundQuery:
        """A bound query; its untyped literals become text unless `keep_unknown`; `locks` are the locking
        clauses of the query around it."""
        return self.parts.query(self, tree, outer, keep_unknown, locks)

    def change(self, tree: exp.Expression, outer: Scope | None = None) -> BoundQuery:
        """A bound INSERT, UPDATE or DELETE."""
        return self.parts.change(self, tree, outer)

    def new_column(self, name: str, type: SqlType, relation: str = "") -> Column:
        """A column with an id of its own."""
        column = Column(self.next_id, name, type, relation)
        self.next_id += 1
        return column

    def parameter(self, number: int) -> Parameter:
        """Parameter `$number`."""
        types = self.parameter_types
        types.extend([UNKNOWN] * (number - len(types)))
        return Parameter(number - 1, types[number - 1])

    def common_table(self, name: str) -> CommonTable | None:
        """The innermost WITH item of that name."""
        for table in reversed(self.common_tables):
            if table.name == name:
                return table
        return None
