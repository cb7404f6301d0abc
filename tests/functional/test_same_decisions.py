"""What becomes of a request has the same decision, rules and reason on Slack, on Teams and in the playground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes.clock import FixedClock
from tests.functional.sides import Side
from tests.functional.test_same_everywhere import Act, Day, the_same_on_each, types

WHY = "two others are away that week"


async def everybody_signs_in(side: Side) -> None:
    for name in ("john", "mia", "sarah", "raj"):
        await side.here.sign_in(name)
    for name in ("john", "mia", "sarah"):
        await side.here.enrol(name)


def asks(text: str) -> Act:
    async def act(side: Side) -> None:
        await side.type("john", text)
        await side.press("john", "Send request")

    return act


def writes(name: str, label: str, **fields: str) -> Act:
    async def act(side: Side) -> None:
        await side.press(name, label)
        await side.fill(name, **fields)

    return act


def presses(name: str, *labels: str) -> Act:
    async def act(side: Side) -> None:
        for label in labels:
            await side.press(name, label)

    return act


async def signs(side: Side, name: str) -> None:
    await side.give(name, side.here.code(name))
    side.here.clock.advance(seconds=30)


def signed(name: str, label: str) -> Act:
    async def act(side: Side) -> None:
        await side.press(name, label)
        await signs(side, name)

    return act


async def the_days_are_changed(side: Side) -> None:
    await side.press("john", "Change the days")
    await side.fill("john", start="2026-12-28", end="2026-12-29")
    await side.press("john", "Change it")


async def taken_back(side: Side) -> None:
    await side.press("mia", "Take it back")
    await side.fill("mia", note=WHY)
    await signs(side, "mia")


async def from_the_list(side: Side) -> None:
    await side.type("mia", "waiting")
    await side.press("mia", "Approve")
    await signs(side, "mia")


async def two_are_asked_for(side: Side) -> None:
    for day in ("7", "9"):
        await asks(f"I'd like to take {day} December off")(side)


async def both_are_ticked(side: Side) -> None:
    await side.type("mia", "waiting")
    await side.press("mia", "Approve several")
    await side.fill("mia", ticked="0,1")


async def with_one_code(side: Side) -> None:
    await signs(side, "mia")


def breaks_glass(name: str) -> Act:
    async def act(side: Side) -> None:
        [asked] = await side.here.database.read(lambda tx: list(tx.approvals.open(limit=2)))
        leave = asked.about.removeprefix("Leave::")
        await side.type(name, f"break-glass leaves approve {leave} {WHY}")

    return act


async def somebody_stands_in(side: Side) -> None:
    await side.type("mia", "substitute sarah 2026-12-21 2026-12-23")
    await side.press("mia", "Enter a code")
    await signs(side, "mia")


async def a_payslip_with_a_code(side: Side) -> None:
    await side.type("john", "my payslip")
    await side.here.prove_on_page("john", side.page("john"))


TICKED, SEVERAL = "both are ticked", "both are approved with one code"
"""Two at the same time, so in any order."""
IN: dict[str, tuple[Act, Sequence[str]]] = {"everybody signs in": (everybody_signs_in, [])}
BEGUN: Day = {
    **IN,
    "asked for": (
        asks("I'd like to take 21 to 23 December off"),
        [
            "allow hr.leave.preview",
            "allow previewed",
            "confirm hr.leave.request",
            "allow hr.leave.request origin.classifier",
            "allow done",
        ],
    ),
}
TALK: Day = {
    **BEGUN,
    "more is asked for": (
        writes("mia", "Ask for more", text="Who covers?"),
        ["allow hr.leave.view-report", "allow done", "allow hr.leave.view-report", "allow done"],
    ),
    "it is answered": (
        writes("john", "Answer", text="Sue does."),
        ["allow hr.leave.view-own", "allow done", "allow hr.leave.view-own", "allow done"],
    ),
    "the days are changed": (
        the_days_are_changed,
        [
            "allow hr.leave.view-own",
            "allow done",
            "allow hr.leave.view-own",
            "allow previewed",
            "confirm hr.leave.change",
            "allow hr.leave.change origin.press",
            "allow done",
        ],
    ),
    "withdrawn": (
        presses("john", "Withdraw", "Withdraw it"),
        [
            "allow hr.leave.view-own",
            "allow previewed",
            "confirm hr.leave.withdraw",
            "allow hr.leave.withdraw origin.press",
            "allow done",
        ],
    ),
}
UNDONE: Day = {
    **BEGUN,
    "approved": (
        signed("mia", "Approve"),
        [
            "allow hr.leave.view-report",
            "allow previewed",
            "step_up hr.leave.decide-report",
            "allow totp",
            "allow hr.leave.decide-report approval.settles",
            "allow hr.leave.decide-report origin.press",
            "allow done",
        ],
    ),
    "taken back": (
        taken_back,
        [
            "allow hr.leave.view-report",
            "allow done",
            "allow hr.leave.view-report",
            "allow previewed",
            "step_up hr.leave.revoke-report",
            "allow totp",
            "allow hr.leave.revoke-report origin.press",
            "allow done",
        ],
    ),
    "approved from the list": (
        from_the_list,
        [
            "allow hr.waiting.manager",
            "allow done",
            "allow hr.leave.view-report",
            "allow previewed",
            "step_up hr.leave.decide-report",
            "allow totp",
            "allow hr.leave.decide-report approval.settles",
            "allow hr.leave.decide-report origin.press",
            "allow done",
        ],
    ),
    "cancelled": (
        presses("john", "Cancel leave", "Cancel the leave"),
        [
            "allow hr.leave.view-own",
            "allow previewed",
            "confirm hr.leave.cancel",
            "allow hr.leave.cancel origin.press",
            "allow done",
        ],
    ),
}
REFUSED: Day = {
    **BEGUN,
    "break-glass by a manager": (breaks_glass("mia"), ["deny deny.not_your_role"]),
    "break-glass without a passkey": (breaks_glass("raj"), ["deny deny.second_factor_unavailable"]),
    "refused": (
        signed("mia", "Refuse"),
        [
            "allow hr.leave.view-report",
            "allow previewed",
            "step_up hr.leave.decide-report",
            "allow totp",
            "allow hr.leave.decide-report origin.press",
            "allow done",
        ],
    ),
    "somebody stands in": (
        somebody_stands_in,
        [
            "step_up hr.substitute.name-own",
            "step_up hr.substitute.name-own",
            "allow totp",
            "allow hr.substitute.name-own origin.rule",
            "allow done",
        ],
    ),
    "a payslip with a code": (
        a_payslip_with_a_code,
        ["step_up hr.payslip.own", "allow hr.payslip.own origin.rule", "allow done"],
    ),
}
LIST: Day = {
    **IN,
    "two are asked for": (
        two_are_asked_for,
        [
            "allow hr.leave.preview",
            "allow previewed",
            "confirm hr.leave.request",
            "allow hr.leave.request origin.classifier",
            "allow done",
            "allow hr.leave.preview",
            "allow previewed",
            "confirm hr.leave.request",
            "allow hr.leave.request origin.classifier",
            "allow done",
        ],
    ),
    TICKED: (
        both_are_ticked,
        [
            "allow hr.waiting.manager",
            "allow done",
            "allow hr.waiting.manager",
            "allow done",
            "allow hr.leave.view-report",
            "allow hr.leave.view-report",
            "allow previewed",
            "allow previewed",
            "step_up",
        ],
    ),
    SEVERAL: (
        with_one_code,
        [
            "allow totp",
            "allow totp",
            "allow hr.leave.decide-report approval.settles",
            "allow hr.leave.decide-report origin.press",
            "allow hr.leave.decide-report approval.settles",
            "allow hr.leave.decide-report origin.press",
            "allow done",
            "allow done",
            "allow batch.done",
        ],
    ),
}
COMMANDS: Day = IN | {
    f"{name}: {text}": (types(name, text), written)
    for name, text, written in [
        ("john", "whoami", ["allow account.own", "allow done"]),
        ("john", "sessions", ["allow account.own", "allow done"]),
        ("john", "factors", ["allow account.own", "allow done"]),
        ("john", "my data", ["allow account.own", "allow done"]),
        ("john", "help", ["help"]),
        ("john", "waiting", ["deny deny.not_your_role"]),
        ("mia", "waiting", ["allow hr.waiting.manager", "allow done"]),
        ("john", "health", ["deny deny.not_your_role"]),
        ("raj", "health", ["allow admin.read", "allow done"]),
        ("john", "config show", ["deny deny.not_your_role"]),
        ("raj", "config show", ["allow admin.read", "allow done"]),
        ("john", "lock mia", ["deny deny.not_your_role"]),
        ("raj", "lock john", ["deny deny.second_factor_unavailable"]),
        ("raj", "roles list", ["allow admin.read", "allow done"]),
        ("raj", "roles grant john auditor", ["deny deny.second_factor_unavailable"]),
        ("raj", "audit search", ["allow admin.read", "allow done"]),
        ("john", "waht can you do", ["help"]),
        ("john", "policy explain", ["ask.person"]),
    ]
}
DAYS = {"talk": TALK, "undone": UNDONE, "refused": REFUSED, "list": LIST, "commands": COMMANDS}


@pytest.mark.requirement("57")
@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
async def test_what_becomes_of_a_request(day: Day, tmp_path: Path, clock: FixedClock) -> None:
    await the_same_on_each(day, tmp_path, clock, in_any_order={TICKED, SEVERAL})
