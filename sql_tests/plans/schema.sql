-- The tables that the golden plans are about.
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, born DATE, credit NUMERIC(10, 2));
CREATE INDEX customers_city ON customers (city);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, placed TIMESTAMP NOT NULL,
    total DOUBLE PRECISION, status TEXT
);
CREATE INDEX orders_customer ON orders (customer_id, placed DESC);
CREATE INDEX orders_placed ON orders (placed);
CREATE TABLE items (
    order_id INTEGER, line INTEGER, product INTEGER, amount BIGINT, price NUMERIC(10, 2), PRIMARY KEY (order_id, line)
);
CREATE UNIQUE INDEX items_product ON items (product, order_id, line);
CREATE TABLE tags (name TEXT, customer_id INTEGER);
CREATE INDEX customers_lower ON customers (lower(name));
CREATE INDEX orders_open ON orders (customer_id) WHERE status = 'open' AND total > 0;
