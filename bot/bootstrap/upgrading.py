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


def upgrade(settings: Settings, now: datetime) -> int:
    """Upgrade the database; how many people came into the ledger by it, which happens once.

    Raises `Misconfigured`, `StorageUnavailable`, `KeysUnavailable`; `IntegrityAlarm` where there is a ledger already.
    """
    migrate(settings.database_url.get_secret_value())
    # No key is needed to look at a mark, and a database that is made here has none yet.
    keys = keyring(settings, now) if _wanted(settings) else None
    if keys is None:
        return 0

    def adopt(tx: Transaction) -> int:
        if tx.jobs.mark(LEDGER) != WANTED:
            return 0
        tx.jobs.set_mark(LEDGER, BEGUN)
        return tx.persons.adopt()

    return on_database(settings, keys, lambda database: database.write(adopt))


def _wanted(settings: Settings) -> bool:
    return looked_up(settings, Keyring.generate(), lambda tx: tx.jobs.mark(LEDGER)) == WANTED
