"""My accounts, my data, and removing an account of one's own with a code."""

from datetime import timedelta

from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.ports.ingress import DialogClosed
from tests.fakes.world import World

SECOND = ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account="johns-phone")


async def linked_twice(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    link = Link(channel=SECOND, identity=here.identity("john"), provider="test", linked_at=here.clock.now())
    await here.database.write(lambda tx: tx.links.insert(link))


async def accounts(here: World) -> list[str]:
    links = await here.database.read(lambda tx: tx.links.of_identity(here.identity("john")))
    return [link.channel.account for link in links]


async def test_my_accounts_shows_each_with_a_button(here: World) -> None:
    await linked_twice(here)
    shown = await here.command("john", "accounts")
    assert "2 chat accounts speak for you" in shown
    assert "Remove johns-phone" in shown


async def test_an_account_goes_with_a_code_and_not_without(here: World) -> None:
    await linked_twice(here)
    await here.command("john", "accounts")
    await here.press("john", here.last("john"), "Remove johns-phone")
    await here.press("john", here.last("john", "Remove a chat account"), "Enter a code")
    assert await accounts(here) == ["john", "johns-phone"]
    assert any(SECOND.key in fact.value for fact in here.chat.dialogs["view"].signed)
    assert await here.submit_code("john", here.code("john")) == DialogClosed()
    assert await accounts(here) == ["john"]
    removed = await here.audit(type_prefix="link.removed")
    assert [(item.event.resource, item.event.code) for item in removed] == [(SECOND.key, "link.own")]


async def test_nobody_elses_account_can_be_named(here: World) -> None:
    await linked_twice(here)
    await here.sign_in("mia")
    await here.command("john", f"accounts remove {here.channel('mia').key}")
    await here.press("john", here.last("john", "Remove a chat account"), "Enter a code")
    await here.submit_code("john", here.code("john"))
    assert await here.database.read(lambda tx: tx.links.find(here.channel("mia"))) is not None
    assert await here.audit(type_prefix="link.removed") == []


async def test_my_data_counts_and_says_who_looked(here: World) -> None:
    await linked_twice(here)
    await here.sign_in("mia")
    here.clock.advance(timedelta(minutes=1))
    await here.say("mia", "balance of john")
    await here.say("john", "balance")
    shown = await here.command("john", "my data")
    assert "Chat accounts: 2" in shown
    assert shown.count("had yours opened") == 1
    assert "Mia" in shown
    assert "Your leave balance" in shown
