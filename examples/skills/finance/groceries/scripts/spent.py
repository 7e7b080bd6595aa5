"""Adds up a ledger: spent.py [CATEGORY|all] [last|this|YYYY-MM]"""

import csv
import os
import re
import sys
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

category = (sys.argv[1] if len(sys.argv) > 1 else "groceries").strip().lower()
when = (sys.argv[2] if len(sys.argv) > 2 else "last").strip().lower()

first = date.today().replace(day=1)
if re.fullmatch(r"\d{4}-\d{2}", when):
    month = when
elif when.startswith("this"):
    month = f"{first:%Y-%m}"
elif when.startswith("last"):
    month = f"{first - timedelta(days=1):%Y-%m}"
else:
    sys.exit(f"{when!r} is no month: last, this, or for example 2026-03")

ledger = Path("ledger.csv")
if not ledger.exists():
    ledger = Path(os.environ["SKILL_DIR"], "assets", "ledger.csv")
    print("There is no ledger.csv in the workspace; these are the numbers of the sample.")

sums = defaultdict(Decimal)
with ledger.open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        if row["date"].startswith(month):
            sums[row["category"].strip().lower()] += Decimal(row["amount"])

if category == "all":
    for name, amount in sorted(sums.items()):
        print(f"{name}: {amount:.2f}")
    print(f"Total in {month}: {sum(sums.values(), Decimal()):.2f}")
else:
    print(f"Spent on {category} in {month}: {sums[category]:.2f}")
