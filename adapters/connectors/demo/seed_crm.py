"""What the demo CRM starts with: customers of two regions, their tickets and opportunities, made up."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

SUE = "E1004"
DANA = "R2001"
REPRESENTATIVES = ((SUE, "Sue Park", "eu"), (DANA, "Dana Whitfield", "us"))

CUSTOMERS = (
    ("C-101", "Northwind Traders", "eu", "Wholesale", SUE, "Ingrid Solberg"),
    ("C-102", "Alpenglow Outdoor", "eu", "Retail", SUE, "Matthias Egger"),
    ("C-103", "Rheinwerk Logistik", "eu", "Logistics", SUE, "Katrin Vogel"),
    ("C-104", "Fjordline Shipping", "eu", "Logistics", SUE, "Lars Dahl"),
    ("C-105", "Brightwater Foods", "eu", "Food", SUE, "Aoife Byrne"),
    ("C-106", "Maison Lavande", "eu", "Cosmetics", SUE, "Claire Fontaine"),
    ("C-201", "Lakeshore Credit Union", "us", "Finance", DANA, "Gloria Reyes"),
    ("C-202", "Pinecrest Robotics", "us", "Manufacturing", DANA, "Wen Zhao"),
    ("C-203", "Redwood Freight", "us", "Logistics", DANA, "Marcus Hill"),
    ("C-204", "Cascade Outfitters", "us", "Retail", DANA, "Jenny Alvarez"),
    ("C-205", "Blue Mesa Energy", "us", "Energy", DANA, "Owen Tsosie"),
    ("C-206", "Harbor and Vine", "us", "Hospitality", DANA, "Bea Moreau"),
)

FIRST_TICKET = 1041
TICKETS = (
    ("C-101", "Invoice shows the wrong address", "OPEN", "NORMAL", 1),
    ("C-101", "Export stops at 10,000 rows", "IN_PROGRESS", "HIGH", 4),
    ("C-101", "Question about the yearly plan", "CLOSED", "LOW", 40),
    ("C-102", "Sign-in page is slow in the morning", "OPEN", "HIGH", 2),
    ("C-102", "Wrong tax rate on shipping", "ON_HOLD", "NORMAL", 9),
    ("C-103", "Labels print twice", "OPEN", "URGENT", 0),
    ("C-103", "New depot missing in the list", "CLOSED", "NORMAL", 30),
    ("C-104", "Port codes are out of date", "IN_PROGRESS", "NORMAL", 6),
    ("C-105", "Allergen field is cut off", "OPEN", "HIGH", 3),
    ("C-105", "Training for three new colleagues", "ON_HOLD", "LOW", 15),
    ("C-106", "Accents lost in e-mail templates", "OPEN", "NORMAL", 5),
    ("C-201", "Statement totals differ by a cent", "OPEN", "URGENT", 1),
    ("C-201", "Add a second approver", "CLOSED", "NORMAL", 22),
    ("C-202", "Webhook is delivered late", "IN_PROGRESS", "HIGH", 2),
    ("C-203", "Driver app logs out at midnight", "OPEN", "HIGH", 3),
    ("C-203", "Change the billing contact", "CLOSED", "LOW", 18),
    ("C-204", "Coupons fail at checkout", "OPEN", "URGENT", 0),
    ("C-205", "Meter readings arrive in the wrong unit", "ON_HOLD", "NORMAL", 11),
    ("C-206", "Reservation mails go to spam", "OPEN", "NORMAL", 7),
    ("C-206", "Logo on the invoice is blurred", "CLOSED", "LOW", 35),
)

OPPORTUNITIES = (
    ("O-301", "C-101", "Warehouse module", "OPEN", "Proposal", 48_500_00, 60, 45),
    ("O-302", "C-101", "Renewal for two years", "OPEN", "Negotiation", 31_200_00, 80, 20),
    ("O-303", "C-102", "Shop floor tablets", "OPEN", "Qualified", 17_900_00, 30, 75),
    ("O-304", "C-103", "Route planning", "WON", "Signed", 62_750_00, 100, -12),
    ("O-305", "C-104", "Customs interface", "OPEN", "Proposal", 27_300_00, 50, 60),
    ("O-306", "C-105", "Quality records", "LOST", "Lost to price", 12_400_00, 0, -30),
    ("O-307", "C-106", "Web shop", "OPEN", "Qualified", 22_150_00, 40, 90),
    ("O-308", "C-201", "Branch roll-out", "OPEN", "Negotiation", 88_000_00, 75, 25),
    ("O-309", "C-202", "Service contract", "OPEN", "Proposal", 39_600_00, 55, 50),
    ("O-310", "C-203", "Fleet tracking", "WON", "Signed", 71_250_00, 100, -5),
    ("O-311", "C-205", "Forecast module", "OPEN", "Qualified", 54_900_00, 35, 100),
    ("O-312", "C-206", "Loyalty programme", "LOST", "No decision", 9_800_00, 0, -45),
)


def fill(connection: sqlite3.Connection, today: date) -> None:
    """Fill empty tables, relative to `today`."""
    connection.executemany("INSERT INTO representative VALUES (?, ?, ?)", REPRESENTATIVES)
    for number, (customer, name, region, industry, owner, contact) in enumerate(CUSTOMERS, start=1):
        mail = f"{contact.lower().replace(' ', '.')}@{name.split(' ')[0].lower()}.example"
        row = (customer, name, region, industry, owner, contact, mail, f"+1 555 01{number:02}", "", 1)
        connection.execute("INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    owners = {row[0]: row[4] for row in CUSTOMERS}
    for number, (customer, subject, status, priority, age) in enumerate(TICKETS, start=FIRST_TICKET):
        at = (today - timedelta(days=age)).isoformat() + "T08:30:00+00:00"
        connection.execute(
            "INSERT INTO ticket (number, customer, subject, description, status, priority, owner, created_at,"
            " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                customer,
                subject,
                f"{subject}, reported by telephone.",
                status,
                priority,
                owners[customer],
                at,
                at,
            ),
        )
    for opportunity, customer, name, status, stage, cents, probability, days in OPPORTUNITIES:
        close = (today + timedelta(days=days)).isoformat()
        currency = "EUR" if owners[customer] == SUE else "USD"
        owner = owners[customer]
        connection.execute(
            "INSERT INTO opportunity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (opportunity, customer, name, status, stage, cents, currency, probability, close, owner),
        )
