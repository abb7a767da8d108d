"""Syntax -> runnable nodes, under one catalog: each variable gets its slot, each name its variable.

Expressions and SQL are only given their place among the variables here; they are bound when they first run,
as in PostgreSQL: a branch that is never taken may name a table that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.errors import NotSupportedError, ProgrammingError
from minidb.session.plpgsql.assignment import AssignField, AssignRow, AssignVariable, CopyRecord, Reset
from minidb.session.plpgsql.blocks import Block, GetDiagnostics, Handler
from minidb.session.plpgsql.command import Command
from minidb.session.plpgsql.compile_return import ReturnCompiler
from minidb.session.plpgsql.control import Case, Exit, If, Leave, Null, SubjectCase, Target
from minidb.session.plpgsql.conversions import Conversion, as_boolean, as_is, as_text, to_type
from minidb.session.plpgsql.dynamic import DynamicCommand
from minidb.session.plpgsql.expression import Expression
from minidb.session.plpgsql.loops import ForInteger, ForQuery, Loop
from minidb.session.plpgsql.node import Node
from minidb.session.plpgsql.queries import CallProcedure, Perform, RunDynamic, RunSql, SelectInto
from minidb.session.plpgsql.raising import Assert, Raise, RaiseAgain, RecordText
from minidb.session.plpgsql.routine_shape import RoutineShape
from minidb.session.plpgsql.targets import FieldTarget, RowTargets, find_target, row_targets
from minidb.session.plpgsql.types import declared_type
from minidb.session.plpgsql.variables import Member, Namespace, Record, Shapes, Variable
from minidb.sql.plpgsql import syntax
from minidb.sql.plpgsql.syntax import Body, Dynamic, Fragment, Name, Statement
from minidb.sql.plpgsql.trees import as_columns, call_arguments
from minidb.value.sql_types import BOOLEAN, INTEGER, TEXT, SqlType, Value

_HANDLED: Final = ("sqlstate", "sqlerrm")
_to_integer = to_type(INTEGER)


class Compiler:
    """One body. `values` and `shapes` grow with its variables: what a frame begins with."""

    def __init__(self, body: Body, routine: Routine | None, catalog: Catalog) -> None:
        self._body = body
        self._catalog = catalog
        outermost = Namespace(None, None)
        outermost.members["found"] = Variable("found", 0, BOOLEAN)
        columns = () if routine is None else catalog.routine_columns(routine)
        self.shape = RoutineShape(routine, columns, outermost, 1)
        self.values: list[Value] = [None] * self.shape.next_slot
        self.shapes: Shapes = [None] * self.shape.next_slot
        self._namespace = outermost
        self._targets: list[Target] = []  # the loops and blocks around the present statement

    def body(self) -> Node:
        """The outermost block."""
        return self._statement(self._body.block)

    # --- names and SQL ----------------------------------------------------------------------------

    def _slot(self) -> int:
        self.values.append(None)
        self.shapes.append(None)
        return len(self.values) - 1

    def expression(self, fragment: Fragment, convert: Conversion = as_is) -> Expression:
        """An expression at this place."""
        return Expression(fragment, self._namespace, self.shape.arguments, convert)

    def command(self, query: Fragment | Dynamic) -> Command | DynamicCommand:
        """A statement, or EXECUTE's, at this place."""
        if isinstance(query, Fragment):
            return Command(query, self._namespace, self.shape.arguments)
        values = [self.expression(value) for value in query.values]
        return DynamicCommand(self.expression(query.text, as_text), values)

    def record(self, fragment: Fragment | None) -> Record | None:
        """The record that an expression names, if it is nothing else."""
        if fragment is None or fragment.name is None:
            return None
        found = self._namespace.find(fragment.name.path)
        return found[0] if found is not None and not found[1] and isinstance(found[0], Record) else None

    def row_query(self, fragment: Fragment) -> Command:
        """An expression that yields a row, as a query of its columns."""
        return Command(as_columns(fragment), self._namespace, self.shape.arguments)

    def _writable(self, name: Name | None) -> RowTargets | None:
        """The variable of that name, if there is one that may be assigned."""
        found = None if name is None else self._namespace.find(name.path)
        return None if found is None or found[0].constant else RowTargets([found])

    def _find_target(self, name: Name) -> RowTargets:
        return RowTargets([find_target(name, self._namespace)])

    # --- statements -------------------------------------------------------------------------------

    def _statements(self, statements: tuple[Statement, ...]) -> list[Node]:
        return [self._statement(statement) for statement in statements]

    def _statement(self, statement: Statement) -> Node:
        compile_ = _COMPILERS[type(statement)]
        return compile_(self, statement, self._body.line_of(statement.position))

    def block(self, statement: syntax.Block, line: int) -> Node:
        outer = self._namespace
        self._namespace = Namespace(outer, statement.label)
        initial: list[Node] = []
        for declaration in statement.declarations:
            initial.extend(self._declare(declaration))
        if statement is self._body.block:  # entered once a call: a frame may begin with these
            for node in initial:
                if isinstance(node, Reset):
                    self.values[node.slot] = node.value
            initial = [node for node in initial if not isinstance(node, Reset)]
        target = Target(statement.label, False)
        self._targets.append(target)
        statements = self._statements(statement.statements)
        handlers = [self._handler(handler) for handler in statement.handlers]
        self._targets.pop()
        self._namespace = outer
        return Block(line, target, initial, statements, handlers)

    def _handler(self, handler: syntax.Handler) -> Handler:
        outer = self._namespace
        self._namespace = Namespace(outer, None)
        slots = (self._slot(), self._slot())
        for name, slot in zip(_HANDLED, slots, strict=True):
            self._namespace.members[name] = Variable(name, slot, TEXT, constant=True)
        statements = self._statements(handler.statements)
        self._namespace = outer
        return Handler(handler.sqlstates, slots, statements)

    def _declare(self, declaration: syntax.Declaration) -> list[Node]:
        """Make the variable known, and what sets it when the block is entered."""
        members = self._namespace.members
        if declaration.alias_of is not None:
            members[declaration.name] = self._aliased(declaration.alias_of)
            return []
        assert declaration.type is not None
        line = self._body.line_of(declaration.position)
        type_ = declared_type(declaration.type, self._namespace, self._catalog)
        variable: Member
        if isinstance(type_, SqlType):
            variable = Variable(
                declaration.name, self._slot(), type_, declaration.constant, declaration.not_null
            )
        elif declaration.not_null:
            raise NotSupportedError(
                "NOT NULL for a record variable is not supported", position=declaration.position + 1
            )
        else:
            variable = Record(declaration.name, self._slot(), type_, declaration.constant)
        default = declaration.default
        # Bound before the name is known: a default may use a variable of the same name further out.
        initial = Reset(line, variable) if default is None else self._assignment(line, variable, default)
        known = Namespace(self._namespace.parent, self._namespace.label)
        known.members = {**members, declaration.name: variable}
        self._namespace = known
        return [initial]

    def _aliased(self, name: Name) -> Member:
        """What ALIAS FOR names: a variable, or `$n`."""
        arguments = self.shape.arguments
        written = ".".join(name.path)
        if written.startswith("$") and written[1:].isdigit() and 0 < int(written[1:]) <= len(arguments):
            return arguments[int(written[1:]) - 1]
        found = self._namespace.find(name.path)
        if found is None or found[1]:
            raise ProgrammingError(
                f'variable "{written}" does not exist', sqlstate="42704", position=name.position + 1
            )
        return found[0]

    def _assignment(self, line: int, member: Member, value: Fragment) -> Node:
        if isinstance(member, Variable):
            return AssignVariable(line, member, self.expression(value, to_type(member.type)))
        if value.text.strip().lower() == "null":
            return Reset(line, member)
        target = RowTargets([(member, ())])
        record = self.record(value)
        return (
            AssignRow(line, target, self.row_query(value))
            if record is None
            else CopyRecord(line, target, record)
        )

    def assign(self, statement: syntax.Assign, line: int) -> Node:
        member, rest = find_target(statement.target, self._namespace)
        if isinstance(member, Record) and rest:
            return AssignField(line, FieldTarget(member, rest), self.expression(statement.value))
        return self._assignment(line, member, statement.value)

    def if_(self, statement: syntax.If, line: int) -> Node:
        branches = [
            (self.expression(condition, as_boolean), self._statements(statements))
            for condition, statements in statement.branches
        ]
        return If(line, branches, self._statements(statement.otherwise))

    def case(self, statement: syntax.Case, line: int) -> Node:
        otherwise = None if statement.otherwise is None else self._statements(statement.otherwise)
        if statement.subject is None:
            branches = [
                (self.expression(conditions[0], as_boolean), self._statements(statements))
                for conditions, statements in statement.branches
            ]
            return Case(line, branches, otherwise)
        compared = [(values, self._statements(statements)) for values, statements in statement.branches]
        subject = self.expression(statement.subject)
        slot = self._slot()
        return SubjectCase(line, subject, slot, compared, otherwise, self._namespace, self.shape.arguments)

    def loop(self, statement: syntax.Loop, line: int) -> Node:
        condition = None
        if statement.condition is not None:
            condition = self.expression(statement.condition, as_boolean)
        target, statements = self._loop_body(statement.label, statement.statements)
        return Loop(line, target, condition, statements)

    def _loop_body(self, label: str | None, statements: tuple[Statement, ...]) -> tuple[Target, list[Node]]:
        target = Target(label, True)
        self._targets.append(target)
        nodes = self._statements(statements)
        self._targets.pop()
        return target, nodes

    def for_integer(self, statement: syntax.ForInteger, line: int) -> Node:
        low = self.expression(statement.low, _to_integer)
        high = self.expression(statement.high, _to_integer)
        step = None if statement.step is None else self.expression(statement.step, _to_integer)
        outer = self._namespace
        self._namespace = Namespace(outer, statement.label)
        slot = self._slot()
        self._namespace.members[statement.name] = Variable(statement.name, slot, INTEGER)
        target, statements = self._loop_body(statement.label, statement.statements)
        self._namespace = outer
        return ForInteger(line, target, slot, (low, high, step), statement.reverse, statements)

    def for_query(self, statement: syntax.ForQuery, line: int) -> Node:
        targets = row_targets(statement.targets, self._namespace)
        command = self.command(statement.query)
        target, statements = self._loop_body(statement.label, statement.statements)
        return ForQuery(line, target, targets, command, statements)

    def exit(self, statement: syntax.Exit, line: int) -> Node:
        again = statement.word == "continue"
        target = next(
            target
            for target in reversed(self._targets)
            if (target.is_loop if statement.label is None else target.label == statement.label)
        )
        condition = None
        if statement.condition is not None:
            condition = self.expression(statement.condition, as_boolean)
        return Exit(line, Leave(target, again), condition)

    def return_(self, statement: syntax.Return, line: int) -> Node:
        return ReturnCompiler(self).value(statement, line)

    def return_next(self, statement: syntax.ReturnNext, line: int) -> Node:
        return ReturnCompiler(self).next(statement, line)

    def return_query(self, statement: syntax.ReturnQuery, line: int) -> Node:
        return ReturnCompiler(self).query(statement, line)

    def raise_(self, statement: syntax.Raise, line: int) -> Node:
        if statement.again:
            return RaiseAgain(line)
        values: list[Expression | RecordText] = []
        for value in statement.values:
            record = self.record(value)
            values.append(self.expression(value, as_text) if record is None else RecordText(record))
        options = [(name, self.expression(value, as_text)) for name, value in statement.options]
        return Raise(
            line,
            statement.level,
            statement.format,
            values,
            statement.sqlstate,
            statement.condition,
            options,
        )

    def assert_(self, statement: syntax.Assert, line: int) -> Node:
        message = None if statement.message is None else self.expression(statement.message, as_text)
        return Assert(line, self.expression(statement.condition, as_boolean), message)

    def sql(self, statement: syntax.Sql, line: int) -> Node:
        command = Command(statement.query, self._namespace, self.shape.arguments)
        if statement.into is not None:
            targets = row_targets(statement.into.targets, self._namespace)
            return SelectInto(line, command, targets, statement.into.strict)
        if statement.perform:
            return Perform(line, command)
        arguments = call_arguments(statement.query)
        if arguments is None:
            return RunSql(line, command)
        return CallProcedure(line, command, [self._writable(name) for name in arguments])

    def execute(self, statement: syntax.Execute, line: int) -> Node:
        command = self.command(statement.query)
        if statement.into is None:
            return RunDynamic(line, command)
        targets = row_targets(statement.into.targets, self._namespace)
        return SelectInto(line, command, targets, statement.into.strict)

    def get_diagnostics(self, statement: syntax.GetDiagnostics, line: int) -> Node:
        items = [(self._find_target(name), item) for name, item in statement.items]
        return GetDiagnostics(line, statement.stacked, items)

    def null(self, statement: syntax.Null, line: int) -> Node:
        return Null(line)


_COMPILERS: Final[dict[type[Statement], Callable[[Compiler, Any, int], Node]]] = {
    syntax.Block: Compiler.block,
    syntax.Assign: Compiler.assign,
    syntax.If: Compiler.if_,
    syntax.Case: Compiler.case,
    syntax.Loop: Compiler.loop,
    syntax.ForInteger: Compiler.for_integer,
    syntax.ForQuery: Compiler.for_query,
    syntax.Exit: Compiler.exit,
    syntax.Return: Compiler.return_,
    syntax.ReturnNext: Compiler.return_next,
    syntax.ReturnQuery: Compiler.return_query,
    syntax.Raise: Compiler.raise_,
    syntax.Assert: Compiler.assert_,
    syntax.Sql: Compiler.sql,
    syntax.Execute: Compiler.execute,
    syntax.GetDiagnostics: Compiler.get_diagnostics,
    syntax.Null: Compiler.null,
}
