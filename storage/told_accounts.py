"""Which chat account the company last said to be somebody's: so that two who are told the same one are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.identity import LinkedIdentity
from storage.authority import AuthorityRows
from storage.codec import identity_key, to_identity
from storage.statement import Connection, Statement, deleting, finding, inserting_once, locking, replacing
from storage.tables.ledger import told_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was said of one person."""

    identity: LinkedIdentity
    account: str
    version: int


def parse(values: Mapping[str, Any]) -> Told:
    """What a row says."""
    return Told(identity=to_identity(values["identity"]), account=values["account"], version=values["version"])


_FIND = finding(told_accounts)
_LOCK = locking(told_accounts)
_INSERT = inserting_once(told_accounts)
_REPLACE = replacing(told_accounts)
_REMOVE = deleting(told_accounts)
_OF_ACCOUNT = Statement(
    select(told_accounts).where(told_accounts.c.account == bindparam("account")).order_by(told_accounts.c.identity)
)


class ToldAccounts:
    """See `bot.ports.people_stores.ToldAccountStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[Told]) -> None:
        self._connection = connection
        self._rows = rows

    def note(self, identity: LinkedIdentity, account: str | None) -> None:
        row = self._connection.row(_LOCK, row=identity.key)
        known = None if row is None else self._rows.load(row)
        if account is None:
            if known is not None:
                self._connection.change(_REMOVE, row=identity.key)
            return
        if known is not None and known.account == account:
            return
        version = 1 if known is None else known.version + 1
        signed = self._rows.signed({"identity": identity_key(identity), "account": account, "version": version})
        if known is None:
            self._connection.change(_INSERT, **signed)
        else:
            self._connection.change(_REPLACE, row=identity.key, **signed)

    def of_identity(self, identity: LinkedIdentity) -> str | None:
        row = self._connection.row(_FIND, row=identity.key)
        return None if row is None else self._rows.load(row).account

    def of_account(self, account: str) -> Sequence[LinkedIdentity]:
        return [self._rows.load(row).identity for row in self._connection.rows(_OF_ACCOUNT, account=account)]
