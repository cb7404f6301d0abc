"""One `Understanding` for all tests here, over arguments models written as the catalogue's are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from bot.domain.identity import Role
from bot.domain.intent import Intent, Question
from bot.understanding.understand import Understanding

MONDAY = date(2026, 11, 23)


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=500)


class OfPerson(Arguments):
    person: str = ""


class OnePerson(Arguments):
    person: str


class OnePayslip(OfPerson):
    month: str = ""


class RequestLeave(Arguments):
    leave_type: str = "paid"
    start: date
    end: date
    portion: Literal["full", "morning", "afternoon"] = "full"
    note: str = ""


class OneLeave(Arguments):
    leave: str
    note: str = ""


class Absences(Arguments):
    start: date | None = None
    end: date | None = None


class OneCustomer(Arguments):
    customer: str


class OneTicket(Arguments):
    ticket: str


class UpdateTicket(OneTicket):
    status: Literal["OPEN", "IN_PROGRESS", "ON_HOLD", "CLOSED"]


class RevokeRole(OnePerson):
    role: Role


class GrantRole(RevokeRole):
    scope: str = "*"


class LockPerson(OnePerson):
    reason: str = ""


class SearchAudit(Arguments):
    query: str = ""


class ExplainPolicy(OnePerson):
    action: str
    resource: str = ""


class SignOut(Arguments):
    everywhere: bool = False


MODELS: dict[str, type[BaseModel]] = {
    "whoami": Arguments,
    "sign_out": SignOut,
    "my_sessions": Arguments,
    "leave_balance": OfPerson,
    "request_leave": RequestLeave,
    "my_leaves": OfPerson,
    "withdraw_leave": OneLeave,
    "waiting": Arguments,
    "approve_leave": OneLeave,
    "refuse_leave": OneLeave,
    "team_absences": Absences,
    "view_payslip": OnePayslip,
    "view_benefits": OfPerson,
    "find_customer": OneCustomer,
    "list_tickets": OneCustomer,
    "view_ticket": OneTicket,
    "update_ticket": UpdateTicket,
    "list_opportunities": OneCustomer,
    "list_roles": OfPerson,
    "grant_role": GrantRole,
    "revoke_role": RevokeRole,
    "list_sessions": Arguments,
    "revoke_sessions": OnePerson,
    "lock_person": LockPerson,
    "unlock_person": OnePerson,
    "search_audit": SearchAudit,
    "explain_policy": ExplainPolicy,
}
WRITES = frozenset(
    {
        "sign_out",
        "request_leave",
        "withdraw_leave",
        "approve_leave",
        "refuse_leave",
        "update_ticket",
        "grant_role",
        "revoke_role",
        "revoke_sessions",
        "lock_person",
        "unlock_person",
    }
)

Understand = Callable[..., Intent | Question]


@pytest.fixture(scope="session")
def understanding() -> Understanding:
    return Understanding(arguments=MODELS, writes=WRITES, titles={name: f"title.{name}" for name in MODELS})


@pytest.fixture
def understand(understanding: Understanding) -> Understand:
    def said(text: str, *, locale: str = "en", is_command: bool = False) -> Intent | Question:
        return understanding.understand(text, today=MONDAY, locale=locale, is_command=is_command)

    return said
