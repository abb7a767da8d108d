"""FROM: the items and the joins between them.

    FROM a, b JOIN c ON ... , LATERAL (SELECT b.x)        ((a x (b join c)) x lateral)

Items are combined from left to right; a comma binds less tightly than JOIN. A join whose right side needs
columns of its left side (LATERAL) is a `NestedLoop` with those bindings, any other a `Join`.

USING and NATURAL make one visible column of two: the left one, under RIGHT JOIN the right one, under FULL
JOIN whichever is not null.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from minidb.errors import Error, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.expr import conditional, operators
from minidb.expr.cast import cast, common_type
from minidb.expr.logic import conjunction
from minidb.expr.node import Column, Expr
from minidb.plan.nodes import Join, JoinKind, NestedLoop, Plan, Values
from minidb.sql.bind_expression import bind_condition
from minidb.sql.bind_subquery import QUERIES
from minidb.sql.bind_table import FromContext, Item, bind_derived, bind_table
from minidb.sql.binder import Binder
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.row_locks import LockClause
from minidb.sql.scope import Relation, Scope, Visible
from minidb.txn.lock_modes import ROW_NAMES


def bind_from(
    binder: Binder,
    first: exp.Expression | None,
    joins: list[exp.Expression],
    query: Scope,
    locks: tuple[LockClause, ...] = (),
) -> Plan:
    """The plan of a FROM clause; its names are added to `query`."""
    if first is None:
        return Values((), ((),))
    context = FromContext(binder, query, locks)
    groups: list[tuple[exp.Expression, list[exp.Expression]]] = [(first, [])]
    for join in joins:
        if _is_comma(join):
            groups.append((join.this, []))
        else:
            groups[-1][1].append(join)
    result: Item | None = None
    for start, following in groups:
        left = _lateral(query, None if result is None else result.scope)
        item = _joined(context, start, following, left)
        if result is None:
            result = item
        else:
            scope = query.sibling()
            scope.join(result.scope)
            _add(scope, item.scope, start)
            result = Item(_combine("inner", result, item, None), scope, _needs(result, item))
    assert result is not None
    query.join(result.scope)
    return result.plan


def _is_comma(join: exp.Expression) -> bool:
    return not any(join.args.get(name) for name in ("on", "side", "kind", "using", "method"))


def _lateral(query: Scope, left: Scope | None, more: Scope | None = None) -> Scope:
    """What a LATERAL item sees: the items to its left, beside the query's surroundings."""
    scope = query.sibling()
    for part in (left, more):
        if part is not None:
            scope.relations.extend(part.relations)
            scope.visible.extend(part.visible)
    return scope


def _add(scope: Scope, other: Scope, tree: exp.Expression) -> None:
    try:
        scope.join(other)
    except Error as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


def _needs(left: Item, right: Item) -> dict[int, Column]:
    """What a join needs from further left: what its right side finds in its left side is settled."""
    if not right.needs:
        return left.needs
    there = {column.id for column in left.plan.columns}
    needs = dict(left.needs)
    needs.update({id_: column for id_, column in right.needs.items() if id_ not in there})
    return needs


def _combine(kind: JoinKind, left: Item, right: Item, on: Expr | None) -> Plan:
    if not right.needs:
        return Join(kind, left.plan, right.plan, on)
    there = {column.id for column in left.plan.columns}
    bindings = tuple([column for id_, column in right.needs.items() if id_ in there])
    if bindings:
        return NestedLoop(kind, left.plan, right.plan, on, bindings)
    return Join(kind, left.plan, right.plan, on)


# --- one item, with the joins that follow it ------------------------------------------------------


def _joined(context: FromContext, first: exp.Expression, joins: list[exp.Expression], left: Scope) -> Item:
    item = _item(context, first, left)
    for join in joins:
        item = _join(context, item, join, left)
    return item


def _item(context: FromContext, tree: exp.Expression, left: Scope) -> Item:
    joins = tree.args.get("joins") or []
    if isinstance(tree, exp.Table):
        item = bind_table(context, tree, left)
    elif isinstance(tree, exp.Subquery):
        item = _subquery(context, tree, left)
    elif isinstance(tree, exp.Values):
        item = bind_derived(context, tree, left, tree.args.get("alias"), lateral=False)
    elif isinstance(tree, exp.Lateral):
        item = _lateral_item(context, tree, left)
    else:
        raise refuse(f"{tree.key.upper()} in FROM is", tree)
    for join in joins:
        item = _join(context, item, join, left)
    return item


def _subquery(context: FromContext, tree: exp.Expression, left: Scope) -> Item:
    """A derived table, or a join in parentheses."""
    inner, alias = tree.this, tree.args.get("alias")
    if isinstance(inner, QUERIES) and not _is_join(inner):
        if any(tree.args.get(name) for name in ("order", "limit", "offset", "with_", "locks")):
            return bind_derived(context, _without_alias(tree), left, alias, lateral=False)
        return bind_derived(context, inner, left, alias, lateral=False)
    if isinstance(inner, exp.Table) and not inner.args.get("joins"):
        raise SyntaxError_('syntax error at or near ")"', position=position_of(inner))
    item = _item(context, inner, left)
    if alias is None:
        return item
    name = identifier(alias.this)
    columns: list[Column] = []
    for visible in item.scope.visible:
        if not isinstance(visible.expression, Column):
            raise refuse("an alias for a FULL JOIN with USING is", alias)
        columns.append(visible.expression)
    names = [visible.name for visible in item.scope.visible]
    given = [identifier(column) for column in alias.args.get("columns") or []]
    scope = context.query.sibling()
    marks = tuple([mark for relation in item.scope.relations for mark in relation.marks])
    relation = Relation(name, (*given, *names[len(given) :]), tuple(columns), marks=marks)
    relation.unlockable = "a join"
    scope.add(relation)
    return Item(item.plan, scope, item.needs)


def _is_join(tree: exp.Expression) -> bool:
    """Whether parentheses hold a derived table with an alias, or joins: ((SELECT ...) AS x JOIN y)."""
    return isinstance(tree, exp.Subquery) and bool(tree.args.get("alias") or tree.args.get("joins"))


def _without_alias(tree: exp.Expression) -> exp.Expression:
    copy = tree.copy()
    copy.set("alias", None)
    return copy


def _lateral_item(context: FromContext, tree: exp.Expression, left: Scope) -> Item:
    inner = tree.this
    if tree.args.get("ordinality"):
        raise refuse("WITH ORDINALITY is", tree)
    alias = tree.args.get("alias")
    if isinstance(inner, exp.Subquery):
        return bind_derived(context, inner, left, alias, lateral=True)
    if isinstance(inner, exp.Values):
        return bind_derived(context, inner, left, alias, lateral=True)
    table = exp.Table(this=inner.copy(), alias=None if alias is None else alias.copy())
    return bind_table(context, table, left)


# --- joins ----------------------------------------------------------------------------------------

_KINDS: Final[dict[str, JoinKind]] = {"": "inner", "LEFT": "left", "RIGHT": "right", "FULL": "full"}


def _join(context: FromContext, left: Item, join: exp.Expression, before: Scope) -> Item:
    side = str(join.args.get("side") or "").upper()
    word = str(join.args.get("kind") or "").upper()
    method = str(join.args.get("method") or "").upper()
    if side not in _KINDS or word not in ("", "INNER", "OUTER", "CROSS") or method not in ("", "NATURAL"):
        raise refuse(f"{' '.join([part for part in (method, side, word) if part])} JOIN is", join)
    kind = _KINDS[side]
    on, using = join.args.get("on"), join.args.get("using")
    if word == "CROSS" and (on is not None or using or method):
        raise SyntaxError_("CROSS JOIN has no condition", position=position_of(on))
    if word != "CROSS" and on is None and not using and not method:
        raise SyntaxError_("JOIN needs ON or USING", position=position_of(join.this))
    reachable = left.scope if kind in ("inner", "left") else None
    right = _item(context, join.this, _lateral(context.query, before, reachable))
    if kind in ("left", "full"):
        _refuse_locks(right.scope, join.this)
    if kind in ("right", "full"):
        _refuse_locks(left.scope, join.this)
    scope = context.query.sibling()
    scope.join(left.scope)
    _add(scope, right.scope, join.this)
    condition: Expr | None = None
    if on is not None:
        condition = bind_condition(context.binder, on, scope, "JOIN/ON")
    elif using or method:
        shared = _shared_names(left.scope, right.scope, using)
        condition = _merge(scope, left.scope, right.scope, shared, kind)
    elif kind != "inner":
        raise SyntaxError_("an outer join needs a condition", position=position_of(join.this))
    return Item(_combine(kind, left, right, condition), scope, _needs(left, right))


def _refuse_locks(nullable: Scope, tree: exp.Expression) -> None:
    """A row that may be missing cannot be locked."""
    for relation in nullable.relations:
        if relation.marks:
            name = ROW_NAMES[relation.marks[0].mode]
            raise NotSupportedError(
                f"{name} cannot be applied to the nullable side of an outer join",
                position=position_of(tree),
            )


def _shared_names(left: Scope, right: Scope, using: list[exp.Expression] | None) -> list[exp.Expression]:
    if using:
        return using
    there = {visible.name for visible in right.visible}
    names: list[exp.Expression] = []
    for visible in left.visible:
        if visible.name in there and visible.name not in [name.name for name in names]:
            names.append(exp.to_identifier(visible.name, quoted=True))
    return names


def _merge(
    scope: Scope, left: Scope, right: Scope, shared: list[exp.Expression], kind: JoinKind
) -> Expr | None:
    """The condition of USING; in `scope` each pair of columns becomes one visible column, in front."""
    merged: list[Visible] = []
    comparisons: list[Expr] = []
    names: list[str] = []
    for node in shared:
        name = identifier(node)
        if name in names:
            raise ProgrammingError(
                f'column name "{name}" appears more than once in USING clause',
                sqlstate="42701",
                position=position_of(node),
            )
        names.append(name)
        first = _one(left, name, "left", node)
        second = _one(right, name, "right", node)
        try:
            comparisons.append(operators.binary("=", first, second))
            merged.append(Visible(name, _merged(first, second, kind)))
        except Error as error:
            if error.position is None:
                error.position = position_of(node)
            raise
    others = [visible for visible in left.visible if visible.name not in names]
    others += [visible for visible in right.visible if visible.name not in names]
    scope.visible = merged + others
    return conjunction(comparisons) if comparisons else None


def _one(scope: Scope, name: str, side: str, node: exp.Expression) -> Expr:
    found = [visible.expression for visible in scope.visible if visible.name == name]
    if not found:
        raise ProgrammingError(
            f'column "{name}" specified in USING clause does not exist in {side} table',
            sqlstate="42703",
            position=position_of(node),
        )
    if len(found) > 1:
        raise ProgrammingError(
            f'common column name "{name}" appears more than once in {side} table',
            sqlstate="42702",
            position=position_of(node),
        )
    return found[0]


def _merged(left: Expr, right: Expr, kind: JoinKind) -> Expr:
    if kind == "full":
        return conditional.coalesce([left, right])
    chosen = right if kind == "right" else left
    if left.type == right.type:
        return chosen
    return cast(chosen, common_type([left, right], "JOIN/USING"), "implicit")
