"""`doorward migrate`: the newest schema, and what only whoever has the keys can do about it."""

from __future__ import annotations

from datetime import datetime

from bot.bootstrap.installation import keyring, looked_up, on_database
from bot.ports.database import Transaction
from bot.settings.tree import Settings
from storage.crypto import Keyring
from storage.migration import migrate

LEDGER, WANTED, BEGUN = "ledger", "wanted", "begun"
"""The mark that a database has people from before there was a ledger of them (migration 0018)."""
NOTES = "ledger.notes"
"""The mark that it has people from before their ledger said who is administrator or has a chat account (0021)."""


def upgrade(settings: Settings, now: datetime) -> int:
    """Upgrade the database; how many people came into the ledger by it, which happens once.

    Raises `Misconfigured`, `StorageUnavailable`, `KeysUnavailable`; `IntegrityAlarm` where there is a ledger already.
    """
    migrate(settings.database_url.get_secret_value())
    # No key is needed to look at a mark, and a database that is made here has none yet.
    keys = keyring(settings, now) if _wanted(settings) else None
    if keys is None:
        return 0

    return on_database(settings, keys, lambda database: database.write(_adopt))


def _adopt(tx: Transaction) -> int:
    adopted = 0
    if tx.jobs.mark(LEDGER) == WANTED:
        tx.jobs.set_mark(LEDGER, BEGUN)
        adopted = tx.persons.adopt()
    if tx.jobs.mark(NOTES) == WANTED:
        tx.jobs.set_mark(NOTES, BEGUN)
        tx.persons.note_present()
    return adopted


def _wanted(settings: Settings) -> bool:
    marks = looked_up(settings, Keyring.generate(), lambda tx: (tx.jobs.mark(LEDGER), tx.jobs.mark(NOTES)))
    return WANTED in marks
