"""Chat account -> proven identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, select

from bot.domain.identity import ChannelIdentity, Link, LinkedIdentity
from bot.errors import AlreadyLinked
from storage.authority import AuthorityRows
from storage.codec import channel_key, identity_key, to_channel, to_identity, to_micros, to_moment
from storage.ledger import Ledger, Note
from storage.statement import Connection, Statement, deleting, finding, holding, inserting_once
from storage.tables.identity import links


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLink:
    """A link with its version: a chat account that is unlinked and linked again has another one."""

    link: Link
    version: int


def parse(values: Mapping[str, Any]) -> StoredLink:
    """The link of a row."""
    link = Link(
        channel=to_channel(values["channel"]),
        identity=to_identity(values["identity"]),
        provider=values["provider"],
        linked_at=to_moment(values["linked_at"]),
    )
    return StoredLink(link=link, version=values["version"])


_INSERT = inserting_once(links)
_FIND = finding(links)
_HOLD = holding(links)
_OF_IDENTITY = Statement(
    select(links).where(links.c.identity == bindparam("identity")).order_by(links.c.linked_at, links.c.channel)
)
_EVERYONE = Statement(
    select(links).order_by(links.c.linked_at, links.c.channel).limit(bindparam("limit", type_=Integer))
)
_REMOVE = deleting(links)


class Links:
    """See `bot.ports.stores.LinkStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[StoredLink], ledger: Ledger) -> None:
        self._connection = connection
        self._rows = rows
        self._ledger = ledger

    def insert(self, link: Link) -> None:
        linked_at = to_micros(link.linked_at)
        row = self._rows.signed(
            {
                "channel": channel_key(link.channel),
                "identity": identity_key(link.identity),
                "provider": link.provider,
                "linked_at": linked_at,
                "version": linked_at,
            }
        )
        if not self._connection.change(_INSERT, **row):
            raise AlreadyLinked("this chat account has a link")
        self._ledger.note(link.identity.key, Note.LINKED, holds=True)

    def find(self, channel: ChannelIdentity) -> Link | None:
        row = self._connection.row(_FIND if self._connection.read_only else _HOLD, row=channel.key)
        return None if row is None else self._rows.load(row).link

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Link]:
        return [self._rows.load(row).link for row in self._connection.rows(_OF_IDENTITY, identity=identity.key)]

    def everyone(self, limit: int) -> Sequence[Link]:
        return [self._rows.load(row).link for row in self._connection.rows(_EVERYONE, limit=limit)]

    def remove(self, channel: ChannelIdentity) -> bool:
        row = self._connection.row(_HOLD, row=channel.key)
        if row is None:
            return False
        identity = self._rows.unverified(row).link.identity
        removed = self._connection.change(_REMOVE, row=channel.key) == 1
        if not self._connection.rows(_OF_IDENTITY, identity=identity.key):
            self._ledger.note(identity.key, Note.LINKED, holds=False)
        return removed

    def lost(self, identity: LinkedIdentity) -> bool:
        none = not self._connection.rows(_OF_IDENTITY, identity=identity.key)
        return none and self._ledger.holds(identity.key, Note.LINKED)
