"""Functions and procedures for people, and for a view of them: PostgreSQL's spelling of signatures."""

from __future__ import annotations

from collections.abc import Iterable

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine, RoutineArgument, Table
from minidb.value.sql_types import BOOLEAN, TEXT, Row, SqlType

# The columns of `routine_rows`.
ROUTINE_COLUMNS: tuple[tuple[str, SqlType], ...] = (
    ("name", TEXT),
    ("kind", TEXT),
    ("arguments", TEXT),
    ("result", TEXT),
    ("language", TEXT),
    ("volatility", TEXT),
    ("strict", BOOLEAN),
    ("body", TEXT),
)


def routine_rows(catalog: Catalog, others: Iterable[Routine] = ()) -> list[Row]:
    """A row for each routine of the catalog, and of `others` (those in Python), by name and arguments."""
    routines = sorted([*catalog.routines(), *others], key=lambda routine: routine.signature)
    return [
        (
            routine.name,
            routine.kind,
            arguments_text(routine),
            result_text(catalog, routine),
            routine.language,
            routine.volatility,
            routine.strict,
            routine.body,
        )
        for routine in routines
    ]


def arguments_text(routine: Routine) -> str:
    """a integer, b integer DEFAULT 10, OUT c text"""
    return ", ".join([_argument_text(argument) for argument in routine.arguments])


def _argument_text(argument: RoutineArgument) -> str:
    mode = "" if argument.mode == "in" else argument.mode.upper()
    default = "" if argument.default is None else f"DEFAULT {argument.default}"
    return " ".join([part for part in (mode, argument.name, str(argument.type), default) if part])


def result_text(catalog: Catalog, routine: Routine) -> str | None:
    """integer, SETOF t, TABLE(a integer, b text), record, void; None for a procedure."""
    if routine.kind == "procedure":
        return None
    setof = "SETOF " if routine.returns_set else ""
    if routine.row_of is not None:
        table = catalog.object_by_id(routine.row_of)
        assert isinstance(table, Table)
        return setof + table.name
    if not routine.columns:
        return "void"
    has_outs = any(argument.mode != "in" for argument in routine.arguments)
    if routine.returns_set and not has_outs and routine.columns[0][0]:
        return f"TABLE({', '.join([f'{name} {type_}' for name, type_ in routine.columns])})"
    return setof + (str(routine.columns[0][1]) if len(routine.columns) == 1 else "record")


def describe_routines(catalog: Catalog, others: Iterable[Routine], name: str | None) -> list[str]:
    """The routines, a line each; or those of one name, with their bodies."""
    lines: list[str] = []
    for own, kind, arguments, result, language, volatility, strict, body in routine_rows(catalog, others):
        if name is not None and own != name:
            continue
        attributes = [
            language,
            *([volatility] if kind == "function" else []),
            *(["strict"] if strict else []),
        ]
        returns = "" if result is None else f" returns {result}"
        lines.append(f"{kind:<10}{own}({arguments}){returns}  {' '.join(attributes)}")
        if name is not None:
            lines.extend([f"  {line}" for line in body.strip("\n").split("\n") if body])
    return lines or ["no routines" if name is None else f"no routine is called {name}"]
