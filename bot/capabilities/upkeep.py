"""Looking after the installation by command: health, settings, the policies' cases, and the audit log as a file."""

from __future__ import annotations

from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, Systems
from bot.domain.action import ResourceRef
from bot.domain.answer import Draft, Result, Sheet
from bot.domain.cards import Card, Fact, Status
from bot.domain.identity import Principal

MOST = 20
"""So many lines fit on a card of every platform."""
AUDIT_FILE = "audit"
"""The file an export offers, by the name our pages know it under."""


class SomeSettings(Arguments):
    """Settings whose name contains this; all that are set, where it is empty."""

    query: str = ""


def _system(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="System", id="doorward")


async def view_health(systems: Systems, acting: Acting) -> Result:
    """Every part, asked now."""
    say = acting.voice.say
    parts = await systems.upkeep.health(acting.grant, acting.call)
    away = [part.name for part in parts if not part.answers]
    facts = tuple(
        Fact(label=part.name, value=say("admin.view_health.answers" if part.answers else "admin.view_health.away"))
        for part in parts
    )
    key = "admin.view_health.trouble" if away else "admin.view_health.well"
    status = Status.BROKEN if away else Status.ALLOWED
    return Result(draft=Draft(card=Card(headline=say(key, count=len(away)), facts=facts, status=status)))


async def show_config(systems: Systems, acting: Acting) -> Result:
    """What is set and differs from the default; a secret shows only that it is there."""
    say, wanted = acting.voice.say, acting.argument("query").upper()
    found = [one for one in await systems.upkeep.settings(acting.grant, acting.call) if wanted in one.name]
    facts = tuple(Fact(label=one.name, value=one.value or "–") for one in found[:MOST])
    more = len(found) - len(facts)
    quiet = say("admin.show_config.more", count=more) if more else ""
    card = Card(
        headline=say("admin.show_config.headline", count=len(found)),
        body=say("admin.show_config.body"),
        facts=facts,
        quiet=quiet,
    )
    return Result(draft=Draft(card=card))


async def test_policy(systems: Systems, acting: Acting) -> Result:
    """The policies in force against their cases."""
    say = acting.voice.say
    told = await systems.upkeep.test_policy(acting.grant, acting.call)
    wrong = (*told.failures, *told.undecided)
    facts = (
        *(Fact(label=say("admin.test_policy.failed"), value=name) for name in told.failures[:MOST]),
        *(Fact(label=say("admin.test_policy.undecided"), value=name) for name in told.undecided[: MOST // 2]),
    )
    key = "admin.test_policy.wrong" if wrong else "admin.test_policy.right"
    card = Card(
        headline=say(key, count=len(wrong), cases=told.cases),
        facts=facts[:MOST],
        status=Status.BROKEN if wrong else Status.ALLOWED,
    )
    return Result(draft=Draft(card=card))


def export_audit(local: Local, acting: Acting) -> Result:
    """The whole log as a file, offered once on our page."""
    say = acting.voice.say
    last = next(iter(local.tx.audit.search(limit=1)), None)
    rows = (
        (say("admin.export_audit.records"), str(last.seq if last else 0)),
        (say("admin.export_audit.head"), last.hash[:16] if last else "–"),
    )
    sheet = Sheet(
        title=say("admin.export_audit.sheet"), rows=rows, quiet=say("admin.export_audit.how"), file=AUDIT_FILE
    )
    return Result(draft=Draft(card=Card(headline=say("admin.export_audit.opened"), status=Status.ALLOWED)), sheet=sheet)


UPKEEP: tuple[Capability, ...] = (
    Capability(
        name="export_audit",
        action="ExportAudit",
        group=Group.ADMIN,
        resource_type="System",
        arguments=Arguments,
        effect=Effect.READ,
        target=_system,
        local=export_audit,
        command="audit export",
    ),
    Capability(
        name="test_policy",
        action="TestPolicy",
        group=Group.ADMIN,
        resource_type="System",
        arguments=Arguments,
        effect=Effect.READ,
        target=_system,
        perform=test_policy,
        command="policy test",
    ),
    Capability(
        name="show_config",
        action="ShowConfig",
        group=Group.ADMIN,
        resource_type="System",
        arguments=SomeSettings,
        canonical=("query",),
        effect=Effect.READ,
        target=_system,
        perform=show_config,
        command="config show",
    ),
    Capability(
        name="view_health",
        action="ViewHealth",
        group=Group.ADMIN,
        resource_type="System",
        arguments=Arguments,
        effect=Effect.READ,
        target=_system,
        perform=view_health,
        command="health",
    ),
)
