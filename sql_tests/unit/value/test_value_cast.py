"""Casts and common types against PostgreSQL's."""

from __future__ import annotations

import pytest
from value_cases import SESSION, cases, disagreements, type_named

from minidb.errors import DataError, ProgrammingError
from minidb.value import sql_types
from minidb.value.cast import can_cast, cast_function, common_type, depends_on_session, identity
from minidb.value.cast_matrix import CastContext
from minidb.value.sql_types import Kind, SqlType


def _cast(operands: tuple[str, ...]) -> str:
    source, text, target = operands
    value = cast_function(sql_types.UNKNOWN, type_named(source), True, SESSION)(text)
    value = cast_function(type_named(source), type_named(target), True, SESSION)(value)
    result: str = cast_function(type_named(target), sql_types.TEXT, True, SESSION)(value)
    return result


def test_explicit_casts_are_postgresqls() -> None:
    assert disagreements(cases("cast_cases"), _cast) == []


# pg_cast: i implicit, a assignment, e explicit.
_PG_CAST = """
boolean: integer e, text a, character a, character varying a
bigint: smallint a, integer a, real i, double precision i, numeric i
smallint: bigint i, integer i, real i, double precision i, numeric i
integer: boolean e, bigint i, smallint a, real i, double precision i, numeric i
text: character i, character varying i
json: jsonb a
real: bigint a, smallint a, integer a, double precision i, numeric a
double precision: bigint a, smallint a, integer a, real a, numeric a
character: text i, character varying i
character varying: text i, character i
date: timestamp without time zone i, timestamp with time zone i
time without time zone: interval i
timestamp without time zone: date a, time without time zone a, timestamp with time zone i
timestamp with time zone: date a, time without time zone a, timestamp without time zone a
interval: time without time zone a
numeric: bigint a, smallint a, integer a, real i, double precision i
jsonb: boolean e, bigint e, smallint e, integer e, json a, real e, double precision e, numeric e
"""


def _needed(source: Kind, target: Kind) -> str:
    contexts: tuple[tuple[str, CastContext], ...] = (
        ("i", "implicit"), ("a", "assignment"), ("e", "explicit"),
    )  # fmt: skip
    for letter, context in contexts:
        if can_cast(SqlType(source), SqlType(target), context):
            return letter
    return "-"


def test_cast_contexts_are_those_of_pg_cast() -> None:
    listed: dict[tuple[Kind, Kind], str] = {}
    for line in _PG_CAST.strip().splitlines():
        source, _, targets = line.partition(":")
        for target in targets.split(","):
            name, _, context = target.strip().rpartition(" ")
            listed[Kind(source), Kind(name)] = context
    strings = {Kind.TEXT, Kind.VARCHAR, Kind.CHAR}
    for source in set(Kind) - {Kind.UNKNOWN}:
        for target in set(Kind) - {Kind.UNKNOWN, source}:
            # What is not in pg_cast goes through text: to strings on assignment, from strings explicitly.
            default = "a" if target in strings else "e" if source in strings else "-"
            assert _needed(source, target) == listed.get((source, target), default), (source, target)


def test_every_allowed_cast_has_a_function() -> None:
    for source in Kind:
        for target in Kind:
            if can_cast(SqlType(source), SqlType(target), "explicit"):
                assert callable(cast_function(SqlType(source), SqlType(target), False))
            else:
                with pytest.raises(ProgrammingError) as caught:
                    cast_function(SqlType(source), SqlType(target), False)
                assert caught.value.sqlstate == "42846"


def test_casts_that_change_nothing_are_the_identity() -> None:
    for source, target in (
        (sql_types.SMALLINT, sql_types.BIGINT),
        (sql_types.VARCHAR, sql_types.TEXT),
        (sql_types.TEXT, sql_types.VARCHAR),
        (sql_types.REAL, sql_types.DOUBLE),
        (SqlType(Kind.NUMERIC, precision=5, scale=2), sql_types.NUMERIC),
        (sql_types.UNKNOWN, sql_types.TEXT),
        (sql_types.JSONB, sql_types.JSON),
    ):
        assert cast_function(source, target, False) is identity or target is sql_types.TEXT


def test_storing_refuses_what_a_cast_cuts() -> None:
    varying, fixed = SqlType(Kind.VARCHAR, length=3), SqlType(Kind.CHAR, length=3)
    for type_, name in ((varying, "character varying(3)"), (fixed, "character(3)")):
        store = cast_function(sql_types.TEXT, type_, False)
        assert store("abc  ") == "abc"
        with pytest.raises(DataError, match="value too long for type") as caught:
            store("abcd")
        assert caught.value.sqlstate == "22001"
        assert caught.value.message == f"value too long for type {name}"
        assert cast_function(sql_types.TEXT, type_, True)("abcd") == "abc"


def test_time_zone_matters_only_across_the_border_of_timestamptz() -> None:
    assert depends_on_session(sql_types.TIMESTAMPTZ, sql_types.TEXT)
    assert depends_on_session(sql_types.DATE, sql_types.TIMESTAMPTZ)
    assert depends_on_session(sql_types.UNKNOWN, sql_types.DATE)
    assert not depends_on_session(sql_types.DATE, sql_types.TIMESTAMP)
    assert not depends_on_session(sql_types.INTEGER, sql_types.TEXT)


@pytest.mark.parametrize(
    ("types", "result"),
    [
        ("integer, bigint", "bigint"),
        ("integer, numeric(5,2)", "numeric"),
        ("numeric(5,2), numeric(5,2)", "numeric(5,2)"),
        ("numeric(5,2), unknown", "numeric"),
        ("numeric, real", "real"),
        ("real, integer, double precision, numeric", "double precision"),
        ("unknown, unknown", "text"),
        ("unknown, integer", "integer"),
        ("varchar(3), text", "character varying"),
        ("text, varchar(3)", "text"),
        ("char(3), text", "character"),
        ("char(3), char(5)", "character"),
        ("date, timestamp", "timestamp without time zone"),
        ("date, timestamptz, timestamp", "timestamp with time zone"),
        ("integer, text", "!42804: CASE types integer and text cannot be matched"),
        ("json, jsonb", "!42804: CASE types json and jsonb cannot be matched"),
        ("uuid, bytea", "!42804: CASE types uuid and bytea cannot be matched"),
        ("date, time", "!42846: CASE could not convert type time without time zone to date"),
        ("boolean, integer", "!42804: CASE types boolean and integer cannot be matched"),
    ],
)
def test_common_types(types: str, result: str) -> None:
    members = [type_named(name) for name in types.split(", ")]
    rows = [("", result)]
    assert disagreements(rows, lambda _: str(common_type(members, "CASE"))) == []
