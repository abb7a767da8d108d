"""A cursor over a body's tokens, and the cutting out of the SQL between PL/pgSQL's own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sqlglot import exp

from minidb.errors import Error, NotSupportedError, SyntaxError_
from minidb.sql.parse import ParsedStatement, parse
from minidb.sql.plpgsql.lexer import END, QUOTED, STRING, SYMBOL, WORD, Token, tokens_of
from minidb.sql.plpgsql.syntax import Fragment, Into, Name, Path

# Words that begin or end a statement's part: no variable is called so unless quoted.
RESERVED: Final = frozenset(
    [
        "all",
        "begin",
        "by",
        "case",
        "declare",
        "else",
        "end",
        "execute",
        "for",
        "foreach",
        "from",
        "if",
        "in",
        "into",
        "loop",
        "not",
        "null",
        "or",
        "strict",
        "then",
        "to",
        "using",
        "when",
        "while",
    ]
)


class Reader:
    """See the module. `text` is the body; errors have positions in it."""

    __slots__ = ("index", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.index = 0

    # --- tokens -----------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def following(self, distance: int = 1) -> Token:
        """A token further on; the last one stands for all behind it."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def at(self, *words: str) -> bool:
        """Whether these words or symbols come next."""
        for distance, word in enumerate(words):
            token = self.following(distance)
            if token.text != word or token.kind not in (WORD, SYMBOL):
                return False
        return True

    def accept(self, *words: str) -> bool:
        """Move past these, if they come next."""
        if not self.at(*words):
            return False
        self.index += len(words)
        return True

    def expect(self, word: str) -> None:
        """Move past this one, or fail."""
        if not self.accept(word):
            raise self.error()

    def error(self, token: Token | None = None) -> SyntaxError_:
        """A syntax error at this token, or the next one."""
        token = token or self.token
        if token.kind == END:
            return SyntaxError_("syntax error at end of input", position=len(self.text.rstrip()) + 1)
        written = self.text[token.start : token.end]
        return SyntaxError_(f'syntax error at or near "{written}"', position=token.start + 1)

    def wrong(self, message: str, token: Token | None = None) -> SyntaxError_:
        """Another syntax error at this token, or the next one."""
        return SyntaxError_(message, position=(token or self.token).start + 1)

    def unsupported(self, what: str) -> NotSupportedError:
        """That `what` is not supported, at the next token."""
        return NotSupportedError(f"{what} is not supported", position=self.token.start + 1)

    # --- names ------------------------------------------------------------------------------------

    def name(self) -> str:
        """One name, folded."""
        token = self.token
        if token.kind not in (WORD, QUOTED) or (token.kind == WORD and token.text in RESERVED):
            raise self.error()
        self.index += 1
        return token.text

    def path(self) -> Name:
        """A name with what qualifies it."""
        position = self.token.start
        parts = [self.name()]
        while self.at("."):
            self.index += 1
            token = self.token
            if token.kind not in (WORD, QUOTED):
                raise self.error()
            self.index += 1
            parts.append(token.text)
        if self.at("["):
            raise self.unsupported("an array element as a target")
        return Name(tuple(parts), position)

    def names(self) -> tuple[Name, ...]:
        """Names separated by commas."""
        found = [self.path()]
        while self.accept(","):
            found.append(self.path())
        return tuple(found)

    def into(self) -> Into:
        """[STRICT] targets, after INTO."""
        strict = self.accept("strict")
        return Into(self.names(), strict)

    def string(self) -> str:
        """A string constant's value."""
        token = self.token
        if token.kind != STRING:
            raise self.error()
        self.index += 1
        end = token
        while self.token.kind == STRING and "\n" in self.text[end.end : self.token.start]:
            end = self.token  # strings on successive lines are one
            self.index += 1
        written = self.text[token.start : end.end]
        tree = self._located(lambda: parse("SELECT " + written), token.start - 7)[0].tree
        assert isinstance(tree, exp.Select)
        return str(tree.expressions[0].this)

    # --- SQL --------------------------------------------------------------------------------------

    def skip_to(self, *stops: str, required: bool = True) -> Token:
        """Move to the next of these words or symbols outside of parentheses and CASE ... END; `;` always
        ends. That token; if it is none of `stops`, it is an error."""
        depth = 0
        cases: list[int] = []
        while True:
            token = self.token
            word = token.text if token.kind in (WORD, SYMBOL) else ""
            if token.kind == END or (word == ";" and depth == 0):
                if ";" in stops and word == ";":
                    return token
                if required:
                    raise self.error()
                return token
            if word == ";":
                raise self.wrong('mismatched parentheses at or near ";"')
            if depth == 0 and not cases and word in stops:
                return token
            if word in ("(", "["):
                depth += 1
            elif word in (")", "]"):
                depth -= 1
                if depth < 0:
                    raise self.wrong(f'mismatched parentheses at or near "{word}"')
            elif word == "case":
                cases.append(depth)
            elif word == "end" and cases and cases[-1] == depth:
                cases.pop()
            self.index += 1

    def expression(self, *stops: str) -> Fragment:
        """The expression up to one of `stops`, which is next then."""
        first = self.index
        token = self.token
        stop = self.skip_to(*stops)
        if first == self.index:
            written = self.text[stop.start : stop.end]
            raise self.wrong(f'missing expression at or near "{written}"', stop)
        written = self._between(first, self.index)
        parsed = self._parse("SELECT " + written, token.start - 7)
        if not isinstance(parsed.tree, exp.Select):
            raise self.error(token)
        return Fragment(parsed, token.start - 7, written, self._only_name(first))

    def expressions(self, *stops: str) -> tuple[Fragment, ...]:
        """Expressions separated by commas, up to one of `stops`."""
        found = [self.expression(",", *stops)]
        while self.accept(","):
            found.append(self.expression(",", *stops))
        return tuple(found)

    def query(self, stop: str) -> Fragment:
        """A whole statement up to `stop`, which is next then."""
        first = self.index
        token = self.token
        end = self.skip_to(stop)
        if first == self.index:
            raise self.error(end)
        written = self._between(first, self.index)
        return Fragment(self._parse(written, token.start), token.start, written)

    def statement(self) -> tuple[Fragment, Into | None]:
        """A statement up to its `;`, its INTO clause taken out of it."""
        first = self.token
        begin = self.index
        self.skip_to(";")
        end = self.index
        if begin == end:
            raise self.error()
        into: Into | None = None
        written = self.text[first.start : self.tokens[end - 1].end]
        for place in range(begin + 1, end):
            token = self.tokens[place]
            if (
                token.kind != WORD
                or token.text != "into"
                or self.tokens[place - 1].text in ("insert", "merge")
            ):
                continue
            if into is not None:
                raise self.wrong("INTO specified more than once", token)
            self.index = place + 1
            into = self.into()
            # Spaces for what is taken out: positions stay as they are.
            cut = slice(token.start - first.start, self.tokens[self.index - 1].end - first.start)
            written = written[: cut.start] + " " * (cut.stop - cut.start) + written[cut.stop :]
        self.index = end
        return Fragment(self._parse(written, first.start), first.start, written), into

    def perform(self) -> Fragment:
        """What follows PERFORM: a query without its SELECT."""
        first = self.index
        token = self.token
        self.skip_to(";")
        if first == self.index:
            raise self.error()
        written = self._between(first, self.index)
        text = "SELECT " + written
        return Fragment(self._parse(text, token.start - 7), token.start - 7, text)

    def _between(self, first: int, stop: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[stop - 1].end]

    def _only_name(self, first: int) -> Name | None:
        tokens = self.tokens[first : self.index]
        if len(tokens) % 2 == 0 or any(token.text != "." for token in tokens[1::2]):
            return None
        if any(token.kind not in (WORD, QUOTED) for token in tokens[::2]):
            return None
        path: Path = tuple([token.text for token in tokens[::2]])
        return Name(path, tokens[0].start)

    def _parse(self, text: str, offset: int) -> ParsedStatement:
        found = self._located(lambda: parse(text), offset)
        if len(found) != 1:
            raise SyntaxError_("syntax error", position=max(offset, 0) + 1)
        parsed = found[0]
        for place in _places(parsed):
            if text[place] != "$":
                raise SyntaxError_(
                    f'syntax error at or near "{text[place]}"', position=max(offset + place, 0) + 1
                )
        return parsed

    def _located(self, work: Callable[[], list[ParsedStatement]], offset: int) -> list[ParsedStatement]:
        try:
            return work()
        except Error as error:
            if error.position is not None:
                error.position += offset
            raise


def _places(parsed: ParsedStatement) -> Iterable[int]:
    """Where a statement's parameters stand: a body has none but `$1`, its arguments."""
    if not parsed.parameters or not isinstance(parsed.tree, exp.Expression):
        return
    for parameter in parsed.tree.find_all(exp.Parameter):
        start = parameter.meta.get("start", parameter.this.meta.get("start"))
        if start is not None:
            yield int(start)
