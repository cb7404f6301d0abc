"""A pilot: who is named is in, administrators always are, everybody else gets one polite sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import ChannelIdentity, Link, Platform, Role, RoleGrant
from bot.domain.messages import EventKind
from bot.domain.outbound import OutboxItem
from bot.domain.rollout import Rollout, RolloutMode
from bot.domain.start import StartState
from bot.errors import Misconfigured
from bot.ports.database import Transaction
from bot.services import announcing
from bot.settings.tree import load
from tests.fakes.chat import direct
from tests.fakes.clock import FixedClock
from tests.fakes.directory import ISSUER
from tests.fakes.world import HR_CHANNEL, world

NOT_YET = "Doorward isn't open for you yet."
OFF = Rollout(mode=RolloutMode.OFF)


def pilot(**named: set[str]) -> Rollout:
    return Rollout(mode=RolloutMode.PILOT, **{name: frozenset(values) for name, values in named.items()})


@pytest.mark.parametrize(
    ("rollout", "inside", "outside"),
    [
        (Rollout(), {"john", "mia", "raj"}, set()),
        (OFF, {"raj"}, {"john", "mia"}),
        (pilot(people={f"{ISSUER}#john"}), {"john", "raj"}, {"mia"}),
        (pilot(people={"playground:demo:mia"}), {"mia", "raj"}, {"john"}),
        (pilot(groups={"role:line_manager"}), {"mia", "raj"}, {"john"}),
        (pilot(groups={"department:sales"}), {"john", "mia", "raj"}, {"sue"}),
    ],
)
async def test_who_is_in(
    tmp_path: Path, clock: FixedClock, rollout: Rollout, inside: set[str], outside: set[str]
) -> None:
    async with world(tmp_path, clock, rollout=rollout) as here:
        for name in inside | outside:
            await here.sign_in(name)
        for name in inside:
            assert NOT_YET not in await here.say(name, "whoami"), name
        for name in outside:
            assert await here.say(name, "whoami") == here.last(name).text
            assert NOT_YET in here.last(name).text


@pytest.mark.parametrize("named", ["group:crew", "group@test:crew"])
async def test_a_group_of_the_provider_is_in_while_the_provider_says_so(
    tmp_path: Path, clock: FixedClock, named: str
) -> None:
    async with world(tmp_path, clock, rollout=pilot(groups={named})) as here:
        here.directory.groups = {"john": frozenset({"crew", "secret society"}), "mia": frozenset({"crews"})}
        for name in ("john", "mia", "raj"):
            await here.sign_in(name)
        assert ["14 days" in await here.say(name, "balance") for name in ("john", "mia")] == [True, False]
        assert NOT_YET in here.last("mia").text
        assert "Everything answers" not in await here.say("john", "health")
        known = await here.database.read(lambda tx: tx.persons.find(here.identity("john")))
        assert known is not None
        assert known.groups == {"crew"}, "no other group is kept"
        assert known.roles == here.directory.claims("john").roles, "and a group gives no role"

        here.directory.groups = {"mia": frozenset({"crew"})}
        clock.advance(minutes=16)
        assert NOT_YET in await here.say("john", "balance"), "the provider was asked again"
        await here.sign_in("mia")
        assert "18 days" in await here.say("mia", "balance")


async def test_another_providers_group_of_that_name_is_not_in(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, rollout=pilot(groups={"group@other:crew"})) as here:
        here.directory.groups = {"john": frozenset({"crew"})}
        await here.sign_in("john")
        assert NOT_YET in await here.say("john", "balance")


async def test_one_sentence_once_then_only_where_an_answer_is_waited_for(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, rollout=OFF) as here:
        await here.sign_in("john")
        assert NOT_YET in await here.say("john", "my payslip")
        assert await here.say("john", "my payslip") == ""
        assert NOT_YET in await here.command("john", "my payslip")
        refused = await here.audit(decision="deny")
        assert [record.event.code for record in refused] == ["rollout.outside"] * 3
        assert not await here.audit(type_prefix="effect")


async def test_a_channel_is_in_whoever_speaks_there(tmp_path: Path, clock: FixedClock) -> None:
    channel = f"{HR_CHANNEL.platform}:{HR_CHANNEL.tenant}:{HR_CHANNEL.conversation}"
    async with world(tmp_path, clock, rollout=pilot(channels={channel})) as here:
        await here.sign_in("john")
        assert NOT_YET in await here.say("john", "whoami")
        await here.core.ingress.accept(here.message("john", EventKind.COMMAND, text="whoami", place=HR_CHANNEL))
        await here.core.ingress.drain(10)
        assert "John" in here.last("john").card.headline


async def test_an_account_nobody_knows_may_sign_in_where_only_that_can_tell(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, rollout=pilot(groups={"department:sales"})) as here:
        assert "need to know it's you" in await here.say("john", "balance")
    async with world(tmp_path / "..", clock, rollout=OFF, url=f"sqlite:///{tmp_path / 'second.db'}") as here:
        assert NOT_YET in await here.say("raj", "balance")
        assert "need to know it's you" in await here.say("raj", "sign-in"), "it may be the administrator"


async def test_an_administrator_appointed_here_is_in_when_the_session_is_over(
    tmp_path: Path, clock: FixedClock
) -> None:
    async with world(tmp_path, clock, rollout=OFF) as here:
        await here.sign_in("john")
        grant = RoleGrant(
            id="g1",
            identity=here.identity("john"),
            role=Role.ADMINISTRATOR,
            scope="*",
            granted_by="x",
            granted_at=clock.now(),
        )
        await here.database.write(lambda tx: tx.roles.insert(grant))
        clock.advance(hours=13)
        assert "session has ended" in await here.say("john", "whoami")


async def test_leaving_the_pilot_ends_what_was_pending(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock) as here:
        await here.sign_in("john")
        await here.say("john", "I'd like to take 21 to 23 December off")
        card = here.last("john")
        here.core.pipeline.arrival._rollout = OFF
        await here.press("john", card, "Send request")
        assert NOT_YET in here.last("john").text
        assert not [item for item in await here.audit(type_prefix="effect") if item.event.action == "RequestLeave"]


async def test_whoever_is_outside_still_disowns_an_account_that_was_linked_to_them(
    tmp_path: Path, clock: FixedClock
) -> None:
    thief = ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account="thief")
    async with world(tmp_path, clock) as here:
        await here.sign_in("john")
        clock.advance(seconds=30)
        link = Link(channel=thief, identity=here.identity("john"), provider="test", linked_at=clock.now())

        def linked(tx: Transaction) -> list[OutboxItem]:
            tx.links.insert(link)
            announced = announcing.cards(tx, link, here.directory.claims("john"))
            return here.core.delivery.put_all(tx, announced, "")

        await here.core.delivery.send(await here.database.write(linked))
        card = here.last("john")
        here.core.pipeline.arrival._rollout = OFF
        handle = card.button("wasn't me").handle
        await here.core.ingress.accept(here.message("sue", EventKind.PRESS, handle=handle, place=card.place))
        await here.core.ingress.drain(10)
        assert NOT_YET in here.last("sue").text, "the button is john's alone"
        assert await here.database.read(lambda tx: tx.links.find(thief))
        await here.press("john", card, "wasn't me")
        assert await here.database.read(lambda tx: tx.links.find(thief)) is None
        assert NOT_YET in await here.say("john", "whoami")


async def test_the_home_says_so_too(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, rollout=OFF) as here:
        who = here.channel("john")
        assert (await here.core.start_page.started(who, direct(who))).state is StartState.NOT_IN_PILOT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"MODE": "pilot"}, "needs __PEOPLE"),
        ({"PEOPLE": "https://id.example#john"}, "has to be pilot"),
        ({"MODE": "pilot", "GROUPS": "sales"}, "`role:`, `department:` or `group:`"),
        ({"MODE": "pilot", "GROUPS": "group@:crew"}, "`role:`, `department:` or `group:`"),
        ({"MODE": "pilot", "GROUPS": "group:"}, "`role:`, `department:` or `group:`"),
        ({"MODE": "pilot", "PEOPLE": "john"}, "issuer#subject"),
        ({"MODE": "some"}, "DOORWARD_ROLLOUT__MODE"),
    ],
)
def test_what_is_no_rollout_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured, match="DOORWARD_ROLLOUT") as refused:
        load({f"DOORWARD_ROLLOUT__{name}": value for name, value in given.items()})
    assert said in str(refused.value.detail)
