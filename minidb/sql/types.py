"""Type names in sqlglot's trees -> SqlType."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.sql.names import fold, identifier, position_of, refuse
from minidb.value.sql_types import SqlType
from minidb.value.types_by_name import type_from_name

# sqlglot's names that differ from PostgreSQL's.
_NAMES: Final = {
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARBINARY": "bytea",
    "DECIMAL": "numeric",
    "INT": "integer",
    "TIMETZ": "time with time zone",
}


def sql_type(node: exp.Expression) -> SqlType:
    """The type that a DataType node names; 42704 and 0A000 with its position."""
    try:
        name, modifiers = type_name(node)
        if name == "double precision" and modifiers:
            name = "float"
        return type_from_name(name, modifiers)
    except Error as error:
        if error.position is None:
            error.position = position_of(node)
        raise


def type_name(node: exp.Expression) -> tuple[str, list[int]]:
    """PostgreSQL's name of the type, serial types included, and its modifiers."""
    if isinstance(node, exp.PseudoType | exp.ObjectIdentifier):
        return fold(str(node.this)), []
    if isinstance(node, exp.Identifier | exp.Column):
        return identifier(node), []
    if not isinstance(node, exp.DataType):
        raise SyntaxError_("a type name was expected", position=position_of(node))
    kind = node.this
    if isinstance(kind, exp.Interval):
        raise refuse("INTERVAL with fields as a type is", node)
    if kind in (exp.DType.ARRAY, exp.DType.LIST):
        raise refuse("array types are", node)
    if kind is exp.DType.USERDEFINED:
        return _user_defined(node), _modifiers(node)
    name = str(kind.value if isinstance(kind, exp.DType) else kind)
    return _NAMES.get(name, name.lower()), _modifiers(node)


def _user_defined(node: exp.DataType) -> str:
    named = node.args.get("kind")
    if isinstance(named, exp.Dot):
        schema, name = identifier(named.this), identifier(named.expression)
        if schema != "pg_catalog":
            raise ProgrammingError(
                f'type "{schema}.{name}" does not exist', sqlstate="42704", position=position_of(named)
            )
        return name
    if isinstance(named, exp.Identifier) and named.args.get("quoted") and named.this == "char":
        raise refuse('type "char" is', node)
    return identifier(named)


def _modifiers(node: exp.DataType) -> list[int]:
    found: list[int] = []
    for parameter in node.expressions:
        value = parameter.this if isinstance(parameter, exp.DataTypeParam) else parameter
        if not isinstance(value, exp.Literal) or value.is_string or not value.name.lstrip("-").isdigit():
            raise SyntaxError_("type modifiers must be simple constants", position=position_of(parameter))
        found.append(int(value.name))
    return found
