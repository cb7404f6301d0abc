"""Pay: payslips and benefits. Their values are confidential: they leave only as a `Sheet` for our page."""

from __future__ import annotations

import re

from pydantic import field_validator

from bot.capabilities.leave import OfPerson, of_person, read_at
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Systems
from bot.domain.action import ResourceRef
from bot.domain.answer import Draft, Result, Sheet
from bot.domain.cards import Card, Status
from bot.domain.identity import Employee, Principal
from bot.ports.hr import Benefits, Payslip
from bot.texts.formats import money, month

NET = "NET"
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class OnePayslip(OfPerson):
    """A payslip by month; empty is the latest."""

    month: str = ""

    @field_validator("month")
    @classmethod
    def _is_month(cls, value: str) -> str:
        if value and not MONTH.fullmatch(value):
            raise ValueError("not a month of the form YYYY-MM")
        return value


def _of_payslip(arguments: Arguments, principal: Principal) -> ResourceRef:
    assert isinstance(arguments, OnePayslip)
    owner = of_person(arguments, principal)
    return ResourceRef(type="Payslip", id=f"{arguments.month or 'latest'}:{owner.id}")


def own_payslip(employee: Employee) -> ResourceRef:
    """One's own latest."""
    return ResourceRef(type="Payslip", id=f"latest:{employee}")


async def view_payslip(systems: Systems, acting: Acting) -> Result:
    """Open one payslip, on our page only."""
    payslip = await systems.hr.get_payslip(
        acting.grant, acting.call, payslip=acting.facts.ref.id, employee=acting.facts.owner or ""
    )
    return _opened(acting, _payslip_sheet(acting, payslip))


def _opened(acting: Acting, sheet: Sheet) -> Result:
    """Chat is told that something was opened, and nothing of it."""
    name = acting.grant.action.capability
    card = Card(
        headline=acting.voice.say(f"hr.{name}.opened"), status=Status.ALLOWED, quiet=acting.voice.say("common.closes")
    )
    return Result(draft=Draft(card=card), sheet=sheet)


def _payslip_sheet(acting: Acting, payslip: Payslip) -> Sheet:
    """The HR system may list the net pay among the lines; here it is the total."""
    language = acting.voice.language
    rows = tuple(
        (line.label, money(line.amount, payslip.currency, language)) for line in payslip.lines if line.code != NET
    )
    return Sheet(
        title=acting.voice.say(
            "hr.view_payslip.sheet", name=payslip.employee_name, month=month(payslip.period_start, language)
        ),
        rows=rows,
        total=(acting.voice.say("hr.view_payslip.net"), money(payslip.net, payslip.currency, language)),
        quiet=f"{payslip.number} · {read_at(acting)}",
    )


async def view_benefits(systems: Systems, acting: Acting) -> Result:
    """Open one's benefits, on our page only."""
    benefits = await systems.hr.get_benefits(acting.grant, acting.call, employee=acting.facts.ref.id)
    return _opened(acting, _benefits_sheet(acting, benefits))


def _benefits_sheet(acting: Acting, benefits: Benefits) -> Sheet:
    language = acting.voice.language
    rows = tuple(
        (
            f"{item.name}: {item.choice}",
            acting.voice.say(
                "hr.view_benefits.line",
                employer=money(item.employer_monthly, item.currency, language),
                employee=money(item.employee_monthly, item.currency, language),
            ),
        )
        for item in benefits.benefits
    )
    title = acting.voice.say("hr.view_benefits.sheet", name=benefits.employee_name)
    return Sheet(title=title, rows=rows, quiet=read_at(acting))


PAY: tuple[Capability, ...] = (
    Capability(
        name="view_payslip",
        action="ViewPayslip",
        group=Group.HR,
        resource_type="Payslip",
        arguments=OnePayslip,
        effect=Effect.READ,
        target=_of_payslip,
        perform=view_payslip,
        command="payslip",
    ),
    Capability(
        name="view_benefits",
        action="ViewBenefits",
        group=Group.HR,
        resource_type="Employee",
        arguments=OfPerson,
        effect=Effect.READ,
        target=of_person,
        perform=view_benefits,
        command="benefits",
    ),
)
