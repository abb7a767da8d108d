"""The parameters of one execution: matched to the statement's places, and their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minidb.errors import InterfaceError, ProgrammingError
from minidb.value.python_values import type_of_python_value
from minidb.value.sql_types import INTEGER, UNKNOWN, SqlType

Parameters = Sequence[Any] | Mapping[str, Any]

_SMALL = 2**31


def signature_of(parameters: Parameters) -> tuple[Any, ...]:
    """What a statement's meaning may depend on: the parameters' types, with their names if they have any."""
    if isinstance(parameters, Mapping):
        return tuple([(name, _type_of(value)) for name, value in parameters.items()])
    return types_of(parameters)


def types_of(values: Sequence[Any]) -> tuple[SqlType, ...]:
    """The SQL types of Python values; text and None are `unknown`: the context decides."""
    return tuple([_type_of(value) for value in values])


def _type_of(value: Any) -> SqlType:
    kind = type(value)
    if kind is int and -_SMALL <= value < _SMALL:
        return INTEGER
    if value is None or kind is str:
        return UNKNOWN
    return type_of_python_value(value)


def bind_values(names: Sequence[str | None], parameters: Parameters) -> list[Any]:
    """The values in the order of the statement's parameters; `names` are those of `:name` places."""
    named = bool(names) and names[0] is not None
    if isinstance(parameters, Mapping):
        if not named:
            if not parameters and not names:
                return []
            raise ProgrammingError(
                "the statement's parameters are positional: give a sequence, not a mapping", sqlstate="07001"
            )
        missing = [name for name in names if name not in parameters]
        if missing:
            raise ProgrammingError(f"no value for parameter :{missing[0]}", sqlstate="07001")
        return [parameters[name] for name in names if name is not None]
    if isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence):
        raise InterfaceError(
            f"parameters must be a sequence or a mapping, not {type(parameters).__name__}", sqlstate="07001"
        )
    if len(parameters) != len(names):
        raise ProgrammingError(
            f"the statement has {len(names)} parameters, but {len(parameters)} were supplied",
            sqlstate="07001",
        )
    if named:
        raise ProgrammingError(
            "the statement's parameters have names: give a mapping, not a sequence", sqlstate="07001"
        )
    return list(parameters)
