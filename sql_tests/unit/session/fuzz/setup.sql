-- The tables that the statements use.
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born DATE, fee NUMERIC(8,2) DEFAULT 1.5);
CREATE TABLE book (id SERIAL PRIMARY KEY, author_id INTEGER REFERENCES author ON DELETE CASCADE, title VARCHAR(20),
                   seen TIMESTAMPTZ, span INTERVAL, body JSONB, code BYTEA, price DOUBLE PRECISION CHECK (price >= 0));
CREATE INDEX book_price ON book (price DESC, lower(title)) WHERE price > 1;
CREATE VIEW cheap AS SELECT title, price FROM book WHERE price < 10;
INSERT INTO author VALUES (1, 'Ann', '1970-01-02', 3), (2, 'Bob', NULL, NULL), (3, 'Cy', '2000-02-29', 0);
INSERT INTO book (author_id, title, seen, span, body, code, price) VALUES
    (1, 'One', '2024-02-29 10:00+02', '1 month', '{"a": [1, 2]}', '\xdead', 2.5), (1, 'Two', NULL, NULL, NULL, NULL, 12),
    (2, 'Three', '1999-12-31 23:59:59Z', '-3 days', 'null', '', 0), (NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE FUNCTION books_of(author INTEGER, cheaper_than DOUBLE PRECISION DEFAULT 100) RETURNS TABLE (id INTEGER, title TEXT)
    LANGUAGE sql STABLE AS $$ SELECT b.id, b.title FROM book b WHERE b.author_id = author AND b.price < cheaper_than $$;
CREATE FUNCTION half(n NUMERIC) RETURNS NUMERIC IMMUTABLE STRICT RETURN n / 2;
CREATE PROCEDURE raise_price(book INTEGER, INOUT by_ NUMERIC, OUT price NUMERIC) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE book b SET price = b.price + by_ WHERE b.id = book RETURNING b.price INTO price;
END $$;
