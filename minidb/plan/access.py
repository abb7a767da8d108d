"""The ways to a table's rows under given conditions: which keys could be used, and what each would cost.

A condition is a `Term` for a key part if it compares exactly that part with something that the scan itself
does not deliver: a constant, a parameter, a column of an enclosing query or of the other side of a join.

    primary key (a, b), index on (c)        a = 1 and b > $1 and c = t.x and d = 2
    terms                                   a: = 1     b: > $1     c: = t.x
    paths                                   KeyRange primary key, equal 1, low $1   rest: c = t.x, d = 2
                                            KeyRange index c, equal t.x             rest: a = 1, b > $1, d = 2

The value must compare with the part as the part's encoded key sorts. So its type must be the part's, or one
that converts to it exactly: an integer column and 2.5 make `> 2` of `> 2.5`; what cannot be converted is
no term and stays a condition on the row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, product
from typing import Final

from minidb.catalog import statistics
from minidb.catalog.schema import IndexSchema, Table
from minidb.expr.calls import Call
from minidb.expr.cast import Relabel, cast
from minidb.expr.compare import SWAPPED, Comparison
from minidb.expr.logic import Or
from minidb.expr.membership import InList
from minidb.expr.node import Column, Constant, Expr, Parameter, Slot, transform
from minidb.expr.patterns import like_prefix
from minidb.plan.estimate import Estimator
from minidb.plan.fold import fold_expression
from minidb.plan.nodes import Access, FullScan, KeyLookup, KeyRange, Scan, Values
from minidb.plan.predicates import split
from minidb.plan.traverse import column_ids, contains_subquery, contains_volatile, substitute
from minidb.value.sql_types import INTEGER_KINDS, Kind, SqlType, Value

# Costs, in units of reading one row of a scan.
ROW: Final = 1.0
FETCH: Final = 3.0  # a row through an index entry
LOOKUP: Final = 4.0  # one key
RANGE_START: Final = 8.0  # setting up a range
RERUN: Final = 1.0  # running the right side of a nested loop once more
CONDITION: Final = 0.2  # testing one row

MOST_KEYS: Final = 2_000  # of one lookup: IN lists multiply

_NO_KEYS: Final = frozenset({Kind.JSON, Kind.JSONB, Kind.UNKNOWN})  # their order is not their key's
_TEXTS: Final = frozenset({Kind.TEXT, Kind.VARCHAR})
_FLOATS: Final = frozenset({Kind.REAL, Kind.DOUBLE})
_EXACT_CASTS: Final = {
    (Kind.SMALLINT, Kind.NUMERIC), (Kind.INTEGER, Kind.NUMERIC), (Kind.BIGINT, Kind.NUMERIC),
    (Kind.SMALLINT, Kind.DOUBLE), (Kind.INTEGER, Kind.DOUBLE), (Kind.DATE, Kind.TIMESTAMP),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a key: a stored slot, or an expression over the stored row."""

    key: int | Expr
    type: SqlType
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key that rows can be found by; `index` None is the primary key."""

    index: IndexSchema | None
    parts: tuple[Part, ...]
    unique: bool
    predicate: tuple[Expr, ...] = ()  # of a partial index, over the stored row


@dataclass(slots=True)
class Term:
    """A condition on one part: `operator` is =, <, <=, >, >= or `in`, whose values are `alternatives`."""

    conjunct: Expr
    key: int | Expr
    operator: str
    value: Expr
    alternatives: tuple[Expr, ...] = ()
    exact: bool = True  # the key range holds nothing that the conjunct refuses


@dataclass(slots=True)
class Path:
    """One way: its access, the conditions left to test, the rows it reads, and its cost.

    With `alternatives`, rows of one column, the scan runs once for each of them (IN on a part of a key).
    """

    access: Access
    rest: list[Expr]
    rows: float
    cost: float
    key: Key | None = None
    alternatives: Values | None = None


def keys_of(scan: Scan) -> list[Key]:
    """The keys by which the scan's rows can be found."""
    table = scan.table
    found: list[Key] = []
    if table.primary_key:
        parts = tuple([Part(slot, table.slot_types[slot], False, False) for slot in table.primary_key])
        found.append(Key(None, parts, True))
    bound = {index.schema.name: index for index in scan.indexes}
    for index in table.indexes:
        given = bound.get(index.name)
        plain = index.predicate is None and all(key.slot is not None for key in index.keys)
        if given is None and not plain:
            continue
        parts = tuple(
            [
                Part(
                    key.slot if key.slot is not None else _expression(given.keys[place]) if given else 0,
                    key.type,
                    key.descending,
                    key.nulls_first,
                )
                for place, key in enumerate(index.keys)
            ]
        )
        predicate = tuple(split(given.predicate)) if given is not None else ()
        found.append(Key(index, parts, index.unique, predicate))
    return found


def _expression(expression: Expr) -> Expr:
    """An expression over the stored row in a form that can be compared: folded, slots without names."""
    return fold_expression(transform(expression, _nameless))


def _nameless(node: Expr) -> Expr:
    return Slot(node.index, node.type) if isinstance(node, Slot) else node


def best_path(scan: Scan, conjuncts: Sequence[Expr], estimator: Estimator) -> Path:
    """The cheapest way to the rows of `scan` for which `conjuncts` hold; other columns in them are known."""
    table = scan.table
    rows = statistics.row_count(table)
    best = Path(FullScan(), list(conjuncts), rows, rows * (ROW + CONDITION * len(conjuncts)))
    if not conjuncts:
        return best
    terms = Terms(scan, conjuncts)
    for key in keys_of(scan):
        for path in (path_by_key(table, key, terms, estimator), _repeated(table, key, terms, estimator)):
            if path is not None and path.cost < best.cost:
                best = path
    return best


def path_by_key(table: Table, key: Key, terms: Terms, estimator: Estimator) -> Path | None:
    """The path by this key; None if no condition is on its first part (or chooses a partial index)."""
    implied = terms.implied(key.predicate)
    if implied is None:
        return None
    equal: list[Term] = []
    for part in key.parts:
        found = terms.find(part, "=") or (terms.find(part, "in") if key.unique else None)
        if found is None:
            break
        equal.append(found)
    used = implied
    access: Access
    if len(equal) == len(key.parts) and key.unique:
        keys = _combinations(equal)
        if keys is not None:
            access = KeyLookup(key.index, keys)
            found_rows = min(float(len(keys)), statistics.row_count(table))
            used = used + [term.conjunct for term in equal if term.exact]
            return _priced(access, key, terms, used, found_rows, LOOKUP * len(keys))
    for place, term in enumerate(equal):
        if term.operator == "in":
            del equal[place:]
            break
    return _range_path(table, key, terms, estimator, equal, implied)


def _repeated(table: Table, key: Key, terms: Terms, estimator: Estimator) -> Path | None:
    """A key range for each of the values of an IN, which stands for an equality that each run knows."""
    if not terms.has_alternatives:
        return None
    implied = terms.implied(key.predicate)
    if implied is None:
        return None
    equal: list[Term] = []
    values: Values | None = None
    for part in key.parts:
        found = terms.find(part, "=")
        if found is None and values is None:
            choice = terms.find(part, "in")
            if choice is not None:
                column = Column(next(_column_ids), "value", part.type)
                values = _different(column, choice.alternatives)
                found = replace(choice, operator="=", value=column, alternatives=()) if values else None
        if found is None:
            break
        equal.append(found)
    if values is None:
        return None
    path = _range_path(table, key, terms, estimator, equal, implied)
    if path is None:
        return None
    path.alternatives = values
    path.cost = (path.cost + RERUN) * len(values.rows)
    path.rows *= len(values.rows)
    return path


# Of columns that the planner adds: binders count upwards.
_column_ids = count(-1, -1)


def _different(column: Column, values: Sequence[Expr]) -> Values | None:
    """The constants, each once; None if not all are constants."""
    found: dict[Value, Expr] = {}
    for value in values:
        if not isinstance(value, Constant):
            return None
        if value.value is not None:
            found.setdefault(value.value if value.value == value.value else "NaN", value)
    return Values((column,), tuple([(value,) for value in found.values()])) if found else None


def _range_path(
    table: Table, key: Key, terms: Terms, estimator: Estimator, equal: list[Term], implied: list[Expr]
) -> Path | None:
    """By a range of the key: the parts `equal` and bounds on the next; None if nothing bounds it."""
    low = high = None
    if len(equal) < len(key.parts):
        part = key.parts[len(equal)]
        low = terms.find(part, ">") or terms.find(part, ">=")
        high = terms.find(part, "<") or terms.find(part, "<=")
    if not equal and low is None and high is None and not implied:
        return None
    access = KeyRange(
        key.index,
        tuple([term.value for term in equal]),
        None if low is None else low.value,
        low is None or low.operator == ">=",
        None if high is None else high.value,
        high is None or high.operator == "<=",
    )
    used = implied + [term.conjunct for term in (*equal, low, high) if term is not None and term.exact]
    selectivity = estimator.access_selectivity(table, access) * estimator.selectivity(implied)
    return _priced(access, key, terms, used, statistics.row_count(table) * selectivity, RANGE_START)


def _priced(access: Access, key: Key, terms: Terms, used: list[Expr], rows: float, start: float) -> Path:
    rest = terms.without(used)
    each = (ROW if key.index is None else FETCH) + CONDITION * len(rest)
    # Less than a row is no estimate, but of two keys it still tells which of them is the more selective.
    return Path(access, rest, max(rows, 1.0), start + rows * each, key)


def _combinations(equal: list[Term]) -> tuple[tuple[Expr, ...], ...] | None:
    """The keys of a lookup: one, or with IN lists every combination unless they are too many."""
    if all(term.operator == "=" for term in equal):
        return (tuple([term.value for term in equal]),)
    choices = [term.alternatives or (term.value,) for term in equal]
    if math.prod([len(choice) for choice in choices]) > MOST_KEYS:
        return None
    return tuple(product(*choices))


class Terms:
    """The conditions of one scan, sorted by what they are on."""

    __slots__ = ("_conjuncts", "_found", "_slots", "_with_expressions", "has_alternatives")

    def __init__(self, scan: Scan, conjuncts: Sequence[Expr]) -> None:
        self._conjuncts = list(conjuncts)
        self._slots: dict[int, Expr] = {
            column.id: Slot(slot, column.type) for column, slot in zip(scan.columns, scan.slots, strict=False)
        }
        self._with_expressions = bool(scan.indexes)
        self.has_alternatives = False  # whether there is an IN
        self._found: dict[int | Expr, list[Term]] = {}
        for conjunct in conjuncts:
            self._note(conjunct)

    def find(self, part: Part, operator: str) -> Term | None:
        """The condition with this operator on the part, its values of the part's type."""
        for term in self._found.get(part.key, ()):
            if operator == "in" and term.operator == "in":
                values = [key_value(value, part.type, "=") for value in term.alternatives]
                if all(value is not None for value in values):
                    alternatives = tuple([value[1] for value in values if value is not None])
                    return Term(term.conjunct, term.key, "in", term.value, alternatives, self._exact(term))
            elif term.operator[0] == operator[0] and term.operator != "in":
                adapted = key_value(term.value, part.type, term.operator)
                if adapted is not None and adapted[0] == operator:
                    return Term(term.conjunct, term.key, operator, adapted[1], (), self._exact(term))
        return None

    def _exact(self, term: Term) -> bool:
        # The keys of an expression cannot be computed again from a row if they are too long to be kept whole.
        return term.exact and not isinstance(term.key, Expr)

    def without(self, used: list[Expr]) -> list[Expr]:
        """The conditions that remain to be tested."""
        return [conjunct for conjunct in self._conjuncts if not any(conjunct is each for each in used)]

    def implied(self, predicate: tuple[Expr, ...]) -> list[Expr] | None:
        """The conditions that are those of a partial index; None if one of its own is not among them."""
        if not predicate:
            return []
        stored = [_expression(substitute(conjunct, self._slots)) for conjunct in self._conjuncts]
        found: list[Expr] = []
        for wanted in predicate:
            form = _expression(wanted)
            if form not in stored:
                return None
            found.append(self._conjuncts[stored.index(form)])
        return found

    def _note(self, conjunct: Expr) -> None:
        match conjunct:
            case Comparison(operator=operator, left=left, right=right) if operator != "<>":
                if not self._add(conjunct, left, operator, right):
                    self._add(conjunct, right, SWAPPED[operator], left)
            case InList(operand=operand, items=items):
                if all(self._is_known(item) for item in items):
                    self._add(conjunct, operand, "in", items[0], items)
            case Or(operands=operands):
                self._note_alternatives(conjunct, operands)
            case Call(name="~~", arguments=(operand, Constant(value=str() as pattern))):
                self._note_prefix(conjunct, operand, pattern)

    def _note_alternatives(self, conjunct: Expr, operands: Sequence[Expr]) -> None:
        """`x = 1 or x = 2` is `x in (1, 2)`."""
        side: Expr | None = None
        values: list[Expr] = []
        for operand in operands:
            if not isinstance(operand, Comparison) or operand.operator != "=":
                return
            left, right = operand.left, operand.right
            if not self._is_known(right):
                left, right = right, left
            if type(left) is not Column or not self._is_known(right) or (side is not None and left != side):
                return
            side = left
            values.append(right)
        if side is not None:
            self._add(conjunct, side, "in", values[0], tuple(values))

    def _note_prefix(self, conjunct: Expr, operand: Expr, pattern: str) -> None:
        """LIKE 'abc%' holds only between 'abc' and the least text after all that begin with it."""
        prefix = like_prefix(pattern)[0]
        if not prefix or not prefix.isascii() or prefix[-1] == "\x7f":
            return
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        kind = SqlType(Kind.TEXT)
        self._add(conjunct, operand, ">=", Constant(prefix, kind), exact=False)
        self._add(conjunct, operand, "<", Constant(after, kind), exact=False)

    def _add(
        self,
        conjunct: Expr,
        side: Expr,
        operator: str,
        value: Expr,
        alternatives: tuple[Expr, ...] = (),
        *,
        exact: bool = True,
    ) -> bool:
        """Note `side operator value` if the side is of this scan and the value is not."""
        key: int | Expr
        if type(side) is Relabel:
            side = side.operand
        if type(side) is Column:
            slot = self._slots.get(side.id)
            if not isinstance(slot, Slot):
                return False
            key = slot.index
        elif self._with_expressions and not self._is_known(side) and not contains_subquery(side):
            key = _expression(substitute(side, self._slots))
        else:
            return False
        if not self._is_known(value):
            return False
        if alternatives:
            self.has_alternatives = True
        self._found.setdefault(key, []).append(Term(conjunct, key, operator, value, alternatives, exact))
        return True

    def _is_known(self, value: Expr) -> bool:
        """Whether the value is there before the scan begins."""
        if type(value) is Constant or type(value) is Parameter:
            return True
        return self._slots.keys().isdisjoint(column_ids(value)) and not contains_volatile(value)


def key_value(value: Expr, part: SqlType, operator: str) -> tuple[str, Expr] | None:
    """`operator value` for a part of this type, as true as for the value itself; None if there is none."""
    kind, given = part.kind, value.type.kind
    if kind in _NO_KEYS:
        return None
    if given is kind or (given in INTEGER_KINDS and kind in INTEGER_KINDS):
        return operator, value
    if (given in _TEXTS and kind in _TEXTS) or (given in _FLOATS and kind in _FLOATS):
        return operator, value
    if kind in INTEGER_KINDS and type(value) is Constant and isinstance(value.value, float | Decimal):
        return _whole(value.value, part, operator)
    if (given, kind) in _EXACT_CASTS:
        return operator, cast(value, SqlType(kind), "implicit")
    return None


def _whole(number: float | Decimal, part: SqlType, operator: str) -> tuple[str, Expr] | None:
    """A bound on integers that is not one: > 2.5 is > 2, < 2.5 is <= 2; = 2.5 is no key."""
    if not math.isfinite(number):
        return None
    below = math.floor(number)
    whole = Constant(below, part)
    if below == number:
        return operator, whole
    match operator:
        case ">" | ">=":
            return ">", whole
        case "<" | "<=":
            return "<=", whole
        case _:
            return None
