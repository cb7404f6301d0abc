"""What waits in a conversation for a sign-in or an answer: one sealed row each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.messages import IncomingMessage
from storage.codec import Packed, channel_key, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Statement, upserting
from storage.tables.consent import pending
from storage.tables.identity import links

_messages = Packed(IncomingMessage)

_PUT = upserting(pending)
_TAKE = Statement(delete(pending).where(pending.c.channel == bindparam("row")).returning(*pending.c))
_linked = select(links.c.channel).where(links.c.identity == bindparam("identity"))
_DROP_ALL = Statement(delete(pending).where(pending.c.channel.in_(_linked)))


def bound(values: Mapping[str, Any]) -> str:
    """What a row's payload is bound to."""
    return f"{values['until']}|{values['channel']}"


class Pending:
    """See `bot.ports.stores.PendingStore`. The end is bound into the ciphertext."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(self, channel: ChannelIdentity, message: IncomingMessage, *, until: datetime) -> None:
        key, micros = channel_key(channel), to_micros(until)
        packed = _messages.pack(message)
        payload = self._sealer.seal_briefly(packed, table="pending", row=f"{micros}|{key}", purpose="payload")
        self._connection.change(_PUT, channel=key, payload=payload, until=micros)

    def take(self, channel: ChannelIdentity, *, now: datetime) -> IncomingMessage | None:
        """Take what waits, once; None when there is nothing, or it has waited too long."""
        row = self._connection.row(_TAKE, row=channel.key)
        if row is None:
            return None
        key, payload, until = row
        packed = self._sealer.open(payload, table="pending", row=f"{until}|{key}", purpose="payload")
        return _messages.unpack(packed) if to_micros(now) < until else None

    def drop_all(self, identity: LinkedIdentity) -> int:
        """Nothing is opened or verified for this, so that no altered row keeps what waits alive."""
        return self._connection.change(_DROP_ALL, identity=identity.key)
