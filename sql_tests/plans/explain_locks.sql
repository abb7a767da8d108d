-- The tables of explain_locks.golden: a bank with keys that other tables refer to.
CREATE TABLE branch (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE account (
    id INTEGER PRIMARY KEY, owner TEXT UNIQUE, branch_id INTEGER REFERENCES branch ON DELETE CASCADE,
    balance INTEGER, opened DATE
);
CREATE INDEX account_balance ON account (balance);
CREATE TABLE card (
    number TEXT PRIMARY KEY, account_id INTEGER REFERENCES account ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE TABLE note (text TEXT);
