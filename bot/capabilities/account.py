"""One's own account: help, who am I, sessions, signing out."""

from __future__ import annotations

from bot.capabilities.agreeing import scribe_of
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, on_self
from bot.domain.answer import Button, Draft, Result
from bot.domain.audit import EventType
from bot.domain.cards import Card, Fact, Status
from bot.domain.intent import Intent, Origin
from bot.services.sessions import end_everything
from bot.services.token_revocation import retire
from bot.texts.formats import moment


class SignOut(Arguments):
    """Here, or everywhere."""

    everywhere: bool = False


def whoami(local: Local, acting: Acting) -> Result:
    """Who Doorward takes the person for, and why."""
    principal, say = acting.principal, acting.voice.say
    roles = ", ".join(say(f"roles.{role}") for role in sorted(principal.roles))
    links = local.tx.links.of_identity(principal.identity)
    facts = (
        Fact(label=say("account.company_account"), value=principal.username),
        Fact(label=say("account.provider"), value=str(principal.identity.issuer)),
        Fact(label=say("account.roles"), value=roles),
        Fact(label=say("account.department"), value=f"{principal.department} · {principal.region.upper()}"),
        Fact(label=say("account.chat_accounts"), value=", ".join(link.channel.account for link in links)),
    )
    headline = say("account.whoami.headline", name=principal.display_name)
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, status=Status.ALLOWED)))


def my_sessions(local: Local, acting: Acting) -> Result:
    """One's own sessions, with a button to end them."""
    sessions = local.tx.sessions.of_identity(acting.principal.identity)
    say, zone, language = acting.voice.say, acting.principal.timezone, acting.voice.language
    facts = tuple(
        Fact(
            label=say(f"platforms.{session.channel.platform}"),
            value=say("account.session_line", since=moment(session.opened_at, zone, language)),
        )
        for session in sessions
    )
    intent = Intent(capability="sign_out", arguments={"everywhere": True}, origin=Origin.PRESS)
    buttons = (Button(label=say("account.end_sessions", count=len(sessions)), intent=intent),)
    headline = say("account.my_sessions.headline", count=len(sessions))
    return Result(draft=Draft(card=Card(headline=headline, facts=facts), buttons=buttons))


def sign_out(local: Local, acting: Acting) -> Result:
    """End the session here, or everything everywhere."""
    identity = acting.principal.identity
    if acting.grant.action.arguments.get("everywhere"):
        ended = end_everything(local.tx, identity)
        # As on one's own page: what says so is what a sign-in that is under way elsewhere is refused for.
        scribe = scribe_of(acting)
        local.tx.audit.append(scribe.event(EventType.SESSION_ENDED, resource=identity.key, code="session.own_all"))
        headline = acting.voice.say("account.sign_out.everywhere", count=ended.sessions)
    else:
        for session in local.tx.sessions.of_identity(identity):
            if session.channel.key == acting.channel.key:
                local.tx.sessions.end(session.channel)
        if not local.tx.sessions.of_identity(identity):
            retire(local.tx, identity)
        local.tx.proposals.void_all(identity)
        local.tx.proofs.void_all(identity)
        headline = acting.voice.say("account.sign_out.here")
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


ACCOUNT: tuple[Capability, ...] = (
    Capability(
        name="whoami",
        action="WhoAmI",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=whoami,
        command="whoami",
    ),
    Capability(
        name="my_sessions",
        action="ListOwnSessions",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=my_sessions,
        command="sessions",
    ),
    Capability(
        name="sign_out",
        action="SignOut",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=SignOut,
        canonical=("everywhere",),
        effect=Effect.WRITE,
        target=on_self("Employee"),
        local=sign_out,
        command="sign-out",
    ),
)
