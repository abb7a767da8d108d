"""SQL text to bound plans. Only this package knows sqlglot.

    parse.parse(text) -> [ParsedStatement(tree, text, offset, kind, parameters, tokens, source)]
    bind.bind(statement, catalog, parameter_types, settings) -> Bound(plan, parameter_types, columns)

Inside, every binding function takes the statement's `Binder` (binder.py), the tree and a `Scope` (scope.py):

    binder.new_column(name, type, relation) -> Column
    bind_expression.bind_expression(binder, tree, scope) -> Expr
    bind_expression.bind_condition(binder, tree, scope, "WHERE") -> boolean Expr
    bind_expression.bind_in_clause(binder, tree, scope, "CHECK constraints") -> Expr, no aggregates
    bind_expression.bind_text_expression(binder, sql_text, table, row) -> Expr over a column per stored slot
    binder.bind_query(binder, tree, outer scope | None) -> BoundQuery(plan, names, free)
    scope = Scope(); scope.add(Relation(alias, names, columns, table)); resolve(scope, name, qualifier)
    names.identifier(node) -> folded name; names.position_of(node) -> position from 1; names.refuse(what, node)
    types.sql_type(DataType node) -> SqlType; types.type_name(node) -> ("serial", [])
    utility.TokenReader(text, tokens): accept/expect/name/string, for statements read from tokens
"""
