#!/usr/bin/python3
"""Makes examples/churn/customers.csv: 3 000 made-up customers of a made-up phone company, always the same. Who leaves depends on the price, the
calls to the help desk and the plan; `refund` is paid when somebody leaves, so it gives the answer away, as such columns do in real files.

    tools/make_churn_data.py > examples/churn/customers.csv"""
import datetime
import math
import random

SEED, CUSTOMERS = 20240501, 3000
PLANS = {"basic": 9.9, "plus": 19.9, "pro": 39.9}


def main() -> None:
    draw = random.Random(SEED)
    first = datetime.date(2024, 1, 1)
    print("customer_id,asked_on,plan,monthly_fee,months,help_calls,city,refund,churned")
    for number in range(CUSTOMERS):
        asked = first + datetime.timedelta(days=number * 180 // CUSTOMERS)
        plan = draw.choices(list(PLANS), [5, 3, 2])[0]
        fee = round(PLANS[plan] * draw.uniform(0.8, 1.3), 2)
        months = int(draw.expovariate(1 / 20)) + 1
        calls = min(12, int(draw.expovariate(1 / 1.5)))
        city = draw.choice(["Ulm", "Bern", "Graz", "Linz", "Trier"])
        odds = -1.6 + 0.45 * calls - 0.05 * months + 0.04 * (fee - PLANS[plan]) + (0.6 if plan == "basic" else 0)
        churned = draw.random() < 1 / (1 + math.exp(-odds))
        refund = round(fee * draw.uniform(0.2, 0.9), 2) if churned else 0
        shown_calls = "" if draw.random() < 0.03 else calls
        print(f"C{number:05d},{asked},{plan},{fee},{months},{shown_calls},{city},{refund},{'yes' if churned else 'no'}")


if __name__ == "__main__":
    main()
