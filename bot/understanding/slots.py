"""Fills a capability's arguments from a sentence, and knows what to ask where one is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from bot.understanding import entities
from bot.understanding.customers import customer
from bot.understanding.dates import Days, DaysProblem, days_in

Arguments = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What somebody typed, and when and where."""

    text: str
    today: date
    locale: str
    vocabulary: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Arguments found, and the question to ask where they cannot be right as they stand."""

    arguments: Arguments = field(default_factory=dict)
    ask: str = ""
    """A text key that takes the place of the usual question for `missing`."""
    missing: str = ""


ASKS: Mapping[str, str] = {
    "start": "ask.leave_dates",
    "end": "ask.leave_dates",
    "portion": "ask.leave_portion",
    "leave": "ask.leave",
    "person": "ask.person",
    "substitute": "ask.substitute",
    "role": "ask.role",
    "customer": "ask.customer",
    "ticket": "ask.ticket",
    "status": "ask.ticket_status",
    "action": "ask.action",
    "text": "ask.text",
}
"""The question for each argument that can be missing."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "request_leave": ("start", "end"),
    "view_leave": ("leave",),
    "name_substitute": ("substitute", "start", "end"),
    "withdraw_leave": ("leave",),
    "approve_leave": ("leave",),
    "refuse_leave": ("leave",),
    "change_leave": ("leave", "start", "end"),
    "ask_about_leave": ("leave", "text"),
    "answer_about_leave": ("leave", "text"),
    "find_customer": ("customer",),
    "list_tickets": ("customer",),
    "list_opportunities": ("customer",),
    "view_ticket": ("ticket",),
    "update_ticket": ("ticket", "status"),
    "grant_role": ("person", "role"),
    "revoke_role": ("person", "role"),
    "revoke_sessions": ("person",),
    "lock_person": ("person",),
    "unlock_person": ("person",),
    "explain_policy": ("person", "action"),
}
"""What is asked for even where a model has a default, in the order of asking."""


def fill(capability: str, sentence: Sentence) -> Filled:
    """The arguments a sentence gives for a capability."""
    filler = _FILLERS.get(capability)
    return Filled() if filler is None else filler(sentence)


def _given(**arguments: str) -> Filled:
    return Filled(arguments={name: value for name, value in arguments.items() if value})


def _own_or_named(sentence: Sentence) -> str:
    own = re.search(r"\b(?:my|mine|i|i'm|i'd|me|ich|mein\w*|mir|mich)\b", sentence.text, re.IGNORECASE)
    return entities.person(sentence.text, sentence.vocabulary, guess=not own)


def _of_person(sentence: Sentence) -> Filled:
    return _given(person=_own_or_named(sentence))


def _payslip(sentence: Sentence) -> Filled:
    return _given(person=_own_or_named(sentence), month=entities.month(sentence.text, sentence.today))


def _request_leave(sentence: Sentence) -> Filled:
    kind, portion = entities.leave_type(sentence.text), entities.portion(sentence.text)
    arguments: Arguments = {"leave_type": kind}
    if portion in {"morning", "afternoon"}:
        arguments["portion"] = portion
    found = days_in(sentence.text, today=sentence.today, locale=sentence.locale)
    if not portion:
        days = {"start": found.start.isoformat(), "end": found.end.isoformat()} if isinstance(found, Days) else {}
        return Filled(arguments=arguments | days, missing="portion")
    if found is DaysProblem.NONE and kind == "sick":
        found = Days(start=sentence.today, end=sentence.today)
    if isinstance(found, DaysProblem):
        return Filled(arguments=arguments, ask=_DAYS_ASK[found], missing="start")
    arguments |= {"start": found.start.isoformat(), "end": found.end.isoformat()}
    if portion != "full" and found.start != found.end:
        return Filled(arguments={"leave_type": kind}, ask="ask.leave_half_days", missing="start")
    return Filled(arguments=arguments)


_DAYS_ASK = {
    DaysProblem.NONE: "ask.leave_dates",
    DaysProblem.UNCLEAR: "ask.leave_dates_unclear",
    DaysProblem.BACKWARDS: "ask.leave_dates_backwards",
}


def _absences(sentence: Sentence) -> Filled:
    found = days_in(sentence.text, today=sentence.today, locale=sentence.locale)
    return (
        Filled() if isinstance(found, DaysProblem) else _given(start=found.start.isoformat(), end=found.end.isoformat())
    )


def _leave(sentence: Sentence) -> Filled:
    note = re.search(r"\b(?:with note|mit notiz|note:|notiz:)\s*(.{1,300})$", sentence.text, re.IGNORECASE)
    return _given(leave=entities.leave(sentence.text), note=note[1].strip() if note else "")


def _withdrawn(sentence: Sentence) -> Filled:
    return _given(leave=entities.leave(sentence.text))


def _customer(sentence: Sentence) -> Filled:
    return _given(customer=customer(sentence.text, sentence.vocabulary))


def _ticket(sentence: Sentence) -> Filled:
    return _given(ticket=entities.ticket(sentence.text))


def _update_ticket(sentence: Sentence) -> Filled:
    return _given(ticket=entities.ticket(sentence.text), status=entities.status(sentence.text))


def _roles(sentence: Sentence) -> Filled:
    return _given(person=entities.person(sentence.text, sentence.vocabulary, guess=True))


def _grant_role(sentence: Sentence) -> Filled:
    scope = entities.scope(sentence.text)
    text = re.sub(rf"\b{re.escape(scope)}\b", " ", sentence.text) if scope.strip("*") else sentence.text
    return _given(
        person=entities.person(text, sentence.vocabulary, guess=True), role=entities.role(sentence.text), scope=scope
    )


def _revoke_role(sentence: Sentence) -> Filled:
    return _given(
        person=entities.person(sentence.text, sentence.vocabulary, guess=True), role=entities.role(sentence.text)
    )


def _person(sentence: Sentence) -> Filled:
    return _given(person=entities.person(sentence.text, sentence.vocabulary, guess=True))


def _lock_person(sentence: Sentence) -> Filled:
    reason = entities.reason(sentence.text)
    text = sentence.text.removesuffix(reason) if reason else sentence.text
    return _given(person=entities.person(text, sentence.vocabulary, guess=True), reason=reason)


def _search_audit(sentence: Sentence) -> Filled:
    filters = re.findall(r"\b[a-z]+:\S+", sentence.text)
    who = entities.person(sentence.text, sentence.vocabulary, guess=True)
    return _given(query=" ".join(filters) or (f"principal:{who}" if who else ""))


def _explain_policy(sentence: Sentence) -> Filled:
    named = re.search(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", sentence.text)
    spoken = (name for word, name in _ACTIONS if re.search(word, sentence.text, re.IGNORECASE))
    action = named[0] if named else next(spoken, "")
    text = sentence.text.replace(action, " ") if action else sentence.text
    # The first name is who would act: "why can't john see mia's payslip".
    named_first = next(iter(entities.unknown_words(text, sentence.vocabulary)), "")
    return _given(person=named_first, action=action)


_ACTIONS = (
    (r"\bapprov|\bgenehmig", "ApproveLeave"),
    (r"\brefuse\b|\breject|\bablehnen\b", "RefuseLeave"),
    (r"\bpayslip|\bsalar|\bgehalt|\blohn", "ViewPayslip"),
    (r"\bbenefit|\bzusatzleist", "ViewBenefits"),
    (r"\bbalance\b|\bresturlaub", "ViewLeaveBalance"),
    (r"\bopportunit|\bverkaufschance", "ListOpportunities"),
    (r"\btickets?\b", "ListTickets"),
    (r"\bcustomer|\bkunde", "ViewCustomer"),
    (r"\baudit", "SearchAudit"),
    (r"\bunlock|\bentsperr", "UnlockPerson"),
    (r"\block|\bsperr", "LockPerson"),
    (r"\bgrant\b.*\brole|\brollen? (?:ver|er)", "GrantRole"),
    (r"\babsence|\babwesen", "ListAbsences"),
)

_ALL_DEVICES = re.compile(
    r"\beverywhere\b|\büberall\b|\ball (?:my |of my )?(?:devices|sessions)\b|\bevery device\b"
    r"|\balle[nr]? (?:meine[nr]? )?(?:geräte|sitzung)\w*"
    r"|\bjedem gerät\b|\ball of my sessions\b",
    re.IGNORECASE,
)

_FILLERS: Mapping[str, Callable[[Sentence], Filled]] = {
    "leave_balance": _of_person,
    "my_leaves": _of_person,
    "view_benefits": _of_person,
    "view_payslip": _payslip,
    "request_leave": _request_leave,
    "team_absences": _absences,
    "approve_leave": _leave,
    "refuse_leave": _leave,
    "withdraw_leave": _withdrawn,
    "find_customer": _customer,
    "list_tickets": _customer,
    "list_opportunities": _customer,
    "view_ticket": _ticket,
    "update_ticket": _update_ticket,
    "list_roles": _roles,
    "grant_role": _grant_role,
    "revoke_role": _revoke_role,
    "revoke_sessions": _person,
    "lock_person": _lock_person,
    "unlock_person": _person,
    "search_audit": _search_audit,
    "explain_policy": _explain_policy,
    "sign_out": lambda sentence: Filled(arguments={"everywhere": True} if _ALL_DEVICES.search(sentence.text) else {}),
}
