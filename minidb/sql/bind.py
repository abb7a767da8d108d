"""A parsed statement and a catalog -> what the session runs: a plan, a definition or a utility.

SELECT                    bind_query
INSERT, UPDATE, DELETE    bind_change
CREATE, ALTER, DROP ...   bind_define
EXPLAIN, COPY, ANALYZE    here: they hold one of the above, or name tables
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine, Table
from minidb.errors import Error, ProgrammingError
from minidb.expr.node import Expr
from minidb.plan.definitions import Analyze, Copy, Definition, Do, Explain, LockTables, Utility, Vacuum
from minidb.plan.nodes import Plan, Project, Scan
from minidb.plan.system_view import SystemView
from minidb.plan.traverse import walk_statement
from minidb.sql.bind_change import bind_change
from minidb.sql.bind_define import bind_definition
from minidb.sql.bind_expression import bind_expression
from minidb.sql.bind_query import bind_query
from minidb.sql.bind_routine_call import bind_call, bind_value
from minidb.sql.bind_table import refuse_at, relation_named, scan
from minidb.sql.binder import Binder, BoundQuery, Parts, VariableScope
from minidb.sql.copy_statement import CopyStatement
from minidb.sql.define_syntax import DefinitionSyntax
from minidb.sql.do_statement import DoStatement
from minidb.sql.parse import ParsedStatement, parse_query, parse_tokens, query_tree
from minidb.sql.plpgsql.parse import parse_body
from minidb.sql.routine_syntax import CallStatement
from minidb.sql.scope import Scope
from minidb.sql.token_sequence import too_deep
from minidb.sql.utility import AnalyzeStatement, ExplainStatement, LockStatement, TableName
from minidb.value.sql_types import SqlType

PARTS: Final = Parts(bind_expression, bind_query, bind_change, bind_value)


@dataclass(frozen=True, slots=True)
class Bound:
    """`columns` are the result's names and types; empty if there is none."""

    plan: Plan | Definition | Utility
    parameter_types: tuple[SqlType, ...]
    columns: tuple[tuple[str, SqlType], ...]


def bind(
    statement: ParsedStatement,
    catalog: Catalog,
    parameter_types: Sequence[SqlType] = (),
    settings: Mapping[str, Any] | None = None,
    system_views: Mapping[str, SystemView] = MappingProxyType({}),
    variables: VariableScope | None = None,
    procedures: Mapping[str, Sequence[Routine]] = MappingProxyType({}),
) -> Bound:
    """The statement, with every name and type resolved against `catalog` and the system views.

    Inside of a routine its `variables` are parameters. `procedures` are those that are not in the catalog.
    """
    binder = Binder(catalog, parameter_types, settings or {}, PARTS, system_views, variables, procedures)
    try:
        return _bind(binder, statement)
    except RecursionError:
        raise too_deep() from None


def bind_alone(
    statement: ParsedStatement, catalog: Catalog, settings: Mapping[str, Any], variables: VariableScope
) -> Expr | None:
    """The expression that `SELECT expression` is, evaluable without a row; None if it takes a plan."""
    tree = statement.tree
    assert isinstance(tree, exp.Select)
    if len(tree.expressions) != 1 or any(value for key, value in tree.args.items() if key != "expressions"):
        return None
    value = tree.expressions[0]
    if isinstance(value, exp.Alias) or value.find(exp.Query, exp.Star) is not None:
        return None
    try:
        return bind_expression(Binder(catalog, (), settings, PARTS, {}, variables), value, Scope())
    except ProgrammingError as error:
        if error.sqlstate == "42803":  # an aggregate function
            return None
        raise
    except RecursionError:
        raise too_deep() from None


def _bind(binder: Binder, statement: ParsedStatement) -> Bound:
    tree = statement.tree
    columns: tuple[tuple[str, SqlType], ...] = ()
    plan: Plan | Definition | Utility
    if isinstance(tree, exp.Expression):
        query = _query(binder, tree)
        plan = query.plan
        columns = tuple([(name, column.type) for name, column in zip(query.names, plan.columns, strict=True)])
    elif isinstance(tree, Utility):
        plan = tree
    elif isinstance(tree, ExplainStatement):
        plan = _explain(binder, tree, statement)
    elif isinstance(tree, AnalyzeStatement):
        tables = tuple([_table(binder, name) for name in tree.tables])
        plan = Vacuum(tables, tree.analyze) if tree.vacuum else Analyze(tables)
    elif isinstance(tree, LockStatement):
        plan = LockTables(tuple(_stored_tables(binder, tree.tables)), tree.mode, tree.wait)
    elif isinstance(tree, CallStatement):
        plan = bind_call(binder, query_tree(statement.source, list(tree.tokens)))
        columns = plan.routine.columns
    elif isinstance(tree, CopyStatement):
        plan = _copy(binder, tree, statement)
    elif isinstance(tree, DoStatement):
        plan = _do(tree)
    else:
        assert isinstance(tree, DefinitionSyntax)
        plan = bind_definition(binder, tree)
    return Bound(plan, tuple(binder.parameter_types), columns)


def _query(binder: Binder, tree: exp.Expression) -> BoundQuery:
    if isinstance(tree, exp.Insert | exp.Update | exp.Delete):
        return bind_change(binder, tree, None)
    return bind_query(binder, tree)


def _explain(binder: Binder, tree: ExplainStatement, statement: ParsedStatement) -> Utility:
    inner = parse_tokens(statement.source, list(tree.tokens))
    bound = _bind(binder, inner).plan
    if isinstance(bound, Utility):
        raise ProgrammingError(
            f"EXPLAIN of {inner.kind.upper()} is not possible",
            sqlstate="42601",
            position=tree.tokens[0].start + 1,
        )
    return Explain(bound, tree.analyze, tree.verbose, tree.costs, tree.timing, tree.locks, tree.format)


def _stored_tables(binder: Binder, names: tuple[TableName, ...]) -> list[Table]:
    """The tables of these names, and those behind the views among them."""
    found: list[Table] = []
    for name in names:
        relation = relation_named(binder, name.name, name.schema, name.position)
        if isinstance(relation, Table):
            found.append(relation)
        elif isinstance(relation, SystemView):
            raise ProgrammingError(f'"{name.name}" is not a table', sqlstate="42809", position=name.position)
        else:
            view = binder.query(parse_query(relation.query)).plan
            found.extend([node.table for node in walk_statement(view) if isinstance(node, Scan)])
    return found


def _table(binder: Binder, name: TableName) -> Table:
    found = relation_named(binder, name.name, name.schema, name.position)
    if isinstance(found, Table):
        return found
    raise ProgrammingError(f'"{name.name}" is not a table', sqlstate="42809", position=name.position)


def _copy(binder: Binder, tree: CopyStatement, statement: ParsedStatement) -> Utility:
    options: dict[str, Any] = dict(tree.options)
    if tree.table is None:
        plan = _query(binder, _tree(statement.source, tree.query)).plan
        return Copy(None, (), plan, tree.to, tree.path, options)
    table = _table(binder, tree.table)
    if tree.columns is None:
        columns = [column for column in table.columns if column.generated is None or tree.to]
    else:
        columns = []
        for name, position in tree.columns:
            column = table.column(name)
            if column is None:
                raise ProgrammingError(
                    f'column "{name}" of relation "{table.name}" does not exist',
                    sqlstate="42703",
                    position=position,
                )
            if column in columns:
                raise ProgrammingError(
                    f'column "{name}" specified more than once', sqlstate="42701", position=position
                )
            if column.generated is not None and not tree.to:
                raise ProgrammingError(
                    f'column "{name}" is a generated column',
                    sqlstate="42P10",
                    position=position,
                    detail="Generated columns cannot be used in COPY.",
                )
            columns.append(column)
    slots = tuple([column.slot for column in columns])
    source: Plan | None = None
    if tree.to:
        rows = scan(binder, table, table.name, None).plan
        by_slot = {column.slot: own for column, own in zip(table.columns, rows.columns, strict=True)}
        chosen = tuple([by_slot[slot] for slot in slots])
        names = tuple([binder.new_column(own.name, own.type) for own in chosen])
        source = Project(rows, names, chosen)
    return Copy(table, slots, source, tree.to, tree.path, options)


def _do(statement: DoStatement) -> Do:
    """The statement with its body parsed; errors have their place in the statement's text."""
    offset = statement.offset
    try:
        return Do(parse_body(statement.body), offset)
    except Error as error:
        if error.position is not None:
            error.position = statement.position if offset is None else error.position + offset
        raise


def _tree(text: str, tokens: tuple[Token, ...]) -> exp.Expression:
    parsed = parse_tokens(text, list(tokens))
    if not isinstance(parsed.tree, exp.Expression):
        raise refuse_at(f"COPY of {parsed.kind.upper()} is not supported", tokens[0].start + 1)
    return parsed.tree
