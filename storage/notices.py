"""Notices that need somebody: kept until what they ask for is done, and how each person wants theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from sqlalchemy import Integer, bindparam, delete, or_, select, update

from bot.domain.answer import Posting
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.notice import Kept, WorkingHours
from storage.codec import (
    Packed,
    channel_key,
    identity_key,
    optional_micros,
    optional_moment,
    to_channel,
    to_json,
    to_micros,
    to_moment,
    words,
)
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, finding, inserting, upserting
from storage.tables.notices import notice_hours, notices

_postings = Packed(Posting)
_COLUMNS = (
    notices.c.id,
    notices.c.addressee,
    notices.c.about,
    notices.c.created_at,
    notices.c.delivered_at,
    notices.c.bundled,
    notices.c.reminded_on,
)
_KEEP = inserting(notices)
_OF = Statement(
    select(*_COLUMNS)
    .where(notices.c.addressee == bindparam("to"))
    .where(or_(notices.c.closed_at.is_(None), notices.c.closed_at >= bindparam("since")))
    .order_by(notices.c.created_at, notices.c.id)
)
_OPEN = Statement(select(notices.c.id).where(notices.c.id == bindparam("row"), notices.c.closed_at.is_(None)))
_PAYLOAD = Statement(select(notices.c.payload).where(notices.c.id == bindparam("row")))
_SAVE = Statement(
    update(notices)
    .where(notices.c.id == bindparam("row"))
    .values(
        delivered_at=bindparam("delivered"),
        bundled=bindparam("in_bundle"),
        reminded_on=bindparam("reminded"),
    )
)
_FORGET = Statement(update(notices).where(notices.c.id == bindparam("row")).values(payload=None))
_CLOSE = Statement(
    update(notices)
    .where(notices.c.about == bindparam("of_about"), notices.c.closed_at.is_(None))
    .values(closed_at=bindparam("at"), payload=None)
)
_DROP = Statement(delete(notices).where(notices.c.addressee == bindparam("to")))
_ADDRESSEES = Statement(
    select(notices.c.addressee)
    .where(notices.c.closed_at.is_(None))
    .distinct()
    .order_by(notices.c.addressee)
    .limit(bindparam("limit", type_=Integer))
)
_SWEEP = Statement(
    delete(notices).where(or_(notices.c.closed_at < bindparam("before"), notices.c.created_at < bindparam("before")))
)
_HOURS = finding(notice_hours)
_CHOOSE = upserting(notice_hours)


class Notices:
    """See `bot.ports.notices.NoticeStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def keep(self, kept: Kept, posting: Posting) -> None:
        packed = _postings.pack(posting)
        self._connection.change(
            _KEEP,
            id=kept.id,
            addressee=channel_key(kept.to),
            about=kept.about,
            payload=self._sealer.seal(packed, table="notices", row=kept.id, purpose="payload"),
            created_at=to_micros(kept.created_at),
            delivered_at=optional_micros(kept.delivered_at),
            closed_at=None,
            bundled=int(kept.bundled),
            reminded_on=None,
        )

    def of(self, to: ChannelIdentity, *, since: datetime) -> Sequence[Kept]:
        return [_to_kept(row) for row in self._connection.rows(_OF, to=channel_key(to), since=to_micros(since))]

    def open(self, kept: Kept) -> bool:
        return self._connection.row(_OPEN, row=kept.id) is not None

    def posting(self, kept: Kept) -> Posting | None:
        row = self._connection.row(_PAYLOAD, row=kept.id)
        if row is None or row[0] is None:
            return None
        return _postings.unpack(self._sealer.open(row[0], table="notices", row=kept.id, purpose="payload"))

    def save(self, kept: Kept) -> None:
        self._connection.change(
            _SAVE,
            row=kept.id,
            delivered=optional_micros(kept.delivered_at),
            in_bundle=int(kept.bundled),
            reminded=None if kept.reminded_on is None else kept.reminded_on.isoformat(),
        )
        if kept.delivered_at is not None:
            self._connection.change(_FORGET, row=kept.id)

    def close(self, about: str, now: datetime) -> int:
        return self._connection.change(_CLOSE, of_about=about, at=to_micros(now))

    def drop(self, to: ChannelIdentity) -> int:
        return self._connection.change(_DROP, to=channel_key(to))

    def addressees(self, limit: int) -> Sequence[ChannelIdentity]:
        return [to_channel(row[0]) for row in self._connection.rows(_ADDRESSEES, limit=limit)]

    def sweep(self, before: datetime) -> int:
        return self._connection.change(_SWEEP, before=to_micros(before))

    def hours(self, identity: LinkedIdentity) -> WorkingHours | None:
        row = self._connection.row(_HOURS, row=identity_key(identity))
        if row is None:
            return None
        _, starts, ends, days, digest = row
        return WorkingHours(
            start=time.fromisoformat(starts),
            end=time.fromisoformat(ends),
            days=frozenset(int(day) for day in words(days)),
            digest=bool(digest),
        )

    def choose(self, identity: LinkedIdentity, hours: WorkingHours) -> None:
        self._connection.change(
            _CHOOSE,
            identity=identity_key(identity),
            starts=hours.start.isoformat(timespec="minutes"),
            ends=hours.end.isoformat(timespec="minutes"),
            days=to_json([str(day) for day in sorted(hours.days)]),
            digest=int(hours.digest),
        )


def _to_kept(row: Row) -> Kept:
    identifier, addressee, about, created_at, delivered_at, bundled, reminded_on = row
    return Kept(
        id=identifier,
        to=to_channel(addressee),
        about=about,
        created_at=to_moment(created_at),
        delivered_at=optional_moment(delivered_at),
        bundled=bool(bundled),
        reminded_on=None if reminded_on is None else date.fromisoformat(reminded_on),
    )
