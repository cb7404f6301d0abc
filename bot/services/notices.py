"""Decides when a notice comes: security at once, what needs somebody in their working hours, and never in a flood."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.answer import Button, Draft, Posting
from bot.domain.cards import ActionStyle, Card, Status
from bot.domain.identity import ChannelIdentity, Person
from bot.domain.intent import Intent, Origin
from bot.domain.notice import SINGLY, TABLE, TALK, Kept, Notice, NoticeClass, WorkingHours
from bot.ports.database import Transaction
from bot.services.delivery import direct_place
from bot.texts.formats import zone
from bot.texts.sentences import Voice, voice

TODAY = timedelta(days=2)
"""What was closed this long ago is no part of anybody's today, wherever they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Somebody who is called, here and now."""

    to: ChannelIdentity
    hours: WorkingHours
    zone: ZoneInfo
    today: date
    voice: Voice
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """The one way of every notice."""

    hours: WorkingHours = field(default_factory=WorkingHours)
    """Of whoever has not chosen their own."""

    def sift(self, tx: Transaction, postings: Sequence[Posting], now: datetime) -> list[Posting]:
        """What of these goes out now, with what it becomes; the rest is kept until its time. In their order."""
        out: list[Posting] = []
        for posting in postings:
            if posting.edits is not None or posting.notice is None or not _needs_somebody(posting.notice):
                out.append(posting)
                continue
            about = posting.draft.about.partition("#")[0]
            tx.notices.keep(Kept(id=secrets.token_hex(12), to=posting.to, about=about, created_at=now), posting)
            out += self.release(tx, posting.to, now)
        return out

    def release(self, tx: Transaction, to: ChannelIdentity, now: datetime) -> list[Posting]:
        """What may come to this chat account now: single cards, one bundle, one reminder a working day."""
        reader = self._reader(tx, to, now)
        if reader is None:
            tx.notices.drop(to)
            return []
        if not reader.hours.within(now, reader.zone):
            return []
        rows = tx.notices.of(to, since=now - TODAY)
        waiting = [row for row in rows if tx.notices.open(row)]
        held = [row for row in waiting if row.delivered_at is None]
        if reader.hours.digest:
            return self._digest(tx, reader, rows, waiting, held)
        postings = _remind(tx, reader, waiting)
        singly = sum(1 for row in rows if row.delivered_on(reader.zone) == reader.today and not row.bundled)
        for row in held[: max(0, SINGLY - singly)]:
            posting = tx.notices.posting(row)
            tx.notices.save(row.delivered(now, bundled=False))
            postings += [posting] if posting is not None else []
        return postings + _bundle(tx, reader, waiting, held[max(0, SINGLY - singly) :])

    def of(self, tx: Transaction, person: Person) -> WorkingHours:
        """How somebody gets theirs: as they chose, else as everybody."""
        return tx.notices.hours(person.identity) or self.hours

    def _reader(self, tx: Transaction, to: ChannelIdentity, now: datetime) -> _Reader | None:
        link = tx.links.find(to)
        person = tx.persons.find(link.identity) if link else None
        if person is None:
            return None
        there = zone(person.timezone)
        return _Reader(
            to=to,
            hours=self.of(tx, person),
            zone=there,
            today=now.astimezone(there).date(),
            voice=voice(person.locale),
            now=now,
        )

    def _digest(
        self, tx: Transaction, reader: _Reader, rows: Sequence[Kept], waiting: Sequence[Kept], held: Sequence[Kept]
    ) -> list[Posting]:
        """One card when the day begins, for whoever chose that."""
        if any(row.delivered_on(reader.zone) == reader.today or row.reminded_on == reader.today for row in rows):
            return []
        if any(row.created_at.astimezone(reader.zone).date() < reader.today for row in waiting):
            for row in waiting:
                done = row if row not in held else row.delivered(reader.now, bundled=True)
                tx.notices.save(replace(done, reminded_on=reader.today))
            key = "notices.questions.digest" if _all_questions(waiting) else "notices.digest"
            return [_summary(reader, key, waiting, Notice.APPROVALS_BUNDLED)]
        return []


def _needs_somebody(notice: Notice) -> bool:
    return TABLE[notice].kind is NoticeClass.NEEDS_YOU


def _remind(tx: Transaction, reader: _Reader, waiting: Sequence[Kept]) -> list[Posting]:
    """One reminder a working day, of everything that came on an earlier one."""
    earlier = [
        row for row in waiting if (delivered := row.delivered_on(reader.zone)) is not None and delivered < reader.today
    ]
    if not earlier or any(row.reminded_on == reader.today for row in waiting):
        return []
    for row in earlier:
        tx.notices.save(replace(row, reminded_on=reader.today))
    key = "notices.questions.reminder" if _all_questions(earlier) else "notices.reminder"
    return [_summary(reader, key, earlier, Notice.APPROVAL_REMINDER)]


def _bundle(tx: Transaction, reader: _Reader, waiting: Sequence[Kept], late: Sequence[Kept]) -> list[Posting]:
    """From the third on one card, which is edited as more come: an edit makes no sound."""
    if not late:
        return []
    there = [row for row in waiting if row.bundled and row.delivered_on(reader.zone) == reader.today]
    copies = [copy for copy in tx.posted.about(_bundle_of(reader)) if copy.to == reader.to]
    if there and not copies:
        return []  # the card is on its way; what came meanwhile is put into it with the next slot
    for row in late:
        tx.notices.save(row.delivered(reader.now, bundled=True))
    rows = [*there, *late]
    key = "notices.questions.bundle" if _all_questions(rows) else "notices.bundle"
    made = _summary(reader, key, rows, Notice.APPROVALS_BUNDLED)
    if not copies:
        return [made]
    return [replace(made, place=copies[-1].place, edits=copies[-1].message)]


def _bundle_of(reader: _Reader) -> str:
    return f"Notices::{reader.to.key}::{reader.today.isoformat()}"


def _all_questions(rows: Sequence[Kept]) -> bool:
    """Whether all ask something about the reader's own requests."""
    return all(row.about.startswith(TALK) for row in rows)


def _summary(reader: _Reader, key: str, rows: Sequence[Kept], notice: Notice) -> Posting:
    """One card of several; it leads to what waits, or to one's own requests."""
    asked = _all_questions(rows)
    card = Card(
        headline=reader.voice.say(key, count=len(rows)), body=reader.voice.say("notices.how"), status=Status.WAITING
    )
    show = Button(
        label=reader.voice.say("notices.show"),
        intent=Intent(capability="my_leaves" if asked else "waiting", arguments={}, origin=Origin.PRESS),
        style=ActionStyle.PRIMARY,
        lasts=True,
    )
    draft = Draft(card=card, buttons=(show,), about=_bundle_of(reader) if notice is Notice.APPROVALS_BUNDLED else "")
    return Posting(draft=draft, to=reader.to, place=direct_place(reader.to), notice=notice)
