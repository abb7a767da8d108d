"""Damaged statements and wild calls: minidb answers all with rows or with an error of its own.

Each seed mutates statements that are right: tokens are dropped, doubled, swapped, replaced. Others are made
of random calls, operators and casts over extreme values. Anything but a result or a `minidb.Error` with an
SQLSTATE fails. The statements and values lie in `fuzz/`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import minidb
from minidb.expr.functions import function_names

TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|::|<=|>=|<>|\|\||\s+|.", re.DOTALL)
OPERATORS = "+ - * / % ^ = <> < <= || ~ !~* & | # << >> -> ->> @> LIKE ILIKE AND OR"
TYPES = """smallint integer bigint numeric numeric(5,2) real float8 text varchar(2) char(3) boolean date time
    timestamp timestamptz interval uuid json jsonb bytea timestamp(0) interval(2)"""
# Sequences move, settings change, and sleeping is slow: not called at random.
NOT_CALLED = {"pg_sleep", "setval", "nextval", "set_config", "repeat", "lpad", "rpad"}
FUNCTIONS = sorted(set(function_names()) - NOT_CALLED)
FOLDER = Path(__file__).parent / "fuzz"


def lines(name: str) -> list[str]:
    """What a file of the folder holds, without its first line: that is a comment."""
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()[1:]


STATEMENTS = [line.rstrip(";") for line in lines("statements.sql")]
FRAGMENTS = lines("fragments.txt")
VALUES = lines("values.txt")


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.executescript((FOLDER / "setup.sql").read_text())
        connection.execute("SET statement_timeout = '5s'")
        yield connection


def attempt(connection: minidb.Connection, statement: str) -> str:
    """The outcome's SQLSTATE, or 00000."""
    try:
        cursor = connection.execute(statement)
        if cursor.description is not None:
            cursor.fetchmany(200)
    except minidb.Error as error:
        assert error.sqlstate not in (None, "XX000", "57014"), f"{statement}\n{error}"
        return error.sqlstate
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} from inside: {statement}") from error
    return "00000"


def mutated(chance: random.Random, statement: str) -> str:
    tokens = TOKEN.findall(statement)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = [place for place, token in enumerate(tokens) if not token.isspace()]
        if len(places) < 2:
            break
        one, two = sorted(chance.sample(places, 2))
        match chance.randrange(6):
            case 0:
                del tokens[one]
            case 1:
                tokens.insert(one, tokens[one] + " ")
            case 2:
                tokens[one], tokens[two] = tokens[two], tokens[one]
            case 3:
                tokens[one] = f" {chance.choice(FRAGMENTS)} "
            case 4:
                tokens.insert(one, f" {chance.choice(FRAGMENTS)} ")
            case _:
                tokens[two:two] = [" ", *tokens[one : min(two, one + 8)], " "]
    return "".join(tokens)


def expression(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(VALUES)
    inner = [expression(chance, depth - 1) for _ in range(3)]
    match chance.randrange(8):
        case 0 | 1 | 2 | 3:
            arguments = ", ".join(inner[: chance.choice((0, 1, 1, 1, 2, 2, 3))])
            return f"{chance.choice(FUNCTIONS)}({arguments})"
        case 4:
            return f"({inner[0]} {chance.choice(OPERATORS.split())} {inner[1]})"
        case 5:
            return f"({inner[0]})::{chance.choice(TYPES.split())}"
        case 6:
            return f"COALESCE(NULLIF({inner[0]}, {inner[1]}), {inner[2]})"
        case _:
            return f"({inner[0]} BETWEEN {inner[1]} AND {inner[2]})"


@pytest.mark.parametrize("seed", range(8))
def test_damaged_statements(connection: minidb.Connection, seed: int) -> None:
    chance = random.Random(seed)
    outcomes = [attempt(connection, mutated(chance, chance.choice(STATEMENTS))) for _ in range(250)]
    assert "00000" in outcomes
    assert "42601" in outcomes


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement[:20])
def test_the_statements_are_right(connection: minidb.Connection, statement: str) -> None:
    if "SAVEPOINT" in statement or "CHAIN" in statement:
        connection.executescript("BEGIN; SAVEPOINT a")
    assert attempt(connection, statement) == "00000"


@pytest.mark.parametrize("seed", range(4))
def test_wild_expressions(connection: minidb.Connection, seed: int) -> None:
    chance = random.Random(seed)
    outcomes = [attempt(connection, f"SELECT {expression(chance, 2)}") for _ in range(300)]
    assert "00000" in outcomes
