"""The accounts that the demo's people are paid to."""

from __future__ import annotations

import sqlite3

from adapters.connectors.demo.people import PEOPLE

TABLE = """CREATE TABLE IF NOT EXISTS bank_account (
  employee TEXT PRIMARY KEY REFERENCES employee(id), iban TEXT NOT NULL, changed_on TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID"""
MADE_UP = (
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "AT611904300234573201",
    "BE68539007547034",
    "ES9121000418450200051332",
)
"""The examples of the standard's registry: nobody's accounts."""


def fill(connection: sqlite3.Connection) -> None:
    """The table, with an account for everybody; again at each start, so that an older file gets it too."""
    connection.execute(TABLE)
    connection.executemany(
        "INSERT OR IGNORE INTO bank_account VALUES (?, ?, ?, 1)",
        [(person.id, MADE_UP[at % len(MADE_UP)], person.hired_on) for at, person in enumerate(PEOPLE)],
    )
