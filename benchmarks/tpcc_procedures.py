"""TPC-C's five transactions as procedures in PL/pgSQL; `tpcc_transactions.py` has them as Python functions.

The first OUT argument is what the call adds to its warehouse's year to date, the others are what the
standard's terminal shows.
"""

from benchmarks.tpcc_population import DISTRICTS

_DISTRICT_INFORMATION = " ".join(
    [f"WHEN {district} THEN s_dist_{district:02}" for district in range(1, DISTRICTS + 1)]
)

# Number, balance, credit and data of the customer with the number, or in the middle by the name.
_FIND_CUSTOMER = """
    customer_id := customer_number;
    IF customer_id = 0 THEN
        SELECT count(*) INTO namesakes FROM customer
            WHERE c_w_id = resident AND c_d_id = area AND c_last = last;
        SELECT c_id INTO STRICT customer_id FROM customer
            WHERE c_w_id = resident AND c_d_id = area AND c_last = last
            ORDER BY c_first LIMIT 1 OFFSET (namesakes - 1) / 2;
    END IF;
    SELECT c_balance, c_credit, c_data INTO STRICT balance, credit, data FROM customer
        WHERE c_w_id = resident AND c_d_id = area AND c_id = customer_id;
"""

PLPGSQL = f"""
CREATE PROCEDURE new_order(
    warehouse_id INTEGER, district_id INTEGER, customer_id INTEGER, line_count INTEGER,
    items TEXT, supplies TEXT, quantities TEXT, OUT paid BIGINT, OUT total BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    warehouse_tax INTEGER; district_tax INTEGER; discount INTEGER; new_id INTEGER;
    item_id INTEGER; supply INTEGER; quantity INTEGER; price BIGINT; in_stock INTEGER; information TEXT;
    remote INTEGER; all_local INTEGER := 1;
BEGIN
    SELECT w_tax INTO STRICT warehouse_tax FROM warehouse WHERE w_id = warehouse_id;
    SELECT d_tax, d_next_o_id INTO STRICT district_tax, new_id FROM district
        WHERE d_w_id = warehouse_id AND d_id = district_id;
    UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = warehouse_id AND d_id = district_id;
    SELECT c_discount INTO STRICT discount FROM customer
        WHERE c_w_id = warehouse_id AND c_d_id = district_id AND c_id = customer_id;
    FOR number IN 1..line_count LOOP
        IF split_part(supplies, ',', number)::INTEGER <> warehouse_id THEN
            all_local := 0;
        END IF;
    END LOOP;
    INSERT INTO orders VALUES
        (warehouse_id, district_id, new_id, customer_id, CURRENT_TIMESTAMP, NULL, line_count, all_local);
    INSERT INTO new_order VALUES (warehouse_id, district_id, new_id);
    total := 0;
    FOR number IN 1..line_count LOOP
        item_id := split_part(items, ',', number);
        supply := split_part(supplies, ',', number);
        quantity := split_part(quantities, ',', number);
        SELECT i_price INTO price FROM item WHERE i_id = item_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'Item number is not valid';
        END IF;
        SELECT s_quantity, CASE district_id {_DISTRICT_INFORMATION} END INTO STRICT in_stock, information
            FROM stock WHERE s_w_id = supply AND s_i_id = item_id;
        IF in_stock >= quantity + 10 THEN
            in_stock := in_stock - quantity;
        ELSE
            in_stock := in_stock - quantity + 91;
        END IF;
        remote := 0;
        IF supply <> warehouse_id THEN
            remote := 1;
        END IF;
        UPDATE stock SET s_quantity = in_stock, s_ytd = s_ytd + quantity, s_order_cnt = s_order_cnt + 1,
            s_remote_cnt = s_remote_cnt + remote WHERE s_w_id = supply AND s_i_id = item_id;
        total := total + quantity * price;
        INSERT INTO order_line VALUES
            (warehouse_id, district_id, new_id, number, item_id, supply, NULL, quantity, quantity * price,
             information);
    END LOOP;
    total := total * (10000 - discount) * (10000 + warehouse_tax + district_tax) / 100000000;
    paid := 0;
END $$;

CREATE PROCEDURE payment(
    warehouse_id INTEGER, district_id INTEGER, resident INTEGER, area INTEGER, customer_number INTEGER,
    last TEXT, amount BIGINT, OUT paid BIGINT, OUT new_balance BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    customer_id INTEGER; namesakes BIGINT; balance BIGINT; credit TEXT; data TEXT;
    warehouse_name TEXT; district_name TEXT;
BEGIN
    UPDATE warehouse SET w_ytd = w_ytd + amount WHERE w_id = warehouse_id;
    SELECT w_name INTO STRICT warehouse_name FROM warehouse WHERE w_id = warehouse_id;
    UPDATE district SET d_ytd = d_ytd + amount WHERE d_w_id = warehouse_id AND d_id = district_id;
    SELECT d_name INTO STRICT district_name FROM district WHERE d_w_id = warehouse_id AND d_id = district_id;
{_FIND_CUSTOMER}
    IF credit = 'BC' THEN
        data := substr(customer_id || ' ' || area || ' ' || resident || ' ' || district_id || ' '
            || warehouse_id || ' ' || amount || '|' || data, 1, 500);
    END IF;
    UPDATE customer SET c_balance = c_balance - amount, c_ytd_payment = c_ytd_payment + amount,
        c_payment_cnt = c_payment_cnt + 1, c_data = data
        WHERE c_w_id = resident AND c_d_id = area AND c_id = customer_id;
    INSERT INTO history VALUES (customer_id, area, resident, district_id, warehouse_id, CURRENT_TIMESTAMP,
        amount, warehouse_name || '    ' || district_name);
    paid := amount;
    new_balance := balance - amount;
END $$;

CREATE PROCEDURE order_status(
    resident INTEGER, area INTEGER, customer_number INTEGER, last TEXT,
    OUT paid BIGINT, OUT order_number BIGINT, OUT line_count BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    customer_id INTEGER; namesakes BIGINT; balance BIGINT; credit TEXT; data TEXT; line RECORD;
BEGIN
{_FIND_CUSTOMER}
    SELECT o_id INTO order_number FROM orders
        WHERE o_w_id = resident AND o_d_id = area AND o_c_id = customer_id ORDER BY o_id DESC LIMIT 1;
    line_count := 0;
    FOR line IN SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line
        WHERE ol_w_id = resident AND ol_d_id = area AND ol_o_id = order_number
    LOOP
        line_count := line_count + 1;
    END LOOP;
    paid := 0;
END $$;

CREATE PROCEDURE delivery(warehouse_id INTEGER, carrier INTEGER, OUT paid BIGINT, OUT delivered BIGINT)
LANGUAGE plpgsql AS $$
DECLARE
    oldest INTEGER; customer_id INTEGER; amount BIGINT;
BEGIN
    delivered := 0;
    FOR district_id IN 1..{DISTRICTS} LOOP
        SELECT min(no_o_id) INTO oldest FROM new_order WHERE no_w_id = warehouse_id AND no_d_id = district_id;
        CONTINUE WHEN oldest IS NULL;
        DELETE FROM new_order WHERE no_w_id = warehouse_id AND no_d_id = district_id AND no_o_id = oldest;
        SELECT o_c_id INTO STRICT customer_id FROM orders
            WHERE o_w_id = warehouse_id AND o_d_id = district_id AND o_id = oldest;
        UPDATE orders SET o_carrier_id = carrier
            WHERE o_w_id = warehouse_id AND o_d_id = district_id AND o_id = oldest;
        UPDATE order_line SET ol_delivery_d = CURRENT_TIMESTAMP
            WHERE ol_w_id = warehouse_id AND ol_d_id = district_id AND ol_o_id = oldest;
        SELECT sum(ol_amount) INTO STRICT amount FROM order_line
            WHERE ol_w_id = warehouse_id AND ol_d_id = district_id AND ol_o_id = oldest;
        UPDATE customer SET c_balance = c_balance + amount, c_delivery_cnt = c_delivery_cnt + 1
            WHERE c_w_id = warehouse_id AND c_d_id = district_id AND c_id = customer_id;
        delivered := delivered + 1;
    END LOOP;
    paid := 0;
END $$;

CREATE PROCEDURE stock_level(
    warehouse_id INTEGER, district_id INTEGER, threshold INTEGER, OUT paid BIGINT, OUT scarce BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    next_id INTEGER;
BEGIN
    SELECT d_next_o_id INTO STRICT next_id FROM district WHERE d_w_id = warehouse_id AND d_id = district_id;
    SELECT count(DISTINCT ol_i_id) INTO scarce FROM order_line
        JOIN stock ON s_w_id = ol_w_id AND s_i_id = ol_i_id
        WHERE ol_w_id = warehouse_id AND ol_d_id = district_id AND ol_o_id >= next_id - 20
            AND ol_o_id < next_id AND s_quantity < threshold;
    paid := 0;
END $$;
"""
