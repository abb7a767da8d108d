"""PL/pgSQL's statements: recursive descent over the words of a body.

    body  ->  [DECLARE ...] BEGIN statement; ... [EXCEPTION WHEN ... THEN statement; ...] END

Whatever is not a statement of PL/pgSQL itself is SQL and read by the SQL parser. Names stay names: what they
mean, and what type a variable has, is found out by who runs the body, for it depends on the catalog. Labels
are checked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.sql.plpgsql import syntax
from minidb.sql.plpgsql.conditions import OTHERS, SQLSTATES, is_sqlstate
from minidb.sql.plpgsql.declarations import declarations
from minidb.sql.plpgsql.lexer import END, QUOTED, STRING, WORD
from minidb.sql.plpgsql.raise_statement import parse_raise
from minidb.sql.plpgsql.reader import Reader
from minidb.sql.plpgsql.syntax import Body, Handler, Into, Statement
from minidb.sql.token_sequence import too_deep

_MOST_NESTED: Final = 100  # statements within statements
_REFUSED: Final = {
    "foreach": "FOREACH",
    "open": "OPEN (cursors)",
    "fetch": "FETCH (cursors)",
    "move": "MOVE (cursors)",
    "close": "CLOSE (cursors)",
    "commit": "COMMIT in PL/pgSQL",
    "rollback": "ROLLBACK in PL/pgSQL",
}
_TRANSACTION_WORDS: Final = frozenset({"savepoint", "release", "start", "abort"})
_DIAGNOSTICS: Final = frozenset({"row_count"})
_STACKED_DIAGNOSTICS: Final = frozenset(
    [
        "returned_sqlstate",
        "message_text",
        "pg_exception_detail",
        "pg_exception_hint",
        "pg_exception_context",
        "column_name",
        "constraint_name",
        "table_name",
        "schema_name",
    ]
)
_UNSUPPORTED_DIAGNOSTICS: Final = frozenset({"pg_context", "pg_routine_oid", "pg_datatype_name"})


def parse_body(text: str) -> Body:
    """The tree of a body; 42601 (and 0A000) with a position in `text`, from 1."""
    parser = _Parser(text)
    try:
        return parser.body()
    except RecursionError:
        raise too_deep() from None


class _Parser:
    """One body. `labels` are those around the present statement: (label, whether it is a loop's)."""

    __slots__ = ("depth", "labels", "reader")

    def __init__(self, text: str) -> None:
        self.reader = Reader(text)
        self.labels: list[tuple[str | None, bool]] = []
        self.depth = 0

    def body(self) -> Body:
        reader = self.reader
        if reader.at("#"):
            raise reader.unsupported("a compiler option (#)")
        position = reader.token.start
        block = self.block(position, self.label())
        reader.accept(";")
        if reader.token.kind != END:
            raise reader.error()
        return Body(reader.text, block)

    # --- blocks -----------------------------------------------------------------------------------

    def label(self) -> str | None:
        """<<label>>, if there is one."""
        reader = self.reader
        if not reader.accept("<<"):
            return None
        name = reader.name()
        reader.expect(">>")
        return name

    def block(self, position: int, label: str | None) -> syntax.Block:
        """DECLARE ... BEGIN ... END, without what follows it."""
        reader = self.reader
        declared = declarations(reader) if reader.accept("declare") else ()
        position = reader.token.start if not declared else position
        reader.expect("begin")
        self.labels.append((label, False))
        statements = self.statements("exception", "end")
        handlers: tuple[Handler, ...] = ()
        if reader.accept("exception"):
            handlers = self.handlers()
        self.labels.pop()
        reader.expect("end")
        self.end_label(label)
        return syntax.Block(position, label, declared, statements, handlers)

    def end_label(self, label: str | None) -> None:
        """The label that may be repeated behind END."""
        reader = self.reader
        if reader.token.kind not in (WORD, QUOTED):
            return
        token = reader.token
        name = reader.name()
        if label is None:
            raise reader.wrong(f'end label "{name}" specified for unlabeled block', token)
        if name != label:
            raise reader.wrong(f'end label "{name}" differs from block\'s label "{label}"', token)

    def handlers(self) -> tuple[Handler, ...]:
        """WHEN condition [OR condition ...] THEN statements, at least one."""
        reader = self.reader
        found: list[Handler] = []
        while reader.accept("when") or not found:
            if not found and reader.tokens[reader.index - 1].text != "when":
                raise reader.error()
            conditions = list(self.condition())
            while reader.accept("or"):
                conditions.extend(self.condition())
            reader.expect("then")
            found.append(Handler(tuple(conditions), self.statements("when", "end")))
        return tuple(found)

    def condition(self) -> tuple[str, ...]:
        """One condition's codes."""
        reader = self.reader
        token = reader.token
        if reader.at("sqlstate") and reader.following().kind == STRING:
            reader.index += 1
            place = reader.token
            code = reader.string()
            if not is_sqlstate(code):
                raise reader.wrong(
                    f'invalid SQLSTATE code at or near "{reader.text[place.start : place.end]}"', place
                )
            return (code,)
        name = reader.name()
        if name == "others":
            return (OTHERS,)
        if name not in SQLSTATES:
            raise ProgrammingError(
                f'unrecognized exception condition "{name}"', sqlstate="42704", position=token.start + 1
            )
        return SQLSTATES[name]

    # --- statements -------------------------------------------------------------------------------

    def statements(self, *stops: str) -> tuple[Statement, ...]:
        """Statements up to one of these words."""
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise too_deep()
        found: list[Statement] = []
        while not any(self.reader.at(stop) for stop in stops):
            found.append(self.statement())
        self.depth -= 1
        return tuple(found)

    def statement(self) -> Statement:
        """One statement with its semicolon."""
        reader = self.reader
        position = reader.token.start
        label = self.label()
        token = reader.token
        if token.kind == END:
            raise reader.error()
        if token.kind in (WORD, QUOTED) and self.is_assignment():
            found: Statement = self.assignment(position)
        else:
            word = token.text if token.kind == WORD else ""
            if label is not None and word not in _LABELLED:
                raise reader.error()
            if word in _LABELLED:
                reader.index += word not in ("declare", "begin")
                found = _LABELLED[word](self, position, label)
            elif word in _PARSERS:
                reader.index += 1
                found = _PARSERS[word](self, position)
            elif word in _REFUSED:
                raise reader.unsupported(_REFUSED[word])
            elif word in _TRANSACTION_WORDS:
                raise NotSupportedError("unsupported transaction command in PL/pgSQL", position=position + 1)
            else:
                query, into = reader.statement()
                found = syntax.Sql(position, query, into)
        reader.expect(";")
        return found

    def is_assignment(self) -> bool:
        """Whether a name and `:=` or `=` come next."""
        reader = self.reader
        distance = 1
        while reader.following(distance).text == "." and reader.following(distance + 1).kind in (
            WORD,
            QUOTED,
        ):
            distance += 2
        token = reader.following(distance)
        return token.text in (":=", "=") or (token.text == "[" and distance == 1)

    def assignment(self, position: int) -> Statement:
        reader = self.reader
        target = reader.path()
        reader.index += 1  # := or =
        return syntax.Assign(position, target, reader.expression(";"))

    def labelled_block(self, position: int, label: str | None) -> Statement:
        return self.block(position, label)

    # --- conditions -------------------------------------------------------------------------------

    def if_(self, position: int) -> Statement:
        reader = self.reader
        branches = []
        while True:
            condition = reader.expression("then")
            reader.expect("then")
            branches.append((condition, self.statements("elsif", "elseif", "else", "end")))
            if not reader.accept("elsif") and not reader.accept("elseif"):
                break
        otherwise = self.statements("end") if reader.accept("else") else ()
        reader.expect("end")
        reader.expect("if")
        return syntax.If(position, tuple(branches), otherwise)

    def case(self, position: int) -> Statement:
        reader = self.reader
        subject = None if reader.at("when") else reader.expression("when")
        branches = []
        while reader.accept("when"):
            values = reader.expressions("then") if subject is not None else (reader.expression("then"),)
            reader.expect("then")
            branches.append((values, self.statements("when", "else", "end")))
        if not branches:
            raise reader.error()
        otherwise = self.statements("end") if reader.accept("else") else None
        reader.expect("end")
        reader.expect("case")
        return syntax.Case(position, subject, tuple(branches), otherwise)

    # --- loops ------------------------------------------------------------------------------------

    def loop_body(self, label: str | None) -> tuple[Statement, ...]:
        """LOOP statements END LOOP [label]."""
        reader = self.reader
        reader.expect("loop")
        self.labels.append((label, True))
        statements = self.statements("end")
        self.labels.pop()
        reader.expect("end")
        reader.expect("loop")
        self.end_label(label)
        return statements

    def loop(self, position: int, label: str | None) -> Statement:
        self.reader.index -= 1  # LOOP itself
        return syntax.Loop(position, label, None, self.loop_body(label))

    def while_(self, position: int, label: str | None) -> Statement:
        condition = self.reader.expression("loop")
        return syntax.Loop(position, label, condition, self.loop_body(label))

    def for_(self, position: int, label: str | None) -> Statement:
        reader = self.reader
        targets = reader.names()
        reader.expect("in")
        if reader.accept("execute"):
            query: syntax.Fragment | syntax.Dynamic = self.dynamic("loop")
            return syntax.ForQuery(position, label, targets, query, self.loop_body(label))
        start = reader.index
        reverse = reader.accept("reverse")
        is_range = reader.skip_to("..", "loop").text == ".."
        reader.index = start
        if not is_range:
            query = reader.query("loop")
            return syntax.ForQuery(position, label, targets, query, self.loop_body(label))
        reader.accept("reverse")
        if len(targets) > 1 or len(targets[0].path) > 1:
            raise reader.wrong("integer FOR loop must have only one target variable")
        low = reader.expression("..")
        reader.expect("..")
        high = reader.expression("by", "loop")
        step = reader.expression("loop") if reader.accept("by") else None
        statements = self.loop_body(label)
        return syntax.ForInteger(position, label, targets[0].path[0], low, high, step, reverse, statements)

    def exit(self, position: int) -> Statement:
        reader = self.reader
        word = reader.tokens[reader.index - 1].text
        label = None
        token = reader.token
        if not reader.at(";") and not reader.at("when"):
            label = reader.name()
            kinds = [is_loop for name, is_loop in self.labels if name == label]
            if not kinds:
                raise reader.wrong(
                    f'there is no label "{label}" attached to any block or loop enclosing this statement',
                    token,
                )
            if word == "continue" and not kinds[-1]:
                raise reader.wrong(f'block label "{label}" cannot be used in CONTINUE', token)
        elif not any(is_loop for _, is_loop in self.labels):
            place = reader.tokens[reader.index - 1]
            if word == "exit":
                raise reader.wrong("EXIT cannot be used outside a loop, unless it has a label", place)
            raise reader.wrong("CONTINUE cannot be used outside a loop", place)
        condition = reader.expression(";") if reader.accept("when") else None
        return syntax.Exit(position, word, label, condition)

    # --- the rest ---------------------------------------------------------------------------------

    def return_(self, position: int) -> Statement:
        reader = self.reader
        if reader.accept("next"):
            return syntax.ReturnNext(position, None if reader.at(";") else reader.expression(";"))
        if reader.accept("query"):
            if reader.accept("execute"):
                return syntax.ReturnQuery(position, self.dynamic(";"))
            return syntax.ReturnQuery(position, reader.query(";"))
        return syntax.Return(position, None if reader.at(";") else reader.expression(";"))

    def raise_(self, position: int) -> Statement:
        return parse_raise(self.reader, position)

    def assert_(self, position: int) -> Statement:
        reader = self.reader
        condition = reader.expression(",", ";")
        return syntax.Assert(position, condition, reader.expression(";") if reader.accept(",") else None)

    def perform(self, position: int) -> Statement:
        return syntax.Sql(position, self.reader.perform(), None, True)

    def dynamic(self, stop: str) -> syntax.Dynamic:
        """The text and USING of EXECUTE, up to `stop`."""
        reader = self.reader
        text = reader.expression("using", stop)
        return syntax.Dynamic(text, reader.expressions(stop) if reader.accept("using") else ())

    def execute(self, position: int) -> Statement:
        reader = self.reader
        text = reader.expression("into", "using", ";")
        into: Into | None = None
        values: tuple[syntax.Fragment, ...] = ()
        while not reader.at(";"):
            if into is None and reader.accept("into"):
                into = reader.into()
            elif not values and reader.accept("using"):
                values = reader.expressions("into", ";")
            else:
                raise reader.error()
        return syntax.Execute(position, syntax.Dynamic(text, values), into)

    def get(self, position: int) -> Statement:
        reader = self.reader
        stacked = reader.accept("stacked")
        if not stacked:
            reader.accept("current")
        reader.expect("diagnostics")
        items = []
        while True:
            target = reader.path()
            if not reader.accept("="):
                reader.expect(":=")
            token = reader.token
            item = reader.name()
            if item in _UNSUPPORTED_DIAGNOSTICS:
                reader.index -= 1
                raise reader.unsupported(f"the diagnostics item {item.upper()}")
            if item not in (_STACKED_DIAGNOSTICS if stacked else _DIAGNOSTICS):
                if item in _STACKED_DIAGNOSTICS | _DIAGNOSTICS:
                    kind = "STACKED" if stacked else "CURRENT"
                    raise reader.wrong(
                        f"diagnostics item {item.upper()} is not allowed in GET {kind} DIAGNOSTICS", token
                    )
                written = reader.text[token.start : token.end]
                raise reader.wrong(f'unrecognized GET DIAGNOSTICS item at or near "{written}"', token)
            items.append((target, item))
            if not reader.accept(","):
                return syntax.GetDiagnostics(position, stacked, tuple(items))

    def null(self, position: int) -> Statement:
        return syntax.Null(position)


_LABELLED: Final[dict[str, Callable[[_Parser, int, str | None], Statement]]] = {
    "declare": _Parser.labelled_block,
    "begin": _Parser.labelled_block,
    "loop": _Parser.loop,
    "while": _Parser.while_,
    "for": _Parser.for_,
}
_PARSERS: Final[dict[str, Callable[[_Parser, int], Statement]]] = {
    "if": _Parser.if_,
    "case": _Parser.case,
    "exit": _Parser.exit,
    "continue": _Parser.exit,
    "return": _Parser.return_,
    "raise": _Parser.raise_,
    "assert": _Parser.assert_,
    "perform": _Parser.perform,
    "execute": _Parser.execute,
    "get": _Parser.get,
    "null": _Parser.null,
}
