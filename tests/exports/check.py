"""Reads exported workbooks and CSV files with other people's readers: openpyxl and Python's csv.

    check.py http://127.0.0.1:8787 EXAMPLE.json ...

Prints a line for each check and "n passed, 0 failed"; ends with 1 when one failed.
"""

import csv
import io
import json
import sys
import urllib.request
from collections import Counter

import openpyxl

FAILED = 0
PASSED = 0


def check(name, found, expected):
    global FAILED, PASSED
    if found == expected:
        PASSED += 1
        print(f"ok    {name}")
    else:
        FAILED += 1
        print(f"FAIL  {name}: found {found!r}, expected {expected!r}")


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def table(sheet):
    """The first table of a sheet as a list of dicts."""
    rows = [row for row in sheet.iter_rows(values_only=True)]
    head, *rest = rows
    return [dict(zip(head, row)) for row in rest]


def look_at(server, path):
    with open(path, encoding="utf-8") as file:
        body = json.load(file)
    result = json.loads(call(f"{server}/ask", body))
    run = result["run_id"]
    name = path.rsplit("/", 1)[-1]
    export = f"{server}/api/v1/runs/{run}/export?format="
    book = openpyxl.load_workbook(io.BytesIO(call(export + "xlsx")))
    findings = table(book["Findings"])
    severities = Counter(finding["severity"] for finding in result["findings"])
    check(f"{name}: findings of the workbook", Counter(row["Severity"] for row in findings), severities)
    grave = severities["critical"] + severities["high"] + severities["medium"]
    risks = [risk for risk in result["risks_identified"] if risk.get("kind") != "system"]
    grave += sum(risk["severity"] in ("critical", "high") for risk in risks)
    fix_first = len(table(book["Fix first"])) if grave else 0
    check(f"{name}: what to fix first", fix_first, grave)
    positions = (body.get("input") or body).get("positions", [])
    shown = table(book["Positions"]) if positions else []
    check(f"{name}: rows of the bill", len(shown), len(positions))
    numbers = [p["quantity"] for p in positions if isinstance(p.get("quantity"), (int, float))]
    check(f"{name}: quantities as numbers", [r["Quantity"] for r in shown if isinstance(r["Quantity"], (int, float))], numbers)
    formulas = [c.coordinate for s in book for row in s.iter_rows() for c in row if c.data_type == "f"]
    check(f"{name}: no formula", formulas, [])
    check(f"{name}: the run's id in the properties", run in (book.properties.description or ""), True)
    plain = list(csv.DictReader(io.StringIO(call(export + "csv").decode("utf-8"), newline="")))
    check(f"{name}: findings of the csv", Counter(row["Severity"] for row in plain), severities)
    text = call(export + "csv&style=european").decode("utf-8-sig")
    european = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    check(f"{name}: findings of the European csv", [r["Id"] for r in european], [r["Id"] for r in plain])


for example in sys.argv[2:]:
    look_at(sys.argv[1], example)
print(f"{PASSED} passed, {FAILED} failed")
sys.exit(1 if FAILED or not PASSED else 0)
