"""The commands, as typed after `/doorward` or bare in a direct message."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain import audit_query
from bot.understanding import entities
from bot.understanding.slots import Arguments, Filled, Sentence, fill

_PREFIX = re.compile(r"\s*(?:/doorward\b|/(?=[a-z])|doorward\s+(?=\S))\s*", re.IGNORECASE)
_PERSON = r"@?[^\W\d_][\w.+-]*(?:@[\w.-]+){0,2}"
"""A user name, which may be an address, and behind another `@` the provider where two have people called so."""
_ANYTHING = r"\S.*"
"""Words of the person's own, which are shown before anything is done with them."""
NEAR, VERY_NEAR = 0.72, 0.8
"""How much alike (`difflib`) a word typed and a command have to be."""
SENT_ON = 300
"""So much of a sentence goes to the owner."""
_SOMEBODY = rf"(?:{_PERSON}|https?://[^\s#]+#\S+)"
"""By user name, or by issuer and subject: somebody who never signed in has no name here."""
_ID = r"#?[\w-]*\d[\w-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """The words of a command, and what may stand behind them."""

    words: str
    capability: str
    bare: str
    """What may follow in a direct message without a slash, where a sentence may begin with the same words."""
    read: Callable[[str, Sentence], Filled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A command that was recognised, with its arguments."""

    capability: str
    filled: Filled


def _nothing(_rest: str, _sentence: Sentence) -> Filled:
    return Filled()


def _one(name: str) -> Callable[[str, Sentence], Filled]:
    def read(rest: str, _sentence: Sentence) -> Filled:
        value = rest.removeprefix("@").removeprefix("#").strip('"“”')
        return Filled(arguments={name: value} if value else {})

    return read


def _whole(name: str) -> Callable[[str, Sentence], Filled]:
    def read(rest: str, _sentence: Sentence) -> Filled:
        return Filled(arguments=_filled({name: rest[:SENT_ON]}))

    return read


def _first_and_rest(first: str, rest_name: str) -> Callable[[str, Sentence], Filled]:
    def read(rest: str, _sentence: Sentence) -> Filled:
        head, _, tail = rest.partition(" ")
        return Filled(arguments=_filled({first: head.lstrip("@#"), rest_name: tail.strip()}))

    return read


def _filled(arguments: Mapping[str, str]) -> Arguments:
    return {name: value for name, value in arguments.items() if value}


def _review(rest: str, _sentence: Sentence) -> Filled:
    """`0a1b2c3d fine seen with the manager`."""
    use, finding, reason = (*rest.split(maxsplit=2), "", "", "")[:3]
    return Filled(arguments=_filled({"use": use, "finding": finding.casefold(), "reason": reason}))


def _grant(rest: str, _sentence: Sentence) -> Filled:
    person, _, tail = rest.partition(" ")
    role = entities.role(tail)
    scope = "*" if "*" in tail.split() else tail.split()[-1] if role and len(tail.split()) > 1 else ""
    return Filled(
        arguments=_filled({"person": person.lstrip("@"), "role": role, "scope": "" if entities.role(scope) else scope})
    )


def _revoke(rest: str, _sentence: Sentence) -> Filled:
    person, _, tail = rest.partition(" ")
    return Filled(arguments=_filled({"person": person.lstrip("@"), "role": entities.role(tail)}))


def _ticket_status(rest: str, _sentence: Sentence) -> Filled:
    number, _, tail = rest.partition(" ")
    exact = tail.strip().upper().replace(" ", "_").replace("-", "_")
    known = exact if exact in {"OPEN", "IN_PROGRESS", "ON_HOLD", "CLOSED"} else entities.status(tail)
    return Filled(arguments=_filled({"ticket": number.lstrip("#"), "status": known}))


def _explain(rest: str, _sentence: Sentence) -> Filled:
    words = [*rest.split(maxsplit=2), "", "", ""]
    return Filled(arguments=_filled({"person": words[0].lstrip("@"), "action": words[1], "resource": words[2]}))


def _payslip(rest: str, sentence: Sentence) -> Filled:
    month = entities.month(rest, sentence.today)
    if month or not rest:
        return Filled(arguments=_filled({"month": month}))
    return Filled(arguments={"person": rest.split(maxsplit=1)[0].lstrip("@")})


def _audit(rest: str, _sentence: Sentence) -> Filled:
    query = " ".join(rest.split())
    if audit_query.unknown(query):
        return Filled(arguments={"query": query}, ask="understanding.audit_filter", missing="")
    wrong = audit_query.unreadable(query)
    return Filled(arguments={"query": query}, ask="understanding.audit_moment" if wrong else "", missing="")


def _as_sentence(capability: str) -> Callable[[str, Sentence], Filled]:
    def read(_rest: str, sentence: Sentence) -> Filled:
        return fill(capability, sentence)

    return read


def _notices(rest: str, _sentence: Sentence) -> Filled:
    """`9-17`, `09:00-17:30`, `digest`, `singly`."""
    found = re.fullmatch(_HOURS, rest.casefold())
    if found is None:
        return Filled(arguments=_filled({"how": rest.casefold().replace("at once", "singly")}))
    start, end = (f"{int(hour):02d}:{minute or '00'}" for hour, minute in (found.group(1, 2), found.group(3, 4)))
    return Filled(arguments={"start": start, "end": end})


def _everywhere(rest: str, _sentence: Sentence) -> Filled:
    return Filled(arguments={"everywhere": True} if rest else {})


_DATES = r"\d{4}-\d{2}-\d{2}(?:\s+(?:to\s+|bis\s+|-\s+)?\d{4}-\d{2}-\d{2})?"
_FOR = rf"(?:for|für)\s+{_PERSON}"


def _substitute(rest: str, _sentence: Sentence) -> Filled:
    """`sue 2026-12-21 2026-12-23`, and of HR besides `for mia`."""
    dates = re.findall(r"\d{4}-\d{2}-\d{2}", rest)
    whose = re.search(rf"\b{_FOR}\s*$", rest, re.IGNORECASE)
    named = rest.split(maxsplit=1)[0].lstrip("@") if rest else ""
    arguments = {
        "substitute": "" if named in dates else named,
        "start": dates[0] if dates else "",
        "end": dates[-1] if dates else "",
        "person": whose[0].split()[-1].lstrip("@") if whose else "",
    }
    return Filled(arguments=_filled(arguments))


def _changed(rest: str, _sentence: Sentence) -> Filled:
    """`L-12 2026-12-28 2026-12-30`."""
    dates = re.findall(r"\d{4}-\d{2}-\d{2}", rest)
    leave = rest.split(maxsplit=1)[0].lstrip("#") if rest else ""
    arguments = {"leave": "" if leave in dates else leave, "start": dates[0] if dates else ""}
    return Filled(arguments=_filled(arguments | {"end": dates[-1] if dates else ""}))


_HOURS = r"(\d{1,2})(?::(\d{2}))?\s*(?:-|–|to|bis)\s*(\d{1,2})(?::(\d{2}))?"
_NOTICES = r"\d(?:.*)|digest|singly|at once"
_ISO = r"\d{4}-\d{2}-\d{2}(?:\s+(?:to\s+|bis\s+|-\s+)?\d{4}-\d{2}-\d{2})?(?:\s+\w+)?"
_MONTH = r"[^\W\d_]+(?:\s+\d{4})?|\d{4}-\d{2}"

COMMANDS: tuple[Command, ...] = tuple(
    Command(words=words, capability=capability, bare=bare, read=read)
    for words, capability, bare, read in (
        ("help", "help", "", _nothing),
        ("start", "start", "", _nothing),
        ("home", "start", "", _nothing),
        ("whoami", "whoami", "", _nothing),
        ("sign-in", "sign_in", "", _nothing),
        ("sign-out", "sign_out", "(?:everywhere)?", _everywhere),
        ("sessions list", "list_sessions", "", _nothing),
        ("sessions revoke-tenant", "revoke_tenant", r"[\w/-]+", _one("tenant")),
        (
            "break-glass leaves approve",
            "break_glass",
            rf"{_ID}\s+.{{10,}}",
            _first_and_rest("leave", "reason"),
        ),
        ("reviews", "list_break_glass", "", _nothing),
        ("review", "review_break_glass", r"[0-9a-fA-F]{8}\s+(?:fine|wrong)\s+.{3,}", _review),
        ("changes cancel", "cancel_change", r"[0-9a-fA-F]{8}", _one("change")),
        ("changes", "list_changes", "", _nothing),
        ("sessions revoke", "revoke_sessions", _SOMEBODY, _one("person")),
        ("sessions end-company", "end_company_sessions", _SOMEBODY, _one("person")),
        ("sessions", "my_sessions", "", _nothing),
        ("accounts remove", "remove_link", r"\w+:\S+", _one("account")),
        ("accounts", "my_accounts", "", _nothing),
        ("my data", "my_data", "", _nothing),
        ("notices set", "set_notices", _NOTICES, _notices),
        ("notices", "my_notices", "", _nothing),
        ("factors", "my_factors", "", _nothing),
        ("feedback", "did_not_help", _ANYTHING, _whole("sentence")),
        ("roles list", "list_roles", rf"(?:{_SOMEBODY})?", _one("person")),
        ("roles grant", "grant_role", rf"{_SOMEBODY}\s+\S+(?:\s+\S+)?", _grant),
        ("roles revoke", "revoke_role", rf"{_SOMEBODY}\s+\S+", _revoke),
        ("roles", "list_roles", "", _one("person")),
        ("links revoke", "revoke_link", rf"{_PERSON}\s+\w+:\S+", _first_and_rest("person", "account")),
        ("lock", "lock_person", _SOMEBODY, _first_and_rest("person", "reason")),
        ("unlock", "unlock_person", _SOMEBODY, _one("person")),
        ("enrolment code", "give_enrolment_code", _SOMEBODY, _one("person")),
        ("audit search", "search_audit", ".*", _audit),
        ("audit export", "export_audit", "", _nothing),
        ("audit", "search_audit", "", _audit),
        ("policy test", "test_policy", "", _nothing),
        ("config show", "show_config", r"[\w]*", _one("query")),
        ("config", "show_config", "", _nothing),
        ("health", "view_health", "", _nothing),
        ("policy explain", "explain_policy", rf"{_PERSON}\s+[A-Z]\w+(?:\s+\S+)?", _explain),
        ("balance", "leave_balance", rf"(?:{_PERSON})?", _one("person")),
        ("leaves show", "view_leave", _ID, _one("leave")),
        ("substitutes end", "end_substitute", rf"(?:{_PERSON})?", _one("person")),
        ("substitutes", "substitutes", rf"(?:{_PERSON})?", _one("person")),
        ("substitute", "name_substitute", rf"{_PERSON}\s+{_DATES}(?:\s+{_FOR})?", _substitute),
        ("leaves withdraw", "withdraw_leave", _ID, _one("leave")),
        ("leaves cancel", "cancel_leave", rf"{_ID}(?:\s+.+)?", _first_and_rest("leave", "note")),
        ("leaves change", "change_leave", rf"{_ID}\s+{_DATES}", _changed),
        ("leaves ask", "ask_about_leave", rf"{_ID}\s+.+", _first_and_rest("leave", "text")),
        ("leaves answer", "answer_about_leave", rf"{_ID}\s+.+", _first_and_rest("leave", "text")),
        ("leaves reopen", "revoke_decision", rf"{_ID}\s+.{{3,}}", _first_and_rest("leave", "note")),
        ("leaves", "my_leaves", rf"(?:{_PERSON})?", _one("person")),
        ("leave", "request_leave", _ISO, _as_sentence("request_leave")),
        ("withdraw", "withdraw_leave", _ID, _one("leave")),
        ("waiting", "waiting", "", _nothing),
        ("approve", "approve_leave", _ID, _first_and_rest("leave", "note")),
        ("refuse", "refuse_leave", _ID, _first_and_rest("leave", "note")),
        ("away", "team_absences", rf"(?:{_ISO})?", _as_sentence("team_absences")),
        ("my payslip", "view_payslip", rf"(?:{_MONTH})?", _payslip),
        ("payslip", "view_payslip", rf"(?:{_MONTH})?", _payslip),
        ("bank change", "bank_change", "", _nothing),
        ("bank", "bank_change", "", _nothing),
        ("benefits", "view_benefits", "", _one("person")),
        ("customer", "find_customer", r"[\w-]+", _one("customer")),
        ("tickets", "list_tickets", r"[\w-]+", _one("customer")),
        ("ticket status", "update_ticket", rf"{_ID}\s+\S+(?:\s+\S+)?", _ticket_status),
        ("ticket", "view_ticket", _ID, _one("ticket")),
        ("opportunities", "list_opportunities", r"[\w-]+", _one("customer")),
    )
)
_SPELLINGS = {
    spelling: words
    for words, spellings in {
        "sign-in": ("signin", "sign in", "login", "log in"),
        "sign-out": ("signout", "sign out", "logout", "log out"),
        "whoami": ("who am i",),
        "sessions list": ("session list",),
        "sessions revoke": ("session revoke",),
        "sessions end-company": ("session end-company", "end company sessions"),
        "roles list": ("role list",),
        "roles grant": ("role grant",),
        "roles revoke": ("role revoke",),
        "policy explain": ("explain policy",),
        "policy test": ("test policy",),
        "config show": ("show config",),
        "audit export": ("export audit",),
        "waiting": ("what waits?", "what waits"),
    }.items()
    for spelling in spellings
}
_BY_WORDS = {command.words: command for command in COMMANDS}
_HEADS = {**_BY_WORDS, **{spelling: _BY_WORDS[words] for spelling, words in _SPELLINGS.items()}}


def without_prefix(text: str) -> tuple[str, bool]:
    """The text without `/doorward` or a leading slash, and whether there was one."""
    match = _PREFIX.match(text)
    return (text[match.end() :].strip(), "/" in match.group()) if match else (text.strip(), False)


def called(line: str, sentence: Sentence, *, is_command: bool) -> Called | None:
    """The command a line calls; without a slash only where nothing else can be meant."""
    words = line.split()
    for size in (3, 2, 1):
        command = _HEADS.get(" ".join(words[:size]).casefold()) if len(words) >= size else None
        if command is None:
            continue
        rest = " ".join(words[size:])
        if is_command or _unmistakable(command, rest):
            return Called(capability=command.capability, filled=command.read(rest, sentence))
    return None


def _unmistakable(command: Command, rest: str) -> bool:
    if re.fullmatch(command.bare, rest) is None:
        return False
    return (
        not rest or command.bare.startswith((r"\d", _ID, _ANYTHING)) or entities.may_be_name(rest.split(maxsplit=1)[0])
    )


def nearest(line: str, sentence: Sentence, *, is_command: bool) -> tuple[tuple[str, Called], ...]:
    """Commands spelled nearly like this, likeliest first, with what follows read as theirs.

    Without a slash it may be a sentence: only what is spelled very nearly so, and followed by what the command takes.
    """
    words = line.split()
    found: dict[str, Called] = {}
    for size in (2, 1)[len(words) < 2 :]:
        typed, rest = " ".join(words[:size]).casefold(), " ".join(words[size:])
        heads = [head for head in _HEADS if len(head.split()) == size]
        for head in difflib.get_close_matches(typed[:40], heads, n=3, cutoff=NEAR if is_command else VERY_NEAR):
            command = _HEADS[head]
            if is_command or _unmistakable(command, rest):
                found.setdefault(
                    command.words, Called(capability=command.capability, filled=command.read(rest, sentence))
                )
    return tuple(found.items())[:3]
