"""TPC-C's five transactions (clauses 2.4 to 2.8) as Python functions: sqlite3's, and procedures in Python.

Each returns what it adds to its warehouse's year to date.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.clients import Connection, GaveUp
from benchmarks.tpcc_population import DISTRICTS


def new_order(
    connection: Connection,
    warehouse: int,
    district: int,
    customer: int,
    count: int,
    items: str,
    supplies: str,
    quantities: str,
) -> int:
    """Order some items; without effect if the last of them is unknown."""
    run = connection.execute
    lines = [
        (number, int(item), int(supply), int(quantity))
        for number, (item, supply, quantity) in enumerate(
            zip(items.split(","), supplies.split(","), quantities.split(","), strict=True), start=1
        )
    ]
    (warehouse_tax,) = run("SELECT w_tax FROM warehouse WHERE w_id = ?", (warehouse,)).fetchone()
    district_tax, order = run(
        "SELECT d_tax, d_next_o_id FROM district WHERE d_w_id = ? AND d_id = ?", (warehouse, district)
    ).fetchone()
    run(
        "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = ? AND d_id = ?",
        (warehouse, district),
    )
    (discount,) = run(
        "SELECT c_discount FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?",
        (warehouse, district, customer),
    ).fetchone()
    local = int(all(supply == warehouse for _, _, supply, _ in lines))
    run(
        "INSERT INTO orders VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, NULL, ?, ?)",
        (warehouse, district, order, customer, count, local),
    )
    run("INSERT INTO new_order VALUES (?, ?, ?)", (warehouse, district, order))
    total = 0
    for number, item, supply, quantity in lines:
        found = run("SELECT i_price FROM item WHERE i_id = ?", (item,)).fetchone()
        if found is None:
            raise GaveUp
        in_stock, information = run(
            f"SELECT s_quantity, s_dist_{district:02} FROM stock WHERE s_w_id = ? AND s_i_id = ?",
            (supply, item),
        ).fetchone()
        in_stock += -quantity if in_stock >= quantity + 10 else 91 - quantity
        run(
            "UPDATE stock SET s_quantity = ?, s_ytd = s_ytd + ?, s_order_cnt = s_order_cnt + 1,"
            " s_remote_cnt = s_remote_cnt + ? WHERE s_w_id = ? AND s_i_id = ?",
            (in_stock, quantity, int(supply != warehouse), supply, item),
        )
        amount = quantity * found[0]
        total += amount
        run(
            "INSERT INTO order_line VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)",
            (warehouse, district, order, number, item, supply, quantity, amount, information),
        )
    assert total * (10_000 - discount) * (10_000 + warehouse_tax + district_tax) > 0
    return 0


def _customer(
    connection: Connection, warehouse: int, district: int, customer: int, last: str
) -> tuple[int, int, str, str]:
    """Number, balance, credit and data; by last name it is the one in the middle by first name."""
    if customer == 0:
        ((count,),) = connection.execute(
            "SELECT count(*) FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_last = ?",
            (warehouse, district, last),
        ).fetchall()
        (customer,) = connection.execute(
            "SELECT c_id FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_last = ? ORDER BY c_first"
            " LIMIT 1 OFFSET ?",
            (warehouse, district, last, (count - 1) // 2),
        ).fetchone()
    found: tuple[int, int, str, str] = connection.execute(
        "SELECT c_id, c_balance, c_credit, c_data FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?",
        (warehouse, district, customer),
    ).fetchone()
    return found


def payment(
    connection: Connection,
    warehouse: int,
    district: int,
    resident: int,
    area: int,
    customer: int,
    last: str,
    amount: int,
) -> int:
    """A customer, perhaps another warehouse's, pays."""
    run = connection.execute
    run("UPDATE warehouse SET w_ytd = w_ytd + ? WHERE w_id = ?", (amount, warehouse))
    (warehouse_name,) = run("SELECT w_name FROM warehouse WHERE w_id = ?", (warehouse,)).fetchone()
    run("UPDATE district SET d_ytd = d_ytd + ? WHERE d_w_id = ? AND d_id = ?", (amount, warehouse, district))
    (district_name,) = run(
        "SELECT d_name FROM district WHERE d_w_id = ? AND d_id = ?", (warehouse, district)
    ).fetchone()
    number, _, credit, data = _customer(connection, resident, area, customer, last)
    if credit == "BC":
        data = f"{number} {area} {resident} {district} {warehouse} {amount}|{data}"[:500]
    run(
        "UPDATE customer SET c_balance = c_balance - ?, c_ytd_payment = c_ytd_payment + ?,"
        " c_payment_cnt = c_payment_cnt + 1, c_data = ? WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?",
        (amount, amount, data, resident, area, number),
    )
    run(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, CURRENT_TIMESTAMP, ?, ?)",
        (number, area, resident, district, warehouse, amount, f"{warehouse_name}    {district_name}"),
    )
    return amount


def order_status(connection: Connection, warehouse: int, district: int, customer: int, last: str) -> int:
    """A customer's last order."""
    number, _, _, _ = _customer(connection, warehouse, district, customer, last)
    found = connection.execute(
        "SELECT o_id, o_entry_d, o_carrier_id FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_c_id = ?"
        " ORDER BY o_id DESC LIMIT 1",
        (warehouse, district, number),
    ).fetchone()
    if found is not None:
        connection.execute(
            "SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line"
            " WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?",
            (warehouse, district, found[0]),
        ).fetchall()
    return 0


def delivery(connection: Connection, warehouse: int, carrier: int) -> int:
    """The oldest order of each district that waits for it."""
    run = connection.execute
    for district in range(1, DISTRICTS + 1):
        ((order,),) = run(
            "SELECT min(no_o_id) FROM new_order WHERE no_w_id = ? AND no_d_id = ?", (warehouse, district)
        ).fetchall()
        if order is None:
            continue
        key = (warehouse, district, order)
        run("DELETE FROM new_order WHERE no_w_id = ? AND no_d_id = ? AND no_o_id = ?", key)
        (customer,) = run(
            "SELECT o_c_id FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_id = ?", key
        ).fetchone()
        run(
            "UPDATE orders SET o_carrier_id = ? WHERE o_w_id = ? AND o_d_id = ? AND o_id = ?", (carrier, *key)
        )
        run(
            "UPDATE order_line SET ol_delivery_d = CURRENT_TIMESTAMP"
            " WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?",
            key,
        )
        ((amount,),) = run(
            "SELECT sum(ol_amount) FROM order_line WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?", key
        ).fetchall()
        run(
            "UPDATE customer SET c_balance = c_balance + ?, c_delivery_cnt = c_delivery_cnt + 1"
            " WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?",
            (int(amount), warehouse, district, customer),
        )
    return 0


def stock_level(connection: Connection, warehouse: int, district: int, threshold: int) -> int:
    """How many of the items in the last twenty orders are scarce?"""
    (order,) = connection.execute(
        "SELECT d_next_o_id FROM district WHERE d_w_id = ? AND d_id = ?", (warehouse, district)
    ).fetchone()
    connection.execute(
        "SELECT count(DISTINCT ol_i_id) FROM order_line JOIN stock ON s_w_id = ol_w_id AND s_i_id = ol_i_id"
        " WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id >= ? AND ol_o_id < ? AND s_quantity < ?",
        (warehouse, district, order - 20, order, threshold),
    ).fetchall()
    return 0


TRANSACTIONS: tuple[Callable[..., int], ...] = (new_order, payment, order_status, delivery, stock_level)
