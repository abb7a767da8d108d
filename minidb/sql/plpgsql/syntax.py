"""The tree of a PL/pgSQL body: statements as written, names not resolved yet.

`position` is where a statement begins in the body's text, from 0. A `Path` is a name with what qualifies it:
("amount",), ("account", "amount"), ("outer_block", "account", "amount"). SQL in a body is a `Fragment`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minidb.sql.parse import ParsedStatement

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A path where a variable is named, and where that is."""

    path: Path
    position: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A statement, or an expression as the query `SELECT expression`.

    offset      what to add to a position within `parsed` to have one in the body
    text        as written, for error contexts
    """

    parsed: ParsedStatement
    offset: int
    text: str
    name: Name | None = None  # an expression that is nothing but a name, perhaps a whole record's


@dataclass(frozen=True, slots=True)
class Statement:
    """Base of all statements."""

    position: int


@dataclass(frozen=True, slots=True)
class TypeReference:
    """A declared type: `kind` is name, type (%TYPE of `path`), rowtype (%ROWTYPE) or record."""

    kind: str
    position: int
    path: Path = ()
    modifiers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """name [CONSTANT] type [NOT NULL] [:= default]; or, with `alias_of`, another name for a variable."""

    name: str
    position: int
    type: TypeReference | None = None
    constant: bool = False
    not_null: bool = False
    default: Fragment | None = None
    alias_of: Name | None = None


@dataclass(frozen=True, slots=True)
class Handler:
    """WHEN condition OR condition THEN: `sqlstates` may hold `OTHERS`, and classes as `23000`."""

    sqlstates: tuple[str, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Block(Statement):
    """[<<label>>] [DECLARE ...] BEGIN ... [EXCEPTION ...] END."""

    label: str | None
    declarations: tuple[Declaration, ...]
    statements: tuple[Statement, ...]
    handlers: tuple[Handler, ...]


@dataclass(frozen=True, slots=True)
class Assign(Statement):
    """target := value."""

    target: Name
    value: Fragment


@dataclass(frozen=True, slots=True)
class If(Statement):
    """IF, its ELSIFs, and ELSE."""

    branches: tuple[tuple[Fragment, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Case(Statement):
    """CASE [subject] WHEN value, ... THEN. Without ELSE (None), no match is an error."""

    subject: Fragment | None
    branches: tuple[tuple[tuple[Fragment, ...], tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...] | None


@dataclass(frozen=True, slots=True)
class Loop(Statement):
    """LOOP, and WHILE with its condition."""

    label: str | None
    condition: Fragment | None
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class ForInteger(Statement):
    """FOR name IN [REVERSE] low .. high [BY step] LOOP; the variable is the loop's own."""

    label: str | None
    name: str
    low: Fragment
    high: Fragment
    step: Fragment | None
    reverse: bool
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """EXECUTE text [USING value, ...]."""

    text: Fragment
    values: tuple[Fragment, ...]


@dataclass(frozen=True, slots=True)
class ForQuery(Statement):
    """FOR targets IN query LOOP."""

    label: str | None
    targets: tuple[Name, ...]
    query: Fragment | Dynamic
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Exit(Statement):
    """EXIT or CONTINUE [label] [WHEN condition]."""

    word: str
    label: str | None
    condition: Fragment | None


@dataclass(frozen=True, slots=True)
class Return(Statement):
    """RETURN [value]."""

    value: Fragment | None


@dataclass(frozen=True, slots=True)
class ReturnNext(Statement):
    """RETURN NEXT [value]."""

    value: Fragment | None


@dataclass(frozen=True, slots=True)
class ReturnQuery(Statement):
    """RETURN QUERY query."""

    query: Fragment | Dynamic


@dataclass(frozen=True, slots=True)
class Raise(Statement):
    """RAISE: `level` is debug ... exception; a bare one (`again`) raises what the handler caught."""

    level: str
    again: bool
    sqlstate: str | None
    condition: str | None
    format: str | None
    values: tuple[Fragment, ...]
    options: tuple[tuple[str, Fragment], ...]


@dataclass(frozen=True, slots=True)
class Assert(Statement):
    """ASSERT condition [, message]."""

    condition: Fragment
    message: Fragment | None


@dataclass(frozen=True, slots=True)
class Into:
    """INTO [STRICT] targets."""

    targets: tuple[Name, ...]
    strict: bool


@dataclass(frozen=True, slots=True)
class Sql(Statement):
    """An SQL statement, PERFORM (`perform`) among them."""

    query: Fragment
    into: Into | None = None
    perform: bool = False


@dataclass(frozen=True, slots=True)
class Execute(Statement):
    """EXECUTE text [INTO targets] [USING values]."""

    query: Dynamic
    into: Into | None


@dataclass(frozen=True, slots=True)
class GetDiagnostics(Statement):
    """GET [STACKED] DIAGNOSTICS target = ITEM, ..."""

    stacked: bool
    items: tuple[tuple[Name, str], ...]


@dataclass(frozen=True, slots=True)
class Null(Statement):
    """NULL."""


class Body:
    """A whole body; `text` is what positions count in. `program` is for who runs it, to keep what it made of
    the body under the present catalog."""

    __slots__ = ("block", "program", "text")

    def __init__(self, text: str, block: Block) -> None:
        self.text = text
        self.block = block
        self.program: object = None

    def line_of(self, position: int) -> int:
        """The line of a position, from 1."""
        return self.text.count("\n", 0, position) + 1
