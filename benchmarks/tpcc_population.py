"""TPC-C's tables and what is in them at first (clauses 1.3 and 4.3.3), and its skewed choices (2.1.6)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from benchmarks.clients import Connection

DISTRICTS = 10
YEAR_TO_DATE = 30_000_000  # of a warehouse, in cents
SYLLABLES = ("BAR", "OUGHT", "ABLE", "PRI", "PRES", "ESE", "ANTI", "CALLY", "ATION", "EING")
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
LOADED_AT = "2026-01-01 00:00:00+00"

TABLES = (
    """CREATE TABLE warehouse (w_id INTEGER PRIMARY KEY, w_name VARCHAR(10), w_street VARCHAR(40),
       w_city VARCHAR(20), w_state CHAR(2), w_zip CHAR(9), w_tax INTEGER, w_ytd BIGINT)""",
    """CREATE TABLE district (d_w_id INTEGER, d_id INTEGER, d_name VARCHAR(10), d_street VARCHAR(40),
       d_city VARCHAR(20), d_state CHAR(2), d_zip CHAR(9), d_tax INTEGER, d_ytd BIGINT, d_next_o_id INTEGER,
       PRIMARY KEY (d_w_id, d_id))""",
    """CREATE TABLE customer (c_w_id INTEGER, c_d_id INTEGER, c_id INTEGER, c_first VARCHAR(16),
       c_middle CHAR(2), c_last VARCHAR(16), c_street VARCHAR(40), c_city VARCHAR(20), c_state CHAR(2),
       c_zip CHAR(9), c_phone CHAR(16), c_since TIMESTAMPTZ, c_credit CHAR(2), c_credit_lim BIGINT,
       c_discount INTEGER, c_balance BIGINT, c_ytd_payment BIGINT, c_payment_cnt INTEGER,
       c_delivery_cnt INTEGER, c_data VARCHAR(500), PRIMARY KEY (c_w_id, c_d_id, c_id))""",
    "CREATE INDEX customer_last ON customer (c_w_id, c_d_id, c_last, c_first)",
    """CREATE TABLE history (h_c_id INTEGER, h_c_d_id INTEGER, h_c_w_id INTEGER, h_d_id INTEGER,
       h_w_id INTEGER, h_date TIMESTAMPTZ, h_amount BIGINT, h_data VARCHAR(24))""",
    """CREATE TABLE orders (o_w_id INTEGER, o_d_id INTEGER, o_id INTEGER, o_c_id INTEGER,
       o_entry_d TIMESTAMPTZ, o_carrier_id INTEGER, o_ol_cnt INTEGER, o_all_local INTEGER,
       PRIMARY KEY (o_w_id, o_d_id, o_id))""",
    "CREATE INDEX orders_customer ON orders (o_w_id, o_d_id, o_c_id, o_id)",
    """CREATE TABLE new_order (no_w_id INTEGER, no_d_id INTEGER, no_o_id INTEGER,
       PRIMARY KEY (no_w_id, no_d_id, no_o_id))""",
    """CREATE TABLE order_line (ol_w_id INTEGER, ol_d_id INTEGER, ol_o_id INTEGER, ol_number INTEGER,
       ol_i_id INTEGER, ol_supply_w_id INTEGER, ol_delivery_d TIMESTAMPTZ, ol_quantity INTEGER,
       ol_amount BIGINT, ol_dist_info CHAR(24), PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number))""",
    """CREATE TABLE item (i_id INTEGER PRIMARY KEY, i_im_id INTEGER, i_name VARCHAR(24), i_price BIGINT,
       i_data VARCHAR(50))""",
    f"""CREATE TABLE stock (s_w_id INTEGER, s_i_id INTEGER, s_quantity INTEGER,
       {", ".join([f"s_dist_{district:02} CHAR(24)" for district in range(1, DISTRICTS + 1)])},
       s_ytd INTEGER, s_order_cnt INTEGER, s_remote_cnt INTEGER, s_data VARCHAR(50),
       PRIMARY KEY (s_w_id, s_i_id))""",
)

Row = tuple[Any, ...]


def last_name(number: int) -> str:
    """Clause 4.3.2.3."""
    return SYLLABLES[number // 100] + SYLLABLES[number // 10 % 10] + SYLLABLES[number % 10]


def _skewed(rng: random.Random, mask: int, least: int, most: int) -> int:
    """NURand, with the constant C = 7 for all."""
    span = most - least + 1
    return ((rng.randint(0, mask) | rng.randint(least, most)) + 7) % span + least


class Population:
    """Sizes, and the rows of each table."""

    def __init__(self, warehouses: int, scale: int) -> None:
        self.warehouses = warehouses
        self.items = max(100_000 // scale, 20)
        self.customers = max(3_000 // scale, 10)  # of a district
        self.names = min(self.customers, 1_000)
        self._rng = random.Random(7)

    def random_item(self, rng: random.Random) -> int:
        """An item's number."""
        return _skewed(rng, 8191, 1, self.items)

    def random_customer(self, rng: random.Random) -> int:
        """A customer's number."""
        return _skewed(rng, 1023, 1, self.customers)

    def random_last_name(self, rng: random.Random) -> int:
        """A last name's number."""
        return _skewed(rng, 255, 0, self.names - 1)

    def create(self, connection: Connection) -> None:
        """Make and fill the tables."""
        for statement in TABLES:
            connection.execute(statement)
        connection.execute("BEGIN")
        self._fill(connection, "item", self._item_rows())
        for warehouse in range(1, self.warehouses + 1):
            address = self._address()
            self._fill(
                connection,
                "warehouse",
                [(warehouse, self._text(8), *address, self._rng.randint(0, 2000), YEAR_TO_DATE)],
            )
            self._fill(connection, "stock", self._stock_rows(warehouse))
            for district in range(1, DISTRICTS + 1):
                self._district(connection, warehouse, district)
        connection.execute("COMMIT")

    def _fill(self, connection: Connection, table: str, rows: Iterator[Row] | list[Row]) -> None:
        given = list(rows)
        places = ", ".join(["?"] * len(given[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", given)

    def _district(self, connection: Connection, warehouse: int, district: int) -> None:
        rng = self._rng
        row = (warehouse, district, self._text(8), *self._address(), rng.randint(0, 2000))
        next_order = self.customers + 1
        self._fill(connection, "district", [(*row, YEAR_TO_DATE // DISTRICTS, next_order)])
        place = (warehouse, district)
        self._fill(connection, "customer", [self._customer(place, i) for i in range(1, next_order)])
        self._fill(
            connection,
            "history",
            [(i, district, warehouse, district, warehouse, LOADED_AT, 1000, self._text(12))
             for i in range(1, next_order)],
        )  # fmt: skip
        undelivered = next_order - max(self.customers * 3 // 10, 1)
        customers = list(range(1, next_order))
        rng.shuffle(customers)
        orders: list[Row] = []
        lines: list[Row] = []
        for order, customer in enumerate(customers, start=1):
            delivered = order < undelivered
            count = rng.randint(5, 15)
            carrier = rng.randint(1, 10) if delivered else None
            orders.append((*place, order, customer, LOADED_AT, carrier, count, 1))
            for number in range(1, count + 1):
                amount = 0 if delivered else rng.randint(1, 999_999)
                item, at = rng.randint(1, self.items), LOADED_AT if delivered else None
                lines.append((*place, order, number, item, warehouse, at, 5, amount, self._text(24)))
        self._fill(connection, "orders", orders)
        self._fill(connection, "order_line", lines)
        self._fill(connection, "new_order", [(*place, order) for order in range(undelivered, next_order)])

    def _item_rows(self) -> Iterator[Row]:
        rng = self._rng
        for item in range(1, self.items + 1):
            yield item, rng.randint(1, 10_000), self._text(18), rng.randint(100, 10_000), self._data()

    def _stock_rows(self, warehouse: int) -> Iterator[Row]:
        for item in range(1, self.items + 1):
            districts = [self._text(24) for _ in range(DISTRICTS)]
            yield warehouse, item, self._rng.randint(10, 100), *districts, 0, 0, 0, self._data()

    def _customer(self, place: tuple[int, int], customer: int) -> Row:
        rng = self._rng
        name = customer - 1 if customer <= self.names else self.random_last_name(rng)
        credit = "BC" if rng.randrange(10) == 0 else "GC"
        person = (self._text(12), "OE", last_name(name), *self._address(), "0123456789012345", LOADED_AT)
        account = (credit, 5_000_000, rng.randint(0, 5000), -1000, 1000, 1, 0, self._text(300))
        return (*place, customer, *person, *account)

    def _address(self) -> Row:
        return self._text(30), self._text(15), self._text(2).upper(), "123411111"

    def _data(self) -> str:
        text = self._text(38)
        return text[:15] + "ORIGINAL" + text[23:] if self._rng.randrange(10) == 0 else text

    def _text(self, length: int) -> str:
        return "".join(self._rng.choices(CHARACTERS, k=length))
