"""One consent, one action: salt, handle, proof, grant, connector and audit each hold to the same digest."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from adapters.playground.conversation import dialog_as_json
from adapters.slack.render import dialog_view
from adapters.teams.render import dialog_content
from bot.bootstrap.shell_effects import agrees, story
from bot.domain.audit import AuditEvent, EventType
from bot.domain.cards import Card, Dialog, Fact, plain_text
from bot.domain.grant import Grant
from bot.domain.identity import principal_of
from bot.domain.interaction import Interaction
from bot.domain.leave import LeaveState, Verdict
from bot.domain.messages import EventKind
from bot.domain.proposal import Proposal
from bot.domain.secret import Secret
from bot.errors import DoorwardError, NotAllowed
from bot.ports.connectors import Call
from bot.ports.database import Transaction
from bot.ports.ingress import FieldError
from bot.services.operations import verifier
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, keys_of, leave_for_mia, press_of, sent, states

TRICK = "thanks!”\nWorking days: 1\n✅ *Signed by HR*\n<https://evil.test|Approve> [Approve](https://x.test) <b>!</b>"


async def proposal_behind(here: World, handle: str) -> Proposal:
    def read(tx: Transaction) -> Proposal:
        found = tx.interactions.find(handle, now=here.clock.now())
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert proposal is not None
        return proposal

    return await here.database.read(read)


async def asked_twice(here: World) -> tuple[Proposal, Proposal]:
    """The same decision asked for twice."""
    card = await code_dialog(here)
    first = await proposal_behind(here, here.chat.dialogs["view"].handle)
    await here.press("mia", card, "Approve")
    return first, await proposal_behind(here, here.chat.dialogs["view"].handle)


@pytest.mark.requirement("57")
async def test_every_proposal_has_a_fresh_salt_of_128_bits_in_its_digest(here: World) -> None:
    first, second = await asked_twice(here)
    assert replace(first.action, salt="") == replace(second.action, salt=""), "the same action, asked for twice"
    assert first.digest != second.digest
    for one in (first, second):
        assert len(bytes.fromhex(one.action.salt)) == 16
        assert one.digest == one.action.digest
        assert replace(one.action, salt="0" * 32).digest != one.digest


def _swap(tx: Transaction, kind: str, proposal: Proposal, of: Proposal, audience: str) -> str:
    """A handle as our own code makes one, but with the digest of another proposal."""
    payload: dict[str, object] = {"proposal": proposal.id, "digest": of.digest}
    return tx.interactions.create(Interaction(kind=kind, payload=payload, audience=audience, until=proposal.until))


@pytest.mark.requirement("57")
@pytest.mark.parametrize("kind", ["confirm", "dismiss", "code"])
async def test_a_button_counts_only_for_the_digest_it_showed(here: World, kind: str) -> None:
    first, second = await asked_twice(here)
    audience = here.channel("mia").key
    wrong = await here.database.write(lambda tx: _swap(tx, kind, second, first, audience))
    assert "no longer good" in await sent(here, press_of(here, "mia", wrong))
    submitted = here.message("mia", EventKind.SUBMISSION, handle=wrong)
    assert isinstance(await here.core.ingress.submit_code(submitted, Secret(here.code("mia"))), FieldError)
    assert await states(here) == [LeaveState.PENDING]
    assert not await here.audit(type_prefix="proof."), "no try was counted, no proof given"
    # The very same handle with its own digest does go on: nothing else is wrong with it.
    right = await here.database.write(lambda tx: _swap(tx, "code", second, second, audience))
    submitted = here.message("mia", EventKind.SUBMISSION, handle=right)
    assert not isinstance(await here.core.ingress.submit_code(submitted, Secret(here.code("mia"))), FieldError)


@pytest.mark.requirement("57")
async def test_a_handle_without_a_digest_is_none(here: World) -> None:
    _, second = await asked_twice(here)
    button = Interaction(
        kind="confirm", payload={"proposal": second.id}, audience=here.channel("mia").key, until=second.until
    )
    handle = await here.database.write(lambda tx: tx.interactions.create(button))
    assert "no longer good" in await sent(here, press_of(here, "mia", handle))


@pytest.mark.requirement("47", "57")
async def test_a_grant_for_one_action_runs_no_other(here: World) -> None:
    first, second = await asked_twice(here)
    mint, now = here.core.outside.mint, here.clock.now()
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    grant = mint.issue(
        grant_id="g", principal=principal_of(person, (), now), action=first.action, policy_hash="p", correlation="c",
        now=now,
    )  # fmt: skip
    check = verifier(mint, here.clock)
    check(grant, "decide_leave")
    other = (
        replace(grant, action=second.action),
        replace(grant, action=second.action, digest=second.digest),
        replace(grant, digest=second.digest),
    )
    for forged in other:
        with pytest.raises(NotAllowed):
            check(forged, "decide_leave")
        with pytest.raises(NotAllowed):
            await decide(here, forged, second.action.resource.id)
    assert await states(here) == [LeaveState.PENDING]


async def decide(here: World, grant: Grant, leave: str, note: str = "") -> None:
    await here.core.outside.systems.hr.decide_leave(
        grant,
        call_for(grant),
        leave=leave,
        verdict=Verdict.APPROVE,
        note=note,
        expected_state=LeaveState.PENDING,
    )


@pytest.mark.requirement("47", "57")
async def test_a_grant_is_good_at_the_connector_for_its_own_resource_and_arguments_alone(here: World) -> None:
    first, _ = await asked_twice(here)
    mint, now = here.core.outside.mint, here.clock.now()
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    noted = replace(first.action, arguments={**first.action.arguments, "note": "enjoy"})
    grant = mint.issue(
        grant_id="g", principal=principal_of(person, (), now), action=noted, policy_hash="p", correlation="c", now=now
    )
    for leave, note in (("4711", "enjoy"), (noted.resource.id, "another note"), (noted.resource.id, "")):
        with pytest.raises(DoorwardError):
            await decide(here, grant, leave, note)
    assert await states(here) == [LeaveState.PENDING]
    await decide(here, grant, noted.resource.id, "enjoy")
    assert await states(here) == [LeaveState.APPROVED]


def call_for(grant: Grant) -> Call:
    return Call(
        subject=grant.identity.key,
        employee=grant.employee,
        correlation="c",
        deadline=grant.until,
        idempotency_key=grant.idempotency_key,
        expected_version=None,
    )


async def told_of_approval(here: World) -> dict[str, Any]:
    keys = keys_of(here.database)

    def read(tx: Transaction) -> dict[str, Any]:
        for name, _ in tx.audit.state():
            table, _, row = name.partition(" ")
            found = story(tx, keys, row) if table == "grants" else None
            if found is not None and found["request"]["action"] == "ApproveLeave":  # type: ignore[index]
                return found
        raise AssertionError("no such effect")

    return await here.database.read(read)


@pytest.mark.requirement("57")
async def test_proposal_proof_grant_and_effect_stand_in_the_log_with_one_digest(here: World) -> None:
    await code_dialog(here)
    signed = await proposal_behind(here, here.chat.dialogs["view"].handle)
    await here.submit_code("mia", here.code("mia"))
    intended = await of_kind(here, EventType.EFFECT_INTENDED)
    finished = await of_kind(here, EventType.EFFECT_FINISHED)
    steps = [one.event for one in await here.audit(decision="step_up") if one.event.action == "ApproveLeave"]
    proofs = [one.event for one in await here.audit(type_prefix="proof.given")]
    assert {one.digest for one in (*steps, *proofs, intended, finished)} == {signed.digest}
    assert len((*steps, *proofs)) == 2
    told = await told_of_approval(here)
    assert agrees(told)
    assert told["digests"]["action"] == signed.digest


async def of_kind(here: World, kind: EventType) -> AuditEvent:
    found = [one.event for one in await here.audit(type_prefix=kind.value) if one.event.action == "ApproveLeave"]
    assert len(found) == 1
    return found[0]


@pytest.mark.requirement("57")
async def test_effects_show_names_a_record_of_another_digest(here: World) -> None:
    await code_dialog(here)
    await here.submit_code("mia", here.code("mia"))
    finished = await of_kind(here, EventType.EFFECT_FINISHED)
    forged = await here.database.write(partial(_append, event=replace(finished, digest="0" * 64)))
    told = await told_of_approval(here)
    assert not agrees(told)
    assert told["digests"]["other"] == {f"record {forged}": "0" * 64}


def _append(tx: Transaction, event: AuditEvent) -> int:
    return tx.audit.append(event).seq


async def dialog_of(here: World, note: str) -> Dialog:
    """The code dialog over a request with what its requester wrote on it."""
    card = await leave_for_mia(here)
    await here.backend._database.write(
        lambda connection: connection.execute("UPDATE leave SET note = ? WHERE start_on LIKE '2026-12%'", (note,))
    )
    await here.press("mia", card, "Approve")
    return here.chat.dialogs["view"]


@pytest.mark.requirement("57")
async def test_what_the_requester_wrote_stands_apart_from_what_the_approver_signs(here: World) -> None:
    plain = await dialog_of(here, "")
    tricked = await dialog_of(here, TRICK)
    assert (tricked.title, tricked.signed, tricked.submit) == (plain.title, plain.signed, plain.submit)
    assert re.sub("[0-9a-f]{4}", "", tricked.body) == re.sub("[0-9a-f]{4}", "", plain.body), "but for the digest"
    assert plain.quotes == ()
    [quote] = tricked.quotes
    assert quote.text == TRICK
    assert quote.author == "John Carver wrote"


def texts_in(element: Any, under: str = "") -> list[tuple[str, str]]:
    """Every string of a rendered dialog, with the types of what it stands in."""
    if isinstance(element, dict):
        under = f"{under}/{element.get('type', '')}"
        return [found for value in element.values() for found in texts_in(value, under)]
    if isinstance(element, list):
        return [found for value in element for found in texts_in(value, under)]
    return [(under, element)] if isinstance(element, str) else []


@pytest.mark.requirement("57", "62")
async def test_no_platform_draws_it_into_the_signed_part(here: World) -> None:
    dialog = await dialog_of(here, TRICK)
    slack = [where for where, text in texts_in(dialog_view(dialog)) if "Signed by HR" in text]
    assert slack == ["/modal/rich_text/rich_text_quote/text"]
    teams = [where for where, text in texts_in(dialog_content(dialog)) if "Signed by HR" in text]
    assert [where for where in teams if where != "/AdaptiveCard"] == ["/AdaptiveCard/Container/RichTextBlock/TextRun"]
    for way in ("speak", "fallbackText"):  # read out in one line, which says first whose words they are, and last
        said = dialog_content(dialog)[way].splitlines()
        assert said[-1].startswith("John Carver wrote: “thanks")
        assert said[-1].endswith("”")
        assert [line for line in said if "Signed by HR" in line] == said[-1:]
        assert said[-1].count("”") == 1
    page = dialog_as_json("view", dialog)
    assert page["quotes"] == [{"author": "John Carver wrote", "text": TRICK}]
    assert "Signed by HR" not in str({**page, "quotes": []})
    # The notification and the screen reader's text: no line of theirs is a line of ours.
    card = Card(headline="Approve?", facts=(Fact(label="Working days", value="3"),), quotes=dialog.quotes)
    assert "Working days: 1" not in plain_text(card).splitlines()


@pytest.mark.requirement("57", "62")
async def test_the_page_escapes_it_and_keeps_it_in_a_quote(here: World) -> None:
    dialog = await dialog_of(here, TRICK)
    proposal = await proposal_behind(here, dialog.handle)
    assert [quote.text for quote in proposal.shown.quotes] == [TRICK]
    assert all("Signed by HR" not in fact.value for fact in proposal.shown.facts)
    assert "Signed by HR" not in proposal.shown.headline


@pytest.mark.requirement("57")
async def test_a_german_approver_signs_german_sentences_of_an_english_request(here: World) -> None:
    english = await dialog_of(here, "")
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    await here.database.write(lambda tx: tx.persons.save(replace(person, locale="de")))
    await here.press("mia", here.last("mia", "John"), "Approve")
    german = here.chat.dialogs["view"]
    assert german.submit == "Genehmigen"
    assert [fact.label for fact in german.signed] != [fact.label for fact in english.signed]
    assert any("Dezember" in fact.value for fact in german.signed)
    assert not any("December" in fact.value for fact in german.signed)
    # The same action but for its salt: the words are made from it, and are no part of it.
    one, other = await proposal_behind(here, english.handle), await proposal_behind(here, german.handle)
    assert replace(one.action, salt="") == replace(other.action, salt="")


@pytest.mark.requirement("57", "62")
async def test_a_customers_words_are_no_part_of_the_headline_that_is_signed(here: World) -> None:
    await here.sign_in("sue")
    ticket = await here.backend._database.read(
        lambda connection: connection.execute(
            "SELECT t.id FROM ticket t JOIN customer c ON c.id = t.customer WHERE c.region ="
            " (SELECT region FROM representative WHERE id = t.owner) LIMIT 1"
        ).fetchone()[0]
    )
    await here.backend._database.write(
        lambda connection: connection.execute("UPDATE ticket SET subject = ? WHERE id = ?", (TRICK, ticket))
    )
    await here.say("sue", f"ticket status {ticket} on_hold")
    card = here.last("sue").card
    assert card.headline == f"Set the status of {ticket}"
    assert card.actions
    assert "Signed by HR" not in "".join(fact.value for fact in card.facts)
    assert [quote.text for quote in card.quotes] == [TRICK]
