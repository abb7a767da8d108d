"""Running PL/pgSQL.

    sql.plpgsql.parse_body(text)  ->  Body           syntax; names are names
    program.program_of(body)      ->  Program        names are slots, statements are nodes; once a catalog
    Program.run(arguments)        ->  rows           a Frame of values; each node's `run(frame)`

language    what CREATE, calls and DO need            frame        one call: values, errors being handled
program     a body under a catalog, and a call        variables    scopes, and how SQL reads a variable
compile     syntax -> nodes                           expression   evaluated over the frame, without a plan
command     a statement: prepared once, run fast      targets      where values and rows go
"""
