"""Random changes, each compared with a model in Python; in the end rows and index entries must agree."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from minidb.errors import Error
from minidb.session.check import check
from minidb.session.database import open_database
from minidb.session.session import Session

Row = tuple[int, int | None, str | None, int]
Model = dict[int, Row]

SCHEMA = (
    "CREATE TABLE t (k int PRIMARY KEY, a int UNIQUE, b text, c int NOT NULL CHECK (c < 50))",
    "CREATE INDEX t_b ON t (b DESC, c)",
    "CREATE INDEX t_part ON t (c) WHERE c > 10",
    "CREATE INDEX t_upper ON t (upper(b), (k + c))",
)


class Refused(Exception):
    """What the model says about a change that must fail."""


def store(model: Model, row: Row, instead_of: int | None = None) -> None:
    """Put one row, as the constraints allow."""
    if instead_of is not None:
        del model[instead_of]
    if row[3] >= 50:
        raise Refused("23514")
    if row[0] in model:
        raise Refused("23505")
    if row[1] is not None and any(other[1] == row[1] for other in model.values()):
        raise Refused("23505")
    model[row[0]] = row


class Changes:
    """Draws a statement, and what it does to a model."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def row(self) -> Row:
        draw = self.random
        number = draw.choice([None, draw.randrange(40)])
        text = draw.choice([None, "", "x", "Y" * draw.randrange(1, 700)])
        return draw.randrange(-10, 30), number, text, draw.randrange(-5, 52)

    def draw(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        """(statement, parameter rows, effect)"""
        kind: Callable[[], tuple[str, list[tuple[object, ...]], Callable[[Model], None]]]
        kind = self.random.choice(
            [
                self.insert,
                self.insert_many,
                self.upsert,
                self.ignore,
                self.shift,
                self.move,
                self.text,
                self.delete,
            ]
        )
        return kind()

    def insert(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        row = self.row()
        return "INSERT INTO t VALUES (?, ?, ?, ?)", [row], lambda model: store(model, row)

    def insert_many(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        rows = [self.row() for _ in range(3)]

        def effect(model: Model) -> None:
            for row in rows:
                store(model, row)

        return "INSERT INTO t VALUES (?, ?, ?, ?)", list(rows), effect

    def upsert(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        row = self.row()

        def effect(model: Model) -> None:
            if row[3] >= 50:
                raise Refused("23514")
            old = model.get(row[0])
            if old is None:
                store(model, row)
            else:
                store(model, (old[0], row[1], old[2], old[3] + 1), old[0])

        text = "ON CONFLICT (k) DO UPDATE SET a = excluded.a, c = t.c + 1"
        return f"INSERT INTO t VALUES (?, ?, ?, ?) {text}", [row], effect

    def ignore(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        row = self.row()

        def effect(model: Model) -> None:
            if row[3] >= 50:
                raise Refused("23514")
            taken = row[1] is not None and any(other[1] == row[1] for other in model.values())
            if row[0] not in model and not taken:
                model[row[0]] = row

        return "INSERT INTO t VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", [row], effect

    def shift(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        step, least = self.random.choice([-1, 1, 7]), self.random.randrange(30)

        def effect(model: Model) -> None:
            for key in sorted(key for key in model if key >= least):
                k, a, b, c = model[key]
                store(model, (k, None if a is None else a + step, b, c + step), key)

        return "UPDATE t SET a = a + ?, c = c + ? WHERE k >= ?", [(step, step, least)], effect

    def move(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        key, to = self.random.randrange(-10, 30), self.random.randrange(-10, 30)

        def effect(model: Model) -> None:
            if key in model:
                store(model, (to, *model[key][1:]), key)

        return "UPDATE t SET k = ? WHERE k = ?", [(to, key)], effect

    def text(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        key = self.random.randrange(-10, 30)
        value = self.random.choice([None, "other", "z" * 600])

        def effect(model: Model) -> None:
            if key in model:
                k, a, _, c = model[key]
                model[key] = (k, a, value, c)

        return "UPDATE t SET b = ? WHERE k = ?", [(value, key)], effect

    def delete(self) -> tuple[str, list[tuple[object, ...]], Callable[[Model], None]]:
        bound = self.random.randrange(60)

        def effect(model: Model) -> None:
            for key in [key for key, row in model.items() if row[3] > bound]:
                del model[key]

        return "DELETE FROM t WHERE c > ?", [(bound,)], effect


DEFINITIONS = (
    "REINDEX TABLE t",
    "DROP INDEX t_b",
    "CREATE INDEX t_b ON t (b DESC, c)",
    "ALTER TABLE t ADD COLUMN extra int DEFAULT 7",
    "ALTER TABLE t DROP COLUMN extra",
    "ALTER TABLE t ADD COLUMN extra serial",
    "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (k)",
    "ALTER TABLE t ALTER a TYPE bigint, ALTER c TYPE numeric",
    "ALTER TABLE t ALTER c TYPE int USING c::int",
)


def one_change(session: Session, changes: Changes, model: Model) -> Model:
    """Run one drawn change on both sides; the model afterwards."""
    statement, parameters, effect = changes.draw()
    after = dict(model)
    expected: str | None = None
    try:
        effect(after)
    except Refused as refused:
        expected, after = str(refused), model
    found: str | None = None
    try:
        if len(parameters) == 1 and changes.random.random() < 0.8:
            session.execute(statement, parameters[0])
        else:
            session.execute_many(statement, parameters)
    except Error as error:
        found = error.sqlstate
    assert found == expected, (statement, parameters)
    return after


def contents(session: Session, query: str) -> list[tuple[object, ...]]:
    result = session.execute(query)
    return [row for batch in iter(result.next_batch, []) for row in batch]


@pytest.mark.parametrize("seed", range(8))
def test_random_changes(tmp_path: Path, seed: int) -> None:
    path = str(tmp_path / "test.db")
    session = Session(open_database(path), True)
    for statement in SCHEMA:
        session.execute(statement)
    changes = Changes(seed)
    draw = changes.random
    model: Model = {}
    for _ in range(25):
        if draw.random() < 0.3:
            try:
                session.execute(draw.choice(DEFINITIONS))
            except Error as error:
                assert error.sqlstate in ("42701", "42703", "42704", "42P07"), error
        if draw.random() < 0.5:
            for _ in range(5):
                model = one_change(session, changes, model)
        else:
            session.begin()
            before = model
            for _ in range(4):
                session.execute("SAVEPOINT s")
                try:
                    model = one_change(session, changes, model)
                finally:
                    if session.failed:
                        session.execute("ROLLBACK TO s")
            if draw.random() < 0.5:
                session.rollback()
                model = before
            else:
                session.commit()
        assert contents(session, "SELECT k, a, b, c FROM t ORDER BY k") == sorted(model.values())
    session.close()
    assert check(path) == []
    session = Session(open_database(path), True)
    assert contents(session, "SELECT k, a, b, c FROM t ORDER BY k") == sorted(model.values())
    session.close()
