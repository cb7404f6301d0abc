"""A stolen Slack session: what its holder sees and does before, while and after the victim proves themselves.

The attacker reads everything that goes to Slack and everything we answer, presses every button, and types every command
as the victim. They have no second factor and no browser session of the victim's company account.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.capabilities.catalogue import CATALOGUE
from bot.capabilities.performing import read_sheet
from bot.domain.answer import Sheet
from tests.architecture.chat_session import without_proof
from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.functional.test_slack_end_to_end import PEOPLE, Doorward, doorward
from tests.security.core.attack import wrong_code

VICTIM = "mia"
ROLES = frozenset({"employee", "line_manager"})
TRIES = {
    "whoami": "whoami",
    "my_sessions": "sessions",
    "my_accounts": "accounts",
    "remove_link": "accounts remove slack:T1:U1JOHN",
    "my_data": "my data",
    "my_notices": "notices",
    "set_notices": "notices set 8-18",
    "my_factors": "factors",
    "leave_balance": "balance",
    "request_leave": "leave 2026-12-28 2026-12-30",
    "my_leaves": "leaves",
    "team_absences": "away 2026-12-01 2026-12-31",
    "view_leave": "leaves show {of_report}",
    "withdraw_leave": "withdraw {of_victim}",
    "waiting": "waiting",
    "approve_leave": "approve {of_report}",
    "refuse_leave": "refuse {of_report}",
    "substitutes": "substitutes",
    "name_substitute": "substitute john 2026-12-28 2026-12-30",
    "end_substitute": "substitutes end",
    "view_payslip": "payslip",
    "view_benefits": "benefits",
    "find_customer": "customer C-1001",
    "list_tickets": "tickets C-1001",
    "view_ticket": "ticket 4711",
    "update_ticket": "ticket status 4711 closed",
    "list_opportunities": "opportunities C-1001",
    "list_roles": "roles list",
    "grant_role": "roles grant mia administrator",
    "revoke_role": "roles revoke john employee",
    "list_sessions": "sessions list",
    "revoke_sessions": "sessions revoke john",
    "end_company_sessions": "sessions end-company john",
    "lock_person": "lock john",
    "unlock_person": "unlock john",
    "give_enrolment_code": "enrolment code john",
    "search_audit": "audit",
    "explain_policy": "policy explain john ViewPayslip",
    "sign_out": "sign-out",
}
"""One way to ask for each thing there is, where its bare command does not."""
NOT_HERE = {"CancelLeave", "SendFeedback", "AskAboutLeave", "AnswerAboutLeave", "ChangeLeave"}
"""Given without a proof too, and not reached by these words: one wants an approved request, three a message."""
COMMANDS = {entry.name: entry.command for entry in CATALOGUE}


@dataclass
class Thief:
    """Speaks as the victim, from the victim's own chat account."""

    door: Doorward
    answers: list[str] = field(default_factory=list)
    """What our endpoint answered them."""
    pressed: set[str] = field(default_factory=set)

    @property
    def captured(self) -> str:
        """Everything they have seen: every call to Slack, every message, dialog and home page there, every answer."""
        slack = self.door.slack
        there = [
            slack.calls,
            [vars(message) for message in slack.messages],
            [vars(view) for view in slack.views.values()],
        ]
        return json.dumps([there, slack.homes, self.answers], default=str)

    async def say(self, text: str) -> None:
        slack = self.door.slack
        # Nobody has said so much in a minute.
        self.door.here.clock.advance(timedelta(seconds=5))
        self.answers.append((await self.door.send(slack.typed(PEOPLE[VICTIM], f"/doorward {text}"))).text)

    async def press_everything(self) -> None:
        """Every button in sight, and a guess into every dialog that opens."""
        for message, button in [(one, found) for one in self.door.seen(VICTIM) for found in one.buttons()]:
            label = button["text"]["text"]
            # An earlier press may have edited the card; and whoever signs out is out.
            if (
                "Sign out" in label
                or "url" in button
                or button["value"] in self.pressed
                or button not in message.buttons()
            ):
                continue
            self.pressed.add(button["value"])
            self.answers.append((await self.door.send(self.door.slack.press(PEOPLE[VICTIM], message, label))).text)
            await self.guess()

    async def guess(self) -> None:
        for view in [view for view in self.door.slack.views.values() if view.open]:
            view.open = False
            if any(block.get("block_id") == "code.code" for block in view.content["blocks"]):
                view.open = True
                submitted = self.door.slack.submission(view, code=wrong_code(self.door.here, VICTIM))
                self.answers.append((await self.door.send(submitted)).text)
                view.open = False

    async def everything(self, names: Collection[str], **ids: str) -> None:
        for name in names:
            text = TRIES.get(name, COMMANDS[name])
            if name != "sign_out":
                # The thief can end sessions; their owner comes back.
                await self.door.here.sign_in(VICTIM)
                await self.say(text.format(**ids))
                await self.press_everything()


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *PEOPLE.values())
        async with doorward(slack, tmp_path, clock) as running:
            yield running


@pytest.mark.requirement("92", "47", "53")
async def test_a_stolen_chat_session_gets_what_the_policy_gives_without_a_proof_and_nothing_confidential(
    door: Doorward,
) -> None:
    thief = Thief(door)
    await door.here.sign_in("john")
    await door.here.sign_in(VICTIM)
    await door.here.enrol(VICTIM)
    ids = {"of_report": await asked(door, "john", "21 to 23"), "of_victim": await asked(door, VICTIM, "14 to 15")}

    await thief.everything(COMMANDS, **ids)
    await door.here.sign_in(VICTIM)
    sheets = []
    for text, name in (("my payslip", "view_payslip"), ("my benefits", "view_benefits")):
        sheets.append(await opened(door, text))
        # In the very session, while the victim's proof is good for a reading.
        await thief.say(TRIES[name])
        await thief.press_everything()
    low = without_proof(ROLES)
    await thief.everything([entry.name for entry in CATALOGUE if entry.action not in low], **ids)
    door.here.clock.advance(timedelta(minutes=11))
    await door.here.sign_in(VICTIM)
    for name in ("view_payslip", "view_benefits", "sign_out"):
        await thief.say(TRIES[name])
    await door.press(VICTIM, "Sign out everywhere")

    captured = thief.captured
    figures = {value for sheet in sheets for value in figures_of(sheet)}
    assert len(figures) > 5
    assert not {figure for figure in figures if figure in captured}
    assert not [path for path in ("/view/", door.here.code(VICTIM), door.here.seeds[VICTIM]) if path in captured]

    done = await effects(door)
    # The victim opened each once; whoever holds the chat opened none.
    assert (done.pop("ViewPayslip"), done.pop("ViewBenefits")) == (1, 1)
    assert set(done) - {"PreviewLeave"} <= low, "nothing beyond the list"
    assert low - set(done) <= NOT_HERE, "and the list says nothing that cannot be done"


async def asked(door: Doorward, name: str, days: str) -> str:
    """A request for leave; its number."""
    await door.type(name, f"I'd like to take {days} December off")
    await door.press(name, "Send request")
    found = await door.here.backend._database.read(
        lambda connection: connection.execute("SELECT number FROM leave ORDER BY number DESC LIMIT 1").fetchone()
    )
    return f"L-{found[0]}"


async def opened(door: Doorward, text: str) -> Sheet:
    """The victim asks, and proves themselves on our page: what that shows."""
    door.here.clock.advance(timedelta(minutes=1))
    await door.type(VICTIM, text)
    [url] = [button["url"] for button in door.last(VICTIM).buttons() if "/consent/" in button.get("url", "")]
    answer = await door.here.prove_on_page(VICTIM, url)
    assert answer.continue_path is not None
    handle = answer.continue_path.rpartition("/")[2]
    found = await door.here.database.read(lambda tx: tx.interactions.find(handle, now=door.here.clock.now()))
    assert found is not None
    return read_sheet(found)


def figures_of(sheet: Sheet) -> set[str]:
    """The amounts on a sheet that nothing else has."""
    values = [value for _, value in (*sheet.rows, *((sheet.total,) if sheet.total else ()))]
    figures = {"".join(c for c in value if c.isdigit() or c in ".,") for value in values}
    return {figure for figure in figures if len(figure) >= 5}


async def effects(door: Doorward) -> dict[str, int]:
    """How often each thing was done for the victim."""
    counted: dict[str, int] = {}
    who = door.here.identity(VICTIM)
    records = await door.here.database.read(
        lambda tx: list(tx.audit.search(type_prefix="effect.finished", principal=who.key, limit=1000))
    )
    for event in (record.event for record in records):
        if event.decision == "allow":
            counted[event.action] = counted.get(event.action, 0) + 1
    return counted
