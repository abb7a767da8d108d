"""SmallBank: two accounts for each customer, five short transactions, a hot spot.

    python -m benchmarks.smallbank [--customers 18000] [--hot 1000] [--threads 1 4 16] [--seconds 5]
        [--level NAME ...] [--ratio A B] [--soak MINUTES] [--procedures LANGUAGE] [--no-sync] [--json FILE]

    account(name, customer)    savings(customer, balance)    checking(customer, balance)

Nine transactions in ten choose their customers among the hot ones. Every transaction returns by how much it
changed the bank's money, so that the sum of all balances is known at any time, at every level.

Alomari, Cahill, Fekete, Röhm, *The Cost of Serializability on Platforms That Use Snapshot Isolation*, ICDE
2008. We differ in one point: Amalgamate takes off what it has read instead of writing zero, which is the
same under isolation, and without it loses no money.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from benchmarks import smallbank_procedures
from benchmarks.clients import Choice, Connection, GaveUp, Workload
from benchmarks.report import Option, run_benchmark

OPENING_BALANCE = 10_000
HOT_SHARE = 0.9


class SmallBank(Workload):
    """See the module."""

    name = "smallbank"

    def __init__(self, customers: int, hot: int) -> None:
        self.customers = customers
        self.hot = min(hot, customers)
        self.opened = 2 * customers * OPENING_BALANCE

    def create(self, connection: Connection) -> None:
        connection.execute("CREATE TABLE account (name VARCHAR(64) PRIMARY KEY, customer INTEGER NOT NULL)")
        for table in ("savings", "checking"):
            connection.execute(
                f"CREATE TABLE {table} (customer INTEGER PRIMARY KEY, balance BIGINT NOT NULL)"
            )
        connection.execute("BEGIN")
        names = [(_name(customer), customer) for customer in range(self.customers)]
        connection.executemany("INSERT INTO account VALUES (?, ?)", names)
        balances = [(customer, OPENING_BALANCE) for customer in range(self.customers)]
        connection.executemany("INSERT INTO savings VALUES (?, ?)", balances)
        connection.executemany("INSERT INTO checking VALUES (?, ?)", balances)
        connection.execute("COMMIT")

    def create_procedures(self, connection: Connection) -> None:
        if self.language == "plpgsql":
            connection.executescript(smallbank_procedures.PLPGSQL)
        else:
            for function in TRANSACTIONS:
                connection.database.procedure(function)

    def choose(self, rng: random.Random) -> Choice:
        name = self._customer(rng)
        amount = rng.randrange(1, 100)
        dice = rng.randrange(5)
        if dice == 0:
            return balance, (name,)
        if dice == 1:
            return deposit_checking, (name, amount)
        if dice == 2:
            return transact_savings, (name, amount if rng.random() < 0.5 else -amount)
        if dice == 3:
            other = self._customer(rng)
            while other == name:
                other = self._customer(rng)
            return amalgamate, (name, other)
        return write_check, (name, amount)

    def _customer(self, rng: random.Random) -> str:
        return _name(rng.randrange(self.hot if rng.random() < HOT_SHARE else self.customers))

    def broken(self, connection: Connection, total: int, serializable: bool) -> str | None:
        ((savings,),) = connection.execute("SELECT sum(balance) FROM savings").fetchall()
        ((checking,),) = connection.execute("SELECT sum(balance) FROM checking").fetchall()
        if savings + checking != self.opened + total:
            return f"the bank has {savings + checking} instead of {self.opened + total}"
        return None


def _name(customer: int) -> str:
    return f"customer {customer:08}"


def _customer_of(connection: Connection, name: str) -> int:
    (customer,) = connection.execute("SELECT customer FROM account WHERE name = ?", (name,)).fetchone()
    return int(customer)


def _balance_of(connection: Connection, table: str, customer: int) -> int:
    text = f"SELECT balance FROM {table} WHERE customer = ?"
    (amount,) = connection.execute(text, (customer,)).fetchone()
    return int(amount)


def _add(connection: Connection, table: str, customer: int, amount: int) -> None:
    text = f"UPDATE {table} SET balance = balance + ? WHERE customer = ?"
    connection.execute(text, (amount, customer))


def balance(connection: Connection, name: str) -> int:
    """How much a customer has."""
    customer = _customer_of(connection, name)
    _balance_of(connection, "savings", customer)
    _balance_of(connection, "checking", customer)
    return 0


def deposit_checking(connection: Connection, name: str, amount: int) -> int:
    """Put money into the checking account."""
    _add(connection, "checking", _customer_of(connection, name), amount)
    return amount


def transact_savings(connection: Connection, name: str, amount: int) -> int:
    """Put money into the savings account, or take some of it if it is there."""
    customer = _customer_of(connection, name)
    if _balance_of(connection, "savings", customer) + amount < 0:
        raise GaveUp
    _add(connection, "savings", customer, amount)
    return amount


def amalgamate(connection: Connection, name: str, other: str) -> int:
    """Move all that one customer has to another's checking account."""
    source, target = _customer_of(connection, name), _customer_of(connection, other)
    savings = _balance_of(connection, "savings", source)
    checking = _balance_of(connection, "checking", source)
    _add(connection, "savings", source, -savings)
    _add(connection, "checking", source, -checking)
    _add(connection, "checking", target, savings + checking)
    return 0


def write_check(connection: Connection, name: str, amount: int) -> int:
    """Take money off the checking account; a fine of 1 if both accounts together do not cover it."""
    customer = _customer_of(connection, name)
    covered = _balance_of(connection, "savings", customer) + _balance_of(connection, "checking", customer)
    taken = amount if amount <= covered else amount + 1
    _add(connection, "checking", customer, -taken)
    return -taken


TRANSACTIONS: tuple[Callable[..., int], ...] = (
    balance,
    deposit_checking,
    transact_savings,
    amalgamate,
    write_check,
)


if __name__ == "__main__":
    sys.exit(
        run_benchmark(
            __doc__,
            SmallBank,
            [Option("customers", 18_000, "customers"), Option("hot", 1000, "of them in the hot spot")],
            ("plpgsql", "python"),
        )
    )
