"""An expression of a body, bound at its first use under a catalog.

Most expressions need no plan: they are evaluated over the frame's values as they lie there, which is what
makes `i := i + 1` cheap. The others (`x := (SELECT ...)`) are queries of one value.

A bound form is replaced as a whole, never changed: sessions with different catalogs share the expression.
"""

from __future__ import annotations

from minidb.catalog.catalog import Catalog
from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.exec.fast_conditions import is_immutable
from minidb.expr.node import Expr, Slot, walk
from minidb.plan.fold import fold_expression
from minidb.session.plpgsql.command import Command
from minidb.session.plpgsql.conversions import Conversion
from minidb.session.plpgsql.frame import Frame
from minidb.session.plpgsql.variables import Dependencies, Member, Namespace, SlotScope
from minidb.sql.bind import bind_alone
from minidb.sql.plpgsql.syntax import Fragment
from minidb.value.sql_types import SqlType, Value


class _Bound:
    """`expression` reads the frame's values; with a `command`, the one value that this query yields."""

    __slots__ = ("catalog", "command", "dependencies", "expression", "immutable", "type")

    def __init__(
        self,
        catalog: Catalog,
        dependencies: Dependencies,
        expression: Expr,
        type_: SqlType,
        command: Command | None,
    ) -> None:
        self.catalog = catalog
        self.dependencies = dependencies
        self.expression = expression
        self.immutable = is_immutable(expression, parameters=True)
        self.type = type_  # before the conversion
        self.command = command


class Expression:
    """See the module. `convert` is applied to what is bound."""

    __slots__ = ("_arguments", "_bound", "_convert", "_fragment", "_namespace")

    def __init__(
        self, fragment: Fragment, namespace: Namespace, arguments: list[Member], convert: Conversion
    ) -> None:
        self._fragment = fragment
        self._namespace = namespace
        self._arguments = arguments
        self._convert = convert
        self._bound: _Bound | None = None

    def evaluate(self, frame: Frame) -> Value:
        """The value, converted."""
        bound = self._bound
        if (
            bound is None
            or bound.catalog is not frame.session.catalog
            or (bound.dependencies and not frame.fits(bound.dependencies))
        ):
            bound = self._bind(frame)
        if bound.command is None:
            context = frame.variables if bound.immutable else frame.context
            return bound.expression.evaluate((), context)
        rows = bound.command.rows(frame, 2)
        if len(rows) > 1:
            raise ProgrammingError(
                f'query "{self._fragment.text}" returned more than one row', sqlstate="21000"
            )
        return bound.expression.evaluate(rows[0] if rows else (None,), frame.context)

    def type(self, frame: Frame) -> SqlType:
        """The type of the value before its conversion; it has been evaluated before."""
        bound = self._bound
        if bound is None or not frame.fits(bound.dependencies):
            bound = self._bind(frame)
        return bound.type

    def _bind(self, frame: Frame) -> _Bound:
        fragment = self._fragment
        catalog = frame.session.catalog
        scope = SlotScope(self._namespace, self._arguments, frame.shapes)
        try:
            expression = bind_alone(fragment.parsed, catalog, frame.session.settings, scope)
            if expression is not None and not any(node.holds_plan() for node in walk(expression)):
                converted = fold_expression(self._convert(expression))
                bound = _Bound(catalog, scope.dependencies, converted, expression.type, None)
                self._bound = bound
                return bound
        except Error as error:
            if error.position is not None:
                error.position += fragment.offset
            raise
        command = Command(fragment, self._namespace, self._arguments)
        columns = command.columns(frame)
        if columns is None or len(columns) != 1:
            raise SyntaxError_(f'query "{fragment.text}" returned {len(columns or ())} columns')
        type_ = columns[0][1]
        converted = self._convert(Slot(0, type_))
        # What the query relies on is the command's own affair; its type may change with it.
        self._bound = _Bound(catalog, command.dependencies(), converted, type_, command)
        return self._bound
