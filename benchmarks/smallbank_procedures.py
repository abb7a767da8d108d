"""SmallBank's five transactions as procedures in PL/pgSQL; `smallbank.py` has them as Python functions."""

PLPGSQL = """
CREATE PROCEDURE balance(who VARCHAR, OUT changed BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    source INTEGER; saved BIGINT; checked BIGINT;
BEGIN
    SELECT customer INTO STRICT source FROM account WHERE name = who;
    SELECT s.balance INTO STRICT saved FROM savings s WHERE customer = source;
    SELECT c.balance INTO STRICT checked FROM checking c WHERE customer = source;
    changed := 0;
END $$;

CREATE PROCEDURE deposit_checking(who VARCHAR, amount BIGINT, OUT changed BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    source INTEGER;
BEGIN
    SELECT customer INTO STRICT source FROM account WHERE name = who;
    UPDATE checking SET balance = balance + amount WHERE customer = source;
    changed := amount;
END $$;

CREATE PROCEDURE transact_savings(who VARCHAR, amount BIGINT, OUT changed BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    source INTEGER; saved BIGINT;
BEGIN
    SELECT customer INTO STRICT source FROM account WHERE name = who;
    SELECT balance INTO STRICT saved FROM savings WHERE customer = source;
    IF saved + amount < 0 THEN
        RAISE EXCEPTION 'the savings do not cover it';
    END IF;
    UPDATE savings SET balance = balance + amount WHERE customer = source;
    changed := amount;
END $$;

CREATE PROCEDURE amalgamate(who VARCHAR, other VARCHAR, OUT changed BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    source INTEGER; target INTEGER; saved BIGINT; checked BIGINT;
BEGIN
    SELECT customer INTO STRICT source FROM account WHERE name = who;
    SELECT customer INTO STRICT target FROM account WHERE name = other;
    SELECT balance INTO STRICT saved FROM savings WHERE customer = source;
    SELECT balance INTO STRICT checked FROM checking WHERE customer = source;
    UPDATE savings SET balance = balance - saved WHERE customer = source;
    UPDATE checking SET balance = balance - checked WHERE customer = source;
    UPDATE checking SET balance = balance + saved + checked WHERE customer = target;
    changed := 0;
END $$;

CREATE PROCEDURE write_check(who VARCHAR, amount BIGINT, OUT changed BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    source INTEGER; saved BIGINT; checked BIGINT;
BEGIN
    SELECT customer INTO STRICT source FROM account WHERE name = who;
    SELECT balance INTO STRICT saved FROM savings WHERE customer = source;
    SELECT balance INTO STRICT checked FROM checking WHERE customer = source;
    changed := -amount;
    IF saved + checked < amount THEN
        changed := -amount - 1;
    END IF;
    UPDATE checking SET balance = balance + changed WHERE customer = source;
END $$;
"""
