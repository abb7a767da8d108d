"""CREATE, ALTER and DROP of functions and procedures from tokens, and CALL.

    CREATE FUNCTION name(arguments) RETURNS ... options ... AS 'body'
                                                        or BEGIN ATOMIC statement; ... END
                                                        or RETURN expression

Options come in any order. Those that would change what a routine does and that minidb does not know are
refused; those that only advise PostgreSQL's planner (COST, ROWS, PARALLEL, LEAKPROOF) are read and checked,
since there is no planner that they could advise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.plan.definitions import Utility
from minidb.sql.define_syntax import DefinitionSyntax, Fragment
from minidb.sql.definition_reader import DefinitionReader
from minidb.sql.routine_syntax import (
    ArgumentSyntax,
    BodySyntax,
    CallStatement,
    CreateRoutineSyntax,
    DropRoutineSyntax,
    RenameRoutineSyntax,
    RoutineName,
    TypeSyntax,
)
from minidb.sql.utility import TokenReader, UnboundUtility
from minidb.value.sql_types import SqlType

KINDS: Final = ("FUNCTION", "PROCEDURE", "ROUTINE")
_POLYMORPHIC: Final = frozenset(
    {"anyelement", "anyarray", "anynonarray", "anyenum", "anyrange", "anymultirange", "anycompatible"}
)
_TRIGGERS: Final = frozenset({"trigger", "event_trigger"})
_ARGUMENT_ENDS: Final = frozenset({",", ")", "DEFAULT", "="})
_TYPE_WORDS: Final = frozenset({"DOUBLE", "CHARACTER", "CHAR", "NATIONAL", "NCHAR", "TIME", "TIMESTAMP"})


def create_routine(reader: DefinitionReader, replace: bool) -> DefinitionSyntax:
    """CREATE [OR REPLACE] FUNCTION | PROCEDURE, from the word FUNCTION or PROCEDURE on."""
    kind = reader.accept_any("FUNCTION", "PROCEDURE")
    assert kind is not None
    name = reader.table()
    arguments = _arguments(reader)
    options = _Options(kind.lower())
    if kind == "FUNCTION" and reader.accept("RETURNS"):
        options.read_result(reader)
    while not reader.reader.at_end():
        options.read(reader)
    body = options.body
    if body is None:
        raise ProgrammingError("no function body specified", sqlstate="42P13")
    language = options.language
    if language is None:
        if not body.atomic:
            raise ProgrammingError("no language specified", sqlstate="42P13")
        language = "sql"
    if body.atomic and language != "sql":
        raise ProgrammingError("inline SQL function body only valid for language SQL", sqlstate="42P13")
    return CreateRoutineSyntax(
        kind.lower(),
        name,
        replace,
        arguments,
        options.returns,
        options.returns_set,
        options.columns,
        language,
        options.volatility or "volatile",
        bool(options.strict),
        body,
    )


class _Options:
    """What follows the arguments, collected; each at most once."""

    __slots__ = (
        "body",
        "columns",
        "kind",
        "language",
        "returns",
        "returns_set",
        "seen",
        "strict",
        "volatility",
    )

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.returns: TypeSyntax | None = None
        self.returns_set = False
        self.columns: tuple[tuple[str, TypeSyntax], ...] = ()
        self.language: str | None = None
        self.volatility: str | None = None
        self.strict: bool | None = None
        self.body: BodySyntax | None = None
        self.seen: set[str] = set()

    def read_result(self, reader: DefinitionReader) -> None:
        """RETURNS type | SETOF type | TABLE (columns)"""
        if reader.accept("TABLE"):
            reader.expect("(")
            columns: list[tuple[str, TypeSyntax]] = []
            while not columns or reader.accept(","):
                column = reader.name()
                columns.append((column, _type(reader, f'of column "{column}"')))
            reader.expect(")")
            self.columns = tuple(columns)
            self.returns_set = True
            return
        self.returns_set = reader.accept("SETOF")
        self.returns = _type(reader, "a result")

    def once(self, reader: DefinitionReader, option: str, position: int) -> None:
        """The option was not given before."""
        if option in self.seen:
            raise SyntaxError_("conflicting or redundant options", position=position)
        self.seen.add(option)

    def function_only(self, position: int) -> None:
        """42P13 for an option that a procedure cannot have."""
        if self.kind == "procedure":
            raise ProgrammingError(
                "invalid attribute in procedure definition", sqlstate="42P13", position=position
            )

    def read(self, reader: DefinitionReader) -> None:
        """The next option."""
        position = reader.position()
        if reader.accept("LANGUAGE"):
            self.once(reader, "language", position)
            token = reader.reader.token
            quoted = token is not None and token.token_type is TokenType.STRING
            self.language = reader.reader.string().lower() if quoted else reader.name()
        elif word := reader.accept_any("IMMUTABLE", "STABLE", "VOLATILE"):
            self.function_only(position)
            self.once(reader, "volatility", position)
            self.volatility = word.lower()
        elif reader.accept("STRICT") or reader.accept("RETURNS", "NULL", "ON", "NULL", "INPUT"):
            self.function_only(position)
            self.once(reader, "strict", position)
            self.strict = True
        elif reader.accept("CALLED", "ON", "NULL", "INPUT"):
            self.function_only(position)
            self.once(reader, "strict", position)
            self.strict = False
        elif reader.accept("AS"):
            self.once(reader, "as", position)
            self.body = _string_body(reader)
            if reader.word() == ",":
                raise reader.refuse("a body in an object file is")
        elif reader.word() in ("BEGIN", "RETURN"):
            self.once(reader, "as", position)
            self.body = _atomic_body(reader) if reader.accept("BEGIN") else _returned(reader)
        else:
            self.advice(reader, position)

    def advice(self, reader: DefinitionReader, position: int) -> None:
        """What minidb has no use for, or not the means."""
        if reader.accept("LEAKPROOF") or reader.accept("NOT", "LEAKPROOF"):
            self.function_only(position)
            self.once(reader, "leakproof", position)
        elif word := reader.accept_any("COST", "ROWS"):
            self.function_only(position)
            self.once(reader, word, position)
            negative = reader.accept("-")
            token = reader.reader.token
            if token is None or token.token_type is not TokenType.NUMBER:
                raise reader.error()
            if negative or float(token.text) <= 0:
                raise ProgrammingError(f"{word} must be positive", sqlstate="22023", position=position)
            if word == "ROWS" and not self.returns_set:
                raise ProgrammingError(
                    "ROWS is not applicable when function does not return a set", sqlstate="22023"
                )
            reader.reader.index += 1
        elif reader.accept("PARALLEL"):
            self.function_only(position)
            self.once(reader, "parallel", position)
            if reader.accept_any("SAFE", "UNSAFE", "RESTRICTED") is None:
                raise ProgrammingError(
                    'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE', sqlstate="42601"
                )
        elif reader.accept("SECURITY", "INVOKER") or reader.accept("EXTERNAL", "SECURITY", "INVOKER"):
            self.once(reader, "security", position)
        elif reader.word() in ("SECURITY", "EXTERNAL"):
            raise reader.refuse("SECURITY DEFINER is")
        elif reader.word() in ("WINDOW", "TRANSFORM", "SET", "SUPPORT"):
            raise reader.refuse(f"{reader.word()} in CREATE {self.kind.upper()} is")
        else:
            raise reader.error()


# --- arguments and types --------------------------------------------------------------------------


def _arguments(reader: DefinitionReader) -> tuple[ArgumentSyntax, ...]:
    reader.expect("(")
    found: list[ArgumentSyntax] = []
    if not reader.accept(")"):
        found.append(_argument(reader))
        while reader.accept(","):
            found.append(_argument(reader))
        reader.expect(")")
    return tuple(found)


def _mode(reader: DefinitionReader) -> str:
    if reader.word() == "VARIADIC":
        raise reader.refuse("VARIADIC is")
    if reader.accept("IN", "OUT"):
        return "inout"
    word = reader.accept_any("IN", "OUT", "INOUT")
    return "in" if word is None else word.lower()


def _argument(reader: DefinitionReader) -> ArgumentSyntax:
    position = reader.position()
    mode = _mode(reader)
    name = ""
    if not _begins_type(reader):
        name = reader.name()
        if mode == "in" and reader.word() in ("IN", "OUT", "INOUT", "VARIADIC"):
            mode = _mode(reader)
    type_ = _type(reader, "an argument")
    default: Fragment | None = None
    default_position = reader.position()
    if reader.accept("DEFAULT") or reader.accept("="):
        if mode == "out":
            raise ProgrammingError(
                "only input parameters can have default values", sqlstate="42P13", position=default_position
            )
        default = reader.fragment(frozenset())
    return ArgumentSyntax(mode, name, type_, default, position)


def _begins_type(reader: DefinitionReader) -> bool:
    """Whether an argument begins with its type: what follows the first word then ends the argument."""
    tokens = reader.reader
    start = tokens.index
    word = reader.word()
    tokens.index += 1
    following = reader.word()
    tokens.index = start
    if following in _ARGUMENT_ENDS or following in ("(", ".", "[") or tokens.index + 1 >= len(tokens.tokens):
        return True
    return word in _TYPE_WORDS and following in ("PRECISION", "VARYING", "CHARACTER", "WITH", "WITHOUT")


def _type(reader: DefinitionReader, what: str) -> TypeSyntax:
    """A type's name; relation%ROWTYPE is the relation, relation.column%TYPE a column's type."""
    position = reader.position()
    start = reader.reader.index
    word = reader.word().lower()
    if word in ("void", "record"):
        reader.reader.index += 1
        return TypeSyntax(None, None, None, position, word)
    column = _column_type(reader)
    if column is not None:
        return column
    if word in _POLYMORPHIC:
        raise reader.refuse(f"the polymorphic type {word} is")
    if word in _TRIGGERS:
        raise reader.refuse("trigger functions are")
    try:
        type_, serial = reader.type()
    except Error as error:
        if error.sqlstate != "42704":
            raise
        reader.reader.index = start
        relation = reader.name()
        return TypeSyntax(None, relation, None, position)
    except IndexError:
        raise reader.error() from None
    if serial:
        raise ProgrammingError(f'type "{word}" does not exist', sqlstate="42704", position=position)
    return TypeSyntax(SqlType(type_.kind), None, None, position)


def _column_type(reader: DefinitionReader) -> TypeSyntax | None:
    """relation.column%TYPE, if that is what comes."""
    tokens = reader.reader.tokens
    start = reader.reader.index
    if len(tokens) <= start + 4 or tokens[start + 1].text != "." or tokens[start + 3].text != "%":
        return None
    position = reader.position()
    relation = reader.name()
    reader.expect(".")
    column = reader.name()
    reader.expect("%", "TYPE")
    return TypeSyntax(None, relation, column, position)


# --- bodies ---------------------------------------------------------------------------------------


def _string_body(reader: DefinitionReader) -> BodySyntax:
    token = reader.reader.token
    text = reader.reader.string()
    assert token is not None
    written = reader.text[token.start : token.end + 1]
    if written[0] == "$":
        start = token.start + written.index("$", 1) + 1
    else:
        start = token.start + written.index("'") + 1
    return BodySyntax(text, start if reader.text.startswith(text, start) else None, atomic=False)


def _atomic_body(reader: DefinitionReader) -> BodySyntax:
    """ATOMIC statement; ... END"""
    reader.expect("ATOMIC")
    first = reader.reader.index
    _refuse_placeholders(reader)
    depth = 1
    while not reader.reader.at_end():
        token = reader.reader.token
        assert token is not None
        if token.token_type is TokenType.CASE:
            depth += 1
        elif token.token_type is TokenType.END:
            depth -= 1
            if depth == 0:
                break
        reader.reader.index += 1
    else:
        raise reader.error()
    stop = reader.reader.index
    end_token = reader.reader.token
    reader.reader.index += 1
    assert end_token is not None
    start = reader.reader.tokens[first].start
    if stop > first:
        last = reader.reader.tokens[stop - 1]
        if last.token_type is not TokenType.SEMICOLON:
            reader.reader.index = stop
            raise reader.error()
    return BodySyntax(reader.text[start : end_token.start].rstrip(), start, atomic=True)


def _returned(reader: DefinitionReader) -> BodySyntax:
    """RETURN expression: as SELECT expression, one word longer by no letter."""
    token = reader.reader.token
    assert token is not None
    _refuse_placeholders(reader)
    reader.expect("RETURN")
    first = reader.reader.index
    reader.reader.rest()
    fragment = reader.between(first, len(reader.reader.tokens))
    gap = reader.text[token.end + 1 : fragment.start]
    return BodySyntax(f"SELECT{gap}{fragment.text}", token.start, atomic=True)


def _refuse_placeholders(reader: DefinitionReader) -> None:
    """A body's parameters are $1, $2 ...: nobody is there to give values for ? and :name."""
    for token in reader.reader.tokens[reader.reader.index :]:
        if token.token_type is TokenType.PARAMETER and reader.text[token.start] != "$":
            raise SyntaxError_(
                f'syntax error at or near "{reader.text[token.start]}"', position=token.start + 1
            )


# --- DROP, ALTER ----------------------------------------------------------------------------------


def _routine_name(reader: DefinitionReader) -> RoutineName:
    name = reader.table()
    if not reader.accept("("):
        return RoutineName(name, None)
    types: list[TypeSyntax] = []
    if not reader.accept(")"):
        while True:
            argument = _argument(reader)
            if argument.default is not None:
                raise SyntaxError_('syntax error at or near "DEFAULT"', position=argument.position)
            if argument.mode != "out":
                types.append(argument.type)
            if not reader.accept(","):
                break
        reader.expect(")")
    return RoutineName(name, tuple(types))


def drop_routine(reader: DefinitionReader) -> DefinitionSyntax:
    """DROP FUNCTION | PROCEDURE | ROUTINE, from that word on."""
    kind = reader.accept_any(*KINDS)
    assert kind is not None
    if_exists = reader.if_exists()
    names = [_routine_name(reader)]
    while reader.accept(","):
        names.append(_routine_name(reader))
    return DropRoutineSyntax(kind.lower(), tuple(names), if_exists, reader.cascade())


def alter_routine(reader: DefinitionReader) -> DefinitionSyntax:
    """ALTER FUNCTION | PROCEDURE | ROUTINE, from that word on."""
    kind = reader.accept_any(*KINDS)
    assert kind is not None
    name = _routine_name(reader)
    if not reader.accept("RENAME", "TO"):
        word = reader.word()
        if not word or not word[0].isalpha():
            raise reader.error()
        raise reader.refuse(f"ALTER {kind} ... {word} is")
    return RenameRoutineSyntax(kind.lower(), name, reader.name())


# --- CALL -----------------------------------------------------------------------------------------


def _call(reader: TokenReader) -> UnboundUtility:
    first = reader.token
    assert first is not None
    reader.expect("CALL")
    select = Token(TokenType.SELECT, "SELECT", first.line, first.col, first.start, first.end)
    return CallStatement((select, *reader.rest()))


PARSERS: Final[dict[str, Callable[[TokenReader], Utility | UnboundUtility]]] = {"call": _call}
