"""Changes that wait for another administrator: the list, and cancelling one. Saying yes is the command itself."""

from __future__ import annotations

from bot.capabilities.agreeing import agree, scribe_of
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local
from bot.domain.action import ResourceRef
from bot.domain.answer import Draft, Result
from bot.domain.cards import Card, Fact, Status
from bot.domain.change import Wanted
from bot.domain.identity import Principal
from bot.ports.connectors import NotFound
from bot.services import changes
from bot.services.change_cards import cancel_button, line
from bot.services.people import exact_name, identity_from_key
from bot.services.sessions import end_tenant
from bot.services.unlinking import unlink

BUTTONS = 5


class OneChange(Arguments):
    """A change that waits."""

    change: str


class OneLink(Arguments):
    """Somebody's chat account, as `links list` names it."""

    person: str
    account: str


class OneTenant(Arguments):
    """A workspace, an organisation or a tenant, as `sessions list` names it."""

    tenant: str


def _system(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="System", id="doorward")


def _of_person(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="Person", id=str(getattr(arguments, "person", "")))


def list_changes(local: Local, acting: Acting) -> Result:
    """What waits, with a button to cancel each."""
    found = local.tx.changes.open(acting.now)
    facts = tuple(
        Fact(label=one.id, value=line(local.tx, one, acting.voice, acting.principal.timezone)) for one in found[:20]
    )
    say = acting.voice.say
    single = changes.is_single(local.tx, acting.now)
    card = Card(
        headline=say("admin.list_changes.headline", count=len(found)),
        body=say("changes.single") if single else "",
        facts=facts,
    )
    return Result(draft=Draft(card=card, buttons=tuple(cancel_button(one, acting.voice) for one in found[:BUTTONS])))


def cancel_change(local: Local, acting: Acting) -> Result:
    """Cancel one that waits. Raises `NotFound`."""
    change = changes.cancel(local.tx, acting.argument("change").casefold(), scribe_of(acting))
    if change is None:
        raise NotFound
    headline = acting.voice.say("admin.cancel_change.done", id=change.id)
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


def revoke_tenant(local: Local, acting: Acting) -> Result:
    """End every chat session of a workspace or tenant, and what is pending of whoever has none left."""
    wanted = Wanted(capability="revoke_tenant", target=acting.argument("tenant"), arguments={})
    changes.agree(local.tx, wanted, acting.principal.identity, scribe_of(acting))
    ended = end_tenant(local.tx, acting.argument("tenant"))
    headline = acting.voice.say("admin.revoke_tenant.done", count=ended, tenant=acting.argument("tenant"))
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


def revoke_link(local: Local, acting: Acting) -> Result:
    """Take somebody's chat account from them; they may link it anew. Raises `NotFound` where it is not theirs."""
    person = local.tx.persons.find(identity_from_key(acting.facts.ref.id))
    links = [] if person is None else local.tx.links.of_identity(person.identity)
    link = next((one for one in links if one.channel.key == acting.argument("account")), None)
    if person is None or link is None:
        raise NotFound
    name = exact_name(local.tx, person)
    agree(local, acting, person.identity, name, "revoke_link", account=link.channel.key)
    unlink(local.tx, link, scribe_of(acting), code="link.revoked")
    headline = acting.voice.say("admin.revoke_link.done", name=name)
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


CHANGING: tuple[Capability, ...] = (
    Capability(
        name="list_changes",
        action="ListChanges",
        group=Group.ADMIN,
        resource_type="System",
        arguments=Arguments,
        effect=Effect.READ,
        target=_system,
        local=list_changes,
        command="changes",
    ),
    Capability(
        name="cancel_change",
        action="CancelChange",
        group=Group.ADMIN,
        resource_type="System",
        arguments=OneChange,
        canonical=("change",),
        effect=Effect.WRITE,
        target=_system,
        local=cancel_change,
        command="changes cancel",
    ),
    Capability(
        name="revoke_tenant",
        action="RevokeTenant",
        group=Group.ADMIN,
        resource_type="System",
        arguments=OneTenant,
        canonical=("tenant",),
        effect=Effect.WRITE,
        target=_system,
        local=revoke_tenant,
        command="sessions revoke-tenant",
    ),
    Capability(
        name="revoke_link",
        action="RevokeLink",
        group=Group.ADMIN,
        resource_type="Person",
        arguments=OneLink,
        canonical=("account",),
        effect=Effect.WRITE,
        target=_of_person,
        local=revoke_link,
        command="links revoke",
    ),
)
