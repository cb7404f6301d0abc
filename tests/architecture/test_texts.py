"""Every sentence the code can ask for is there, in every language, filled with the same; and none is left over."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from adapters import probes
from adapters.connectors.demo.calendar import holiday_code
from adapters.connectors.demo.seed_hr import LEAVE_TYPES, holidays
from adapters.web.own_factors import VERBS
from bot import errors
from bot.bootstrap.setting_up_parts import parts
from bot.capabilities.catalogue import CATALOGUE
from bot.capabilities.leave_decisions import FORMS
from bot.capabilities.model import Capability, Group
from bot.domain.break_glass import Finding
from bot.domain.change import RECOVERY
from bot.domain.identity import Platform, Role
from bot.domain.leave import LeaveState, Portion, Verdict
from bot.domain.proof import ProofMethod
from bot.domain.start import StartState
from bot.ports.connectors import Conflict, ConflictReason, ConnectorError
from bot.ports.crm import OpportunityStatus, Priority, TicketStatus
from bot.services import turns
from bot.services.enrolment_codes import EnrolmentRefusal
from bot.services.factors import Told
from bot.services.no_longer_waiting import Why
from bot.services.own_records import LOOKS
from bot.services.passkeys import PasskeyRefusal
from bot.services.recovery import RecoveryRefusal
from bot.services.step_up import CodeRefusal
from bot.settings.tree import Settings
from bot.texts.sentences import DEFAULT_LANGUAGE, keys, languages
from bot.understanding.hearing import SIGN_OUT
from bot.understanding.understand import _OPTIONS, _TALK_TITLES
from policy.cedar import load
from policy.model import Reason
from tests.architecture.page_words import TEMPLATES, page_spoken, words_in
from tests.architecture.spoken import OPEN, ROOT, Source

SOURCE = Source("bot", "adapters")
SPOKEN = (*SOURCE.spoken(), *page_spoken())
POLICIES = load()
LANGUAGES = ("de", "en")
PARTS = parts(Settings())

# What says why, and what next; and what a page says.
CARD, QUESTION, PAGE = ("headline", "next"), ("headline", "body"), ("title", "sentence", "next")


def _family(classes: Iterable[type[errors.DoorwardError]]) -> Iterator[type[errors.DoorwardError]]:
    for error in classes:
        yield error
        yield from _family(error.__subclasses__())


def _rules(capability: Capability) -> list[Any]:
    return [rule.obligations for rule in POLICIES.rules_for(capability.action) if rule.permits]


# Capabilities that the policies we ship ask a press or a code for, which takes a verb and a reason.
ASKED_FOR = {entry for entry in CATALOGUE if any(said.consent or said.confirm for said in _rules(entry))}
ASKED_FOR |= {entry for entry in CATALOGUE if entry.preview is not None}
SHOWN_PLAINLY = {entry for entry in CATALOGUE if entry.preview is None}
WRITTEN = {name: [blank.argument for blank in blanks] for name, blanks in FORMS.values()}
WRITTEN |= {"review_break_glass": ["reason"]}
"""Capabilities for which something is written in a dialog, and what (`Form`)."""
TICKED_FOR = {"approve_leave", "refuse_leave", "any"}
"""Capabilities of lists that are ticked (`Ticks`), and a list of any others."""
READING_SETS = {said.reading_set for entry in CATALOGUE for said in _rules(entry) if said.reading_set}

# Codes of errors that end in `refusals.failed`: what a system, the provider, storage or the pipeline itself raises.
# Other refusals, and a chat platform that does not confirm a sign-in, end on a page;
# `Stale` is decided again; platform errors are the outbox's.
ENDS_IN_CHAT = (
    *("AccountRevoked", "DoorwardError", "FactsChanged", "IntegrityAlarm"),
    *("ProviderUnavailable", "StorageUnavailable"),
)
FAILURES = (
    {error.code for error in _family([ConnectorError]) if error is not Conflict}
    | {f"{Conflict.code}.{reason}" for reason in ConflictReason}
    | {getattr(errors, name).code for name in ENDS_IN_CHAT}
    | SOURCE.codes(*ENDS_IN_CHAT, under=("bot/", "adapters/idp/", "adapters/connectors/"))
    | SOURCE.codes("NotAllowed", under=("bot/capabilities/",))
    | {turns.ABSENT, turns.RECONCILED}
) - {OPEN}
KNOWN_CODES = (SOURCE.class_codes() | SOURCE.codes()) - {OPEN}
STATUSES = {str(error.status) for error in _family([errors.Refusal, errors.Unavailable]) if hasattr(error, "status")}

KEPT = {"accounts", "sessions", "authenticators", "roles", "tokens"}
QUESTIONS = {
    constant
    for constant in SOURCE.constants("bot/understanding/")
    if re.fullmatch(r"(ask|understanding)\.[a-z_.]+", constant) and constant not in KNOWN_CODES
}
BUTTONS = {
    *_TALK_TITLES.values(),
    *(key for key, _ in SIGN_OUT),
    *(key for options in _OPTIONS.values() for key, _ in options),
}
BUTTONS |= {entry.title_key for entry in CATALOGUE}


# What the demo's HR system calls things, by its codes; a kind that tells of health is named nowhere.
KINDS = {code for code, *_, sensitive in LEAVE_TYPES if not sensitive}
HOLIDAYS = {holiday_code(name) for _, _, name in holidays(2026)}


def _names(entries: Iterable[Capability]) -> set[str]:
    return {entry.name for entry in entries}


def _arguments(entries: Iterable[Capability]) -> set[str]:
    return {name for entry in entries for name in entry.canonical}


def _each(template: str, *values: Iterable[str]) -> set[str]:
    return {template.format(*chosen) for chosen in product(*values)}


# How a question ends without a decision here.
ELSEWHERE = ("elsewhere_approved", "elsewhere_refused", "elsewhere_cancelled")
CLOSED = ("expired", *ELSEWHERE, "elsewhere_approved_by", "elsewhere_refused_by")

# How it went when a provider was told to end somebody's sessions in the whole company.
COMPANY_SESSIONS = ("done", "not_offered", "gone", "waits", "given_up", "no_provider")

HR = {entry for entry in CATALOGUE if entry.group is Group.HR}
# What stands for `{}` in each key the code puts together. A new one needs a line here.
REQUIRED: dict[str, set[str]] = {
    "account.looks.{}": _each("account.looks.{}", LOOKS),
    "admin.{}.shown": _each(
        "admin.{}.shown",
        {*_names(entry for entry in ASKED_FOR if entry.group is Group.ADMIN), RECOVERY},
    ),
    "approvals.asked.{}": _each(
        "approvals.asked.{}", ("substitute", "superior", "hr", "nobody", "paused", "paused_place")
    ),
    "approvals.closed.{}": _each("approvals.closed.{}", CLOSED),
    "approvals.late.{}": _each("approvals.late.{}", ("approved", "refused")),
    "approvals.late.unnamed_{}": _each("approvals.late.unnamed_{}", ("approved", "refused")),
    "approvals.told.{}": _each("approvals.told.{}", CLOSED),
    "arguments.{}": _each("arguments.{}", _arguments(ASKED_FOR & SHOWN_PLAINLY)),
    **{
        f"batch.{part}.{{}}": _each(f"batch.{part}.{{}}", TICKED_FOR)
        for part in ("title", "body", "submit", "headline", "done", "result")
    },
    **{
        f"company_sessions.{{}}.{part}": _each(f"company_sessions.{{}}.{part}", COMPANY_SESSIONS)
        for part in ("headline", "body")
    },
    "admin.end_company_sessions.{}": {"admin.end_company_sessions.asked", "admin.end_company_sessions.unnamed"},
    "consent.verbs.{}": _each("consent.verbs.{}", _names(ASKED_FOR)),
    "consent.why.{}": _each("consent.why.{}", _names(ASKED_FOR)),
    "consent.{}": _each("consent.{}", CodeRefusal),
    "crm.priorities.{}": _each("crm.priorities.{}", Priority),
    "crm.stages.{}": _each("crm.stages.{}", OpportunityStatus),
    "crm.statuses.{}": _each("crm.statuses.{}", TicketStatus),
    "deny.{}.headline": _each("deny.{}.headline", Reason),
    "deny.{}.next": _each("deny.{}.next", Reason),
    "factors.methods.{}": _each("factors.methods.{}", {ProofMethod.PASSKEY, ProofMethod.TOTP}),
    "factors.told.{}": _each("factors.told.{}", Told),
    "failed.{}.headline": _each("failed.{}.headline", FAILURES),
    "failed.{}.next": _each("failed.{}.next", FAILURES),
    "help.{}": _each("help.{}", Group),
    "start.{}": _each("start.{}", StartState),
    "hr.holidays.{}": _each("hr.holidays.{}", HOLIDAYS),
    "hr.kinds.{}": _each("hr.kinds.{}", KINDS),
    "hr.portions.{}": _each("hr.portions.{}", Portion),
    "hr.states.{}": _each("hr.states.{}", LeaveState),
    "hr.{}.headline": _each(
        "hr.{}.headline",
        _names(e for e in CATALOGUE if e.action == "ViewLeave" or (e.preview and e.preview_action == "ViewLeave")),
    ),
    "hr.{}.opened": _each(
        "hr.{}.opened", _names(e for e in CATALOGUE if e.group is Group.HR and any(s.confidential for s in _rules(e)))
    ),
    "talk.type.{}": _each("talk.type.{}", FORMS),
    **{f"talk.{part}.{{}}": {f"talk.{part}.{capability}" for capability in WRITTEN} for part in ("title", "hint")},
    "talk.field.{}.{}": {f"talk.field.{name}.{blank}" for name, blanks in WRITTEN.items() for blank in blanks},
    "batch.several.{}": _each("batch.several.{}", Verdict),
    "break_glass.{}": _each("break_glass.{}", Finding),
    "setup.asked.{}": _each("setup.asked.{}", {asked.what for part in PARTS for asked in (*part.first, *part.asked)}),
    "setup.title.{}": _each("setup.title.{}", {part.name for part in PARTS}),
    "setup.slack.{}": _each("setup.slack.{}", probes.SLACK),
    "setup.slack_socket.{}": _each("setup.slack_socket.{}", probes.SOCKET),
    "setup.teams.{}": _each("setup.teams.{}", probes.TEAMS),
    "setup.provider.{}": _each("setup.provider.{}", probes.PROVIDER),
    "platforms.{}": _each("platforms.{}", Platform),
    "roles.{}": _each("roles.{}", Role),
    "web.bank.wrong.{}": _each("web.bank.wrong.{}", ("checksum", "country", "form")),
    "web.change.{}.title": _each("web.change.{}.title", VERBS),
    "web.change.{}.sentence": _each("web.change.{}.sentence", VERBS),
    "web.change.{}.button": _each("web.change.{}.button", VERBS),
    "web.code.{}": _each("web.code.{}", CodeRefusal),
    "web.enrolment.{}": _each("web.enrolment.{}", EnrolmentRefusal),
    "web.passkey.{}": _each("web.passkey.{}", PasskeyRefusal),
    "web.recovery.{}": _each("web.recovery.{}", RecoveryRefusal),
    "web.gone.{}.title": _each("web.gone.{}.title", Why),
    "web.gone.{}.sentence": _each("web.gone.{}.sentence", Why),
    "web.gone.{}.next": _each("web.gone.{}.next", Why),
    "web.own.kept.{}": _each("web.own.kept.{}", KEPT),
    "web.own.until.{}": _each("web.own.until.{}", KEPT),
    "web.own_reading.{}": _each("web.own_reading.{}", READING_SETS),
    "{}": BUTTONS,
    "{}.headline": _each("{}.headline", QUESTIONS - BUTTONS),
    "{}.body": _each("{}.body", QUESTIONS - BUTTONS),
    "{}.title": _each("web.error.{}.title", STATUSES | {"any"}),
    "{}.sentence": _each("web.error.{}.sentence", STATUSES | {"any"}),
    "{}.next": _each("web.error.{}.next", STATUSES | {"any"}),
    "{}.{}.own": {f"{entry.group}.{entry.name}.own" for entry in ASKED_FOR & SHOWN_PLAINLY},
    "{}.{}.shown": {f"{entry.group}.{entry.name}.shown" for entry in ASKED_FOR & SHOWN_PLAINLY},
}

# What may be there besides: sentences the code looks for first, and those an operator's policies may come to need.
ALLOWED: set[str] = {
    *_each("arguments.{}", _arguments(CATALOGUE)),
    *_each("consent.{}.{}", ("verbs", "why"), _names(CATALOGUE)),
    *_each("deny.{}.{}.{}", {*_names(CATALOGUE), "use_bot"}, Reason, CARD),
    *_each("web.error.{}.{}", KNOWN_CODES | {"404", "405"}, PAGE),
    *(f"{entry.group}.{entry.name}.{form}" for entry in CATALOGUE for form in ("own", "shown")),
}

# Keys the reader of the source finds, and that are never asked for.
NEVER_ASKED = {
    "hr.told.withdrawn",  # who withdraws is not told of it
    "failed.abandoned.headline",  # an effect of a capability that is no more: nobody is told
    "failed.abandoned.next",
}
SPECIFIC = re.compile(r"deny\.[^.]*\.[^.]+\.(headline|next)")
"""`deny.<capability>.<reason>` is looked for first; where there is none, `deny.<reason>` is said."""


def _flat(language: str) -> dict[str, str | dict[str, str]]:
    tree = tomllib.loads((ROOT / "bot" / "texts" / f"{language}.toml").read_text(encoding="utf-8"))
    flat: dict[str, str | dict[str, str]] = {}

    def walk(prefix: str, node: dict[str, Any]) -> None:
        for name, value in node.items():
            key = f"{prefix}.{name}" if prefix else name
            if isinstance(value, dict) and "other" not in value:
                walk(key, value)
            else:
                flat[key] = value

    walk("", tree)
    return flat


FLAT = {language: _flat(language) for language in LANGUAGES}


def _forms(language: str, key: str) -> dict[str, str]:
    text = FLAT[language][key]
    return text if isinstance(text, dict) else {"": text}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _asked_for(*, optional: bool) -> set[str]:
    found = {key for call in SPOKEN if call.optional is optional for key in call.keys if OPEN not in key}
    return {key for key in found if not SPECIFIC.fullmatch(key)} - NEVER_ASKED


def test_the_languages_are_those_there_are_files_for() -> None:
    assert languages() == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence(language: str) -> None:
    assert keys(language) ^ keys(DEFAULT_LANGUAGE) == frozenset()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_is_filled_with_the_same_in_every_form_and_language(language: str) -> None:
    differing = {
        f"{key}.{form}": text
        for key in keys(language)
        for form, text in _forms(language, key).items()
        # "One try is left": where the form itself says how many, the number need not be repeated.
        if _placeholders(text) | ({"count"} if form == "one" else set()) != _expected(key, form)
    }
    assert differing == {}


def _expected(key: str, form: str) -> set[str]:
    forms = _forms(DEFAULT_LANGUAGE, key)
    return _placeholders(forms.get("other", forms.get("", ""))) | ({"count"} if form == "one" else set())


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_have_the_forms_of_the_language(language: str) -> None:
    wanted = {*Locale.parse(language).plural_form.tags, "other"}
    assert {key for key, text in FLAT[language].items() if isinstance(text, dict) and set(text) != wanted} == set()


def test_every_key_the_code_names_is_there() -> None:
    required = _asked_for(optional=False) - _asked_for(optional=True)
    assert required - keys(DEFAULT_LANGUAGE) == set()


def test_a_failure_the_code_names_has_its_own_sentence() -> None:
    named = {key for key in _asked_for(optional=True) if key.startswith("failed.")}
    assert named
    assert named - keys(DEFAULT_LANGUAGE) == set()


def test_what_the_code_puts_together_is_listed() -> None:
    together = {key for call in SPOKEN for key in call.keys if OPEN in key}
    assert {key for key in together if not SPECIFIC.fullmatch(key)} == {*REQUIRED}


@pytest.mark.parametrize("pattern", sorted(REQUIRED))
def test_what_the_code_puts_together_is_there(pattern: str) -> None:
    assert REQUIRED[pattern]
    assert REQUIRED[pattern] - keys(DEFAULT_LANGUAGE) == set()


def test_no_sentence_is_left_over() -> None:
    used = _asked_for(optional=False) | _asked_for(optional=True) | ALLOWED | set().union(*REQUIRED.values())
    assert keys(DEFAULT_LANGUAGE) - used == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_a_sentence_of_its_own(template: Path) -> None:
    assert [word for word in words_in(template.read_text(encoding="utf-8")) if word != "Doorward"] == []


def test_a_sentence_in_a_page_would_be_found() -> None:
    page = '<p title="Shown">Hello {{ who }}</p>{{ name|default("not given") }}<i class="b {{ "is-on" if x }}"></i>'
    assert words_in(page) == ["Shown", "Hello", "not", "given"]


def test_every_capability_has_a_title() -> None:
    assert {entry.title_key for entry in CATALOGUE} - keys(DEFAULT_LANGUAGE) == set()


def test_every_value_a_sentence_needs_is_given() -> None:
    lacking = {
        f"{call.where} {key}": sorted(needed - call.values)
        for call in SPOKEN
        if call.values is not None and not call.optional
        for key in call.keys & keys(DEFAULT_LANGUAGE)
        for needed in [_needed(key)]
        if needed - call.values
    }
    assert lacking == {}


def _needed(key: str) -> set[str]:
    forms = _forms(DEFAULT_LANGUAGE, key)
    return set().union(*(_placeholders(text) for text in forms.values())) | ({"count"} if "other" in forms else set())
