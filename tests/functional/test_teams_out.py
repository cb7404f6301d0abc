"""Teams from inside: cards posted, edited and refused on the fake Teams."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.teams.config import SERVICE_URL
from adapters.teams.platform import TeamsPlatform
from bot.domain.cards import Action, Audience, Card, Dialog, Fact, Quote, Reply, Status
from bot.domain.messages import Place, PlaceKind
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import APPROVE, DISMISS, TeamsSide, card, config, identity, place, posted, teams_side
from tests.fakes.teams_server import FOREIGN_TENANT, JOHN, MIA, TENANT, Person, actions_of

OPEN_PAGE = Action(label="Sign in", url="https://doorward.example.com/signin/start?t=1")
DIALOG = Dialog(handle="opaque-dialog", title="Confirm", submit="Confirm")


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


class TestOut:
    async def test_a_card_says_everything_and_its_buttons_carry_only_the_handle(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        full = Card(
            headline="Leave for john",
            body="Two steps.",
            facts=(Fact(label="Days", value="3"),),
            quotes=(Quote(author="john", text="Please"),),
            actions=(APPROVE, DISMISS, OPEN_PAGE),
            status=Status.WAITING,
            quiet="HR, 09:00",
        )
        await posted(side, room, full, JOHN)
        (message,) = side.teams.posted(room)
        assert message["summary"] == "Leave for john"
        (attached,) = message["attachments"]
        content = attached["content"]
        for says in (content["fallbackText"], content["speak"]):
            assert all(part in says for part in ("Leave for john", "Days", "Please", "Approve", "HR"))
        approve, dismiss, page = actions_of(content)
        assert approve["data"] == {"handle": "opaque-approve", "msteams": {"type": "task/fetch"}}
        assert (dismiss["type"], dismiss["data"]) == ("Action.Execute", {"handle": "opaque-dismiss"})
        assert (page["type"], page["url"], "data" in page) == ("Action.OpenUrl", OPEN_PAGE.url, False)

    async def test_a_reply_in_a_thread_goes_to_the_thread(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        await posted(side, room, card(), thread="170")
        assert side.teams.posted(room)[0]["address"] == f"{room.id};messageid=170"

    async def test_what_is_for_one_person_goes_to_their_personal_chat(self, side: TeamsSide) -> None:
        room, personal = side.teams.channel(JOHN, MIA), side.teams.personal(MIA)
        message = await posted(side, room, card(), MIA, Audience.PERSON)
        assert (len(side.teams.posted(room)), len(side.teams.posted(personal))) == (0, 1)
        edited = Reply(audience=Audience.PERSON, card=Card(headline="Decided"))
        await side.platform.update(place(side, room), message, edited)
        assert side.teams.posted(personal)[0]["summary"] == "Decided"

    async def test_who_is_not_in_the_place_gets_nothing(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN)
        with pytest.raises(PlatformRefused):
            await posted(side, room, card(), MIA, Audience.PERSON)
        assert side.teams.posted(room) == []

    async def test_a_card_is_edited_in_place(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        message = await posted(side, room, card(APPROVE), thread="170")
        reply = Reply(audience=Audience.PLACE, card=Card(headline="Approved by mia", status=Status.ALLOWED))
        await side.platform.update(place(side, room), message, reply)
        (shown,) = side.teams.posted(room)
        content = shown["attachments"][0]["content"]
        assert "Approved by mia" in content["body"][0]["text"]
        assert actions_of(content) == []

    async def test_the_personal_place_is_the_same_every_time(self, side: TeamsSide) -> None:
        side.teams.personal(JOHN)
        first = await side.platform.direct_place(identity(JOHN))
        assert await side.platform.direct_place(identity(JOHN)) == first
        assert (first.kind, first.service) == (PlaceKind.DIRECT, side.teams.service_url)
        assert side.teams.calls.count("POST /teams/v3/conversations") == 1

    async def test_a_foreign_person_is_not_written_to(self, side: TeamsSide) -> None:
        stranger = Person(name="far", oid=JOHN.oid, tenant=FOREIGN_TENANT)
        with pytest.raises(PlatformRefused):
            await side.platform.direct_place(identity(stranger))
        assert side.teams.calls == []

    @pytest.mark.requirement("9")
    @pytest.mark.parametrize("service", ["https://evil.example/", "http://127.0.0.1:1/", SERVICE_URL, "x"])
    async def test_nothing_leaves_for_a_host_off_the_list(self, side: TeamsSide, service: str) -> None:
        room = side.teams.personal(JOHN)
        somewhere = Place(
            platform=identity(JOHN).platform,
            tenant=TENANT,
            conversation=room.id,
            kind=PlaceKind.DIRECT,
            service=service,
        )
        reply = Reply(audience=Audience.PLACE, card=card())
        with pytest.raises(PlatformRefused, match="not on the list"):
            await side.platform.post(somewhere, identity(JOHN), reply, dedupe_key="k")
        assert side.teams.calls == []  # not even a token was fetched for it

    @pytest.mark.parametrize(
        ("status", "headers", "seconds", "unknown"),
        [
            (429, {"retry-after": "7"}, 7.0, False),
            (429, {"retry-after": "999999"}, 300.0, False),
            (412, {}, 1.0, False),
            (500, {}, 1.0, True),
            (502, {}, 1.0, True),
            (503, {"retry-after": "soon"}, 1.0, True),
            (504, {}, 1.0, True),
        ],
    )
    async def test_what_passes_is_tried_once_and_said_so(
        self, side: TeamsSide, status: int, headers: dict[str, str], seconds: float, unknown: bool
    ) -> None:
        room = side.teams.personal(JOHN)
        side.teams.failures = [(status, {}, headers)]
        with pytest.raises(PlatformUnavailable) as failed:
            await posted(side, room, card())
        assert (failed.value.retry_after_seconds, failed.value.outcome_unknown) == (seconds, unknown)
        assert [call for call in side.teams.calls if "/activities" in call] == [
            f"POST /teams/v3/conversations/{room.id.replace(':', '%3A')}/activities"
        ]

    @pytest.mark.parametrize("status", [302, 400, 403, 404, 413])
    async def test_a_refusal_is_final(self, side: TeamsSide, status: int) -> None:
        side.teams.failures = [(status, {"error": {"code": "Some"}}, {"location": "https://evil.example/"})]
        with pytest.raises(PlatformRefused, match=f"{status} Some"):
            await posted(side, side.teams.personal(JOHN), card())

    async def test_a_token_taken_back_is_replaced_once(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        await posted(side, room, card())
        side.teams.revoke_tokens()
        await posted(side, room, card())
        assert len(side.teams.posted(room)) == 2
        assert len([call for call in side.teams.calls if call.endswith("/token")]) == 2

    async def test_one_token_serves_until_it_ends(self, side: TeamsSide, clock: FixedClock) -> None:
        room = side.teams.personal(JOHN)
        for minutes in (0, 30, 24, 2):  # an hour's token is replaced five minutes early
            clock.advance(minutes=minutes)
            await posted(side, room, card())
        assert len([call for call in side.teams.calls if call.endswith("/token")]) == 2

    async def test_a_wrong_secret_is_a_refusal_that_does_not_show_it(self, clock: FixedClock) -> None:
        async with teams_side(clock, app_password=Secret("not-the-secret")) as side:
            with pytest.raises(PlatformRefused) as refused:
                await posted(side, side.teams.personal(JOHN), card())
        assert "not-the-secret" not in str(refused.value)

    async def test_a_teams_that_is_away_is_a_failure_that_passes(self, clock: FixedClock) -> None:
        async with teams_side(clock) as side:
            settings, room = config(side.teams), place(side, side.teams.personal(JOHN))
        platform = TeamsPlatform(settings, clock=clock)
        with pytest.raises(PlatformUnavailable):
            await platform.post(room, identity(JOHN), Reply(audience=Audience.PLACE, card=card()), dedupe_key="k")
        await platform.close()

    async def test_dialogs_open_only_in_an_answer(self, side: TeamsSide) -> None:
        assert await side.platform.open_dialog("", DIALOG) is None
        with pytest.raises(PlatformRefused):
            await side.platform.update_dialog("", DIALOG)
