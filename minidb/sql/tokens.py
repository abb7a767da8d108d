"""SQL text to sqlglot tokens, one list a statement, adapted so that the parser reads them as PostgreSQL does.

    text -> sqlglot's tokenizer -> split at ";" -> adapted: words, literals, operators, parameters -> parser

sqlglot's parser rewrites what it knows: `now()` becomes CURRENT_TIMESTAMP, `to_char`'s pattern becomes
strftime's, INTERVAL literals are taken apart. So that a tree says what the text says, a function's name
gets a mark before the parser sees it (an unknown function keeps its name and arguments), so does a word
that is a keyword in other dialects only, and INTERVAL literals become calls. `unmarked` takes the mark off.
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import Error, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.sql.keywords import KNOWN, RESERVED, SPECIAL_CALLS, TYPE_OR_FUNCTION
from minidb.sql.literals import escape_string, unicode_string
from minidb.sql.token_sequence import near

MARK: Final = "word$"
INTERVAL_LITERAL: Final = "interval$literal"
INTERVAL_FIELDS: Final = frozenset({"year", "month", "day", "hour", "minute", "second"})

_DIALECT: Final = Postgres()
_TABLES: Final = Postgres.parser_class
_KNOWN_CALLS: Final = frozenset(
    [
        name.lower()
        for table in (_TABLES.FUNCTIONS, _TABLES.FUNCTION_PARSERS, _TABLES.NO_PAREN_FUNCTION_PARSERS)
        for name in table
    ]
)
_STRINGS: Final = frozenset(
    {
        TokenType.STRING,
        TokenType.BYTE_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
        TokenType.NATIONAL_STRING,
    }
)
_VALUE_ENDS: Final = _STRINGS | {
    TokenType.NUMBER,
    TokenType.IDENTIFIER,
    TokenType.R_PAREN,
    TokenType.R_BRACKET,
    TokenType.NULL,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.END,
}
_NO_WORDS: Final = frozenset({TokenType.IDENTIFIER, TokenType.HEX_STRING, TokenType.BIT_STRING})
_NO_CALLS: Final = frozenset(
    {"current_date", "current_user", "current_role", "current_catalog", "session_user", "user"}
)
_NEGATED_OPERATORS: Final = frozenset({TokenType.RLIKE, TokenType.IRLIKE, TokenType.LIKE, TokenType.ILIKE})
_NOT_SQL: Final = frozenset({"{", "}", "`", "\\", "??", "==", "<=>", "|>", "~~~", "?::", "=>>"})
_WORD: Final = re.compile(r"[^\W\d][\w$]*")


class _Tokenizer(Postgres.Tokenizer):
    """Without commands, whose rest would be one unread string."""

    COMMANDS = set()  # noqa: RUF012


class Statement:
    """One statement's tokens and the names of its parameters (None: numbered)."""

    __slots__ = ("parameters", "tokens")

    def __init__(self, tokens: list[Token], parameters: list[str | None]) -> None:
        self.tokens = tokens
        self.parameters = parameters


def unmarked(name: str) -> str:
    """The name as written, of a word that sqlglot was kept from knowing."""
    return name.removeprefix(MARK)


def statements(text: str) -> list[Statement]:
    """The statements of a script, empty ones left out."""
    try:
        tokens = _Tokenizer(dialect=_DIALECT).tokenize(text)
    except TokenError:
        raise _unterminated(text) from None
    return [_adapt(text, part) for part in _split(tokens)]


def _split(tokens: list[Token]) -> list[list[Token]]:
    """The statements between semicolons. Those of CREATE FUNCTION ... BEGIN ATOMIC ... END don't end it."""
    found: list[list[Token]] = []
    current: list[Token] = []
    depth = 0  # of BEGIN ATOMIC and the CASEs inside
    for token in tokens:
        kind = token.token_type
        if kind is TokenType.SEMICOLON and depth == 0:
            if current:
                found.append(current)
            current = []
            continue
        if depth:
            depth += 1 if kind is TokenType.CASE else -1 if kind is TokenType.END else 0
        elif (
            current
            and current[-1].token_type is TokenType.BEGIN
            and current[0].token_type is TokenType.CREATE
            and token.text.upper() == "ATOMIC"
        ):
            depth = 1
        current.append(token)
    if current:
        found.append(current)
    return found


def _unterminated(text: str) -> Error:
    """Which quotation or comment never ends, and where it begins."""
    position = 0
    openings = re.compile(r"--[^\n]*|/\*|[eE]?'|\"|\$(?:[^\W\d]\w*)?\$")
    while (match := openings.search(text, position)) is not None:
        opening, start = match.group(), match.start()
        if opening.startswith("--"):
            position = match.end()
            continue
        end = _closing(text, opening, match.end())
        if end < 0:
            rest = text[start:]
            if opening == "/*":
                return SyntaxError_(f'unterminated /* comment at or near "{rest}"', position=start + 1)
            if opening == '"':
                return SyntaxError_(f'unterminated quoted identifier at or near "{rest}"', position=start + 1)
            kind = "dollar-quoted" if opening[0] == "$" else "quoted"
            return SyntaxError_(f'unterminated {kind} string at or near "{rest}"', position=start + 1)
        position = end
    return SyntaxError_("the statement cannot be split into words")


def _closing(text: str, opening: str, position: int) -> int:
    """Where what `opening` begins has ended, or -1."""
    if opening == "/*":
        depth = 1
        for match in re.compile(r"/\*|\*/").finditer(text, position):
            depth += 1 if match.group() == "/*" else -1
            if depth == 0:
                return match.end()
        return -1
    if opening[0] == "$":
        found = text.find(opening, position)
        return -1 if found < 0 else found + len(opening)
    if opening[0] in "eE":
        closing = re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL).match(text, position)
    else:
        quote = opening[-1]
        closing = re.compile(f"(?:[^{quote}]|{quote}{quote})*{quote}").match(text, position)
    return -1 if closing is None else closing.end()


def _adapt(text: str, tokens: list[Token]) -> Statement:
    adapter = _Adapter(text, tokens)
    return Statement(adapter.run(), adapter.parameters)


def _token(kind: TokenType, text: str, like: Token, end: Token | None = None) -> Token:
    return Token(kind, text, like.line, like.col, like.start, (end or like).end)


class _Adapter:
    """Rewrites one statement's tokens; `output` grows as `position` moves through `tokens`."""

    __slots__ = ("brackets", "output", "parameters", "position", "style", "text", "tokens")

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0
        self.output: list[Token] = []
        self.parameters: list[str | None] = []
        self.style = ""
        self.brackets = 0

    def next(self, distance: int = 1) -> Token | None:
        """The token `distance` places on."""
        index = self.position + distance
        return self.tokens[index] if index < len(self.tokens) else None

    def touching(self, distance: int = 1) -> Token | None:
        """The token `distance` places on, if no space lies before it."""
        token = self.next(distance)
        if token is None or token.start != self.tokens[self.position + distance - 1].end + 1:
            return None
        return token

    def run(self) -> list[Token]:
        """All tokens, adapted."""
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            kind = token.token_type
            if kind in _STRINGS:
                self.string(token)
            elif kind is TokenType.NUMBER:
                self.number(token)
            elif _WORD.match(token.text) and kind not in _NO_WORDS:
                self.word(token)
            else:
                self.symbol(token)
            self.position += 1
        return self.output

    def string(self, token: Token) -> None:
        """Every kind of string constant becomes a plain one; two on successive lines are one."""
        value = self.string_value(token)
        end = token
        while (following := self.next()) is not None and following.token_type is TokenType.STRING:
            if "\n" not in self.text[end.end + 1 : following.start]:
                raise near(self.text, following)
            value += following.text
            end = following
            self.position += 1
        self.output.append(_token(TokenType.STRING, value, token, end))

    def string_value(self, token: Token) -> str:
        """The text that a string constant stands for."""
        kind = token.token_type
        if kind is TokenType.BYTE_STRING:
            return escape_string(self.text[token.start + 2 : token.end], token.start + 1)
        if kind is TokenType.UNICODE_STRING:
            return unicode_string(self.text[token.start + 3 : token.end], token.start + 1)
        return token.text

    def number(self, token: Token) -> None:
        """A number must not run into a word."""
        junk = self.touching()
        if junk is not None and _WORD.match(junk.text) and junk.token_type is not TokenType.IDENTIFIER:
            written = self.text[token.start : junk.end + 1]
            raise SyntaxError_(
                f'trailing junk after numeric literal at or near "{written}"', position=token.start + 1
            )
        self.output.append(token)

    def word(self, token: Token) -> None:
        """Keywords of other dialects become names; function names get their mark."""
        written = self.text[token.start : token.end + 1]
        word = written.lower()
        kind = token.token_type
        if kind is not TokenType.VAR:
            parts = word.split()
            if parts[0] not in KNOWN:
                if len(parts) > 1:
                    raise near(self.text, token)
                self.output.append(_token(TokenType.VAR, MARK + written, token))
                return
            elif kind is TokenType.COMMAND and self.output:
                kind = TokenType.VAR
        following = self.next()
        if following is not None:
            if word in _NO_CALLS and following.token_type is TokenType.L_PAREN:
                raise near(self.text, following)
            if word == "interval" and self.interval(token, following):
                return
            if word in _KNOWN_CALLS and word not in SPECIAL_CALLS and self.is_called(word):
                self.output.append(_token(TokenType.VAR, MARK + written, token))
                return
        self.output.append(token if kind is token.token_type else _token(kind, token.text, token))

    def is_called(self, word: str) -> bool:
        """Whether a parenthesis follows, but neither INSERT INTO t (...) nor FILTER (...) is meant."""
        following = self.next()
        if following is None or following.token_type is not TokenType.L_PAREN or not self.output:
            return False
        before = self.output[-1].text.upper()
        if word == "filter":
            return before != ")"
        return before not in ("INTO", "TABLE", "EXISTS", "REFERENCES", "VIEW", "WITH", "AS")

    def interval(self, token: Token, following: Token) -> bool:
        """INTERVAL [(p)] 'text' [fields] -> interval$literal('text', 'fields', 'p')."""
        precision = ""
        skip = 0
        if following.token_type is TokenType.L_PAREN:
            number, closing, text = self.next(2), self.next(3), self.next(4)
            if (
                number is None
                or number.token_type is not TokenType.NUMBER
                or closing is None
                or closing.token_type is not TokenType.R_PAREN
                or text is None
            ):
                return False
            precision, following, skip = number.text, text, 3
        if following.token_type not in _STRINGS:
            return False
        self.output.append(_token(TokenType.VAR, MARK + INTERVAL_LITERAL, token))
        self.output.append(_token(TokenType.L_PAREN, "(", token))
        self.position += skip + 1
        self.string(following)
        fields: list[str] = []
        while (part := self.next()) is not None:
            word = self.text[part.start : part.end + 1].lower()
            expected = word == "to" if len(fields) == 1 else word in INTERVAL_FIELDS
            if len(fields) == 3 or not expected or part.token_type is TokenType.IDENTIFIER:
                break
            fields.append(word)
            following = part
            self.position += 1
        for extra in (" ".join(fields), precision):
            self.output.append(_token(TokenType.COMMA, ",", token))
            self.output.append(_token(TokenType.STRING, extra, token))
        self.output.append(_token(TokenType.R_PAREN, ")", token, following))  # ends where all of it ends
        return True

    def symbol(self, token: Token) -> None:
        """Parameters, and signs that PostgreSQL spells or reads differently."""
        kind = token.token_type
        if kind is TokenType.QDCOLON and not self.after_value():  # ?::int, in one token
            self.parameter(token, token, "?", None)
            self.output.append(_token(TokenType.DCOLON, "::", token))
            return
        if token.text in _NOT_SQL and kind is not TokenType.IDENTIFIER:
            raise near(self.text, token)
        if kind is TokenType.L_BRACKET or kind is TokenType.R_BRACKET:
            self.brackets += 1 if kind is TokenType.L_BRACKET else -1
        elif kind is TokenType.PLACEHOLDER and not self.after_value():
            self.parameter(token, token, "?", None)
            return
        elif kind is TokenType.COLON and self.brackets == 0:
            name = self.touching()
            if name is None or not _WORD.match(name.text):
                raise near(self.text, token)
            self.parameter(token, name, ":", self.text[name.start : name.end + 1])
            self.position += 1
            return
        elif kind is TokenType.PARAMETER:
            if token.text == "@":
                raise NotSupportedError("the operator @ is not supported", position=token.start + 1)
            number = self.touching()
            if number is None or not number.text.isdigit():
                raise near(self.text, token)
            self.parameter(token, number, "$", number.text)
            self.position += 1
            return
        elif kind is TokenType.DASH and self.negative_scale(token):
            return
        elif kind in (TokenType.ARROW, TokenType.DARROW):
            self.arrow(token)
            return
        elif kind is TokenType.NOT and token.text == "!":
            operator = self.touching()
            if operator is None or operator.token_type not in _NEGATED_OPERATORS or operator.text[0] != "~":
                raise near(self.text, token)
        elif kind is TokenType.DOT:
            fraction = self.touching()
            if (
                fraction is not None
                and fraction.token_type is TokenType.NUMBER
                and not self.after_name(token)
            ):
                self.output.append(_token(TokenType.NUMBER, "." + fraction.text, token, fraction))
                self.position += 1
                return
        elif kind in (TokenType.HEX_STRING, TokenType.BIT_STRING):
            if self.text[token.start] == "0":
                written = self.text[token.start : token.end + 1]
                raise SyntaxError_(
                    f'trailing junk after numeric literal at or near "{written}"', position=token.start + 1
                )
            raise NotSupportedError("type bit is not supported", position=token.start + 1)
        elif kind is TokenType.IDENTIFIER and token.text in _KNOWN_CALLS and self.is_called(token.text):
            self.output.append(_token(kind, MARK + token.text, token))
            return
        elif kind is TokenType.IDENTIFIER and token.text == "":
            raise SyntaxError_('zero-length delimited identifier at or near """"', position=token.start + 1)
        self.output.append(token)

    def negative_scale(self, token: Token) -> bool:
        """numeric(3, -2): sqlglot wants the scale as one token."""
        scale = self.touching()
        before = self.output[-4:]
        if (
            scale is None
            or scale.token_type is not TokenType.NUMBER
            or len(before) < 4
            or before[3].token_type is not TokenType.COMMA
            or before[1].token_type is not TokenType.L_PAREN
            or before[0].text.lower() not in ("numeric", "decimal", "dec")
        ):
            return False
        self.output.append(_token(TokenType.NUMBER, "-" + scale.text, token, scale))
        self.position += 1
        return True

    def arrow(self, token: Token) -> None:
        """-> and ->> with a literal key: in parentheses, or sqlglot makes a path of it."""
        self.output.append(token)
        key = self.next()
        length = 1
        if key is not None and key.token_type is TokenType.DASH:
            key, length = self.next(2), 2
        if key is None or (key.token_type is not TokenType.NUMBER and key.token_type not in _STRINGS):
            return
        self.output.append(_token(TokenType.L_PAREN, "(", key))
        self.output.extend(self.tokens[self.position + 1 : self.position + 1 + length])
        self.output.append(_token(TokenType.R_PAREN, ")", key))
        self.position += length

    def after_name(self, token: Token) -> bool:
        """Whether this dot directly follows a name: `t.1` is an error, `SELECT .5` is not."""
        return self.position > 0 and self.tokens[self.position - 1].end + 1 == token.start

    def after_value(self) -> bool:
        """Whether the last token ends an operand, so that `?` is an operator on it."""
        if not self.output:
            return False
        last = self.output[-1]
        if last.token_type in _VALUE_ENDS:
            return True
        word = last.text.lower()
        return (
            bool(_WORD.match(last.text))
            and " " not in word
            and word
            not in RESERVED
            | TYPE_OR_FUNCTION
            | {
                "by",
                "between",
                "values",
                "set",
                "escape",
                "interval",
                "return",
                "zone",
            }
        )

    def parameter(self, first: Token, last: Token, style: str, name: str | None) -> None:
        """`?`, `:name` and `$1` all become `$number`."""
        if self.after_value():
            raise near(self.text, first)
        if self.style and self.style != style:
            raise ProgrammingError(
                "?, :name and $1 cannot be mixed in one statement", sqlstate="42601", position=first.start + 1
            )
        self.style = style
        if style == "$":
            assert name is not None
            number = int(name)
            if number < 1 or number > 65535:
                raise ProgrammingError(
                    f"there is no parameter ${name}", sqlstate="42P02", position=first.start + 1
                )
            self.parameters.extend([None] * (number - len(self.parameters)))
        elif name is not None and name in self.parameters:
            number = self.parameters.index(name) + 1
        else:
            self.parameters.append(name)
            number = len(self.parameters)
        self.output.append(_token(TokenType.PARAMETER, "$", first))
        self.output.append(_token(TokenType.NUMBER, str(number), first, last))
