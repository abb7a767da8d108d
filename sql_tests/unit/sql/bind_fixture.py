"""Binding against a catalog made from CREATE statements, without storage."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject
from minidb.errors import Error
from minidb.expr.node import Expr
from minidb.plan.definitions import CreateTable, CreateView
from minidb.plan.nodes import Plan, Project
from minidb.sql.bind import Bound, bind
from minidb.sql.parse import parse

SCHEMA = """
CREATE TABLE t (a integer PRIMARY KEY, b text, c numeric(10,2), d date);
CREATE TABLE u (a integer, x bigint, y text);
CREATE TABLE w (b text, z timestamp);
CREATE VIEW v (one, two) AS SELECT a, x FROM u WHERE x > 0;
"""


def _catalog() -> Catalog:
    objects: list[CatalogObject] = []
    for number, parsed in enumerate(parse(SCHEMA), 100):
        definition = bind(parsed, Catalog(objects, number)).plan
        if isinstance(definition, CreateTable):
            objects.append(replace(definition.table, id=number, storage_id=number))
        else:
            assert isinstance(definition, CreateView)
            objects.append(replace(definition.view, id=number))
    return Catalog(objects, 1)


CATALOG = _catalog()


def bound(sql: str) -> Bound:
    (parsed,) = parse(sql)
    return bind(parsed, CATALOG)


def plan(sql: str) -> Plan:
    found = bound(sql).plan
    assert isinstance(found, Plan)
    return found


def columns(sql: str) -> list[tuple[str, str]]:
    """Names and types of the result."""
    return [(name, str(type_)) for name, type_ in bound(sql).columns]


def names(sql: str) -> list[str]:
    return [name for name, _ in bound(sql).columns]


def types(sql: str) -> list[str]:
    return [type_ for _, type_ in columns(sql)]


def expression(sql: str) -> Expr:
    """The first output expression of a SELECT."""
    found = plan(sql)
    assert isinstance(found, Project)
    return found.expressions[0]


def failure(sql: str) -> tuple[str, str]:
    """SQLSTATE and message."""
    return raised(sql).sqlstate, str(raised(sql))


def raised(sql: str) -> Error:
    with pytest.raises(Error) as caught:
        bound(sql)
    return caught.value


def outline(node: Plan) -> str:
    """The classes of the plan's nodes, inputs in parentheses: Project(Join(Scan, Scan))."""
    inputs = [
        outline(value)
        for name in ("source", "left", "right", "body")
        if isinstance(value := getattr(node, name, None), Plan)
    ]
    return type(node).__name__ + (f"({', '.join(inputs)})" if inputs else "")
