"""sqlglot expression -> typed minidb expression: names, literals, operators, casts, logic.

One function for each class of node, in the table at the end; calls are in `bind_function`, what holds a
query in `bind_subquery`. An error gets the position of the innermost node that has one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from sqlglot import exp

from minidb.errors import DataError, Error, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.expr import conditional, like, logic, membership, operators
from minidb.expr.cast import cast
from minidb.expr.node import Constant, Expr
from minidb.sql import bind_function, bind_subquery
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.scope import Scope, resolve
from minidb.sql.types import sql_type
from minidb.value.sql_types import BIGINT, BOOLEAN, INTEGER, JSON, NUMERIC, UNKNOWN

ExpressionRule = Callable[[Binder, exp.Expression, Scope], Expr]


def bind_expression(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    """The typed expression that `tree` means among the names of `scope`."""
    rule = _RULES.get(type(tree))
    try:
        if rule is None:
            raise _unsupported(tree)
        return rule(binder, tree, scope)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


def bind_in_clause(binder: Binder, tree: exp.Expression, scope: Scope, clause: str) -> Expr:
    """An expression of a clause that has no aggregates of its own; `clause` is for the message."""
    level = scope.level
    saved = level.clause, level.aggregates_allowed
    level.clause, level.aggregates_allowed = clause, False
    try:
        return bind_expression(binder, tree, scope)
    finally:
        level.clause, level.aggregates_allowed = saved


def bind_condition(binder: Binder, tree: exp.Expression, scope: Scope, clause: str) -> Expr:
    """A boolean expression of such a clause."""
    condition = bind_in_clause(binder, tree, scope, clause)
    try:
        return logic.require_boolean(condition, clause)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


# --- leaves ---------------------------------------------------------------------------------------


def _column(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    if isinstance(tree.this, exp.Star):
        raise SyntaxError_('syntax error at or near "*"', position=position_of(tree.this))
    schema, table = tree.args.get("db"), tree.args.get("table")
    variables = binder.variables
    variable = None if variables is None else variables.find(binder, _path(tree))
    if tree.args.get("catalog") is not None:
        raise refuse("cross-database references are", tree)
    position = position_of(table) if table is not None else position_of(tree.this)
    if schema is not None and identifier(schema) != "public":
        if variable is not None:
            return variable
        raise ProgrammingError(
            f'missing FROM-clause entry for table "{identifier(table)}"',
            sqlstate="42P01",
            position=position_of(schema),
        )
    name = identifier(tree.this)
    if name == "user" and table is None and not tree.this.args.get("quoted"):
        return bind_function.call("current_user", [], scope)
    qualifier = None if table is None else identifier(table)
    if variable is None:
        return resolve(scope, name, qualifier, position)
    return _column_or_variable(binder, scope, name, qualifier, position, variable)


def _path(tree: exp.Expression) -> tuple[str, ...]:
    """A column's name with what qualifies it."""
    parts = [tree.args.get("db"), tree.args.get("table"), tree.this]
    return tuple([identifier(part) for part in parts if part is not None])


def _column_or_variable(
    binder: Binder, scope: Scope, name: str, qualifier: str | None, position: int | None, variable: Expr
) -> Expr:
    """Inside of a routine: a column if there is one of that name, else the routine's variable."""
    try:
        column = resolve(scope, name, qualifier, position)
    except ProgrammingError as error:
        if error.sqlstate not in ("42703", "42P01"):
            raise
        return variable
    assert binder.variables is not None
    if binder.variables.conflicts:
        raise ProgrammingError(
            f'column reference "{name}" is ambiguous',
            sqlstate="42702",
            position=position,
            detail="It could refer to either a PL/pgSQL variable or a table column.",
        )
    return column


def _literal(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    if tree.args.get("is_string"):
        return Constant(tree.this, UNKNOWN)
    try:
        return number(str(tree.this))
    except InvalidOperation:  # the parser takes `5.x` and `1e` for numbers
        raise SyntaxError_(f'syntax error at or near "{tree.this}"', position=position_of(tree)) from None


def number(text: str) -> Constant:
    """A numeric constant: the smallest of integer and bigint, else numeric."""
    if len(text) <= _BIGINT_WIDTH and text.lstrip("-").isdigit():
        value = int(text)
        if -(2**31) <= value < 2**31:
            return Constant(value, INTEGER)
        if -(2**63) <= value < 2**63:
            return Constant(value, BIGINT)
    exact = Decimal(text)
    if exact.adjusted() >= _NUMERIC_DIGITS:
        raise DataError("value overflows numeric format", sqlstate="22003")
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        # 1e3 is 1000, with no digits after the point.
        sign, digits, _ = exact.as_tuple()
        exact = Decimal((sign, digits + (0,) * exponent, 0))
    return Constant(exact, NUMERIC)


_BIGINT_WIDTH: Final = 20  # characters; Python refuses to read thousands of digits as an int
_NUMERIC_DIGITS: Final = 131072  # before the decimal point


def _boolean(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return Constant(bool(tree.this), BOOLEAN)


def _null(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return Constant(None, UNKNOWN)


def _parameter(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    number = int(tree.this.name)
    return binder.parameter(number) if binder.variables is None else binder.variables.numbered(binder, number)


def _paren(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return bind_expression(binder, tree.this, scope)


# --- operators ------------------------------------------------------------------------------------

_OPERATORS: Final[dict[type[exp.Expression], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.Pow: "^",
    exp.DPipe: "||",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "#",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
    exp.Like: "~~",
    exp.ILike: "~~*",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.JSONBContains: "?",
    exp.JSONBContainsTopKey: "?",
    exp.JSONBContainsAllTopKeys: "?&",
    exp.JSONBContainsAnyTopKeys: "?|",
    exp.JSONBDeleteAtPath: "#-",
    exp.JSONBPathExists: "@?",
    exp.ArrayContainsAll: "@>",
    exp.ArrayContainedBy: "<@",
    exp.ArrayOverlaps: "&&",
    exp.Adjacent: "-|-",
    exp.ExtendsLeft: "&<",
    exp.ExtendsRight: "&>",
    exp.StartsWith: "^@",
    exp.Distance: "<->",
}
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})


def _binary(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    """A binary operator; a long chain of them is bound in a loop, not by recursion."""
    chain = [tree]
    while type(chain[-1].this) in _CHAINABLE:
        chain.append(chain[-1].this)
    left = _operation(binder, chain.pop(), scope, None)
    while chain:
        left = _operation(binder, chain.pop(), scope, left)
    return left


_CHAINABLE: Final[frozenset[type[exp.Expression]]] = frozenset(
    {exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe}
)


def _operation(binder: Binder, tree: exp.Expression, scope: Scope, left: Expr | None) -> Expr:
    kind = type(tree)
    operator = _OPERATORS[kind]
    left_tree, right_tree = tree.this, tree.args["expression"]
    if operator in _COMPARISONS:
        _refuse_chain(left_tree, right_tree)
    if tree.args.get("negate"):
        operator = "!" + operator
    if isinstance(right_tree, exp.Any | exp.All):
        return bind_subquery.quantified(binder, operator, left_tree, right_tree, scope)
    if bind_subquery.is_row(left_tree) or bind_subquery.is_row(right_tree):
        return bind_subquery.compare_rows(binder, operator, left_tree, right_tree, scope)
    if left is None:
        left = bind_expression(binder, left_tree, scope)
    right = bind_expression(binder, right_tree, scope)
    try:
        return operators.binary(operator, left, right)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


def _refuse_chain(left: exp.Expression, right: exp.Expression) -> None:
    """a < b < c is no SQL: comparisons don't associate."""
    for side in (left, right):
        operator = _OPERATORS.get(type(side), "")
        if operator in _COMPARISONS:
            raise SyntaxError_(f'syntax error at or near "{operator}"', position=position_of(side))


def _negative(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    operand = tree.this
    if isinstance(operand, exp.Literal) and not operand.args.get("is_string"):
        return number("-" + operand.name)  # so that -2147483648 is an integer
    return operators.unary("-", bind_expression(binder, operand, scope))


def _unary(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    operator = {exp.BitwiseNot: "~", exp.Sqrt: "|/", exp.Cbrt: "||/"}[type(tree)]
    return operators.unary(operator, bind_expression(binder, tree.this, scope))


def _escape(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    """pattern ESCAPE character, of LIKE, ILIKE and SIMILAR TO."""
    match = tree.this
    escape = tree.args.get("expression")
    if not isinstance(match, exp.Like | exp.ILike | exp.SimilarTo) or escape is None:
        raise SyntaxError_('syntax error at or near "ESCAPE"', position=position_of(escape))
    operand = bind_expression(binder, match.this, scope)
    pattern = bind_expression(binder, match.args["expression"], scope)
    return _like(match, operand, pattern, bind_expression(binder, escape, scope))


def _like(match: exp.Expression, operand: Expr, pattern: Expr, escape: Expr | None) -> Expr:
    if isinstance(match, exp.SimilarTo):
        return like.similar_to(operand, pattern, escape)
    return like.like(
        operand,
        pattern,
        escape,
        ignore_case=isinstance(match, exp.ILike),
        negated=bool(match.args.get("negate")),
    )


def _similar(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    operand = bind_expression(binder, tree.this, scope)
    return _like(tree, operand, bind_expression(binder, tree.args["expression"], scope), None)


def _collate(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    collation = tree.args["expression"]
    if isinstance(collation, exp.Dot | exp.Column) and collation.name:
        name = collation.name
    else:
        name = identifier(collation)
    if name not in ("C", "POSIX", "ucs_basic"):
        raise NotSupportedError(
            f'collation "{name}" is not supported', position=position_of(collation), hint='Use COLLATE "C".'
        )
    operand = bind_expression(binder, tree.this, scope)
    return operators.collate(operand)


# --- logic ----------------------------------------------------------------------------------------


def _and_or(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    kind = type(tree)
    operands: list[Expr] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if type(node) is kind:
            pending.append(node.args["expression"])
            pending.append(node.this)
            continue
        operand = bind_expression(binder, node, scope)
        try:
            operands.append(logic.require_boolean(operand, "AND" if kind is exp.And else "OR"))
        except Error as error:
            error.position = position_of(node)
            raise
    return logic.conjunction(operands) if kind is exp.And else logic.disjunction(operands)


def _not(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    operand = tree.this
    if isinstance(operand, exp.In):
        return bind_subquery.bind_in(binder, operand, scope, negated=True)
    if isinstance(operand, exp.Between):
        return _between(binder, operand, scope, negated=True)
    return logic.negation(bind_expression(binder, operand, scope))


def _is(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    what = tree.args["expression"]
    negated = bool(tree.args.get("negate"))
    if isinstance(what, exp.Null):
        if bind_subquery.is_row(tree.this):
            fields = [bind_expression(binder, field, scope) for field in bind_subquery.row_fields(tree.this)]
            return logic.row_is_null(fields, negated)
        if isinstance(tree.this, exp.Column) and binder.variables is not None:
            record = binder.variables.row(binder, _path(tree.this))
            if record is not None:
                fields = [field for _, field in record]
                return logic.row_is_null(fields, negated) if fields else Constant(not negated, BOOLEAN)
        return logic.is_null(bind_expression(binder, tree.this, scope), negated)
    if isinstance(what, exp.Boolean):
        return logic.is_truth(bind_expression(binder, tree.this, scope), bool(what.this), negated)
    if isinstance(what, exp.JSON):
        raise refuse("IS JSON is", tree)
    raise SyntaxError_("syntax error after IS", position=position_of(what))


def _between(binder: Binder, tree: exp.Expression, scope: Scope, negated: bool = False) -> Expr:
    operand = tree.this
    low, high = tree.args["low"], tree.args["high"]
    if bind_subquery.is_row(operand):
        above = bind_subquery.compare_rows(binder, ">=", operand, low, scope)
        below = bind_subquery.compare_rows(binder, "<=", operand, high, scope)
        inside = logic.conjunction([above, below])
        return logic.negation(inside) if negated else inside
    value = bind_expression(binder, operand, scope)
    least = bind_expression(binder, low, scope)
    greatest = bind_expression(binder, high, scope)
    symmetric = bool(tree.args.get("symmetric"))
    return membership.between(value, least, greatest, negated=negated, symmetric=symmetric)


def _case(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    subject = None if tree.this is None else bind_expression(binder, tree.this, scope)
    branches: list[tuple[Expr, Expr]] = []
    for branch in tree.args["ifs"]:
        condition = bind_expression(binder, branch.this, scope)
        if subject is not None:
            condition = operators.binary("=", subject, condition)
        branches.append((condition, bind_expression(binder, branch.args["true"], scope)))
    default = tree.args.get("default")
    return conditional.case(branches, None if default is None else bind_expression(binder, default, scope))


# --- types ----------------------------------------------------------------------------------------


def _cast(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return cast(bind_expression(binder, tree.this, scope), sql_type(tree.args["to"]), "explicit")


def _json(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return cast(bind_expression(binder, tree.this, scope), JSON, "explicit")


def _at_time_zone(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    operand = bind_expression(binder, tree.this, scope)
    zone = bind_expression(binder, tree.args["zone"], scope)
    return bind_function.call("timezone", [zone, operand], scope)


# --- what is not an expression here ---------------------------------------------------------------

_NOT_SUPPORTED: Final[dict[type[exp.Expression], str]] = {
    exp.Window: "window functions are",
    exp.WithinGroup: "ordered-set aggregates (WITHIN GROUP) are",
    exp.Array: "arrays are",
    exp.Bracket: "array subscripts are",
    exp.Slice: "array slices are",
    exp.Grouping: "GROUPING is",
    exp.IgnoreNulls: "IGNORE NULLS is",
    exp.RespectNulls: "RESPECT NULLS is",
    exp.Overlaps: "OVERLAPS is",
    exp.BitString: "bit strings are",
    exp.HexString: "bit strings are",
    exp.Variadic: "VARIADIC is",
    exp.Operator: "OPERATOR() is",
    exp.Tuple: "a row as a value is",
    exp.Kwarg: "named arguments are",
    exp.PropertyEQ: "named arguments are",
    exp.XMLElement: "XML is",
    exp.MatchAgainst: "the operator @@ is",
    exp.DistanceNd: "the operator <<->> is",
    exp.Any: "ANY here is",
    exp.All: "ALL here is",
}


def _unsupported(tree: exp.Expression) -> Error:
    what = _NOT_SUPPORTED.get(type(tree))
    if what is not None:
        return refuse(what, tree)
    if isinstance(tree, exp.Star):
        return SyntaxError_('syntax error at or near "*"', position=position_of(tree))
    if isinstance(tree, exp.Alias | exp.Aliases):
        return SyntaxError_(
            f'syntax error at or near "{tree.alias}"', position=position_of(tree.args.get("alias"))
        )
    if isinstance(tree, exp.Distinct | exp.Order | exp.Lambda):
        return SyntaxError_("syntax error in an expression", position=position_of(tree))
    if isinstance(tree, exp.Func):
        return NotSupportedError(f"{tree.key.upper()} is not supported", position=position_of(tree))
    if isinstance(tree, exp.Dot):
        return refuse("a field of a composite value is", tree)
    return NotSupportedError(f"{tree.key} is not supported in an expression", position=position_of(tree))


_RULES: Final[dict[type[exp.Expression], ExpressionRule]] = {
    **dict.fromkeys(_OPERATORS, _binary),
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Parameter: _parameter,
    exp.Paren: _paren,
    exp.Neg: _negative,
    exp.BitwiseNot: _unary,
    exp.Sqrt: _unary,
    exp.Cbrt: _unary,
    exp.Escape: _escape,
    exp.SimilarTo: _similar,
    exp.Collate: _collate,
    exp.And: _and_or,
    exp.Or: _and_or,
    exp.Not: _not,
    exp.Is: _is,
    exp.Between: _between,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.ParseJSON: _json,
    exp.AtTimeZone: _at_time_zone,
    exp.In: bind_subquery.bind_in,
    exp.Exists: bind_subquery.bind_exists,
    exp.Subquery: bind_subquery.bind_scalar,
    exp.Select: bind_subquery.bind_scalar,
    exp.Union: bind_subquery.bind_scalar,
    exp.Intersect: bind_subquery.bind_scalar,
    exp.Except: bind_subquery.bind_scalar,
    exp.Values: bind_subquery.bind_scalar,
    **bind_function.RULES,
}
