"""SQL text to bound plans. Only this package knows sqlglot.

    parse.parse(text) -> [ParsedStatement(tree, text, offset, kind, parameters, tokens, source)]
    bind.bind(statement, catalog, parameter_types, settings, system_views)
        -> Bound(plan, parameter_types, columns)

Inside, every binding function takes the statement's `Binder` (binder.py), the tree and a `Scope` (scope.py):

    Binder(catalog, parameter_types, settings, parts, system_views)    parts: bind.PARTS
    binder.new_column(name, type, relation) -> Column
    binder.expression(tree, scope) -> Expr               the same as bind_expression.bind_expression
    binder.query(tree, outer scope | None, keep_unknown=False) -> BoundQuery(plan, names, free)
    bind_expression.bind_condition(binder, tree, scope, "WHERE") -> boolean Expr
    bind_expression.bind_in_clause(binder, tree, scope, "CHECK constraints") -> Expr, no aggregates
    table_expressions.bind_over_row(catalog, table, sql_text, what) -> Expr over the stored row, final
    bind_from.bind_from(binder, tree, joins, scope) -> Plan; bind_table.scan(binder, table, alias, None)
    convert_output.converted(binder, plan, types, context) -> Plan with columns of these types
    bind_with.bind_with(binder, tree, outer) -> [(Cte, free)]
    scope = Scope(); scope.add(Relation(alias, names, columns, table)); resolve(scope, name, qualifier)
    names.identifier(node) -> folded name; names.position_of(node) -> position; names.refuse("X is", node)
    types.sql_type(DataType node) -> SqlType; types.type_name(node) -> ("serial", [])
    utility.TokenReader(text, tokens): accept/expect/name/string, for statements read from tokens

bind.py expects bind_change.bind_change(binder, tree, outer) -> BoundQuery for exp.Insert, Update, Delete, and
bind_define.bind_definition(binder, DefinitionSyntax) -> Definition.
"""
