"""Rewrites that change nothing are proved; those that nearly change nothing are not.

What is proved is also run on DuckDB over random rows with NULLs, as are mutants of both sides.
"""

from __future__ import annotations

import random
import time
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from kpilayer.proof import row
from kpilayer.proof.facts import Column, Facts, Reference, Table
from kpilayer.proof.laws import LAWS
from kpilayer.proof.prove import prove
from kpilayer.proof.verdict import Proof

pytest.importorskip("z3")


def _table(name: str, columns: str, *references: Reference) -> Table:
    """A table whose key is `id`; `!` says that a column is never NULL."""
    parts = [c.split(" ", 1) for c in columns.split("; ")]
    return Table(
        name,
        tuple(
            Column(n, exp.DataType.build(t.rstrip("!"), dialect="duckdb"), not t.endswith("!"))
            for n, t in parts
        ),
        (("id",),),
        references,
    )


FACTS = Facts(
    {
        t.name: t
        for t in (
            _table(
                "orders",
                "id int!; customer_id int!; store_id int; status text; channel text!; amount decimal(10,2); "
                "tax decimal(10,2)!; qty int; price double; ordered_at timestamp!; day date!",
                Reference(("customer_id",), "customers", ("id",)),
                Reference(("store_id",), "stores", ("id",)),
            ),
            _table("customers", "id int!; name text; country text; segment text!"),
            _table("stores", "id int!; region text; name text!"),
            _table(
                "items",
                "id int!; order_id int!; quantity int!; price decimal(10,2)!",
                Reference(("order_id",), "orders", ("id",)),
            ),
        )
    }
)

#: What it shows, two queries that always answer alike.
SAME: dict[str, tuple[str, str]] = {
    "order of conditions": (
        "SELECT SUM(amount) FROM orders WHERE status IN ('a', 'b') AND qty > 1",
        "SELECT SUM(amount) FROM orders WHERE (status = 'b' OR status = 'a') AND NOT (qty <= 1)",
    ),
    "COUNT(*) counts rows as COUNT(1)": (
        "SELECT COUNT(*) FROM orders",
        "SELECT COUNT(1) FROM orders",
    ),
    "a column that is never NULL is counted as rows": (
        "SELECT COUNT(*) FROM orders",
        "SELECT COUNT(id) FROM orders",
    ),
    "a sum of ones is a count, where there is a group": (
        "SELECT channel, COUNT(*) AS c FROM orders GROUP BY 1",
        "SELECT channel, SUM(1) AS c FROM orders GROUP BY channel",
    ),
    "FILTER is CASE": (
        "SELECT channel, SUM(amount) FILTER(WHERE status = 'x') AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(CASE WHEN status = 'x' THEN amount END) AS s FROM orders GROUP BY 1",
    ),
    "a mean is a sum by a count": (
        "SELECT channel, AVG(amount) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(amount) / COUNT(amount) AS s FROM orders GROUP BY 1",
    ),
    "a year is a range": (
        "SELECT COUNT(*) FROM orders WHERE ordered_at >= '2024-01-01' AND ordered_at < '2025-01-01'",
        "SELECT COUNT(*) FROM orders WHERE EXTRACT(YEAR FROM ordered_at) = 2024",
    ),
    "a truncated month is a range": (
        "SELECT COUNT(*) FROM orders WHERE DATE_TRUNC('MONTH', ordered_at) = CAST('2024-03-01' AS DATE)",
        "SELECT COUNT(*) FROM orders WHERE ordered_at >= '2024-03-01' AND ordered_at < '2024-04-01'",
    ),
    "a day of an instant is a range": (
        "SELECT COUNT(*) FROM orders WHERE CAST(ordered_at AS DATE) = CAST('2024-03-01' AS DATE)",
        "SELECT COUNT(*) FROM orders WHERE ordered_at >= '2024-03-01' AND ordered_at < '2024-03-02'",
    ),
    "BETWEEN of days is half-open": (
        "SELECT COUNT(*) FROM orders WHERE day BETWEEN '2024-03-01' AND '2024-03-31'",
        "SELECT COUNT(*) FROM orders WHERE day >= '2024-03-01' AND day < '2024-04-01'",
    ),
    "order of tables, and a comma": (
        "SELECT o.channel, SUM(o.amount) AS s FROM orders AS o JOIN customers AS c ON o.customer_id = c.id WHERE c.country = 'DE' GROUP BY 1",
        "SELECT o.channel, SUM(o.amount) AS s FROM customers AS c, orders AS o WHERE c.country = 'DE' AND c.id = o.customer_id GROUP BY 1",
    ),
    "a filter on the right side makes a left join an inner one": (
        "SELECT o.channel, SUM(o.amount) AS s FROM orders AS o LEFT JOIN customers AS c ON o.customer_id = c.id WHERE c.country = 'DE' GROUP BY 1",
        "SELECT o.channel, SUM(o.amount) AS s FROM orders AS o JOIN customers AS c ON o.customer_id = c.id WHERE c.country = 'DE' GROUP BY 1",
    ),
    "a left join along a foreign key that is never NULL is an inner join": (
        "SELECT c.segment, SUM(o.amount) AS s FROM orders AS o LEFT JOIN customers AS c ON o.customer_id = c.id GROUP BY 1",
        "SELECT c.segment, SUM(o.amount) AS s FROM orders AS o JOIN customers AS c ON o.customer_id = c.id GROUP BY 1",
    ),
    "an unused left join on a key is nothing": (
        "SELECT SUM(o.amount) AS s FROM orders AS o LEFT JOIN stores AS c ON o.store_id = c.id",
        "SELECT SUM(amount) AS s FROM orders",
    ),
    "DISTINCT is GROUP BY": (
        "SELECT DISTINCT channel FROM orders",
        "SELECT channel FROM orders GROUP BY channel",
    ),
    "a distinct key is a row": (
        "SELECT COUNT(DISTINCT id) FROM orders",
        "SELECT COUNT(*) FROM orders",
    ),
    "EXISTS is IN": (
        "SELECT COUNT(*) FROM orders AS o WHERE EXISTS(SELECT 1 FROM customers AS c WHERE c.id = o.customer_id AND c.country = 'DE')",
        "SELECT COUNT(*) FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE country = 'DE')",
    ),
    "EXISTS on a key is a join": (
        "SELECT COUNT(*) FROM orders AS o WHERE EXISTS(SELECT 1 FROM customers AS c WHERE c.id = o.customer_id AND c.country = 'DE')",
        "SELECT COUNT(*) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id AND c.country = 'DE'",
    ),
    "NOT EXISTS is a left join without a match": (
        "SELECT c.id FROM customers AS c WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.customer_id = c.id)",
        "SELECT c.id FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.id IS NULL",
    ),
    "NOT IN without NULLs is NOT EXISTS": (
        "SELECT c.id FROM customers AS c WHERE NOT c.id IN (SELECT customer_id FROM orders)",
        "SELECT c.id FROM customers AS c WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.customer_id = c.id)",
    ),
    "subqueries and WITH are opened": (
        "WITH x AS (SELECT channel, amount FROM orders WHERE qty > 1) SELECT channel, SUM(amount) AS s FROM x GROUP BY 1",
        "SELECT channel, SUM(amount) AS s FROM (SELECT * FROM orders) AS o WHERE qty > 1 GROUP BY 1",
    ),
    "HAVING on a key is WHERE": (
        "SELECT channel, SUM(amount) AS s FROM orders GROUP BY channel HAVING channel = 'x'",
        "SELECT channel, SUM(amount) AS s FROM orders WHERE channel = 'x' GROUP BY channel",
    ),
    "a sum of sums": (
        "SELECT channel, SUM(s) AS s FROM (SELECT channel, day, SUM(amount) AS s FROM orders GROUP BY 1, 2) GROUP BY 1",
        "SELECT channel, SUM(amount) AS s FROM orders GROUP BY 1",
    ),
    "sums, counts and maxima of groups": (
        "SELECT channel, SUM(s) AS s, SUM(n) AS n, MAX(m) AS m FROM (SELECT channel, day, SUM(amount) AS s, COUNT(*) AS n, MAX(price) AS m FROM orders GROUP BY 1, 2) GROUP BY 1",
        "SELECT channel, SUM(amount) AS s, COUNT(*) AS n, MAX(price) AS m FROM orders GROUP BY 1",
    ),
    "UNION ALL of parts is summed as the whole": (
        "SELECT SUM(amount) AS s FROM (SELECT amount FROM orders WHERE qty > 1 UNION ALL SELECT amount FROM orders WHERE qty <= 1)",
        "SELECT SUM(amount) AS s FROM orders WHERE NOT qty IS NULL",
    ),
    "UNION ALL of all parts is the whole": (
        "SELECT id, amount FROM orders WHERE qty > 1 UNION ALL SELECT id, amount FROM orders WHERE qty <= 1 OR qty IS NULL",
        "SELECT id, amount FROM orders",
    ),
    "QUALIFY is a filter around a window": (
        "SELECT customer_id, amount FROM (SELECT customer_id, amount, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, id) AS rn FROM orders) WHERE rn = 1",
        "SELECT customer_id, amount FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, id) = 1",
    ),
    "LIKE with a prefix is STARTS_WITH": (
        "SELECT COUNT(*) FROM orders WHERE status LIKE 'x%'",
        "SELECT COUNT(*) FROM orders WHERE STARTS_WITH(status, 'x')",
    ),
    "a missing sum is zero where a group has rows": (
        "SELECT channel, COALESCE(SUM(amount), 0) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(COALESCE(amount, 0)) AS s FROM orders GROUP BY 1",
    ),
    "a sum of flags is a count under a filter": (
        "SELECT channel, SUM(CASE WHEN status = 'a' THEN 1 ELSE 0 END) AS s FROM orders GROUP BY 1",
        "SELECT channel, COUNT(*) FILTER(WHERE status = 'a') AS s FROM orders GROUP BY 1",
    ),
    "a flag as a factor": (
        "SELECT channel, SUM(amount * CASE WHEN status = 'a' THEN 1 ELSE 0 END) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(CASE WHEN status = 'a' THEN amount WHEN amount IS NULL THEN NULL ELSE 0 END) AS s FROM orders GROUP BY 1",
    ),
    "a factor of a quotient": (
        "SELECT channel, 100.0 * SUM(amount) / NULLIF(SUM(price), 0) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(amount) / NULLIF(SUM(price), 0) * 100 AS s FROM orders GROUP BY 1",
    ),
    "a sum of terms that are never NULL": (
        "SELECT channel, SUM(tax + qty) AS s FROM orders WHERE NOT qty IS NULL GROUP BY 1",
        "SELECT channel, SUM(tax) + SUM(qty) AS s FROM orders WHERE NOT qty IS NULL GROUP BY 1",
    ),
    "a count less another": (
        "SELECT channel, COUNT(*) - COUNT(*) FILTER(WHERE status = 'a') AS s FROM orders GROUP BY 1",
        "SELECT channel, COUNT(*) FILTER(WHERE status <> 'a' OR status IS NULL) AS s FROM orders GROUP BY 1",
    ),
    "GREATEST without NULLs is a CASE": (
        "SELECT GREATEST(id, customer_id) AS g FROM orders",
        "SELECT CASE WHEN id > customer_id THEN id ELSE customer_id END AS g FROM orders",
    ),
    "IS NOT DISTINCT FROM in words": (
        "SELECT qty IS NOT DISTINCT FROM store_id AS x FROM orders",
        "SELECT CASE WHEN qty IS NULL AND store_id IS NULL THEN TRUE WHEN qty IS NULL OR store_id IS NULL THEN FALSE ELSE qty = store_id END AS x FROM orders",
    ),
    "a product commutes in a sum": (
        "SELECT SUM(i.quantity * i.price) AS r FROM items AS i JOIN orders AS o ON i.order_id = o.id WHERE o.status = 'a'",
        "SELECT SUM(i.price * i.quantity) AS r FROM orders AS o JOIN items AS i ON i.order_id = o.id AND o.status = 'a'",
    ),
    "a semi-join is a distinct join": (
        "SELECT c.id FROM customers AS c WHERE c.id IN (SELECT customer_id FROM orders WHERE qty > 1)",
        "SELECT DISTINCT c.id FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.qty > 1",
    ),
    "a count of distinct keys under a join is one of those that have": (
        "SELECT c.country, COUNT(DISTINCT c.id) AS n FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
        "SELECT c.country, COUNT(*) AS n FROM customers AS c WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.customer_id = c.id) GROUP BY 1",
    ),
    "USING is ON": (
        "SELECT o.* FROM orders AS o JOIN stores USING (id)",
        "SELECT o.* FROM orders AS o JOIN stores AS s ON o.id = s.id",
    ),
    "order of exclusive branches": (
        "SELECT CASE WHEN status = 'a' THEN 1 WHEN status = 'b' THEN 2 END AS x FROM orders",
        "SELECT CASE WHEN status = 'b' THEN 2 WHEN status = 'a' THEN 1 END AS x FROM orders",
    ),
    "NULLIF is CASE": (
        "SELECT NULLIF(qty, 0) AS x FROM orders",
        "SELECT CASE WHEN qty <> 0 THEN qty END AS x FROM orders",
    ),
    "a constant factor leaves a sum": (
        "SELECT channel, SUM(amount) / 100.0 AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(amount / 100.0) AS s FROM orders GROUP BY 1",
    ),
    "sums before a left join are sums after it": (
        "SELECT c.country, SUM(t.s) AS s FROM customers AS c LEFT JOIN (SELECT customer_id, SUM(amount) AS s FROM orders GROUP BY 1) AS t ON t.customer_id = c.id GROUP BY 1",
        "SELECT c.country, SUM(o.amount) AS s FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    "a window over equal rows": (
        "SELECT channel, SUM(amount) OVER (PARTITION BY channel) AS w FROM orders WHERE qty > 1",
        "SELECT channel, SUM(amount) OVER (PARTITION BY channel) AS w FROM orders WHERE 1 < qty",
    ),
    "sums of the sums of parts": (
        "SELECT channel, SUM(s) AS s FROM (SELECT channel, SUM(amount) AS s FROM orders WHERE qty > 1 GROUP BY 1 UNION ALL SELECT channel, SUM(amount) AS s FROM orders WHERE qty <= 1 GROUP BY 1) GROUP BY 1",
        "SELECT channel, SUM(amount) AS s FROM orders WHERE NOT qty IS NULL GROUP BY 1",
    ),
    "year and month are a range": (
        "SELECT MONTH(day) AS m, COUNT(*) AS n FROM orders WHERE YEAR(day) = 2024 AND MONTH(day) = 3 GROUP BY 1",
        "SELECT 3 AS m, COUNT(*) AS n FROM orders WHERE day >= '2024-03-01' AND day < '2024-04-01' GROUP BY 1",
    ),
    "ORDER BY without LIMIT is no part of the rows": (
        "SELECT id FROM orders ORDER BY day",
        "SELECT id FROM orders",
    ),
    "absorption and De Morgan": (
        "SELECT id FROM orders WHERE NOT (qty > 1 OR status = 'a') AND (tax > 0 OR NOT qty > 1)",
        "SELECT id FROM orders WHERE status <> 'a' AND qty <= 1",
    ),
    "an inner join along a foreign key asks for a key": (
        "SELECT SUM(o.amount) AS s FROM orders AS o JOIN stores AS s ON s.id = o.store_id",
        "SELECT SUM(amount) AS s FROM orders WHERE NOT store_id IS NULL",
    ),
    "a filter on groups is HAVING": (
        "SELECT channel FROM (SELECT channel, SUM(tax) AS t FROM orders GROUP BY 1) AS g WHERE t > 1",
        "SELECT channel FROM orders GROUP BY channel HAVING 1 < SUM(tax)",
    ),
    "a filter on stacked rows": (
        "SELECT x FROM (SELECT qty AS x FROM orders UNION ALL SELECT quantity FROM items) AS u WHERE x > 1",
        "SELECT qty AS x FROM orders WHERE qty > 1 UNION ALL SELECT quantity FROM items WHERE NOT quantity <= 1",
    ),
    "the order of arms": (
        "SELECT id FROM stores UNION ALL SELECT id FROM items",
        "SELECT id FROM items UNION ALL SELECT id FROM stores",
    ),
    "DISTINCT of a key is nothing": (
        "SELECT DISTINCT id, name FROM customers",
        "SELECT id, name FROM customers",
    ),
    "a constant part of a date": (
        "SELECT id FROM orders WHERE day >= CAST('2024-01-31' AS DATE) + 1",
        "SELECT id FROM orders WHERE day > '2024-01-31'",
    ),
    "LIMIT over all columns in order": (
        "SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1 ORDER BY n DESC, channel LIMIT 2",
        "SELECT channel, SUM(1) AS n FROM orders GROUP BY 1 ORDER BY n DESC, channel LIMIT 2",
    ),
    "a guarded quotient": (
        "SELECT CASE WHEN qty = 0 THEN NULL ELSE tax / qty END AS r FROM orders",
        "SELECT tax / NULLIF(qty, 0) AS r FROM orders",
    ),
    "groups joined on their keys": (
        "WITH a AS (SELECT channel, SUM(amount) AS s FROM orders GROUP BY 1), b AS (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1) SELECT a.channel, s / n AS r FROM a JOIN b ON a.channel = b.channel",
        "SELECT channel, SUM(amount) / COUNT(*) AS r FROM orders GROUP BY channel",
    ),
    "distinct keys under a join are those that exist": (
        "SELECT COUNT(DISTINCT o.id) AS n FROM orders AS o JOIN items AS i ON i.order_id = o.id",
        "SELECT COUNT(*) AS n FROM orders AS o WHERE EXISTS(SELECT * FROM items WHERE order_id = o.id)",
    ),
    "a lookup is a left join": (
        "SELECT s.region, SUM(o.amount) AS s FROM orders AS o LEFT JOIN stores AS s ON s.id = o.store_id GROUP BY 1",
        "SELECT (SELECT region FROM stores AS s WHERE s.id = o.store_id) AS region, SUM(o.amount) AS s FROM orders AS o GROUP BY 1",
    ),
    "a greatest flag is a count": (
        "SELECT MAX(CASE WHEN status = 'a' THEN 1 ELSE 0 END) AS f, customer_id FROM orders GROUP BY customer_id",
        "SELECT CASE WHEN COUNT(*) FILTER(WHERE status = 'a') > 0 THEN 1 ELSE 0 END AS f, customer_id FROM orders GROUP BY customer_id",
    ),
    "a difference of aggregates of a query": (
        "SELECT channel, MIN(tax) AS a, MAX(tax) AS b, MAX(tax) - MIN(tax) AS r FROM orders GROUP BY 1",
        "SELECT channel, a, b, b - a AS r FROM (SELECT channel, MIN(tax) AS a, MAX(tax) AS b FROM orders GROUP BY channel) AS t",
    ),
    "a running sum, its frame in short": (
        "SELECT id, SUM(tax) OVER (PARTITION BY customer_id ORDER BY day, id rows BETWEEN UNBOUNDED preceding AND CURRENT ROW) AS r FROM orders",
        "SELECT o.id, SUM(o.tax) OVER (PARTITION BY o.customer_id ORDER BY o.day, o.id rows BETWEEN UNBOUNDED preceding AND CURRENT ROW) AS r FROM orders AS o",
    ),
    "a rate is a mean of flags": (
        "SELECT channel, COUNT(*) FILTER(WHERE status = 'r') * 1.0 / COUNT(*) AS rate FROM orders GROUP BY 1",
        "SELECT channel, AVG(CASE WHEN status = 'r' THEN 1.0 ELSE 0 END) AS rate FROM orders GROUP BY 1",
    ),
    "groups that need not be there": (
        "WITH a AS (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1), b AS (SELECT channel, COUNT(*) AS n FROM orders WHERE status = 'a' GROUP BY 1) SELECT a.channel, a.n, COALESCE(b.n, 0) AS m FROM a LEFT JOIN b ON a.channel = b.channel",
        "SELECT channel, COUNT(*) AS n, COUNT(*) FILTER(WHERE status = 'a') AS m FROM orders GROUP BY 1",
    ),
    "a join with distinct keys is EXISTS": (
        "SELECT SUM(o.tax) FROM orders AS o WHERE o.id IN (SELECT order_id FROM items)",
        "SELECT SUM(o.tax) FROM orders AS o JOIN (SELECT DISTINCT order_id FROM items) AS i ON i.order_id = o.id",
    ),
    "a window over groups is one over a query of groups": (
        "SELECT channel, SUM(tax) / SUM(SUM(tax)) OVER () AS share FROM orders GROUP BY 1",
        "SELECT channel, t / SUM(t) OVER () AS share FROM (SELECT channel, SUM(tax) AS t FROM orders GROUP BY 1)",
    ),
    "EXCEPT is NOT EXISTS": (
        "SELECT id FROM customers EXCEPT SELECT customer_id FROM orders",
        "SELECT id FROM customers AS c WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.customer_id = c.id)",
    ),
    "a filter that is false where it is NULL": (
        "SELECT SUM(tax) AS s FROM orders WHERE qty > 1",
        "SELECT SUM(tax) AS s FROM orders WHERE COALESCE(qty > 1, FALSE)",
    ),
    "a condition that is 0 where it is NULL": (
        "SELECT SUM(tax) AS s FROM orders WHERE qty > 1",
        "SELECT SUM(tax) AS s FROM orders WHERE COALESCE(qty > 1, 0)",
    ),
    "a part below a spine": (
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY day) SELECT d, COALESCE(s, 0) AS s FROM days LEFT JOIN paid ON paid.day = days.d",
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE NOT (status <> 'a') GROUP BY day) SELECT d, CASE WHEN NOT s IS NULL THEN s ELSE 0 END AS s FROM days LEFT JOIN paid ON paid.day = days.d",
    ),
    "groups under each other, NULL or 0": (
        "WITH a AS (SELECT channel, SUM(amount) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE segment = 'x' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, n / NULLIF(s, 0) AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(COALESCE(amount, 0)) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE NOT segment <> 'x' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, n / NULLIF(s, 0) AS v FROM combined",
    ),
    "an aggregate of nothing beside groups": (
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, (SELECT MAX(n) FROM b WHERE 1 = 0) AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, COALESCE(n, 0) AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(tax + 0) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, SUM(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, CASE WHEN n IS NULL THEN 0 ELSE n END AS v FROM combined",
    ),
    "totals beside each other, NULL or 0": (
        "WITH a AS (SELECT SUM(amount) AS s FROM orders), b AS (SELECT COUNT(*) AS n FROM customers) SELECT n / NULLIF(s, 0) AS v, n AS w FROM a CROSS JOIN b",
        "WITH a AS (SELECT SUM(COALESCE(amount, 0)) AS s FROM orders), b AS (SELECT COUNT(*) AS n FROM customers) SELECT n / NULLIF(s, 0) AS v, n AS w FROM a CROSS JOIN b",
    ),
    "a condition that is computed beside a window": (
        "WITH dated AS (SELECT qty > 1 AS is_paid, day, MAX(day) OVER () AS last FROM orders) SELECT COUNT(CASE WHEN is_paid THEN 1 END) AS n FROM dated WHERE day = last",
        "WITH dated AS (SELECT COALESCE(qty > 1, FALSE) AS is_paid, day, MAX(day) OVER () AS last FROM orders) SELECT COUNT(CASE WHEN is_paid THEN 1 END) AS n FROM dated WHERE day = last",
    ),
    "a sum of integers as an integer": (
        "SELECT channel, COUNT(status) AS n FROM orders GROUP BY channel",
        "SELECT channel, CAST(SUM(CASE WHEN status IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS n FROM orders GROUP BY channel",
    ),
    "a part beside one that chooses, which both have": (
        "WITH numbered AS (SELECT id, tax, ROW_NUMBER() OVER () AS place FROM orders), paid AS (SELECT id, customer_id FROM orders WHERE qty > 1) SELECT c.id, MAX(n.place) AS m FROM customers AS c JOIN paid AS p ON p.customer_id = c.id JOIN numbered AS n ON n.id = p.id GROUP BY c.id",
        "WITH numbered AS (SELECT id, tax, ROW_NUMBER() OVER () AS place FROM orders), paid AS (SELECT id, customer_id FROM orders WHERE NOT (qty <= 1)) SELECT c.id, MAX(n.place) AS m FROM customers AS c JOIN paid AS p ON p.customer_id = c.id JOIN numbered AS n ON n.id = p.id GROUP BY c.id",
    ),
    "an expression beside what cannot be read": (
        "SELECT UNNEST(RANGE(qty + 0)) AS r, id FROM orders WHERE NOT (qty > 5)",
        "SELECT UNNEST(RANGE(0 + qty)) AS r, id FROM orders WHERE qty <= 5",
    ),
    "a number as a text, the same": (
        "SELECT CAST(amount AS VARCHAR) AS x FROM orders WHERE qty > 1",
        "SELECT CAST(o.amount AS VARCHAR) AS x FROM orders AS o WHERE NOT qty <= 1",
    ),
    "the look ahead is the look back": (
        "SELECT id, LAG(tax) OVER (PARTITION BY customer_id ORDER BY id) AS x FROM orders",
        "SELECT id, LEAD(tax) OVER (PARTITION BY customer_id ORDER BY id DESC) AS x FROM orders",
    ),
    "a range along a key is one of rows": (
        "SELECT id, SUM(tax) OVER (PARTITION BY customer_id ORDER BY id) AS x FROM orders",
        "SELECT id, SUM(tax) OVER (PARTITION BY customer_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS x FROM orders",
    ),
    "the first in time is the least time": (
        "SELECT customer_id, MIN(ordered_at) AS t FROM orders GROUP BY customer_id",
        "SELECT customer_id, ordered_at AS t FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at, id) = 1",
    ),
    "the first of each by DISTINCT ON": (
        "SELECT DISTINCT ON (customer_id) customer_id, id, tax FROM orders ORDER BY customer_id, day DESC, id",
        "SELECT customer_id, id, tax FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY day DESC, id) AS n FROM orders) AS t WHERE n = 1",
    ),
    "a filter beside the first of each": (
        "SELECT customer_id, id FROM orders WHERE customer_id > 3 QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) = 1",
        "SELECT customer_id, id FROM (SELECT customer_id, id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) AS n FROM orders) AS t WHERE n = 1 AND customer_id > 3",
    ),
    "the first of each of one kind": (
        "SELECT customer_id, id FROM orders WHERE channel = 'a' QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) = 1",
        "SELECT customer_id, id FROM (SELECT customer_id, id, channel, ROW_NUMBER() OVER (PARTITION BY customer_id, channel ORDER BY id) AS n FROM orders) AS t WHERE n = 1 AND channel = 'a'",
    ),
    "groups by what is constant": (
        "SELECT SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY status",
        "SELECT SUM(tax) AS s FROM orders WHERE status = 'a' HAVING COUNT(*) > 0",
    ),
    "groups by what a key says": (
        "SELECT c.id, c.country, SUM(o.tax) AS s FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY 1, 2",
        "SELECT c.id, MAX(c.country) AS country, SUM(o.tax) AS s FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    "different ones are counted group by group": (
        "SELECT day, COUNT(DISTINCT store_id) AS n FROM orders GROUP BY day",
        "SELECT day, COUNT(store_id) AS n FROM (SELECT day, store_id FROM orders GROUP BY day, store_id) AS t GROUP BY day",
    ),
    "an aggregate of what belongs to a row": (
        "SELECT c.id, (SELECT SUM(o.amount) FROM orders AS o WHERE o.customer_id = c.id AND o.qty > 1) AS s FROM customers AS c",
        "SELECT c.id, g.s FROM customers AS c LEFT JOIN (SELECT customer_id, SUM(amount) AS s FROM orders WHERE NOT qty <= 1 GROUP BY customer_id) AS g ON g.customer_id = c.id",
    ),
    "a count of what belongs to a row": (
        "SELECT c.id, (SELECT COUNT(*) FROM orders AS o WHERE o.customer_id = c.id) AS n FROM customers AS c",
        "SELECT c.id, COALESCE(g.n, 0) AS n FROM customers AS c LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) AS g ON g.customer_id = c.id",
    ),
    "a filter on groups beside a table": (
        "SELECT c.id, g.s FROM customers AS c JOIN (SELECT customer_id, SUM(tax) AS s FROM orders GROUP BY customer_id HAVING SUM(tax) > 5) AS g ON g.customer_id = c.id",
        "SELECT c.id, g.s FROM customers AS c JOIN (SELECT customer_id, SUM(tax) AS s FROM orders GROUP BY customer_id) AS g ON g.customer_id = c.id WHERE g.s > 5",
    ),
    "what is counted of groups is filtered": (
        "SELECT COUNT(*) AS n FROM (SELECT store_id FROM orders WHERE store_id IS NOT NULL GROUP BY store_id HAVING COUNT(*) >= 2) AS t",
        "SELECT COUNT(store_id) AS n FROM (SELECT store_id, COUNT(id) AS m FROM orders GROUP BY store_id) AS t WHERE m > 1",
    ),
    "sets of groups": (
        "SELECT channel, status, SUM(tax) AS s FROM orders GROUP BY GROUPING SETS ((channel, status), (channel))",
        "SELECT channel, status, SUM(tax) AS s FROM orders GROUP BY 1, 2 UNION ALL SELECT channel, NULL, SUM(tax) FROM orders GROUP BY 1",
    ),
    "groups and their total": (
        "SELECT channel, COUNT(*) AS n FROM orders GROUP BY ROLLUP (channel)",
        "SELECT channel, COUNT(*) AS n FROM orders GROUP BY channel UNION ALL SELECT NULL, COUNT(*) FROM orders",
    ),
    "a flag by BOOL_OR": (
        "SELECT day, BOOL_OR(qty > 1) AS f FROM orders GROUP BY day",
        "SELECT day, MAX(CASE WHEN qty > 1 THEN 1 WHEN NOT qty > 1 THEN 0 END) = 1 AS f FROM orders GROUP BY day",
    ),
    "a product with what may be NULL": (
        "SELECT day, SUM(tax * COALESCE(amount, 0)) AS s FROM orders GROUP BY day",
        "SELECT day, COALESCE(SUM(tax * amount), 0) AS s FROM orders GROUP BY day",
    ),
    "a prefix by its letters": (
        "SELECT id FROM orders WHERE status LIKE 'ab%'",
        "SELECT id FROM orders WHERE LEFT(status, 2) = 'ab'",
    ),
    "days between dates": (
        "SELECT id, DATEDIFF('day', day, CAST(ordered_at AS DATE)) AS n FROM orders",
        "SELECT id, CAST(ordered_at AS DATE) - day AS n FROM orders",
    ),
}

#: What would be forgotten, two queries that differ for some rows.
DIFFERENT: dict[str, tuple[str, str]] = {
    "rows without a value": (
        "SELECT COUNT(*) FROM orders",
        "SELECT COUNT(qty) FROM orders",
    ),
    "no rows have no sum": (
        "SELECT SUM(amount) FROM orders",
        "SELECT COALESCE(SUM(amount), 0) FROM orders",
    ),
    "no rows have no zero either": (
        "SELECT COALESCE(SUM(amount), 0) FROM orders",
        "SELECT SUM(COALESCE(amount, 0)) FROM orders",
    ),
    "a bound that is included": (
        "SELECT SUM(amount) FROM orders WHERE qty > 1",
        "SELECT SUM(amount) FROM orders WHERE qty >= 1",
    ),
    "a NULL in a sum of terms, in total": (
        "SELECT SUM(amount + tax) FROM orders",
        "SELECT SUM(amount) + SUM(tax) FROM orders",
    ),
    "a NULL in a sum of terms": (
        "SELECT channel, SUM(amount + qty) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(amount) + SUM(qty) AS s FROM orders GROUP BY 1",
    ),
    "NOT IN with NULLs": (
        "SELECT id FROM customers WHERE NOT id IN (SELECT store_id FROM orders)",
        "SELECT id FROM customers AS c WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.store_id = c.id)",
    ),
    "NULL is neither equal nor different": (
        "SELECT COUNT(*) FROM orders WHERE status <> 'a'",
        "SELECT COUNT(*) FROM orders WHERE NOT (status = 'a') OR status IS NULL",
    ),
    "one row for each match": (
        "SELECT c.id FROM customers AS c JOIN orders AS o ON o.customer_id = c.id",
        "SELECT DISTINCT c.id FROM customers AS c JOIN orders AS o ON o.customer_id = c.id",
    ),
    "rows that a join repeats": (
        "SELECT SUM(o.amount) AS s FROM orders AS o LEFT JOIN items AS i ON i.order_id = o.id",
        "SELECT SUM(o.amount) AS s FROM orders AS o",
    ),
    "orders without a store": (
        "SELECT SUM(o.amount) AS s FROM orders AS o JOIN stores AS c ON o.store_id = c.id",
        "SELECT SUM(amount) AS s FROM orders",
    ),
    "a condition of the join is no filter": (
        "SELECT o.id FROM orders AS o LEFT JOIN stores AS s ON s.id = o.store_id AND s.region = 'x'",
        "SELECT o.id FROM orders AS o LEFT JOIN stores AS s ON s.id = o.store_id WHERE s.region = 'x'",
    ),
    "the last day of a range of instants": (
        "SELECT COUNT(*) FROM orders WHERE ordered_at BETWEEN '2024-01-01' AND '2024-01-31'",
        "SELECT COUNT(*) FROM orders WHERE ordered_at >= '2024-01-01' AND ordered_at < '2024-02-01'",
    ),
    "NULL is in neither part": (
        "SELECT id, amount FROM orders WHERE qty > 1 UNION ALL SELECT id, amount FROM orders WHERE qty <= 1",
        "SELECT id, amount FROM orders",
    ),
    "parts that overlap": (
        "SELECT id FROM orders WHERE qty > 1 UNION ALL SELECT id FROM orders WHERE qty <= 2",
        "SELECT id FROM orders WHERE NOT qty IS NULL",
    ),
    "ties of a window": (
        "SELECT customer_id, amount FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at) = 1",
        "SELECT customer_id, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at) AS rn FROM orders) WHERE rn = 1",
    ),
    "a mean over all rows": (
        "SELECT AVG(amount) AS a FROM orders",
        "SELECT SUM(amount) / COUNT(*) AS a FROM orders",
    ),
    "a mean of means": (
        "SELECT channel, AVG(a) AS a FROM (SELECT channel, day, AVG(amount) AS a FROM orders GROUP BY 1, 2) GROUP BY 1",
        "SELECT channel, AVG(amount) AS a FROM orders GROUP BY 1",
    ),
    "groups are no rows": (
        "SELECT channel, COUNT(*) AS a FROM (SELECT channel, day FROM orders GROUP BY 1, 2) GROUP BY 1",
        "SELECT channel, COUNT(*) AS a FROM orders GROUP BY 1",
    ),
    "distinct values are no values": (
        "SELECT COUNT(DISTINCT customer_id) FROM orders",
        "SELECT COUNT(customer_id) FROM orders",
    ),
    "a sum of no groups is no count": (
        "SELECT SUM(n) AS n FROM (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1)",
        "SELECT COUNT(*) AS n FROM orders",
    ),
    "an underscore is any letter": (
        "SELECT status LIKE 'a_%' AS x FROM orders",
        "SELECT STARTS_WITH(status, 'a') AS x FROM orders",
    ),
    "GREATEST skips NULLs": (
        "SELECT GREATEST(qty, store_id) AS g FROM orders",
        "SELECT CASE WHEN qty > store_id THEN qty ELSE store_id END AS g FROM orders",
    ),
    "one row for each group": (
        "SELECT COUNT(*) AS n FROM orders WHERE qty > 1",
        "SELECT COUNT(*) FILTER(WHERE qty > 1) AS n FROM orders GROUP BY channel",
    ),
    "a group without such rows": (
        "SELECT channel, COUNT(*) FILTER(WHERE qty > 1) AS n FROM orders GROUP BY 1",
        "SELECT channel, COUNT(*) AS n FROM orders WHERE qty > 1 GROUP BY 1",
    ),
    "a quotient by zero": (
        "SELECT qty / 0 AS x FROM orders",
        "SELECT NULL AS x FROM orders",
    ),
    "ties nobody can tell are random": (
        "SELECT RANDOM() FROM orders",
        "SELECT RANDOM() FROM orders",
    ),
    "ties at a limit": (
        "SELECT id FROM orders LIMIT 5",
        "SELECT id FROM orders WHERE TRUE LIMIT 5",
    ),
    "order of branches that overlap": (
        "SELECT CASE WHEN qty > 1 THEN 1 WHEN qty > 0 THEN 2 END AS x FROM orders",
        "SELECT CASE WHEN qty > 0 THEN 2 WHEN qty > 1 THEN 1 END AS x FROM orders",
    ),
    "a NULL of a matched row": (
        "SELECT c.id FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.store_id IS NULL",
        "SELECT c.id FROM customers AS c WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.customer_id = c.id)",
    ),
    "a table joined with itself, the other way round; its ids": (
        "SELECT a.id FROM orders AS a, orders AS b WHERE a.id = b.store_id",
        "SELECT b.id FROM orders AS a, orders AS b WHERE a.id = b.store_id",
    ),
    "DISTINCT of rows without a key": (
        "SELECT name, country FROM customers UNION SELECT name, country FROM customers",
        "SELECT name, country FROM customers",
    ),
    "output names": (
        "SELECT id AS a FROM orders",
        "SELECT id AS b FROM orders",
    ),
    "a maximum of what is turned around": (
        "SELECT MAX(-m) AS m FROM (SELECT channel, MAX(tax) AS m FROM orders GROUP BY 1) AS g",
        "SELECT MAX(-tax) AS m FROM orders",
    ),
    "a sum that is repeated for each group": (
        "SELECT SUM(i.quantity) AS s FROM items AS i JOIN (SELECT customer_id, channel, SUM(tax) AS t FROM orders GROUP BY 1, 2) AS g ON g.customer_id = i.order_id",
        "SELECT SUM(i.quantity) AS s FROM items AS i JOIN orders AS g ON g.customer_id = i.order_id",
    ),
    "infinity times zero": (
        "SELECT tax / qty * CASE WHEN status = 'a' THEN 1 ELSE 0 END AS r FROM orders WHERE NOT qty IS NULL",
        "SELECT CASE WHEN status = 'a' THEN tax / qty ELSE 0 END AS r FROM orders WHERE NOT qty IS NULL",
    ),
    "windows that are equal in this row only": (
        "SELECT CASE WHEN qty = store_id THEN SUM(tax) OVER (PARTITION BY qty) END AS w FROM orders",
        "SELECT CASE WHEN qty = store_id THEN SUM(tax) OVER (PARTITION BY store_id) END AS w FROM orders",
    ),
    "no group, or one": (
        "SELECT SUM(tax) AS n FROM orders HAVING COUNT(*) > 0",
        "SELECT SUM(tax) AS n FROM orders",
    ),
    "a filter before a window": (
        "SELECT RANK() OVER (ORDER BY id) AS r FROM orders WHERE qty > 1",
        "SELECT RANK() OVER (ORDER BY id) AS r FROM orders QUALIFY qty > 1",
    ),
    "EXISTS is not its negation's complement in a left join's ON": (
        "SELECT c.id, o.id AS o FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id AND o.qty > 1",
        "SELECT c.id, o.id AS o FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.qty > 1 OR o.id IS NULL",
    ),
    "groups by less": (
        "SELECT SUM(tax) AS s FROM orders GROUP BY channel, qty",
        "SELECT SUM(tax) AS s FROM orders GROUP BY channel",
    ),
    "LIMIT of another order": (
        "SELECT id FROM orders ORDER BY id LIMIT 1",
        "SELECT id FROM orders ORDER BY id DESC LIMIT 1",
    ),
    "UNION drops repeated rows": (
        "SELECT qty FROM orders UNION SELECT quantity FROM items",
        "SELECT qty FROM orders UNION ALL SELECT quantity FROM items",
    ),
    "a part that is NULL has no sum": (
        "SELECT SUM(tax) FILTER(WHERE qty > 1) + SUM(tax) FILTER(WHERE NOT qty > 1) AS s FROM orders",
        "SELECT SUM(tax) AS s FROM orders WHERE NOT qty IS NULL",
    ),
    "groups that need be there": (
        "WITH a AS (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1), b AS (SELECT channel, COUNT(*) AS n FROM orders WHERE status = 'a' GROUP BY 1) SELECT a.channel, a.n, b.n AS m FROM a JOIN b ON a.channel = b.channel",
        "SELECT channel, COUNT(*) AS n, COUNT(*) FILTER(WHERE status = 'a') AS m FROM orders GROUP BY 1",
    ),
    "groups of NULL do not meet": (
        "WITH a AS (SELECT status, COUNT(*) AS n FROM orders GROUP BY 1), b AS (SELECT status, SUM(tax) AS s FROM orders GROUP BY 1) SELECT a.status, a.n, b.s FROM a JOIN b ON a.status = b.status",
        "SELECT status, COUNT(*) AS n, SUM(tax) AS s FROM orders GROUP BY 1",
    ),
    "no count of a group that is not there": (
        "WITH a AS (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1), b AS (SELECT channel, COUNT(*) AS n FROM orders WHERE status = 'a' GROUP BY 1) SELECT a.channel, b.n AS m FROM a LEFT JOIN b ON a.channel = b.channel",
        "SELECT channel, COUNT(*) FILTER(WHERE status = 'a') AS m FROM orders GROUP BY 1",
    ),
    "a lookup drops no row": (
        "SELECT o.id, (SELECT s.name FROM stores AS s WHERE s.id = o.store_id) AS n FROM orders AS o",
        "SELECT o.id, s.name AS n FROM orders AS o JOIN stores AS s ON s.id = o.store_id",
    ),
    "a greatest flag of nothing": (
        "SELECT channel, MAX(CASE WHEN status = 'a' THEN 1 END) AS f FROM orders GROUP BY 1",
        "SELECT channel, CASE WHEN COUNT(*) FILTER(WHERE status = 'a') > 0 THEN 1 ELSE 0 END AS f FROM orders GROUP BY 1",
    ),
    "a filter that is true where it is NULL": (
        "SELECT SUM(tax) AS s FROM orders WHERE qty > 1",
        "SELECT SUM(tax) AS s FROM orders WHERE COALESCE(qty > 1, TRUE)",
    ),
    "a condition that is 1 where it is NULL": (
        "SELECT SUM(tax) AS s FROM orders WHERE qty > 1",
        "SELECT SUM(tax) AS s FROM orders WHERE COALESCE(qty > 1, 1)",
    ),
    "a number that is no condition": (
        "SELECT SUM(tax) AS s FROM orders WHERE qty > 1",
        "SELECT SUM(tax) AS s FROM orders WHERE COALESCE(qty, 0)",
    ),
    "a part below a spine that lets more in": (
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY day) SELECT d, s AS s FROM days LEFT JOIN paid ON paid.day = days.d",
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE COALESCE(status, 'a') = 'a' GROUP BY day) SELECT d, s AS s FROM days LEFT JOIN paid ON paid.day = days.d",
    ),
    "a value below a spine that is filled": (
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY day) SELECT d, s AS s FROM days LEFT JOIN paid ON paid.day = days.d",
        "WITH days AS (SELECT CAST(UNNEST(GENERATE_SERIES(MIN(day)::TIMESTAMP, MAX(day)::TIMESTAMP, INTERVAL 1 DAY)) AS DATE) AS d FROM orders), paid AS (SELECT day, SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY day) SELECT d, COALESCE(s, 0) AS s FROM days LEFT JOIN paid ON paid.day = days.d",
    ),
    "groups under each other, NULL or 0, where that counts": (
        "WITH a AS (SELECT channel, SUM(amount) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, s AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(COALESCE(amount, 0)) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, s AS v FROM combined",
    ),
    "groups under each other, one kind of other rows": (
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE segment = 'x' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, COALESCE(s, 0) AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE segment <> 'y' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, COALESCE(s, 0) AS v FROM combined",
    ),
    "groups under each other with a value in each": (
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, 3 AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, n AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE TRUE GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, n AS v FROM combined",
    ),
    "groups under each other, missing or nothing": (
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE segment = 'x' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, COALESCE(n, 0) AS v FROM combined",
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel), b AS (SELECT country, COUNT(*) AS n FROM customers WHERE segment = 'x' GROUP BY country), stacked AS (SELECT channel AS k, s, NULL AS n FROM a UNION ALL SELECT country, NULL, n FROM b), combined AS (SELECT k, MAX(s) AS s, MAX(n) AS n FROM stacked GROUP BY k) SELECT k, n AS v FROM combined",
    ),
    "totals beside each other, NULL or 0, where that counts": (
        "WITH a AS (SELECT SUM(amount) AS s FROM orders), b AS (SELECT COUNT(*) AS n FROM customers) SELECT n / NULLIF(s, 0) AS v, s AS w FROM a CROSS JOIN b",
        "WITH a AS (SELECT SUM(COALESCE(amount, 0)) AS s FROM orders), b AS (SELECT COUNT(*) AS n FROM customers) SELECT n / NULLIF(s, 0) AS v, s AS w FROM a CROSS JOIN b",
    ),
    "a value that is computed beside a window": (
        "WITH dated AS (SELECT qty > 1 AS is_paid, day, MAX(day) OVER () AS last FROM orders) SELECT COUNT(CASE WHEN is_paid THEN 1 END) AS n FROM dated WHERE day = last",
        "WITH dated AS (SELECT COALESCE(qty > 1, TRUE) AS is_paid, day, MAX(day) OVER () AS last FROM orders) SELECT COUNT(CASE WHEN is_paid THEN 1 END) AS n FROM dated WHERE day = last",
    ),
    "a sum of numbers as an integer": (
        "SELECT channel, SUM(tax * 0.5) AS n FROM orders GROUP BY channel",
        "SELECT channel, CAST(SUM(tax * 0.5) AS BIGINT) AS n FROM orders GROUP BY channel",
    ),
    "a part beside one that chooses, which lets more in": (
        "WITH numbered AS (SELECT id, tax, ROW_NUMBER() OVER () AS place FROM orders), paid AS (SELECT id, customer_id FROM orders WHERE qty > 1) SELECT c.id, MAX(n.place) AS m FROM customers AS c JOIN paid AS p ON p.customer_id = c.id JOIN numbered AS n ON n.id = p.id GROUP BY c.id",
        "WITH numbered AS (SELECT id, tax, ROW_NUMBER() OVER () AS place FROM orders), paid AS (SELECT id, customer_id FROM orders WHERE qty >= 1) SELECT c.id, MAX(n.place) AS m FROM customers AS c JOIN paid AS p ON p.customer_id = c.id JOIN numbered AS n ON n.id = p.id GROUP BY c.id",
    ),
    "an expression beside what cannot be read that may be NULL": (
        "SELECT UNNEST(RANGE(qty)) AS r, id FROM orders",
        "SELECT UNNEST(RANGE(COALESCE(qty, 3))) AS r, id FROM orders",
    ),
    "a left join with groups that are never there, filled": (
        "SELECT o.id, COALESCE(g.s, 0) AS v FROM orders AS o LEFT JOIN (SELECT channel, SUM(tax) AS s FROM orders WHERE qty > 1 AND qty < 2 GROUP BY channel) AS g ON g.channel = o.channel",
        "SELECT o.id, COALESCE(g.s, 1) AS v FROM orders AS o LEFT JOIN (SELECT channel, COALESCE(SUM(tax), 0) AS s FROM orders WHERE qty > 1 AND qty < 2 GROUP BY channel) AS g ON g.channel = o.channel",
    ),
    "a number as a text, a decimal or a double": (
        "SELECT CAST(amount AS VARCHAR) AS x FROM orders",
        "SELECT CAST(CAST(amount AS DOUBLE) AS VARCHAR) AS x FROM orders",
    ),
    "a number as a text, which a query beneath made a double": (
        "WITH a AS (SELECT amount AS v FROM orders) SELECT CAST(v AS VARCHAR) AS x FROM a",
        "WITH a AS (SELECT CAST(amount AS DOUBLE) AS v FROM orders) SELECT CAST(v AS VARCHAR) AS x FROM a",
    ),
    "a sum as a text, of decimals or doubles": (
        "WITH a AS (SELECT channel, SUM(amount) AS v FROM orders GROUP BY 1) SELECT CAST(v AS VARCHAR) AS x FROM a",
        "WITH a AS (SELECT channel, SUM(CAST(amount AS DOUBLE)) AS v FROM orders GROUP BY 1) SELECT CAST(v AS VARCHAR) AS x FROM a",
    ),
    "a number as a text beside what cannot be read": (
        "WITH a AS (SELECT amount AS v FROM orders) SELECT CAST(v AS VARCHAR) AS x, UNNEST(RANGE(2)) AS z FROM a",
        "WITH a AS (SELECT CAST(amount AS DOUBLE) AS v FROM orders) SELECT CAST(v AS VARCHAR) AS x, UNNEST(RANGE(2)) AS z FROM a",
    ),
    "a number with more digits in a text": (
        "SELECT amount || 'a' AS x FROM orders",
        "SELECT (amount * 1.00) || 'a' AS x FROM orders",
    ),
    "the look ahead is no look back": (
        "SELECT id, LAG(tax) OVER (PARTITION BY customer_id ORDER BY id) AS x FROM orders",
        "SELECT id, LEAD(tax) OVER (PARTITION BY customer_id ORDER BY id) AS x FROM orders",
    ),
    "the look ahead along what may be NULL": (
        "SELECT id, LAG(tax) OVER (ORDER BY qty, id) AS x FROM orders",
        "SELECT id, LEAD(tax) OVER (ORDER BY qty DESC, id DESC) AS x FROM orders",
    ),
    "a range along what is no key": (
        "SELECT id, SUM(tax) OVER (PARTITION BY customer_id ORDER BY day) AS x FROM orders",
        "SELECT id, SUM(tax) OVER (PARTITION BY customer_id ORDER BY day, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS x FROM orders",
    ),
    "the first is not the least where NULL comes first": (
        "SELECT customer_id, MIN(qty) AS t FROM orders GROUP BY customer_id",
        "SELECT customer_id, qty AS t FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY qty NULLS FIRST, id) = 1",
    ),
    "the first is not the greatest": (
        "SELECT customer_id, MAX(ordered_at) AS t FROM orders GROUP BY customer_id",
        "SELECT customer_id, ordered_at AS t FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at, id) = 1",
    ),
    "the first by another order": (
        "SELECT DISTINCT ON (customer_id) customer_id, id, tax FROM orders ORDER BY customer_id, day DESC, id",
        "SELECT customer_id, id, tax FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY day, id) AS n FROM orders) AS t WHERE n = 1",
    ),
    "a filter before the first of each": (
        "SELECT customer_id, id FROM orders WHERE qty > 1 QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) = 1",
        "SELECT customer_id, id FROM (SELECT customer_id, id, qty, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) AS n FROM orders) AS t WHERE n = 1 AND qty > 1",
    ),
    "the first of each, of any kind": (
        "SELECT customer_id, id FROM orders WHERE channel = 'a' QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) = 1",
        "SELECT customer_id, id FROM (SELECT customer_id, id, channel, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) AS n FROM orders) AS t WHERE n = 1 AND channel = 'a'",
    ),
    "groups by what is constant, and none": (
        "SELECT SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY status",
        "SELECT SUM(tax) AS s FROM orders WHERE status = 'a'",
    ),
    "groups by what no key says": (
        "SELECT o.customer_id, o.channel, SUM(o.tax) AS s FROM orders AS o GROUP BY 1, 2",
        "SELECT o.customer_id, MAX(o.channel) AS channel, SUM(o.tax) AS s FROM orders AS o GROUP BY 1",
    ),
    "different ones are counted, NULL too": (
        "SELECT day, COUNT(DISTINCT store_id) AS n FROM orders GROUP BY day",
        "SELECT day, COUNT(*) AS n FROM (SELECT day, store_id FROM orders GROUP BY day, store_id) AS t GROUP BY day",
    ),
    "a count of what belongs to a row, or none": (
        "SELECT c.id, (SELECT COUNT(*) FROM orders AS o WHERE o.customer_id = c.id) AS n FROM customers AS c",
        "SELECT c.id, g.n FROM customers AS c LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) AS g ON g.customer_id = c.id",
    ),
    "an aggregate of what belongs to no row": (
        "SELECT c.id, (SELECT SUM(o.amount) FROM orders AS o WHERE o.customer_id = c.id) AS s FROM customers AS c",
        "SELECT c.id, g.s FROM customers AS c JOIN (SELECT customer_id, SUM(amount) AS s FROM orders GROUP BY customer_id) AS g ON g.customer_id = c.id",
    ),
    "what is counted of groups, NULL too": (
        "SELECT COUNT(*) AS n FROM (SELECT store_id FROM orders GROUP BY store_id HAVING COUNT(*) >= 2) AS t",
        "SELECT COUNT(store_id) AS n FROM (SELECT store_id, COUNT(id) AS m FROM orders GROUP BY store_id) AS t WHERE m > 1",
    ),
    "sets of groups, one of them other": (
        "SELECT channel, status, SUM(tax) AS s FROM orders GROUP BY GROUPING SETS ((channel, status), (channel))",
        "SELECT channel, status, SUM(tax) AS s FROM orders GROUP BY 1, 2 UNION ALL SELECT NULL, status, SUM(tax) FROM orders GROUP BY 2",
    ),
    "groups and no total where there is no row": (
        "SELECT channel, COUNT(*) AS n FROM orders GROUP BY ROLLUP (channel)",
        "SELECT channel, COUNT(*) AS n FROM orders GROUP BY channel UNION ALL SELECT NULL, COUNT(*) FROM orders HAVING COUNT(*) > 0",
    ),
    "a flag by BOOL_AND": (
        "SELECT day, BOOL_AND(qty > 1) AS f FROM orders GROUP BY day",
        "SELECT day, MAX(CASE WHEN qty > 1 THEN 1 ELSE 0 END) = 1 AS f FROM orders GROUP BY day",
    ),
    "a flag where nothing is known": (
        "SELECT day, BOOL_OR(qty > 1) AS f FROM orders GROUP BY day",
        "SELECT day, MAX(CASE WHEN qty > 1 THEN 1 ELSE 0 END) = 1 AS f FROM orders GROUP BY day",
    ),
    "a product that may be NULL": (
        "SELECT day, SUM(tax * COALESCE(amount, 0)) AS s FROM orders GROUP BY day",
        "SELECT day, SUM(tax * amount) AS s FROM orders GROUP BY day",
    ),
    "a prefix of fewer letters": (
        "SELECT id FROM orders WHERE status LIKE 'a%'",
        "SELECT id FROM orders WHERE LEFT(status, 0) = 'a'",
    ),
    "days between dates, the other way": (
        "SELECT id, DATEDIFF('day', CAST(ordered_at AS DATE), day) AS n FROM orders",
        "SELECT id, CAST(ordered_at AS DATE) - day AS n FROM orders",
    ),
    "a key of groups that may be NULL is counted": (
        "SELECT COUNT(DISTINCT store_id) AS n FROM (SELECT store_id, SUM(tax) AS s FROM orders GROUP BY store_id) AS t WHERE s > 0 OR s <= 0",
        "SELECT COUNT(*) AS n FROM (SELECT store_id, SUM(tax) AS s FROM orders GROUP BY store_id) AS t",
    ),
}

#: More pairs that differ for some rows, as reviewers would overlook them.
OVERLOOKED: tuple[tuple[str, str], ...] = (
    (
        "SELECT o.id FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id AND c.country = 'DE'",
        "SELECT o.id FROM orders AS o JOIN customers AS c ON c.id = o.customer_id AND c.country = 'DE'",
    ),
    (
        "SELECT c.id, SUM(o.amount) AS s FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
        "SELECT c.id, SUM(o.amount) AS s FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    (
        "SELECT c.id, COUNT(*) AS n FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
        "SELECT c.id, COUNT(o.id) AS n FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    (
        "SELECT SUM(s.x) FROM (SELECT customer_id, MAX(amount) AS x FROM orders GROUP BY 1) AS s",
        "SELECT SUM(amount) FROM orders",
    ),
    (
        "SELECT MAX(s.x) AS m, COUNT(*) AS n FROM (SELECT channel, MAX(amount) AS x FROM orders GROUP BY 1) AS s",
        "SELECT MAX(amount) AS m, COUNT(*) AS n FROM orders",
    ),
    (
        "SELECT COUNT(DISTINCT channel) AS n FROM (SELECT channel, qty FROM orders GROUP BY 1, 2) AS s",
        "SELECT COUNT(channel) AS n FROM orders",
    ),
    (
        "SELECT status, COUNT(*) AS n FROM orders GROUP BY status",
        "SELECT COALESCE(status, 'x') AS status, COUNT(*) AS n FROM orders GROUP BY 1",
    ),
    (
        "SELECT status, SUM(tax) AS s FROM orders GROUP BY status",
        "SELECT status, SUM(tax) AS s FROM orders WHERE NOT status IS NULL GROUP BY status",
    ),
    (
        "SELECT SUM(tax) AS s FROM orders WHERE status = 'a'",
        "SELECT SUM(tax) AS s FROM orders GROUP BY status HAVING status = 'a'",
    ),
    (
        "SELECT channel, SUM(tax) FILTER(WHERE status = 'a') AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(tax) AS s FROM orders WHERE status = 'a' GROUP BY 1",
    ),
    (
        "SELECT channel, SUM(CASE WHEN status = 'a' THEN tax ELSE 0 END) AS s FROM orders GROUP BY 1",
        "SELECT channel, SUM(CASE WHEN status = 'a' THEN tax END) AS s FROM orders GROUP BY 1",
    ),
    (
        "SELECT SUM(CASE WHEN status = 'a' THEN tax ELSE 0 END) AS s FROM orders",
        "SELECT COALESCE(SUM(CASE WHEN status = 'a' THEN tax END), 0) AS s FROM orders",
    ),
    (
        "SELECT AVG(COALESCE(amount, 0)) AS a FROM orders",
        "SELECT AVG(amount) AS a FROM orders",
    ),
    (
        "SELECT id FROM orders WHERE qty = 1 OR qty <> 1",
        "SELECT id FROM orders",
    ),
    (
        "SELECT id FROM orders WHERE qty IN (1, NULL)",
        "SELECT id FROM orders WHERE qty = 1 OR qty IS NULL",
    ),
    (
        "SELECT id FROM orders WHERE NOT qty IN (1, NULL)",
        "SELECT id FROM orders WHERE qty <> 1",
    ),
    (
        "SELECT id FROM orders WHERE day BETWEEN '2024-01-31' AND '2024-01-01'",
        "SELECT id FROM orders WHERE day BETWEEN '2024-01-01' AND '2024-01-31'",
    ),
    (
        "SELECT id FROM orders WHERE DATE_TRUNC('MONTH', ordered_at) >= '2024-01-15'",
        "SELECT id FROM orders WHERE ordered_at >= '2024-01-15'",
    ),
    (
        "SELECT id FROM orders WHERE DATE_TRUNC('MONTH', ordered_at) > '2024-01-01'",
        "SELECT id FROM orders WHERE ordered_at > '2024-01-01'",
    ),
    (
        "SELECT id FROM orders WHERE DATE_TRUNC('MONTH', ordered_at) <= '2024-01-15'",
        "SELECT id FROM orders WHERE ordered_at <= '2024-01-15'",
    ),
    (
        "SELECT id FROM orders WHERE CAST(ordered_at AS DATE) <= '2024-01-31'",
        "SELECT id FROM orders WHERE ordered_at <= '2024-01-31'",
    ),
    (
        "SELECT id FROM orders WHERE YEAR(day) > 2023",
        "SELECT id FROM orders WHERE day > '2023-01-01'",
    ),
    (
        "SELECT id FROM orders WHERE YEAR(day) <= 2023",
        "SELECT id FROM orders WHERE day <= '2023-01-01'",
    ),
    (
        "SELECT id FROM orders WHERE MONTH(day) = 3",
        "SELECT id FROM orders WHERE day >= '2024-03-01' AND day < '2024-04-01'",
    ),
    (
        "SELECT EXTRACT(QUARTER FROM day) AS q FROM orders",
        "SELECT EXTRACT(MONTH FROM day) / 3 AS q FROM orders",
    ),
    (
        "SELECT qty // 2 AS q FROM orders",
        "SELECT qty / 2 AS q FROM orders",
    ),
    (
        "SELECT o.id FROM orders AS o WHERE EXISTS(SELECT 1 FROM items AS i WHERE i.order_id = o.id)",
        "SELECT o.id FROM orders AS o JOIN items AS i ON i.order_id = o.id",
    ),
    (
        "SELECT SUM(o.tax) FROM orders AS o JOIN items AS i ON i.order_id = o.id",
        "SELECT SUM(o.tax) FROM orders AS o WHERE o.id IN (SELECT order_id FROM items)",
    ),
    (
        "SELECT c.country, COUNT(DISTINCT o.id) AS n FROM customers AS c JOIN orders AS o ON o.customer_id = c.id JOIN items AS i ON i.order_id = o.id GROUP BY 1",
        "SELECT c.country, COUNT(*) AS n FROM customers AS c JOIN orders AS o ON o.customer_id = c.id JOIN items AS i ON i.order_id = o.id GROUP BY 1",
    ),
    (
        "SELECT o1.id FROM orders AS o1 JOIN orders AS o2 ON o1.store_id = o2.id WHERE o1.qty = 1 AND o2.qty = 2",
        "SELECT o1.id FROM orders AS o1 JOIN orders AS o2 ON o1.store_id = o2.id WHERE o1.qty = 2 AND o2.qty = 1",
    ),
    (
        "SELECT o1.id FROM orders AS o1 JOIN orders AS o2 ON o1.store_id = o2.qty",
        "SELECT o2.id FROM orders AS o1 JOIN orders AS o2 ON o1.store_id = o2.qty",
    ),
    (
        "SELECT RANK() OVER (PARTITION BY status ORDER BY qty) AS r, id FROM orders",
        "SELECT RANK() OVER (PARTITION BY status ORDER BY qty DESC) AS r, id FROM orders",
    ),
    (
        "SELECT id, SUM(tax) OVER (ORDER BY day) AS l FROM orders",
        "SELECT id, SUM(tax) OVER (ORDER BY day rows BETWEEN UNBOUNDED preceding AND CURRENT ROW) AS l FROM orders",
    ),
    (
        "SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel UNION SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel",
        "SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel UNION ALL SELECT channel, SUM(tax) AS s FROM orders GROUP BY channel",
    ),
    (
        "SELECT status FROM orders INTERSECT SELECT name FROM customers",
        "SELECT status FROM orders WHERE status IN (SELECT name FROM customers)",
    ),
    (
        "SELECT status FROM orders EXCEPT SELECT name FROM customers",
        "SELECT DISTINCT status FROM orders WHERE NOT status IN (SELECT name FROM customers)",
    ),
    (
        "SELECT id FROM orders WHERE NOT EXISTS(SELECT 1 FROM items WHERE order_id = orders.id AND quantity > 1)",
        "SELECT o.id FROM orders AS o LEFT JOIN items AS i ON i.order_id = o.id WHERE NOT (i.quantity > 1) IS TRUE AND i.id IS NULL",
    ),
    (
        "SELECT o.id FROM orders AS o LEFT JOIN items AS i ON i.order_id = o.id AND i.quantity > 1 WHERE i.id IS NULL",
        "SELECT o.id FROM orders AS o LEFT JOIN items AS i ON i.order_id = o.id WHERE i.id IS NULL",
    ),
    (
        "SELECT (SELECT MAX(tax) FROM orders) AS m FROM customers",
        "SELECT MAX(o.tax) AS m FROM customers, orders AS o",
    ),
    (
        "SELECT c.id, (SELECT COUNT(*) FROM orders AS o WHERE o.customer_id = c.id) AS n FROM customers AS c",
        "SELECT c.id, COUNT(*) AS n FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    (
        "WITH t AS (SELECT customer_id, SUM(tax) AS s FROM orders GROUP BY 1) SELECT c.segment, SUM(t.s) AS s, COUNT(*) AS n FROM customers AS c JOIN t ON t.customer_id = c.id GROUP BY 1",
        "SELECT c.segment, SUM(o.tax) AS s, COUNT(*) AS n FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY 1",
    ),
    (
        "WITH a AS (SELECT status, SUM(tax) AS s FROM orders WHERE qty > 1 GROUP BY 1), b AS (SELECT status, COUNT(*) AS n FROM orders GROUP BY 1) SELECT b.status, s, n FROM b LEFT JOIN a ON a.status = b.status",
        "SELECT status, SUM(tax) FILTER(WHERE qty > 1) AS s, COUNT(*) AS n FROM orders GROUP BY 1",
    ),
    (
        "WITH a AS (SELECT channel, SUM(tax) AS s FROM orders GROUP BY 1 HAVING SUM(tax) > 2), b AS (SELECT channel, COUNT(*) AS n FROM orders GROUP BY 1) SELECT b.channel, s, n FROM b LEFT JOIN a ON a.channel = b.channel",
        "SELECT channel, SUM(tax) AS s, COUNT(*) AS n FROM orders GROUP BY 1",
    ),
    (
        "SELECT SUM(tax) / COUNT(*) FROM orders GROUP BY channel",
        "SELECT SUM(tax) / COUNT(qty) FROM orders GROUP BY channel",
    ),
    (
        "SELECT 1.0 * SUM(qty) / COUNT(qty) AS a FROM orders",
        "SELECT 1.0 * SUM(qty) / COUNT(*) AS a FROM orders",
    ),
    (
        "SELECT MIN(qty) AS m FROM orders",
        "SELECT MAX(qty) AS m FROM orders",
    ),
    (
        "SELECT BOOL_AND(CAST(qty > 1 AS BOOLEAN)) AS b FROM orders",
        "SELECT BOOL_OR(CAST(qty > 1 AS BOOLEAN)) AS b FROM orders",
    ),
    (
        "SELECT COUNT(*) AS n FROM orders AS o, stores AS s",
        "SELECT COUNT(*) AS n FROM orders AS o JOIN stores AS s ON s.id = o.store_id",
    ),
    (
        "SELECT GREATEST(tax, qty) AS g FROM orders",
        "SELECT GREATEST(tax, COALESCE(qty, 0)) AS g FROM orders",
    ),
    (
        "SELECT COALESCE(status, 'x') = 'a' AS b FROM orders",
        "SELECT status = 'a' AS b FROM orders",
    ),
    (
        "SELECT id FROM orders WHERE status || 'a' = 'ba'",
        "SELECT id FROM orders WHERE 'a' || status = 'ba'",
    ),
    (
        "SELECT id FROM orders WHERE status LIKE 'a%'",
        "SELECT id FROM orders WHERE status ILIKE 'a%'",
    ),
)


def proof(before: str, after: str, dialect: str = "duckdb", facts: Facts = FACTS) -> Proof | None:
    one, two = (sqlglot.parse_one(sql, read=dialect) for sql in (before, after))
    assert isinstance(one, exp.Query) and isinstance(two, exp.Query)
    return prove(one, two, facts, dialect)


@pytest.mark.parametrize("why", SAME)
def test_a_rewrite_that_changes_nothing_is_proved(why: str) -> None:
    assert proof(*SAME[why]) is not None


@pytest.mark.parametrize("why", SAME)
def test_a_proof_holds_in_both_directions(why: str) -> None:
    assert proof(*reversed(SAME[why])) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("why", DIFFERENT)
def test_a_near_miss_is_not_proved(why: str) -> None:
    assert proof(*DIFFERENT[why]) is None


@pytest.mark.parametrize("pair", OVERLOOKED)
def test_what_reviewers_overlook_is_not_proved(pair: tuple[str, str]) -> None:
    assert proof(*pair) is None
    assert proof(pair[1], pair[0]) is None


def test_a_proof_says_which_laws_and_facts_it_rests_on() -> None:
    found = proof(*SAME["a left join along a foreign key that is never NULL is an inner join"])
    assert found is not None
    assert "a left join along a foreign key is an inner join" in found.laws
    assert "orders refers to customers" in found.assumptions


def test_every_law_is_said_in_words_with_an_example() -> None:
    assert all(law.says.endswith(".") and "`" in (law.rewrite.__doc__ or "") for law in LAWS)


def test_every_law_is_used_by_some_proof() -> None:
    used = {law for pair in SAME.values() for law in (proof(*pair) or Proof("none")).laws}
    assert {law.name for law in LAWS} <= used


# What facts and dialects decide.


def test_without_facts_a_left_join_is_no_inner_join() -> None:
    pair = SAME["a left join along a foreign key that is never NULL is an inner join"]
    assert proof(*pair, facts=Facts()) is None


def test_without_facts_a_count_of_a_column_is_no_count_of_rows() -> None:
    assert (
        proof("SELECT COUNT(id) FROM orders", "SELECT COUNT(*) FROM orders", facts=Facts()) is None
    )


DIVISION = ("SELECT qty / id AS r FROM orders", "SELECT qty * 1.0 / id AS r FROM orders")


def test_a_division_of_integers_is_one_of_reals_where_the_dialect_says_so() -> None:
    assert proof(*DIVISION, "duckdb") is not None
    assert proof(*DIVISION, "postgres") is None


def test_a_mean_is_no_quotient_of_integers_in_postgres() -> None:
    mean = "SELECT AVG(qty) AS a FROM orders"
    assert proof(mean, "SELECT SUM(qty) / COUNT(qty) AS a FROM orders", "postgres") is None
    assert proof(mean, "SELECT SUM(qty) / COUNT(qty) AS a FROM orders", "duckdb") is not None


def test_texts_that_a_dialect_folds_are_not_told_apart_by_case() -> None:
    pair = (
        "SELECT id FROM orders WHERE status = 'a'",
        "SELECT id FROM orders WHERE status = 'a' AND status <> 'A'",
    )
    assert proof(*pair, "duckdb") is not None
    assert proof(*pair, "mysql") is None


def test_the_last_microsecond_is_not_the_end_of_a_day_where_instants_are_finer() -> None:
    pair = (
        "SELECT id FROM orders WHERE ordered_at <= '2024-01-31 23:59:59.999999'",
        "SELECT id FROM orders WHERE ordered_at < '2024-02-01'",
    )
    assert proof(*pair, "duckdb") is not None
    assert proof(*pair, "snowflake") is None


def test_without_z3_laws_still_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "load", lambda: None)
    spelled = "SELECT id FROM orders WHERE status IN ('b', 'a')"
    assert proof(spelled, "SELECT id FROM orders WHERE status = 'a' OR status = 'b'") is not None
    nested = "SELECT id FROM (SELECT * FROM orders WHERE qty > 1) WHERE status = 'a'"
    found = proof(nested, "SELECT id FROM orders WHERE qty > 1 AND status = 'a'")
    assert found is not None and found.method == "laws"
    assert all(proof(*pair) is None for pair in DIFFERENT.values())


# Parts in places.

SPINE = """
WITH RECURSIVE_FREE AS (SELECT 1 AS one),
by_channel AS (SELECT channel, {} AS n FROM orders GROUP BY channel)
SELECT a.channel, a.n, b.n AS other
FROM by_channel AS a FULL JOIN by_channel AS b ON a.channel = b.channel
"""


def test_what_cannot_be_read_is_proved_where_only_a_part_of_it_changed() -> None:
    assert proof(SPINE.format("COUNT(*)"), SPINE.format("COUNT(id)")) is not None
    assert proof(SPINE.format("COUNT(*)"), SPINE.format("COUNT(qty)")) is None


def test_a_table_that_with_hides_has_no_facts() -> None:
    hiding = "WITH orders AS (SELECT NULL AS id) SELECT {} AS n FROM orders AS a FULL JOIN orders AS b ON TRUE"
    assert proof(hiding.format("COUNT(a.id)"), hiding.format("COUNT(*)")) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT RANDOM() AS r FROM orders",
        "SELECT * FROM orders USING SAMPLE 10",
    ],
)
def test_what_is_random_is_equal_to_nothing(sql: str) -> None:
    assert proof(sql, sql) is None


def test_a_clock_is_equal_to_itself_only() -> None:
    now = "SELECT id FROM orders WHERE day < CURRENT_DATE AND qty IN (1, 2)"
    assert (
        proof(now, "SELECT id FROM orders WHERE qty IN (1, 2) AND day < CURRENT_DATE") is not None
    )
    assert (
        proof(now, "SELECT id FROM orders WHERE day < CURRENT_DATE AND (qty = 1 OR qty = 2)")
        is None
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM a, LATERAL (SELECT 1) AS x",
        "SELECT a FROM t GROUP BY ROLLUP (a)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
        "SELECT x.y.z FROM t AS x",
        "VALUES (1), (2)",
        "SELECT LIST_TRANSFORM(a, y -> y + 1) FROM t",
        "PIVOT t ON a USING SUM(b)",
        "SELECT " + "(" * 20 + "1" + ")" * 20,
        "SELECT 1 WHERE " + " AND ".join(f"a{i} = {i}" for i in range(400)),
    ],
)
def test_no_query_breaks_the_prover(sql: str) -> None:
    one = sqlglot.parse_one(sql, read="duckdb")
    prove(one, sqlglot.parse_one("SELECT 1 AS a", read="duckdb"), FACTS, "duckdb")  # type: ignore[arg-type]


def test_a_proof_takes_milliseconds() -> None:
    proof(*SAME["order of conditions"])  # z3 is loaded
    started = time.perf_counter()
    for pair in SAME.values():
        proof(*pair)
    assert (time.perf_counter() - started) / len(SAME) < 0.2


# Rows: what is proved is true.

Rows = list[tuple[Any, ...]]


def _value(column: Column, number: int, rows: random.Random, counts: dict[str, int]) -> Any:
    if column.nullable and rows.random() < 0.25:
        return None
    match column.name:
        case "id":
            return number
        case "customer_id" | "store_id":
            return rows.randint(1, 3)
        case "order_id":
            return rows.randint(1, counts["orders"])
    days = [
        date(2024, 3, 1),
        date(2024, 3, 31),
        date(2024, 4, 1),
        date(2023, 3, 5),
        date(2024, 1, 31),
    ]
    return {
        "TEXT": lambda: rows.choice(["a", "b", "x", "x1", "DE", "A"]),
        "DATE": lambda: rows.choice(days),
        "TIMESTAMP": lambda: rows.choice([*map(_midnight, days), datetime(2024, 1, 31, 12)]),
        "DOUBLE": lambda: float(rows.randint(0, 3)),
        "INT": lambda: rows.randint(0, 3),
    }.get(column.type.sql("duckdb"), lambda: Decimal(rows.randint(-2, 4)))()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


class Database:
    """The tables of FACTS in DuckDB, filled at random."""

    def __init__(self, seed: int) -> None:
        self.rows = random.Random(seed)
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        for table in FACTS.tables.values():
            columns = ", ".join(f"{c.name} {c.type.sql('duckdb')}" for c in table.columns)
            self.connection.execute(f"CREATE TABLE {table.name} ({columns})")

    def fill(self) -> None:
        counts: dict[str, int] = {}
        for name in ("orders", "customers", "stores", "items"):
            few = name in ("orders", "items")
            counts[name] = self.rows.choice([0, 1, 2, 3, 5]) if few else 3
            if name == "items" and not counts["orders"]:
                counts[name] = 0
            self.connection.execute(f"DELETE FROM {name}")
            columns = FACTS.tables[name].columns
            marks = ", ".join("?" * len(columns))
            for number in range(1, counts[name] + 1):
                row = [_value(c, number, self.rows, counts) for c in columns]
                self.connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)

    def answer(self, sql: str) -> Rows:
        found = self.connection.execute(sql).fetchall()
        return sorted((tuple(map(_plain, row)) for row in found), key=repr)


def _plain(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() | float() | Decimal():
            return "nan" if value != value else round(float(value), 6) + 0.0
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day)
    return value


def test_what_is_proved_answers_alike_on_random_rows() -> None:
    database = Database(1)
    for _ in range(12):
        database.fill()
        for why, (before, after) in SAME.items():
            assert database.answer(before) == database.answer(after), why


def test_each_near_miss_differs_on_some_rows() -> None:
    """So that the list of near misses holds no rewrite that should have been proved."""
    database = Database(2)
    left = {why for why in DIFFERENT if "tie" not in why and "names" not in why}
    for _ in range(300):
        database.fill()
        left = {
            why
            for why in left
            if database.answer(DIFFERENT[why][0]) == database.answer(DIFFERENT[why][1])
        }
        if not left:
            return
    assert left == set()


COMPARISONS = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.EQ, exp.NEQ)
AGGREGATES = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)


def _mutant(query: exp.Expr, rows: random.Random) -> exp.Expr:
    """The query with one small edit, which may or may not matter."""
    query = query.copy()
    nodes = list(query.walk())
    rows.shuffle(nodes)
    for node in nodes:
        if isinstance(node, COMPARISONS) and rows.random() < 0.5:
            kind = rows.choice(COMPARISONS)
            node.replace(kind(this=node.this.copy(), expression=node.expression.copy()))
        elif isinstance(node, exp.Join) and node.args.get("on") and rows.random() < 0.6:
            node.set("side", rows.choice(["LEFT", None]))
        elif (
            isinstance(node, AGGREGATES)
            and isinstance(node.this, exp.Column)
            and rows.random() < 0.5
        ):
            node.replace(rows.choice(AGGREGATES)(this=node.this.copy()))
        elif isinstance(node, exp.Union) and rows.random() < 0.4:
            node.set("distinct", not node.args.get("distinct"))
        elif isinstance(node, exp.Select) and rows.random() < 0.15:
            node.set("distinct", None if node.args.get("distinct") else exp.Distinct())
        elif isinstance(node, exp.Where) and rows.random() < 0.3:
            extra = rows.choice(
                ["qty IS NULL", "1 = 1", "NOT (country = 'DE')", "qty > 1 OR NOT qty > 1"]
            )
            node.set("this", exp.and_(node.this.copy(), sqlglot.parse_one(extra)))
        elif isinstance(node, exp.Exists) and rows.random() < 0.3:
            node.replace(exp.Not(this=node.copy()))
        elif (
            isinstance(node, exp.Column)
            and node.name in ("qty", "amount", "tax", "id")
            and rows.random() < 0.1
        ):
            node.set(
                "this", exp.to_identifier(rows.choice(["qty", "amount", "tax", "id", "store_id"]))
            )
        else:
            continue
        break
    return query


@pytest.mark.parametrize("seed", range(4))
def test_no_mutant_is_proved_that_rows_refute(seed: int) -> None:
    database, rows = Database(seed), random.Random(seed)
    pairs = [
        pair
        for pair in (*SAME.values(), *DIFFERENT.values(), *OVERLOOKED)
        if "RANDOM" not in pair[0]
    ]
    proved = 0
    for _ in range(60):
        before, after = (sqlglot.parse_one(sql, read="duckdb") for sql in rows.choice(pairs))
        before = after if rows.random() < 0.3 else before
        before, after = _mutant(before, rows), _mutant(after, rows)
        one, two = before.sql("duckdb"), after.sql("duckdb")
        try:
            database.answer(one), database.answer(two)
        except duckdb.Error:
            continue  # the edit made no query
        if proof(one, two) is None:
            continue
        proved += 1
        for _ in range(15):
            database.fill()
            assert database.answer(one) == database.answer(two), (one, two)
    assert proved > 3
