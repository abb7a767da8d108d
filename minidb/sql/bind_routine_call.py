"""Calls of users' functions and procedures: which of one name is meant, and its arguments as it wants them.

A call fits a routine if each of its values finds an argument, by place or by name (a => 1), and each argument
without a value has a default. Among those that fit, PostgreSQL's rules for overloads choose, built-in
functions of that name taking part; an equal signature means the built-in one, as pg_catalog comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from minidb.catalog.schema import Routine, RoutineArgument
from minidb.errors import Error, NotSupportedError, ProgrammingError
from minidb.expr.cast import cast
from minidb.expr.functions import overload_kinds
from minidb.expr.node import Expr
from minidb.expr.overloads import Signature, choose
from minidb.expr.user_function import UserFunction
from minidb.plan.definitions import Call
from minidb.sql.bind_expression import bind_in_clause
from minidb.sql.bind_function import call, function_name
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of
from minidb.sql.parse import parse_expression
from minidb.sql.scope import Scope
from minidb.value.sql_types import TEXT, Kind


@dataclass(frozen=True, slots=True)
class Given:
    """One value of a call: by its place, or for the argument that it names."""

    name: str | None
    value: Expr


@dataclass(frozen=True, slots=True)
class _Fit:
    """A routine that a call fits: for each of its arguments the value's place in the call, or the default."""

    routine: Routine | None  # None: a built-in function
    arguments: tuple[RoutineArgument, ...]
    places: tuple[int | None, ...]
    kinds: tuple[Kind, ...]  # of the arguments that the call gives, in its order


# --- functions in expressions and in FROM ---------------------------------------------------------


def bind_value(binder: Binder, name: str, tree: exp.Expression, scope: Scope) -> Expr:
    """A call in an expression, where a user's function has that name."""
    given = given_values(binder, tree.expressions, scope)
    found = _chosen(binder, name, given, position_of(tree))
    if found is None:
        return call(name, [each.value for each in given], scope)
    routine, arguments = found
    _require_function(routine, given, tree)
    if routine.returns_set:
        raise NotSupportedError(
            f"the set-returning function {name} outside FROM is not supported", position=position_of(tree)
        )
    if routine.returns_row:
        raise NotSupportedError("a row as a value is not supported", position=position_of(tree))
    type_ = routine.columns[0][1] if routine.columns else TEXT
    return UserFunction(routine.id, name, tuple(arguments), type_, routine.volatility)


def bind_in_from(
    binder: Binder, name: str, tree: exp.Expression, scope: Scope
) -> tuple[Routine, list[Expr]] | None:
    """The user's function that a call in FROM means, and its arguments; None for a built-in one."""
    given = given_values(binder, tree.expressions, scope, "functions in FROM")
    found = _chosen(binder, name, given, position_of(tree))
    if found is not None:
        _require_function(found[0], given, tree)
    return found


def given_values(
    binder: Binder, trees: Sequence[exp.Expression], scope: Scope, clause: str | None = None
) -> list[Given]:
    """The call's values, bound; 42601 for one by place after one by name."""
    found: list[Given] = []
    for tree in trees:
        name: str | None = None
        value = tree
        if isinstance(tree, exp.Kwarg | exp.PropertyEQ):
            name, value = identifier(tree.this), tree.args["expression"]
            if any(each.name == name for each in found):
                raise ProgrammingError(
                    f'argument name "{name}" used more than once',
                    sqlstate="42601",
                    position=position_of(tree),
                )
        elif found and found[-1].name is not None:
            raise ProgrammingError(
                "positional argument cannot follow named argument",
                sqlstate="42601",
                position=position_of(tree),
            )
        bound = (
            binder.expression(value, scope)
            if clause is None
            else bind_in_clause(binder, value, scope, clause)
        )
        found.append(Given(name, bound))
    return found


def _require_function(routine: Routine, given: list[Given], tree: exp.Expression) -> None:
    if routine.kind == "procedure":
        raise ProgrammingError(
            f"{_spelled(routine.name, given)} is a procedure",
            sqlstate="42809",
            position=position_of(tree),
            hint="To call a procedure, use CALL.",
        )


# --- CALL -----------------------------------------------------------------------------------------


def bind_call(binder: Binder, tree: exp.Expression) -> Call:
    """CALL name(arguments): the tree is that of SELECT name(arguments)."""
    called = tree.expressions[0] if isinstance(tree, exp.Select) and len(tree.expressions) == 1 else None
    name = None if called is None else function_name(called)
    others = [key for key, value in tree.args.items() if value and key not in ("expressions", "kind")]
    if called is None or name is None or others:
        raise ProgrammingError("syntax error in CALL", sqlstate="42601", position=position_of(called))
    anonymous = called.expression if isinstance(called, exp.Dot) else called
    query = anonymous.find(exp.Query)
    if query is not None:
        raise NotSupportedError("cannot use subquery in CALL argument", position=position_of(query))
    given = given_values(binder, anonymous.expressions, Scope(), "CALL arguments")
    position = position_of(anonymous)
    found = _chosen(binder, name, given, position, is_call=True)
    if found is None:
        raise ProgrammingError(
            f"{_spelled(name, given)} is not a procedure",
            sqlstate="42809",
            position=position,
            hint="To call a function, use SELECT.",
        )
    routine, arguments = found
    if routine.kind != "procedure":
        raise ProgrammingError(
            f"{_spelled(name, given)} is not a procedure",
            sqlstate="42809",
            position=position,
            hint="To call a function, use SELECT.",
        )
    return Call(routine, tuple(arguments))


# --- which one ------------------------------------------------------------------------------------


def _chosen(
    binder: Binder, name: str, given: list[Given], position: int | None, *, is_call: bool = False
) -> tuple[Routine, list[Expr]] | None:
    """The routine and the values of its inputs; None if a built-in function is meant."""
    fits = _built_in(name, given)
    kinds_there = {fit.kinds for fit in fits}
    routines = [*binder.catalog.routines(name), *(binder.procedures.get(name, ()) if is_call else ())]
    for routine in routines:
        fit = _fit(routine, given, with_outs=is_call and routine.kind == "procedure")
        if fit is not None and fit.kinds not in kinds_there:
            fits.append(fit)
    signatures = [Signature(fit.kinds, place) for place, fit in enumerate(fits)]
    chosen = choose(signatures, [each.value.type.kind for each in given])
    same = isinstance(chosen, Signature) and [each.kinds for each in signatures].count(chosen.kinds) > 1
    if not isinstance(chosen, Signature) or same:
        raise _not_found(name, given, position, is_call, ambiguous=chosen is not None)
    found = fits[chosen.position]
    if found.routine is None:
        return None
    try:
        return found.routine, _arguments(binder, found, given)
    except Error as error:
        if error.position is None:
            error.position = position
        raise


def _built_in(name: str, given: list[Given]) -> list[_Fit]:
    if any(each.name is not None for each in given):
        return []
    places = tuple(range(len(given)))
    return [_Fit(None, (), places, kinds) for kinds in overload_kinds(name) if len(kinds) == len(given)]


def _fit(routine: Routine, given: list[Given], *, with_outs: bool) -> _Fit | None:
    arguments = routine.arguments if with_outs else routine.inputs
    places: list[int | None] = [None] * len(arguments)
    names = [argument.name for argument in arguments]
    kinds: list[Kind] = []
    for place, each in enumerate(given):
        if each.name is None:
            target = place
        elif each.name in names:
            target = names.index(each.name)
        else:
            return None
        if target >= len(arguments) or places[target] is not None:
            return None
        places[target] = place
        kinds.append(arguments[target].type.kind)
    for argument, given_place in zip(arguments, places, strict=True):
        if given_place is None and argument.default is None:
            return None
    return _Fit(routine, arguments, tuple(places), tuple(kinds))


def _arguments(binder: Binder, fit: _Fit, given: list[Given]) -> list[Expr]:
    found: list[Expr] = []
    for argument, place in zip(fit.arguments, fit.places, strict=True):
        if argument.mode == "out":
            continue  # a placeholder in CALL: its value is not looked at
        if place is None:
            assert argument.default is not None
            found.append(bind_default(binder, argument.default, argument))
        else:
            value = given[place].value
            same = value.type.kind is argument.type.kind
            found.append(value if same else cast(value, argument.type, "implicit"))
    return found


def bind_default(binder: Binder, text: str, argument: RoutineArgument) -> Expr:
    """An argument's default, as a value of its type."""
    variables, binder.variables = binder.variables, None
    try:
        bound = bind_in_clause(binder, parse_expression(f"({text})"), Scope(), "DEFAULT expressions")
        return cast(bound, argument.type, "assignment")
    except Error as error:
        error.position = None
        raise
    finally:
        binder.variables = variables


def _spelled(name: str, given: list[Given]) -> str:
    values = [
        each.value.type.kind.value if each.name is None else f"{each.name} => {each.value.type.kind.value}"
        for each in given
    ]
    return f"{name}({', '.join(values)})"


def _not_found(
    name: str, given: list[Given], position: int | None, is_call: bool, *, ambiguous: bool
) -> ProgrammingError:
    what = "procedure" if is_call else "function"
    if ambiguous:
        return ProgrammingError(
            f"{what} {_spelled(name, given)} is not unique",
            sqlstate="42725",
            position=position,
            hint=f"Could not choose a best candidate {what}. You might need to add explicit type casts.",
        )
    return ProgrammingError(
        f"{what} {_spelled(name, given)} does not exist",
        sqlstate="42883",
        position=position,
        hint=f"No {what} matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )
