"""What Doorward keeps about oneself: one's chat accounts, with a way to remove each, and everything else by count."""

from __future__ import annotations

from bot.capabilities.agreeing import scribe_of
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, on_self
from bot.capabilities.notices import own_page
from bot.domain.answer import Button, Draft, Result
from bot.domain.cards import ActionStyle, Card, Fact, Status
from bot.domain.intent import Intent, Origin
from bot.ports.connectors import NotFound
from bot.services import own_records
from bot.services.unlinking import unlink
from bot.texts.formats import moment

BUTTONS = 5
"""More do not fit on a card (Slack and Teams both draw five well); the command takes any."""


class OneAccount(Arguments):
    """A chat account of one's own, as `my_accounts` names it."""

    account: str


def my_accounts(local: Local, acting: Acting) -> Result:
    """The chat accounts that speak for this person."""
    links = local.tx.links.of_identity(acting.principal.identity)
    say, zone, language = acting.voice.say, acting.principal.timezone, acting.voice.language
    facts = tuple(
        Fact(
            label=f"{say(f'platforms.{link.channel.platform}')}: {link.channel.account}",
            value=say("account.link_line", since=moment(link.linked_at, zone, language), account=link.channel.key),
        )
        for link in links
    )
    buttons = tuple(
        Button(
            label=say("account.remove_account", account=link.channel.account),
            intent=Intent(capability="remove_link", arguments={"account": link.channel.key}, origin=Origin.PRESS),
            style=ActionStyle.DANGER,
        )
        for link in links[:BUTTONS]
    )
    headline = say("account.my_accounts.headline", count=len(links))
    return Result(draft=Draft(card=Card(headline=headline, facts=facts), buttons=buttons))


def remove_link(local: Local, acting: Acting) -> Result:
    """Remove one of one's own chat accounts. Raises `NotFound` for anybody else's."""
    wanted = acting.argument("account")
    links = [link for link in local.tx.links.of_identity(acting.principal.identity) if link.channel.key == wanted]
    if not links:
        raise NotFound
    unlink(local.tx, links[0], scribe_of(acting), code="link.own")
    headline = acting.voice.say("account.remove_link.done", account=links[0].channel.account)
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


def my_data(local: Local, acting: Acting) -> Result:
    """What is kept about this person, for how long, and who else had something of theirs opened."""
    tx, identity, say = local.tx, acting.principal.identity, acting.voice.say
    kept = own_records.kept(tx, identity)
    facts = [Fact(label=say(f"web.own.kept.{one.kind}"), value=str(one.count)) for one in kept]
    for look in own_records.looks(tx, identity, acting.principal.employee):
        at = moment(look.at, acting.principal.timezone, acting.voice.language)
        facts.append(
            Fact(
                label=say("account.looked", who=look.who),
                value=f"{own_records.in_words(look.action, acting.voice)} · {at}",
            )
        )
    headline = say("account.my_data.headline", name=acting.principal.display_name)
    card = Card(headline=headline, body=say("account.my_data.body"), facts=tuple(facts))
    return Result(draft=Draft(card=card, buttons=own_page(local, say("account.my_data.page"), "/me")))


OWN_ACCOUNT: tuple[Capability, ...] = (
    Capability(
        name="my_accounts",
        action="ListOwnAccounts",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=my_accounts,
        command="accounts",
    ),
    Capability(
        name="remove_link",
        action="RemoveLink",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=OneAccount,
        canonical=("account",),
        effect=Effect.WRITE,
        target=on_self("Employee"),
        local=remove_link,
        command="accounts remove",
    ),
    Capability(
        name="my_data",
        action="ViewOwnData",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=my_data,
        command="my data",
    ),
)
