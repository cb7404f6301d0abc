"""Proposals: what the person is shown and signs, and the ways on from there (a press, a code in a dialog, our page)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.answer import Answer, Button, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Action, ActionStyle, Card, Dialog, DialogField, FieldKind, Status
from bot.domain.interaction import Interaction
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import PROPOSAL_SECONDS, Proposal, Shown
from bot.ports.database import Transaction
from bot.services import factors, refusals
from bot.services.bindings import bound_to
from bot.services.factors import Factor
from bot.services.turns import Ending, Turn, Wanted, end, proposal_card
from bot.texts.formats import moment
from bot.texts.sentences import Voice
from policy.model import Consent, Decision, Deny, EnrolRequired, Permit

TELLS_WHEN = timedelta(hours=1)
"""How long a dialog or page that is too late still says when it expired; a proof counts until then only."""


def propose(turn: Turn, shown: Shown, wanted: Wanted) -> Proposal:
    """A proposal for exactly this turn's action, five minutes."""
    assert turn.action is not None
    assert turn.facts is not None
    own_reading = wanted.obligations.consent is Consent.OWN_READING
    return Proposal(
        id=secrets.token_hex(16),
        identity=turn.person.identity,
        channel=turn.message.who,
        place=turn.message.place,
        action=turn.action,
        digest=turn.action.digest,
        shown=shown,
        facts_version=turn.facts.version,
        confirmed=False,
        method=wanted.method,
        methods=wanted.methods,
        consent=ConsentKind.OWN_READING if own_reading else ConsentKind.PER_ACTION,
        reading_set=wanted.obligations.reading_set,
        confidential=wanted.obligations.confidential,
        source=turn.message.source,
        created_at=turn.now,
        until=turn.now + timedelta(seconds=PROPOSAL_SECONDS),
        origin=turn.origin,
        roles=turn.person.standing,
        policy_hash=turn.policy_hash,
    )


def confirmation(proposal: Proposal, voice: Voice) -> Answer:
    """The card that shows exactly what will happen, with the press that starts it."""
    name, about = proposal.action.capability, proposal_card(proposal.id)
    card = Card(
        headline=proposal.shown.headline,
        facts=proposal.shown.facts,
        quotes=proposal.shown.quotes,
        status=Status.WAITING,
        quiet=voice.say("consent.not_yet"),
    )
    buttons = (
        Button(
            label=voice.say(f"consent.verbs.{name}"),
            kind="confirm",
            proposal=proposal.id,
            digest=proposal.digest,
            style=ActionStyle.PRIMARY,
        ),
        Button(label=voice.say("consent.dont"), kind="dismiss", proposal=proposal.id, digest=proposal.digest),
    )
    return Answer(draft=Draft(card=card, buttons=buttons, about=about), code="consent.confirm")


def code_request(
    tx: Transaction, proposal: Proposal, voice: Voice, wanted: Wanted, public_url: str, *, dialog_open: bool = False
) -> Answer:
    """Asks for the second factor: our page for what is confidential or needs enrolment, else a dialog or the page.

    Where a `dialog_open` waits for the answer, and a dialog is it, there is no card beside it and no way to the page.
    """
    # A code alone can be typed into a dialog; every other factor is used in a browser.
    in_browser = proposal.confidential or wanted.enrol or ProofMethod.TOTP not in wanted.methods
    first_in_browser = in_browser or wanted.method is not ProofMethod.TOTP
    if dialog_open and not first_in_browser:
        return Answer(dialog=code_dialog(tx, proposal, voice), code="consent.code")
    path = f"/consent/{page_handle(tx, proposal)}"
    name, about = proposal.action.capability, proposal_card(proposal.id)
    link = Action(
        label=voice.say("consent.open_page" if in_browser else "consent.in_browser"),
        url=public_url + path,
        style=ActionStyle.PRIMARY if first_in_browser else ActionStyle.PLAIN,
    )
    card = Card(
        headline=proposal.shown.headline,
        body=voice.say(_why(wanted, name)),
        facts=() if proposal.confidential else proposal.shown.facts,
        actions=(link,),
        status=Status.NEEDS_PROOF,
        quiet=voice.say("consent.once"),
    )
    if in_browser:
        return Answer(draft=Draft(card=card, about=about), continue_path=path, code="consent.page")
    enter = Button(
        label=voice.say("consent.enter_code"),
        kind="code",
        proposal=proposal.id,
        digest=proposal.digest,
        style=ActionStyle.PLAIN if first_in_browser else ActionStyle.PRIMARY,
        opens_dialog=True,
    )
    # Whoever used a passkey last is not met with a field for a code.
    dialog = None if first_in_browser else code_dialog(tx, proposal, voice)
    return Answer(
        draft=Draft(card=card, buttons=(enter,), about=about), dialog=dialog, continue_path=path, code="consent.code"
    )


def preferred(
    methods: Sequence[ProofMethod], own: Sequence[Factor], at_provider: datetime | None = None
) -> ProofMethod:
    """Which to offer first: what this person used or made last, else the first of what policy takes.

    `at_provider` is when they last proved themselves by signing in at their provider.
    """
    chosen = [(factors.last_chosen(factor), factor.method) for factor in own if factor.method in methods]
    if at_provider is not None and ProofMethod.PROVIDER in methods:
        chosen.append((at_provider, ProofMethod.PROVIDER))
    return max(chosen)[1] if chosen else methods[0]


def _why(wanted: Wanted, capability: str) -> str:
    if not wanted.enrol:
        return f"consent.why.{capability}"
    return "consent.enrol_first" if ProofMethod.TOTP in wanted.methods else "consent.enrol_passkey"


def too_new(turn: Turn, decision: Decision) -> Ending | None:
    """What would do is there already and does not count yet: its person is told from when, and sets up nothing more."""
    assert turn.circumstances is not None
    if not isinstance(decision, EnrolRequired):
        return None
    methods = {ProofMethod(method) for method in decision.methods}
    own = tuple(one for one in turn.circumstances.waiting if one.method in methods)
    until = factors.next_to_count(own, turn.now)
    if until is None:
        return None
    answer = refusals.too_new(turn.voice, moment(until, turn.person.timezone, turn.voice.language))
    return end(turn, EventType.ACCESS_DECIDED, "deny", answer)


def wanted(decision: Decision, turn: Turn) -> Wanted | None:
    """What has to be asked for; None when nothing has to, or it was given."""
    assert not isinstance(decision, Deny)
    obligations = decision.obligations
    on_page = obligations.confidential and not turn.in_browser
    if isinstance(decision, Permit):
        given = turn.proof is not None or (turn.proposal is not None and turn.proposal.confirmed)
        if on_page:
            return Wanted(obligations=obligations, method=None, decision="page")
        if obligations.confirm and not given:
            return Wanted(obligations=obligations, method=None, press_only=True, decision="confirm")
        return None
    assert turn.circumstances is not None
    methods = tuple(ProofMethod(method) for method in decision.methods)
    enrol = isinstance(decision, EnrolRequired)
    own, at_provider = turn.circumstances.authenticators, turn.circumstances.at_provider
    return Wanted(
        obligations=obligations,
        method=methods[0] if enrol else preferred(methods, own, at_provider),
        methods=methods,
        enrol=enrol,
        decision="enrol" if enrol else "step_up",
    )


def page_handle(tx: Transaction, proposal: Proposal) -> str:
    """A handle for our page, opened by its own person only; past the proposal's end it says when that was."""
    return tx.interactions.create(
        Interaction(
            kind="consent",
            payload=bound_to(proposal),
            audience=proposal.identity.key,
            until=proposal.until + TELLS_WHEN,
        )
    )


def code_dialog(tx: Transaction, proposal: Proposal, voice: Voice) -> Dialog:
    """The dialog that shows what is signed and takes the code; nothing confidential ever comes here."""
    handle = tx.interactions.create(
        Interaction(
            kind="code",
            payload=bound_to(proposal),
            audience=proposal.channel.key,
            until=proposal.until + TELLS_WHEN,
        )
    )
    field = DialogField(
        name="code", label=voice.say("consent.code_label"), kind=FieldKind.CODE, hint=voice.say("consent.code_hint")
    )
    return Dialog(
        handle=handle,
        title=proposal.shown.headline,
        submit=voice.say(f"consent.verbs.{proposal.action.capability}"),
        fields=(field,),
        signed=proposal.shown.facts,
        quotes=tuple(
            replace(quote, author=voice.say("pages.shared.wrote", author=quote.author))
            for quote in proposal.shown.quotes
        ),
        body=voice.say("consent.signs_exactly", digest=f"{proposal.digest[:4]} {proposal.digest[4:8]}"),
    )
