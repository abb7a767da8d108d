"""Random queries over small tables full of NULLs and duplicates: to compare two ways of running them.

They never fail: no division, no overflow, no scalar sub-plan that may have two rows. Without ORDER BY rows
come in any order; with it all output columns are sort keys, so that LIMIT keeps the same rows in any case.
"""

from __future__ import annotations

from random import Random
from typing import Final

# name: columns, each with its type family (i: integer, n: numeric, d: double precision, s: text)
TABLES: Final[dict[str, dict[str, str]]] = {
    "a": {"id": "i", "x": "i", "y": "i", "s": "s"},
    "b": {"id": "i", "a_id": "i", "v": "n", "s": "s"},
    "c": {"k": "i", "l": "i", "w": "d"},
    "d": {"x": "i", "s": "s"},
}

DEFINITIONS: Final = """
CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER NOT NULL, s TEXT);
CREATE INDEX a_x ON a (x);
CREATE INDEX a_s ON a (s DESC, y);
CREATE TABLE b (id BIGINT PRIMARY KEY, a_id INTEGER, v NUMERIC, s VARCHAR(5));
CREATE INDEX b_a ON b (a_id, v DESC);
CREATE UNIQUE INDEX b_v ON b (v, id);
CREATE TABLE c (k INTEGER, l SMALLINT, w DOUBLE PRECISION, PRIMARY KEY (k, l));
CREATE INDEX c_w ON c (w);
CREATE TABLE d (x INTEGER, s TEXT);
CREATE INDEX d_doubled ON d ((x * 2), s);
CREATE INDEX d_some ON d (s) WHERE x IS NOT NULL;
CREATE UNIQUE INDEX a_odd ON a (y, id) WHERE x <> 2;
"""

JOINS: Final = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")


def random_rows(random: Random) -> list[str]:
    """INSERT statements that fill the tables."""
    statements: list[str] = []
    for number in range(12):
        values = (number, _small(random), random.randrange(4), _text(random))
        statements.append(_insert("a", values))
    for number in range(15):
        v = random.choice(["NULL", "1", "1.0", "2.5", "3", "7.25"])
        statements.append(_insert("b", (number, _small(random, 12), v, _text(random))))
    for k in range(4):
        for l_ in range(random.randrange(4)):
            statements.append(_insert("c", (k, l_, random.choice(["NULL", "1", "2.5", "'NaN'", "3"]))))
    for _ in range(6):
        statements.append(_insert("d", (_small(random), _text(random))))
    return statements


def _insert(table: str, values: tuple[object, ...]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join(map(str, values))})"


def _small(random: Random, bound: int = 6) -> str:
    return random.choice(["NULL", *[str(number) for number in range(bound)]])


def _text(random: Random) -> str:
    return random.choice(["NULL", "''", "'a'", "'ab'", "'b'", "'bc'"])


class QueryMaker:
    """Makes one query; every relation gets an alias of its own, so that names never collide."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.aliases = 0

    def query(self) -> tuple[str, bool]:
        """A query, and whether the order of its rows is fixed."""
        random = self.random
        kind = random.randrange(10)
        if kind == 0:
            text, width = self.union()
        elif kind == 1:
            text, width = self.with_query()
        else:
            text, width, _ = self.select(2)
        if random.random() < 0.4:
            order = ", ".join(
                [
                    f"{place}{random.choice(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}"
                    for place in self.shuffled(range(1, width + 1))
                ]
            )
            limit = random.choice(["", f" LIMIT {random.randrange(8)}", " LIMIT 3 OFFSET 2"])
            return f"{text} ORDER BY {order}{limit}", True
        return text, False

    def shuffled(self, items: range) -> list[int]:
        """The items in some order."""
        found = list(items)
        self.random.shuffle(found)
        return found

    def union(self) -> tuple[str, int]:
        """Two queries of integers."""
        operator = self.random.choice(
            ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"]
        )
        sides: list[str] = []
        for _ in range(2):
            source, columns = self.source(1)
            outputs = f"{self.of(columns, 'i')}, {self.of(columns, 'i')}"
            sides.append(f"SELECT {outputs} FROM {source}{self.where(columns, 1)}")
        text = f"{sides[0]} {operator} {sides[1]}"
        if self.random.random() < 0.5:
            return text, 2
        alias = self.alias()
        return (
            f"SELECT * FROM ({text}) {alias}(m, n){self.where({f'{alias}.m': 'i', f'{alias}.n': 'i'}, 1)}",
            2,
        )

    def with_query(self) -> tuple[str, int]:
        """A WITH item that is scanned once or twice."""
        inner, width, _ = self.select(1)
        names = [f"w{place}" for place in range(width)]
        head = f"WITH cte({', '.join(names)}) AS ({inner})"
        if self.random.random() < 0.5:
            return f"{head} SELECT {', '.join(names)} FROM cte", width
        return f"{head} SELECT one.{names[0]}, two.{names[-1]} FROM cte one, cte two", 2

    def select(self, depth: int) -> tuple[str, int, dict[str, str]]:
        """A SELECT, how many columns it has, and their families by the names c0, c1 ..."""
        random = self.random
        source, columns = self.source(depth)
        where = self.where(columns, depth)
        if random.random() < 0.25:
            return self.grouped(source, columns, where)
        outputs: list[tuple[str, str]] = []
        for _ in range(random.randrange(1, 4)):
            name = random.choice(list(columns))
            family = columns[name]
            if family == "i" and random.random() < 0.3:
                name = random.choice([f"{name} + 1", f"coalesce({name}, 0)", f"{name} * 2"])
            if depth > 1 and random.random() < 0.1:
                name, family = self.scalar(columns), "i"
            outputs.append((name, family))
        distinct = "DISTINCT " if random.random() < 0.2 else ""
        listed = ", ".join([f"{name} AS c{place}" for place, (name, _) in enumerate(outputs)])
        families = {f"c{place}": family for place, (_, family) in enumerate(outputs)}
        return f"SELECT {distinct}{listed} FROM {source}{where}", len(outputs), families

    def grouped(self, source: str, columns: dict[str, str], where: str) -> tuple[str, int, dict[str, str]]:
        """Aggregates, perhaps by groups."""
        random = self.random
        number = self.of(columns, "i")
        call = random.choice(
            ["count(*)", f"count({number})", f"max({number})", f"min({number})", f"sum({number})"]
        )
        if random.random() < 0.4:
            other = f"max({random.choice(list(columns))})" if random.random() < 0.5 else "count(*)"
            return f"SELECT {call} AS c0, {other} AS c1 FROM {source}{where}", 2, {"c0": "i"}
        key = random.choice(list(columns))
        having = random.choice(
            ["", " HAVING count(*) > 1", f" HAVING {key} IS NOT NULL", f" HAVING max({number}) > 2"]
        )
        text = f"SELECT {key} AS c0, {call} AS c1 FROM {source}{where} GROUP BY {key}{having}"
        return text, 2, {"c0": columns[key], "c1": "i"}

    # --- FROM ---

    def alias(self) -> str:
        """A new one."""
        self.aliases += 1
        return f"t{self.aliases}"

    def relation(self, depth: int) -> tuple[str, dict[str, str]]:
        """A table or a derived table, with the families of its columns by their qualified names."""
        alias = self.alias()
        if depth > 0 and self.random.random() < 0.2:
            inner, _, families = self.select(depth - 1)
            return f"({inner}) {alias}", {f"{alias}.{name}": family for name, family in families.items()}
        table = self.random.choice(list(TABLES))
        return f"{table} {alias}", {f"{alias}.{name}": family for name, family in TABLES[table].items()}

    def source(self, depth: int) -> tuple[str, dict[str, str]]:
        """One to four relations, all with commas or all with joins."""
        random = self.random
        text, columns = self.relation(depth)
        commas = random.random() < 0.3
        for _ in range(random.choice([0, 0, 1, 1, 2, 3] if depth > 1 else [0, 1])):
            right, others = self.relation(depth)
            kind = "," if commas else random.choice(JOINS)
            text = f"{text}, {right}" if commas else f"{text} {kind} {right}"
            both = {**columns, **others}
            if kind not in (",", "CROSS JOIN"):
                text += f" ON {self.of(columns, 'i')} = {self.of(others, 'i')}"
                if kind != "FULL JOIN" and random.random() < 0.4:
                    text += f" AND {self.predicate(both, 0)}"
            columns = both
        if depth > 1 and random.random() < 0.1:
            alias = self.alias()
            outer = self.of(columns, "i")
            inner = f"SELECT max(z.x) AS m, count(*) AS n FROM a z WHERE z.y = {outer}"
            text += f"{',' if commas else ' CROSS JOIN'} LATERAL ({inner}) {alias}"
            columns = {**columns, f"{alias}.m": "i", f"{alias}.n": "i"}
        return text, columns

    # --- conditions ---

    def of(self, columns: dict[str, str], family: str) -> str:
        """A column of the family, else a constant of it."""
        found = [name for name, each in columns.items() if each == family]
        return self.random.choice(found) if found else self.constant(family)

    def constant(self, family: str) -> str:
        """A value that some rows have."""
        random = self.random
        if family == "s":
            return random.choice(["''", "'a'", "'ab'", "'b'"])
        if family == "i":
            return str(random.randrange(8))
        return random.choice(["1", "2.5", "3", "1.5"])

    def where(self, columns: dict[str, str], depth: int) -> str:
        """A WHERE clause of up to four conjuncts, or none."""
        count = self.random.choice([0, 1, 1, 2, 3, 4])
        conjuncts = [self.predicate(columns, depth) for _ in range(count)]
        return f" WHERE {' AND '.join(conjuncts)}" if conjuncts else ""

    def predicate(self, columns: dict[str, str], depth: int) -> str:
        """One condition."""
        random = self.random
        name = random.choice(list(columns))
        family = columns[name]
        match random.randrange(16):
            case 0:
                return f"{name} IS {random.choice(['', 'NOT '])}NULL"
            case 1:
                items = ", ".join([self.constant(family) for _ in range(random.randrange(1, 4))])
                return f"{name} {random.choice(['', 'NOT '])}IN ({items})"
            case 2:
                return f"{name} BETWEEN {self.constant(family)} AND {self.constant(family)}"
            case 3:
                return f"({self.predicate(columns, depth)} OR {self.predicate(columns, depth)})"
            case 4:
                return f"NOT ({self.predicate(columns, depth)})"
            case 5 if family == "i":
                return random.choice(
                    [f"{name} * 2 = {self.constant('i')}", f"{name} <> 2", f"{name} IS NOT NULL"]
                )
            case 5 if family == "s":
                pattern = random.choice(["a%", "%b", "b_", "%"])
                return f"{name} LIKE '{pattern}'"
            case 6:
                return random.choice(["1 = 1", "NULL = 1", "2 > 1", "coalesce(NULL, 3) = 3"])
            case 7 | 8 if depth > 0:
                return self.exists(columns)
            case 9 | 10 if depth > 0:
                return self.in_subquery(columns)
            case 11 if depth > 0:
                return f"{self.of(columns, 'i')} {self.comparison()} {self.scalar(columns)}"
            case 12 | 13 | 14:
                other = self.of({each: kind for each, kind in columns.items() if each != name}, family)
                return f"{name} {random.choice(['=', '=', '=', '<'])} {other}"
            case _:
                value = self.constant(family)
                if family == "i" and random.random() < 0.2:
                    value = random.choice(["2.5", "3.0", "1.5::double precision"])
                return f"{name} {self.comparison()} {value}"

    def comparison(self) -> str:
        """An operator."""
        return self.random.choice(["=", "=", "=", "<", "<=", ">", ">=", "<>"])

    def inner(self, columns: dict[str, str]) -> tuple[str, str, dict[str, str]]:
        """A sub-plan's table and conditions, perhaps correlated."""
        source, own = self.relation(0)
        conditions: list[str] = []
        if self.random.random() < 0.7:
            operator = self.random.choice(["=", "=", "=", "<"])
            conditions.append(f"{self.of(own, 'i')} {operator} {self.of(columns, 'i')}")
        if self.random.random() < 0.5:
            conditions.append(self.predicate(own, 0))
        return source, f" WHERE {' AND '.join(conditions)}" if conditions else "", own

    def exists(self, columns: dict[str, str]) -> str:
        """[NOT] EXISTS."""
        source, where, _ = self.inner(columns)
        return f"{self.random.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {source}{where})"

    def in_subquery(self, columns: dict[str, str]) -> str:
        """[NOT] IN, or a comparison with ANY or ALL."""
        source, where, own = self.inner(columns)
        plain = self.random.random() < 0.5
        query = f"SELECT {self.of(own, 'i')} FROM {source}{'' if plain else where}"
        operator = self.random.choice(["IN", "IN", "NOT IN", "NOT IN", "= ANY", "< ANY", "<> ALL", ">= ALL"])
        return f"{self.of(columns, 'i')} {operator} ({query})"

    def scalar(self, columns: dict[str, str]) -> str:
        """A sub-plan with one value."""
        source, where, own = self.inner(columns)
        call = self.random.choice(["max", "min", "count"])
        return f"(SELECT {call}({self.of(own, 'i')}) FROM {source}{where})"
