"""One request, several readers: each copy of its card is in its own reader's language and zone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.messages import EventKind, PlaceKind, ReplyWindow
from bot.ports.database import Transaction
from tests.fakes.chat import Posted
from tests.fakes.world import World
from tests.functional.test_asking_for_more import write


async def lives(here: World, name: str, locale: str, timezone: str) -> None:
    def work(tx: Transaction) -> None:
        person = tx.persons.find(here.identity(name))
        assert person is not None
        tx.persons.save(replace(person, locale=locale, timezone=timezone))

    await here.database.write(work)


def copies(here: World, name: str) -> tuple[Posted, Posted]:
    """The approver's own copy, and the channel's."""
    found = [posted for posted in here.chat.posts if name in posted.card.headline and posted.card.actions]
    return (
        next(posted for posted in found if posted.place.kind is PlaceKind.DIRECT and posted.to == here.channel("mia")),
        next(posted for posted in found if posted.place.kind is PlaceKind.CHANNEL),
    )


async def test_a_german_request_is_read_in_english_by_the_approver_and_the_channel(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await lives(here, "john", "de", "Europe/Lisbon")
    await lives(here, "mia", "en", "Europe/Berlin")
    await here.command("john", "leave 2026-12-21 2026-12-23")
    await here.press("john", here.last("john"), "Antrag senden")
    assert "3 Tage" in here.last("john", "21. Dez").text
    own, channel = copies(here, "John")
    local = here.clock.now().astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M")
    assert f"HR system · read {local}" in own.card.quiet
    assert channel.card.quiet.startswith("HR system · ")
    for copy in (own, channel):
        assert "3 days" in copy.text
        assert "Tage" not in copy.text
        assert "HR-System" not in copy.text


async def test_an_english_request_is_german_on_a_german_approvers_card_also_once_it_is_edited(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await lives(here, "mia", "de", "Europe/Berlin")
    await here.command("john", "leave 2026-12-21 2026-12-23")
    await here.press("john", here.last("john"), "Send request")
    own, channel = copies(here, "John")
    before = own.card.quiet
    assert "3 Tage" in own.text
    assert before.startswith("HR-System · abgerufen um ")
    await here.press("mia", own, "Nachfragen")
    await write(here, "mia", "Wer vertritt dich?")
    assert own.edited == 1
    assert own.card.quiet == before
    assert "3 Tage" in own.text
    assert "3 days" in channel.text


async def test_kinds_and_holidays_have_their_readers_words_and_what_is_unknown_the_hr_systems(here: World) -> None:
    for name in ("john", "mia"):
        await here.sign_in(name)
        await lives(here, name, "de", "Europe/Berlin")
    await here.command("john", "leave 2026-12-21 2027-01-04")
    signed = here.last("john").text
    for words in ("Bezahlter Urlaub", "Feiertag: 1. Weihnachtstag", "Neujahr"):
        assert words in signed
    await here.press("john", here.last("john"), "Antrag senden")
    own, _ = copies(here, "John")
    assert "Bezahlter Urlaub" in own.text
    await here.press("mia", own, "Genehmigen")
    assert "Bezahlter Urlaub" in str(here.chat.dialogs["view"].signed)
    for sentence in ("balance", "waiting"):
        await here.command("mia", sentence)
    assert "Bezahlter Urlaub" in here.last("mia", "Tage (").text
    everything = "".join(posted.text for posted in here.chat.posts if posted.place.kind is PlaceKind.DIRECT)
    assert [word for word in ("Paid leave", "Christmas", "New Year") if word in everything] == []

    def study(raw: Any) -> None:
        raw.execute(
            "INSERT INTO leave_type SELECT 'study', 9, 'Study days', approval, 20, 50, 0 FROM leave_type LIMIT 1"
        )
        raw.execute("UPDATE leave SET type = 'study' WHERE start_on = '2026-12-21'")

    await here.backend._database.write(study)
    await here.press("mia", own, "Genehmigen")
    assert "Study days" in str(here.chat.dialogs["view"].signed)


async def test_whoever_changed_the_days_is_told_of_the_decision_once(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.enrol("mia")
    await here.command("john", "leave 2026-12-21 2026-12-23")
    await here.press("john", here.last("john"), "Send request")
    await here.press("john", here.last("john", "Leave asked for"), "Change the days")
    dialog = here.chat.dialogs["view"]
    days = {"start": "2026-12-22", "end": "2026-12-23"}
    await here.core.ingress.accept(
        here.message("john", EventKind.SUBMISSION, handle=dialog.handle, fields=days, window=ReplyWindow.IN_RESPONSE)
    )
    await here.core.ingress.drain(10)
    await here.press("john", here.last("john", "Change the leave"), "Change it")
    await here.press("mia", copies(here, "John")[0], "Approve")
    await here.submit_code("mia", here.code("mia"))
    told = [posted for posted in here.chat.seen_by(here.channel("john")) if "is approved by" in posted.card.headline]
    assert len(told) == 1
