"""TPC-C: a wholesaler's orders, payments and deliveries, as procedures.

    python -m benchmarks.tpcc [--warehouses 1] [--scale 10] [--threads 1 4 16] [--seconds 5]
        [--level NAME ...] [--procedures plpgsql|python] [--no-sync] [--json FILE]

The schema, the population, the mix (45 % New-Order, 43 % Payment, 4 % each of the others), the skew of items
and customers, and the 1 % of New-Orders that find an unknown item in the end and roll back are the standard's
(TPC Benchmark C, revision 5.11); `--scale 1` is its size, 10 has a tenth of its items, customers and orders.
sqlite3 runs the same transactions as Python functions (`tpcc_transactions.py`). After each run consistency
conditions 1 to 4 of clause 3.3.2 are checked, and that no payment is missing.

Where we differ: clients do not think or type, so this is no tpmC; money is in whole cents and rates in
hundredths of a percent, which is exact in both databases; a New-Order's lines come as texts with commas, as
there are no arrays; its stock is updated in the order of items, which avoids deadlocks.
"""

from __future__ import annotations

import random
import sys

from benchmarks import tpcc_procedures, tpcc_transactions
from benchmarks.clients import Choice, Connection, Workload
from benchmarks.report import Option, run_benchmark
from benchmarks.tpcc_population import DISTRICTS, YEAR_TO_DATE, Population, last_name

CONDITIONS = {
    "condition 1: W_YTD = sum(D_YTD)": (
        "SELECT w_id FROM warehouse WHERE w_ytd <> (SELECT sum(d_ytd) FROM district WHERE d_w_id = w_id)"
    ),
    "condition 2: D_NEXT_O_ID - 1 = max(O_ID)": (
        "SELECT d_w_id, d_id FROM district LEFT JOIN (SELECT o_w_id, o_d_id, max(o_id) AS last FROM orders"
        " GROUP BY o_w_id, o_d_id) AS o ON o_w_id = d_w_id AND o_d_id = d_id"
        " WHERE last IS NULL OR d_next_o_id - 1 <> last"
    ),
    "condition 2: D_NEXT_O_ID - 1 = max(NO_O_ID), where any are undelivered": (
        "SELECT d_w_id, d_id FROM district JOIN (SELECT no_w_id, no_d_id, max(no_o_id) AS last FROM new_order"
        " GROUP BY no_w_id, no_d_id) AS n ON no_w_id = d_w_id AND no_d_id = d_id"
        " WHERE d_next_o_id - 1 <> last"
    ),
    "condition 3: max(NO_O_ID) - min(NO_O_ID) + 1 = number of rows in NEW-ORDER": (
        "SELECT no_w_id, no_d_id FROM new_order GROUP BY no_w_id, no_d_id"
        " HAVING max(no_o_id) - min(no_o_id) + 1 <> count(*)"
    ),
    "condition 4: sum(O_OL_CNT) = number of rows in ORDER-LINE": (
        "SELECT o_w_id, o_d_id FROM (SELECT o_w_id, o_d_id, sum(o_ol_cnt) AS wanted FROM orders"
        " GROUP BY o_w_id, o_d_id) AS o LEFT JOIN (SELECT ol_w_id, ol_d_id, count(*) AS found FROM order_line"
        " GROUP BY ol_w_id, ol_d_id) AS l ON ol_w_id = o_w_id AND ol_d_id = o_d_id"
        " WHERE found IS NULL OR wanted <> found"
    ),
}


class TpcC(Workload):
    """See the module. Only a Payment returns something: what it adds to its warehouse's year to date."""

    name = "tpcc"

    def __init__(self, warehouses: int, scale: int) -> None:
        self.warehouses = warehouses
        self.population = Population(warehouses, scale)

    def create(self, connection: Connection) -> None:
        self.population.create(connection)

    def create_procedures(self, connection: Connection) -> None:
        if self.language == "plpgsql":
            connection.executescript(tpcc_procedures.PLPGSQL)
        else:
            for function in tpcc_transactions.TRANSACTIONS:
                connection.database.procedure(function)

    def choose(self, rng: random.Random) -> Choice:
        warehouse, district = rng.randint(1, self.warehouses), rng.randint(1, DISTRICTS)
        dice = rng.randrange(100)
        if dice < 45:
            return self._new_order(rng, warehouse, district)
        if dice < 88:
            return self._payment(rng, warehouse, district)
        if dice < 92:
            return tpcc_transactions.order_status, (warehouse, district, *self._customer(rng))
        if dice < 96:
            return tpcc_transactions.delivery, (warehouse, rng.randint(1, 10))
        return tpcc_transactions.stock_level, (warehouse, district, rng.randint(10, 20))

    def _new_order(self, rng: random.Random, warehouse: int, district: int) -> Choice:
        items = sorted([self.population.random_item(rng) for _ in range(rng.randint(5, 15))])
        if rng.randrange(100) == 0:
            items[-1] = self.population.items + 1
        supplies = [self._other(rng, warehouse) if rng.randrange(100) == 0 else warehouse for _ in items]
        quantities = [rng.randint(1, 10) for _ in items]
        lists = [",".join(map(str, values)) for values in (items, supplies, quantities)]
        customer = self.population.random_customer(rng)
        return tpcc_transactions.new_order, (warehouse, district, customer, len(items), *lists)

    def _payment(self, rng: random.Random, warehouse: int, district: int) -> Choice:
        resident, area = warehouse, district
        if rng.randrange(100) < 15:
            resident, area = self._other(rng, warehouse), rng.randint(1, DISTRICTS)
        amount = rng.randint(100, 500_000)
        return tpcc_transactions.payment, (warehouse, district, resident, area, *self._customer(rng), amount)

    def _customer(self, rng: random.Random) -> tuple[int, str]:
        """By last name in 60 of 100 cases; else by number."""
        if rng.randrange(100) < 60:
            return 0, last_name(self.population.random_last_name(rng))
        return self.population.random_customer(rng), ""

    def _other(self, rng: random.Random, warehouse: int) -> int:
        """Another warehouse, if there is one."""
        if self.warehouses == 1:
            return warehouse
        other = rng.randrange(1, self.warehouses)
        return other if other < warehouse else other + 1

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        if serializable:
            for condition, query in CONDITIONS.items():
                rows = connection.execute(query).fetchall()
                if rows:
                    return f"{condition} does not hold for {rows[:3]}"
        ((found,),) = connection.execute("SELECT sum(w_ytd) FROM warehouse").fetchall()
        expected = self.warehouses * YEAR_TO_DATE + total
        return None if found == expected else f"the warehouses took {found} instead of {expected}"


if __name__ == "__main__":
    sys.exit(
        run_benchmark(
            __doc__,
            TpcC,
            [Option("warehouses", 1, "warehouses"), Option("scale", 10, "what sizes are divided by")],
            ("plpgsql", "python"),
            "plpgsql",
        )
    )
