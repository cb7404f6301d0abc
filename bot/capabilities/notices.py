"""When one is called: how one's own notices come, and choosing that; and one's own second factors."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

from pydantic import field_validator, model_validator

from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, on_self
from bot.domain.answer import Button, Draft, Result
from bot.domain.cards import Card, Fact, Status
from bot.domain.intent import ArgumentValue, Intent, Origin
from bot.domain.notice import ALWAYS, WorkingHours
from bot.services import step_up
from bot.texts.formats import of_day


class SetNotices(Arguments):
    """Hours, or how they come; what is left out stays."""

    start: str = ""
    end: str = ""
    how: str = ""
    """`digest` or `singly`."""

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, value: str) -> str:
        return time.fromisoformat(value).isoformat(timespec="minutes") if value else ""

    @field_validator("how")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in {"", "digest", "singly"}:
            raise ValueError("digest or singly")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> SetNotices:
        if bool(self.start) != bool(self.end) or (self.start and self.end <= self.start):
            raise ValueError("from and to, in this order")
        return self


def my_notices(local: Local, acting: Acting) -> Result:
    """When one is called now, with buttons to choose."""
    return _shown(acting, local.tx.notices.hours(acting.principal.identity) or local.ours.hours)


def set_notices(local: Local, acting: Acting) -> Result:
    """Choose."""
    hours = local.tx.notices.hours(acting.principal.identity) or local.ours.hours
    if acting.argument("start"):
        start, end = time.fromisoformat(acting.argument("start")), time.fromisoformat(acting.argument("end"))
        hours = replace(hours, start=start, end=end)
    if acting.argument("how"):
        hours = replace(hours, digest=acting.argument("how") == "digest")
    local.tx.notices.choose(acting.principal.identity, hours)
    return _shown(acting, hours, status=Status.ALLOWED)


def _shown(acting: Acting, hours: WorkingHours, *, status: Status = Status.PLAIN) -> Result:
    say, language = acting.voice.say, acting.voice.language
    span = say("notices.span", start=of_day(hours.start, language), end=of_day(hours.end, language))
    facts = (
        Fact(
            label=say("notices.when"), value=say("notices.always") if replace(hours, digest=False) == ALWAYS else span
        ),
        Fact(label=say("notices.zone"), value=acting.principal.timezone),
        Fact(label=say("notices.come"), value=say("notices.digest_on" if hours.digest else "notices.digest_off")),
    )
    other = "singly" if hours.digest else "digest"
    buttons = (
        _press(say("notices.choose_singly" if hours.digest else "notices.choose_digest"), {"how": other}),
        *(_press(_span(acting, *span), {"start": span[0], "end": span[1]}) for span in OFFERED),
    )
    card = Card(headline=say("notices.headline"), body=say("notices.body"), facts=facts, status=status)
    return Result(draft=Draft(card=card, buttons=buttons))


OFFERED = (("08:00", "16:00"), ("09:00", "17:00"), ("10:00", "18:00"))


def _span(acting: Acting, start: str, end: str) -> str:
    language = acting.voice.language
    return acting.voice.say(
        "notices.span",
        start=of_day(time.fromisoformat(start), language),
        end=of_day(time.fromisoformat(end), language),
    )


def _press(label: str, arguments: dict[str, ArgumentValue]) -> Button:
    return Button(label=label, intent=Intent(capability="set_notices", arguments=arguments, origin=Origin.PRESS))


def own_page(local: Local, label: str, path: str) -> tuple[Button, ...]:
    """A link to a page of the person's own, where there are pages."""
    return (Button(label=label, url=f"{local.ours.public_url}{path}"),) if local.ours.public_url else ()


def my_factors(local: Local, acting: Acting) -> Result:
    """The second factors that are set up; they are changed on a page of ours, never in chat."""
    say = acting.voice.say
    own = step_up.usable(local.tx, acting.principal.identity, acting.now)
    names = list(dict.fromkeys(say(f"factors.methods.{factor.method}") for factor in own))
    headline = say("account.my_factors.some", names=", ".join(names)) if names else say("account.my_factors.none")
    card = Card(headline=headline, body=say("account.my_factors.body"))
    return Result(draft=Draft(card=card, buttons=own_page(local, say("account.my_factors.page"), "/enrol")))


NOTICES: tuple[Capability, ...] = (
    Capability(
        name="my_notices",
        action="ViewOwnNotices",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=my_notices,
        command="notices",
    ),
    Capability(
        name="set_notices",
        action="ChangeOwnNotices",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=SetNotices,
        canonical=("start", "end", "how"),
        effect=Effect.WRITE,
        target=on_self("Employee"),
        local=set_notices,
        command="notices set",
    ),
    Capability(
        name="my_factors",
        action="ViewOwnFactors",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("Employee"),
        local=my_factors,
        command="factors",
    ),
)
