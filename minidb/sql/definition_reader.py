"""A cursor over a definition's tokens, one word each, with the parts that all definitions share.

sqlglot's tokenizer joins words it knows to belong together (PRIMARY KEY, TIMESTAMP WITH TIME ZONE); here they
are taken apart again, so that every clause is read the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import Error, NotSupportedError, SyntaxError_
from minidb.sql.define_syntax import Fragment, SequenceOptions
from minidb.sql.tokens import statements
from minidb.sql.utility import TableName, TokenReader
from minidb.value.sql_types import SqlType
from minidb.value.types_by_name import SERIAL_TYPES, type_from_name

_WHOLE: Final = frozenset({TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER})
_WORDS: Final = re.compile(r"\S+")

# Where the expression of a DEFAULT ends: the words that begin the next constraint of the column.
CONSTRAINT_WORDS: Final = frozenset(
    {
        "NOT",
        "NULL",
        "CHECK",
        "PRIMARY",
        "UNIQUE",
        "REFERENCES",
        "GENERATED",
        "CONSTRAINT",
        "DEFAULT",
        "COLLATE",
        "DEFERRABLE",
        "INITIALLY",
    }
)
_TYPE_TAILS: Final = {
    "DOUBLE": ("PRECISION",),
    "CHARACTER": ("VARYING",),
    "CHAR": ("VARYING",),
    "NCHAR": ("VARYING",),
}
IDENTIFIER_BYTES: Final = 255


class DefinitionReader:
    """`tokens` with multi-word tokens split; see `TokenReader`, which it holds, for the plain parts."""

    __slots__ = ("reader", "text")

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.reader = TokenReader(text, [part for token in tokens for part in _split(text, token)])

    # -- words ----------------------------------------------------------------------------------------

    def word(self) -> str:
        """The next token as an upper-case keyword."""
        return self.reader.word()

    def accept(self, *words: str) -> bool:
        """Move past these words, if they come next."""
        return self.reader.accept(*words)

    def expect(self, *words: str) -> None:
        """Move past these words, or fail."""
        self.reader.expect(*words)

    def accept_any(self, *words: str) -> str | None:
        """Move past one of these words, if one comes next; which."""
        word = self.word()
        if word in words:
            self.reader.index += 1
            return word
        return None

    def error(self) -> Error:
        """A syntax error at the next token."""
        return self.reader.error()

    def position(self) -> int:
        """Where the next token stands, from 1."""
        token = self.reader.token
        return len(self.text) + 1 if token is None else token.start + 1

    def refuse(self, what: str, position: int | None = None) -> NotSupportedError:
        """0A000."""
        return NotSupportedError(
            f"{what} not supported", position=self.position() if position is None else position
        )

    # -- names ----------------------------------------------------------------------------------------

    def name(self) -> str:
        """A name to be, or of, a column, constraint or relation."""
        position = self.position()
        name = self.reader.name()
        if len(name.encode()) > IDENTIFIER_BYTES:
            raise SyntaxError_("identifier too long", sqlstate="42622", position=position)
        return name

    def table(self) -> TableName:
        """A relation's name, perhaps with its schema."""
        position = self.position()
        name = self.name()
        if self.accept("."):
            return TableName(self.name(), name, position)
        return TableName(name, None, position)

    def names(self) -> tuple[str, ...]:
        """(a, b, c)"""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def tables(self) -> tuple[TableName, ...]:
        """a, b, c"""
        found = [self.table()]
        while self.accept(","):
            found.append(self.table())
        return tuple(found)

    def cascade(self) -> bool:
        """[CASCADE | RESTRICT]"""
        if self.accept("CASCADE"):
            return True
        self.accept("RESTRICT")
        return False

    def if_exists(self) -> bool:
        """[IF EXISTS]"""
        return self.accept("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        """[IF NOT EXISTS]"""
        return self.accept("IF", "NOT", "EXISTS")

    # -- types ----------------------------------------------------------------------------------------

    def type(self) -> tuple[SqlType, bool]:
        """A type name with its modifiers; True for a SERIAL type."""
        position = self.position()
        word = self.word()
        try:
            return self._type()
        except Error as error:
            if error.position is None:
                error.position = position
            if not word and error.sqlstate == "42601":
                error.position = position
            raise

    def _type(self) -> tuple[SqlType, bool]:
        first = self.word()
        if self.accept("NATIONAL"):
            first = self.word()
        name = self.name()
        if self.accept("."):
            if name not in ("pg_catalog", "public"):
                raise self.refuse(f'schema "{name}" is')
            name = self.name()
        for tail in _TYPE_TAILS.get(first, ()):
            if self.accept(tail):
                name += " " + tail.lower()
        if first == "INTERVAL" and self.word() in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"):
            raise self.refuse("INTERVAL with fields as a type is")
        modifiers = self._modifiers()
        if first in ("TIME", "TIMESTAMP"):
            if self.accept("WITH", "TIME", "ZONE"):
                name += " with time zone"
            else:
                self.accept("WITHOUT", "TIME", "ZONE")
        if self.word() in ("[", "ARRAY"):
            raise self.refuse("array types are")
        serial = SERIAL_TYPES.get(name)
        if serial is not None and not modifiers:
            return serial, True
        return type_from_name(name, modifiers), False

    def _modifiers(self) -> list[int]:
        found: list[int] = []
        if self.accept("("):
            found.append(self.integer())
            while self.accept(","):
                found.append(self.integer())
            self.expect(")")
        return found

    def integer(self) -> int:
        """[-]123"""
        negative = self.accept("-")
        if not negative:
            self.accept("+")
        token = self.reader.token
        if token is None or token.token_type is not TokenType.NUMBER or not token.text.isdigit():
            raise self.error()
        self.reader.index += 1
        return -int(token.text) if negative else int(token.text)

    def collation(self) -> None:
        """[COLLATE "C"]: text is ordered by code point and in no other way."""
        if not self.accept("COLLATE"):
            return
        position = self.position()
        name = self.name()
        if self.accept("."):
            name = self.name()
        if name not in ("C", "POSIX", "ucs_basic"):
            raise self.refuse(f'collation "{name}" is', position)

    # -- expressions ----------------------------------------------------------------------------------

    def parenthesized(self) -> Fragment:
        """( expression )"""
        self.expect("(")
        found = self.fragment(frozenset())
        self.expect(")")
        return found

    def fragment(self, ends: frozenset[str]) -> Fragment:
        """An expression up to a comma, a closing parenthesis or (after its first word) one of `ends`."""
        reader = self.reader
        first = reader.index
        depth = 0
        cases = 0
        while (token := reader.token) is not None:
            word = reader.word()
            if word in ("(", "["):
                depth += 1
            elif depth == 0 and (word in (",", ")") or (reader.index > first and not cases and word in ends)):
                break
            elif word in (")", "]"):
                depth -= 1
            elif word == "CASE":
                cases += 1
            elif word == "END" and cases:
                cases -= 1
            elif token.token_type is TokenType.PARAMETER:
                raise SyntaxError_("there is no parameter $1", sqlstate="42P02", position=token.start + 1)
            reader.index += 1
        if reader.index == first:
            raise self.error()
        return self.between(first, reader.index)

    def skip_parentheses(self) -> None:
        """( ... ), whatever is inside."""
        depth = 0
        while not self.reader.at_end():
            word = self.word()
            depth += 1 if word == "(" else -1 if word == ")" else 0
            self.reader.index += 1
            if depth == 0:
                return
        raise self.error()

    def between(self, first: int, stop: int) -> Fragment:
        """The text of tokens [first, stop)."""
        tokens = self.reader.tokens[first:stop]
        start = min([token.start for token in tokens])
        end = max([token.end for token in tokens]) + 1
        return Fragment(self.text[start:end], start)

    # -- sequence options -----------------------------------------------------------------------------

    def sequence_options(self, closing: bool) -> SequenceOptions:
        """START WITH 1 INCREMENT BY 1 ...; up to a closing parenthesis or the end."""
        found: dict[str, object] = {}
        while not self.reader.at_end() and not (closing and self.word() == ")"):
            position = self.position()
            name, value = self._sequence_option()
            if name in found:
                raise SyntaxError_("conflicting or redundant options", position=position)
            if name:
                found[name] = value
        return SequenceOptions(**found)  # type: ignore[arg-type]

    def _sequence_option(self) -> tuple[str, object]:
        if self.accept("AS"):
            type_, serial = self.type()
            if serial:
                raise self.error()
            return "type", type_
        if self.accept("START"):
            self.accept("WITH")
            return "start", self.integer()
        if self.accept("RESTART"):
            if self.accept("WITH"):
                return "restart", self.integer()
            token = self.reader.token
            number = token is not None and (token.token_type is TokenType.NUMBER or token.text == "-")
            return "restart", self.integer() if number else True
        if self.accept("INCREMENT"):
            self.accept("BY")
            return "increment", self.integer()
        if word := self.accept_any("MINVALUE", "MAXVALUE"):
            return ("minimum" if word == "MINVALUE" else "maximum"), self.integer()
        if self.accept("CACHE"):
            count = self.integer()
            if count < 1:
                raise SyntaxError_(f"CACHE ({count}) must be greater than zero", sqlstate="22023")
            return "", None  # every counter hands out its numbers from memory
        if self.accept("CYCLE"):
            return "cycle", True
        if self.accept("NO"):
            if self.accept("CYCLE"):
                return "cycle", False
            if word := self.accept_any("MINVALUE", "MAXVALUE"):
                return ("minimum" if word == "MINVALUE" else "maximum"), "no"
            raise self.error()
        if self.accept("OWNED"):
            self.expect("BY")
            if self.accept("NONE"):
                return "owned_by", "none"
            table = self.name()
            self.expect(".")
            return "owned_by", (table, self.name())
        raise self.error()


def parse_type(text: str) -> SqlType:
    """The type that a text spells: `numeric(10,2)`; 42704, 42601."""
    found = statements(text)
    reader = DefinitionReader(text, found[0].tokens if found else ())
    if len(found) != 1:
        raise reader.error() if found else SyntaxError_("syntax error at end of input")
    type_, serial = reader.type()
    reader.reader.expect_end()
    if serial:
        raise SyntaxError_(f'type "{text}" does not exist', sqlstate="42704")
    return type_


def _split(text: str, token: Token) -> list[Token]:
    """A token of several words as several tokens."""
    if token.token_type in _WHOLE:
        return [token]
    written = text[token.start : token.end + 1]
    if " " not in token.text and "\n" not in token.text and "\t" not in token.text:
        return [token]
    return [
        Token(
            TokenType.VAR,
            match.group(),
            token.line,
            token.col,
            token.start + match.start(),
            token.start + match.end() - 1,
        )
        for match in _WORDS.finditer(written)
    ]
