"""Where one's own salary goes: the new account is typed and signed on our page, and chat never has the number.

Two steps. `bank_change` opens the page on which the number is typed; `change_bank_account` is what comes of it, with a
proof that no look-alike page can relay. The HR system keeps it, the pay office and the company mailbox are told.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from bot.capabilities.leave import read_at
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Systems, on_self
from bot.domain.answer import Blank, Draft, Form, Result
from bot.domain.cards import Card, Fact, Status
from bot.domain.iban import LONGEST, grouped, masked, normal
from bot.domain.proposal import Shown
from bot.texts.formats import moment
from bot.texts.sentences import voice

NUMBER = "iban"
"""The argument that is typed on our page."""


class NewAccount(Arguments):
    """The account that one's salary goes to from now on."""

    iban: str = Field(max_length=LONGEST)

    @field_validator(NUMBER)
    @classmethod
    def _is_number(cls, value: str) -> str:
        return normal(value)


async def open_page(systems: Systems, acting: Acting) -> Result:  # noqa: ARG001 - one shape for all
    """The card with the way to our page; nothing of the account is on it."""
    say = acting.voice.say
    card = Card(headline=say("hr.bank_change.headline"), body=say("hr.bank_change.body"), status=Status.NEEDS_PROOF)
    form = Form(capability="change_bank_account", blanks=(Blank(argument=NUMBER),), arguments=(), on_page=True)
    return Result(draft=Draft(card=card), form=form)


async def preview(systems: Systems, acting: Acting) -> Shown:
    """The account so far, masked; the new one as it was typed; and who will be told."""
    held = await systems.hr.get_bank_account(acting.grant, acting.call, employee=acting.facts.ref.id)
    say = acting.voice.say
    return Shown(
        headline=say("hr.change_bank_account.headline"),
        facts=(
            Fact(label=say("hr.change_bank_account.whose"), value=held.employee_name),
            Fact(label=say("hr.change_bank_account.was"), value=masked(held.iban)),
            Fact(label=say("hr.change_bank_account.becomes"), value=grouped(acting.argument(NUMBER))),
            Fact(label=say("hr.change_bank_account.told"), value=say("hr.change_bank_account.who")),
        ),
    )


async def change(systems: Systems, acting: Acting) -> Result:
    """Change it; chat, the pay office and the mailbox hear that it was changed, and no number."""
    held = await systems.hr.change_bank_account(
        acting.grant, acting.call, employee=acting.facts.ref.id, iban=acting.argument(NUMBER)
    )
    say = acting.voice.say
    card = Card(
        headline=say("hr.change_bank_account.opened", account=masked(held.iban)),
        body=say("hr.change_bank_account.next"),
        status=Status.ALLOWED,
        quiet=read_at(acting),
    )
    at = moment(acting.now, acting.principal.timezone, acting.voice.language)
    return Result(
        draft=Draft(card=card),
        office=_for_the_office(held.employee_name, held.employee),
        mailbox=(say("hr.change_bank_account.subject"), say("hr.change_bank_account.letter", at=at)),
    )


def _for_the_office(name: str, employee: str) -> Card:
    say = voice(None).say
    return Card(
        headline=say("hr.change_bank_account.office", name=name, employee=employee),
        body=say("hr.change_bank_account.office_next"),
        status=Status.PLAIN,
    )


BANK_ACCOUNT: tuple[Capability, ...] = (
    Capability(
        name="bank_change",
        action="EnterBankAccount",
        group=Group.HR,
        resource_type="BankAccount",
        arguments=Arguments,
        effect=Effect.READ,
        target=on_self("BankAccount"),
        perform=open_page,
        command="bank change",
    ),
    Capability(
        name="change_bank_account",
        action="ChangeBankAccount",
        group=Group.HR,
        resource_type="BankAccount",
        arguments=NewAccount,
        canonical=(NUMBER,),
        effect=Effect.WRITE,
        target=on_self("BankAccount"),
        perform=change,
        preview=preview,
        preview_action="PreviewBankAccount",
    ),
)
