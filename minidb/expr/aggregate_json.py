"""json_agg, jsonb_agg, json_object_agg, jsonb_object_agg: NULLs are kept, as JSON's null."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidb.errors import DataError
from minidb.expr.aggregate_base import AggregateFunction
from minidb.expr.json_values import json_writer, quoted
from minidb.value.json_text import parse_jsonb
from minidb.value.sql_types import Kind, SqlType, Value
from minidb.value.text import writer


def json_aggregate(name: str, kind: Kind, arguments: Sequence[SqlType]) -> AggregateFunction:
    """The aggregate `name`, whose result is of `kind`."""
    if len(arguments) == 1:
        return JsonAggregate(name, SqlType(kind), json_writer(arguments[0]))
    return JsonObjectAggregate(name, SqlType(kind), writer(arguments[0]), json_writer(arguments[1]))


class JsonAggregate(AggregateFunction):
    """An array of the values. State: their JSON texts."""

    __slots__ = ("_write", "name", "type")

    keeps_nulls: bool = True

    def __init__(self, name: str, type_: SqlType, write: Callable[[Value], str]) -> None:
        self.name = name
        self.type = type_
        self._write = write

    def start(self) -> Any:
        return []

    def add(self, state: Any, value: Value) -> Any:
        state.append("null" if value is None else self._write(value))
        return state

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        if not state:
            return None
        text = "[" + ", ".join(state) + "]"
        return parse_jsonb(text) if self.type.kind is Kind.JSONB else text


class JsonObjectAggregate(AggregateFunction):
    """An object of the (key, value) pairs. State: its members' JSON texts."""

    __slots__ = ("_write_key", "_write_value", "name", "type")

    keeps_nulls: bool = True

    def __init__(
        self,
        name: str,
        type_: SqlType,
        write_key: Callable[[Value], str],
        write_value: Callable[[Value], str],
    ) -> None:
        self.name = name
        self.type = type_
        self._write_key = write_key
        self._write_value = write_value

    def start(self) -> Any:
        return []

    def add(self, state: Any, value: Value) -> Any:
        key, item = value
        if key is None:
            raise DataError("field name must not be null", sqlstate="22023")
        state.append(
            f"{quoted(self._write_key(key))} : {'null' if item is None else self._write_value(item)}"
        )
        return state

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        if not state:
            return None
        text = "{ " + ", ".join(state) + " }"
        return parse_jsonb(text) if self.type.kind is Kind.JSONB else text
