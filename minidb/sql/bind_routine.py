"""CREATE FUNCTION and PROCEDURE: a definition with its types and names resolved; ALTER ... RENAME, DROP.

A body in quotes is only text here: the session checks it once the routine is in the catalog, so that it may
call itself. One in BEGIN ATOMIC ... END is bound now, and the routine then depends on what it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace
from sqlglot import exp

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine, RoutineArgument, Table
from minidb.errors import Error, NotSupportedError, ProgrammingError
from minidb.plan.definitions import Definition, Drop, Nothing, PutRoutine
from minidb.sql.bind_drop import Dropping
from minidb.sql.bind_routine_call import bind_call, bind_default
from minidb.sql.binder import Binder, Variables
from minidb.sql.parse import parse, query_tree
from minidb.sql.routine_syntax import (
    ArgumentSyntax,
    BodySyntax,
    CallStatement,
    CreateRoutineSyntax,
    DropRoutineSyntax,
    RenameRoutineSyntax,
    RoutineName,
    TypeSyntax,
)
from minidb.sql.table_names import check_schema
from minidb.sql.utility import TableName
from minidb.sql.view_columns import relations_named, routines_called
from minidb.value.sql_types import SqlType

_LANGUAGES: Final = frozenset({"sql", "plpgsql"})

Columns = tuple[tuple[str, SqlType], ...]


def routine_variables(routine: Routine) -> Variables:
    """What the names of a routine's input arguments mean in its body: a SQL function's columns go first."""
    names = {argument.name: place for place, argument in enumerate(routine.inputs) if argument.name}
    return Variables(names, {routine.name: names})


# --- CREATE ---------------------------------------------------------------------------------------


def create_routine(binder: Binder, syntax: CreateRoutineSyntax) -> Definition:
    """CREATE [OR REPLACE] FUNCTION | PROCEDURE."""
    check_schema(syntax.routine)
    catalog = binder.catalog
    if syntax.language not in _LANGUAGES:
        raise ProgrammingError(f'language "{syntax.language}" does not exist', sqlstate="42704")
    arguments = tuple([_argument(binder, argument) for argument in syntax.arguments])
    _check_names(arguments, syntax)
    columns, row_of, returns_row = _result(catalog, syntax, arguments)
    routine = Routine(
        id=0,
        name=syntax.routine.name,
        kind=syntax.kind,
        arguments=arguments,
        language=syntax.language,
        body=syntax.body.text,
        columns=columns,
        returns_set=syntax.returns_set,
        returns_row=returns_row,
        row_of=row_of,
        atomic=syntax.body.atomic,
        volatility=syntax.volatility,
        strict=syntax.strict,
        depends=() if row_of is None else (row_of,),
    )
    if routine.atomic:
        named = _atomic_dependencies(binder, routine, syntax.body)
        routine = replace(routine, depends=tuple(sorted({*routine.depends, *named})))
    replaced = _replaced(catalog, routine, syntax)
    if replaced is not None:
        routine = replace(routine, id=replaced.id)
    return PutRoutine(f"CREATE {syntax.kind.upper()}", routine, replaced, syntax.body.start)


def _argument(binder: Binder, syntax: ArgumentSyntax) -> RoutineArgument:
    type_ = _scalar_type(binder.catalog, syntax.type, "arguments of a row type are")
    default = None if syntax.default is None else syntax.default.text
    argument = RoutineArgument(syntax.name, type_, syntax.mode, default)
    if default is not None and syntax.default is not None:
        try:
            bind_default(binder, default, argument)
        except Error as error:
            error.position = syntax.default.start + 1
            raise
    return argument


def _check_names(arguments: tuple[RoutineArgument, ...], syntax: CreateRoutineSyntax) -> None:
    """42P13 for a name given twice on the same side, or a default before an argument without one."""
    inputs = [argument.name for argument in arguments if argument.mode != "out"]
    outputs = [argument.name for argument in arguments if argument.mode != "in"]
    outputs.extend([name for name, _ in syntax.columns])
    for names in (inputs, outputs):
        named = [name for name in names if name]
        for place, name in enumerate(named):
            if name in named[:place]:
                raise ProgrammingError(f'parameter name "{name}" used more than once', sqlstate="42P13")
    seen = False
    for argument in arguments:
        if argument.mode == "out" and syntax.kind == "function":
            continue
        if argument.default is not None:
            seen = True
        elif seen and argument.mode == "out":
            raise ProgrammingError(
                "procedure OUT parameters cannot appear after one with a default value", sqlstate="42P13"
            )
        elif seen:
            raise ProgrammingError(
                "input parameters after one with a default value must also have defaults", sqlstate="42P13"
            )


def _scalar_type(catalog: Catalog, syntax: TypeSyntax, refusal: str) -> SqlType:
    """The type, or that of relation.column%TYPE."""
    if syntax.type is not None:
        return syntax.type
    if syntax.word:
        raise ProgrammingError(
            f"parameters cannot have type {syntax.word}", sqlstate="42P13", position=syntax.position
        )
    assert syntax.relation is not None
    relation = catalog.relation(syntax.relation)
    if syntax.column is None:
        if relation is None:
            raise _no_type(syntax)
        raise NotSupportedError(f"{refusal} not supported", position=syntax.position)
    if not isinstance(relation, Table):
        raise ProgrammingError(
            f'relation "{syntax.relation}" does not exist', sqlstate="42P01", position=syntax.position
        )
    column = relation.column(syntax.column)
    if column is None:
        raise ProgrammingError(
            f'column "{syntax.column}" of relation "{syntax.relation}" does not exist',
            sqlstate="42703",
            position=syntax.position,
        )
    return SqlType(column.type.kind)


def _no_type(syntax: TypeSyntax) -> ProgrammingError:
    return ProgrammingError(
        f'type "{syntax.relation}" does not exist', sqlstate="42704", position=syntax.position
    )


# --- results --------------------------------------------------------------------------------------


def _result(
    catalog: Catalog, syntax: CreateRoutineSyntax, arguments: tuple[RoutineArgument, ...]
) -> tuple[Columns, int | None, bool]:
    """The columns that a routine yields, the table whose rows they are, whether they make a row."""
    outs = [argument for argument in arguments if argument.mode != "in"]
    named = tuple([(out.name or f"column{place}", out.type) for place, out in enumerate(outs, 1)])
    if syntax.kind == "procedure":
        return named, None, True
    if syntax.columns:
        if outs:
            raise ProgrammingError(
                "OUT and INOUT arguments aren't allowed in TABLE functions", sqlstate="42P13"
            )
        columns = tuple(
            [
                (name, _scalar_type(catalog, type_, "columns of a row type are"))
                for name, type_ in syntax.columns
            ]
        )
        return columns, None, len(columns) > 1
    returns = syntax.returns
    if outs:
        _check_returns(returns, outs)
        return named, None, len(named) > 1
    if returns is None:
        raise ProgrammingError("function result type must be specified", sqlstate="42P13")
    if returns.word == "void" and not syntax.returns_set:
        return (), None, False
    if returns.word:
        what = (
            "SETOF void is" if returns.word == "void" else "a result of type record without OUT arguments is"
        )
        raise NotSupportedError(f"{what} not supported", position=returns.position)
    if returns.relation is not None and returns.column is None:
        relation = catalog.relation(returns.relation)
        if isinstance(relation, Table):
            return (), relation.id, True
        if relation is None:
            raise _no_type(returns)
        raise NotSupportedError(
            f'rows of "{returns.relation}" as a result are not supported', position=returns.position
        )
    return (("", _scalar_type(catalog, returns, "")),), None, False


def _check_returns(returns: TypeSyntax | None, outs: Sequence[RoutineArgument]) -> None:
    """RETURNS beside OUT arguments says the same as they do."""
    if returns is None:
        return
    if len(outs) > 1:
        wanted = "record"
        fits = returns.word == "record"
    else:
        wanted = str(outs[0].type)
        fits = returns.type == outs[0].type
    if not fits:
        raise ProgrammingError(
            f"function result type must be {wanted} because of OUT parameters",
            sqlstate="42P13",
            position=returns.position,
        )


# --- OR REPLACE -----------------------------------------------------------------------------------


def _replaced(catalog: Catalog, routine: Routine, syntax: CreateRoutineSyntax) -> Routine | None:
    """The routine that this one takes the place of: it must be called and yield the same."""
    for old in catalog.routines(routine.name):
        if old.signature == routine.signature:
            break
    else:
        return None
    if not syntax.replace:
        raise ProgrammingError(
            f'function "{routine.name}" already exists with same argument types',
            sqlstate="42723",
            position=syntax.routine.position,
        )
    if old.kind != routine.kind:
        raise ProgrammingError(
            "cannot change routine kind", sqlstate="42809", detail=f'"{old.name}" is a {old.kind}.'
        )
    hint = f"Use DROP {old.kind.upper()} {old.signature} first."
    if _shape(old) != _shape(routine):
        by_outs = old.returns_row and routine.returns_row and old.row_of is None and routine.row_of is None
        raise ProgrammingError(
            "cannot change return type of existing function",
            sqlstate="42P13",
            detail="Row type defined by OUT parameters is different." if by_outs else None,
            hint=hint,
        )
    for before, after in zip(old.inputs, routine.inputs, strict=True):
        if before.name and before.name != after.name:
            raise ProgrammingError(
                f'cannot change name of input parameter "{before.name}"', sqlstate="42P13", hint=hint
            )
        if before.default is not None and after.default is None:
            raise ProgrammingError(
                "cannot remove parameter defaults from existing function", sqlstate="42P13", hint=hint
            )
    return old


def _shape(routine: Routine) -> tuple[object, ...]:
    return routine.columns, routine.row_of, routine.returns_set, routine.returns_row


# --- atomic bodies --------------------------------------------------------------------------------


def _atomic_dependencies(binder: Binder, routine: Routine, body: BodySyntax) -> set[int]:
    """The relations and routines that the statements name; errors point into the whole statement."""
    found: set[int] = set()
    try:
        for parsed in parse(body.text):
            inner = Binder(
                binder.catalog,
                [argument.type for argument in routine.inputs],
                binder.settings,
                binder.parts,
                routine_variables(routine),
                binder.procedures,
            )
            tree = parsed.tree
            if isinstance(tree, CallStatement):
                found.add(bind_call(inner, query_tree(parsed.source, list(tree.tokens))).routine.id)
            elif isinstance(tree, exp.Insert | exp.Update | exp.Delete):
                plan = inner.change(tree).plan
                found |= {*relations_named(binder.catalog, tree), *routines_called(plan)}
            elif isinstance(tree, exp.Expression):
                plan = inner.query(tree).plan
                found |= {*relations_named(binder.catalog, tree), *routines_called(plan)}
            else:
                raise NotSupportedError(
                    f"{parsed.kind.upper()} is not yet supported in unquoted SQL function body",
                    position=parsed.offset + 1,
                )
    except Error as error:
        if error.position is not None and body.start is not None:
            error.position += body.start
        raise
    return found


# --- DROP, ALTER ----------------------------------------------------------------------------------


def find_routine(catalog: Catalog, kind: str, name: RoutineName) -> Routine:
    """The routine that DROP or ALTER means; 42883, 42725, 42809."""
    check_schema(name.name)
    there = catalog.routines(name.name.name)
    what = "procedure" if kind == "procedure" else "routine" if kind == "routine" else "function"
    if name.types is None:
        fitting = [routine for routine in there if kind in ("routine", routine.kind)]
        if not fitting:
            raise ProgrammingError(
                f'could not find a {what} named "{name.name.name}"',
                sqlstate="42883",
                position=name.name.position,
            )
        if len(fitting) > 1:
            raise ProgrammingError(
                f'{what} name "{name.name.name}" is not unique',
                sqlstate="42725",
                position=name.name.position,
                hint=f"Specify the argument list to select the {what} unambiguously.",
            )
        return fitting[0]
    types = [_scalar_type(catalog, type_, "arguments of a row type are") for type_ in name.types]
    spelled = f"{name.name.name}({','.join([str(type_) for type_ in types])})"
    for routine in there:
        if routine.signature == spelled:
            if kind not in ("routine", routine.kind):
                raise _wrong_kind(spelled, what, name.name)
            return routine
    raise ProgrammingError(f"{what} {spelled} does not exist", sqlstate="42883", position=name.name.position)


def _wrong_kind(spelled: str, what: str, name: TableName) -> ProgrammingError:
    return ProgrammingError(f"{spelled} is not a {what}", sqlstate="42809", position=name.position)


def drop_routines(catalog: Catalog, syntax: DropRoutineSyntax) -> Definition:
    """DROP FUNCTION | PROCEDURE | ROUTINE."""
    tag = f"DROP {syntax.kind.upper()}"
    found: list[Routine] = []
    notices: list[str] = []
    for name in syntax.names:
        try:
            routine = find_routine(catalog, syntax.kind, name)
        except ProgrammingError as error:
            if not syntax.if_exists or error.sqlstate not in ("42883", "42704", "3F000"):
                raise
            notices.append(f"{error.message}, skipping")
            continue
        if routine not in found:
            found.append(routine)
    if not found:
        return Nothing(tag, "\n".join(notices))
    dropping = Dropping(catalog, syntax.cascade)
    dropping.name_routines(found)
    for routine in found:
        dropping.follow_routine(routine)
        dropping.refuse_if_blocked(f"{routine.kind} {routine.signature}")
    return Drop(
        tag, dropping.objects(), dropping.altered(), tuple(notices + dropping.notices), dropping.routines()
    )


def rename_routine(catalog: Catalog, syntax: RenameRoutineSyntax) -> Definition:
    """ALTER FUNCTION | PROCEDURE | ROUTINE ... RENAME TO."""
    old = find_routine(catalog, syntax.kind, syntax.name)
    new = replace(old, name=syntax.new_name)
    if any(other.signature == new.signature for other in catalog.routines(new.name)):
        raise ProgrammingError(
            f'function {new.signature} already exists in schema "public"', sqlstate="42723"
        )
    dropping = Dropping(catalog, cascade=False)
    dropping.name_routines([old])
    dropping.follow_routine(old)
    blocked = dropping.blocked()
    if blocked:
        raise NotSupportedError(
            f"renaming a function that stored definitions call is not supported: {blocked[0]}"
        )
    return PutRoutine(f"ALTER {syntax.kind.upper()}", new, old)
