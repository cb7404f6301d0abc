"""Each guard alone: called with what everything before it should have stopped, it refuses by itself."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.passkeys import PyWebAuthn
from bot.domain.action import ResourceRef
from bot.domain.grant import GRANT_SECONDS, Grant
from bot.domain.identity import principal_of
from bot.domain.interaction import Interaction
from bot.domain.messages import EventKind
from bot.domain.passkey import Passkey
from bot.domain.proof import ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.secret import Secret
from bot.errors import NotAllowed, SignInRefused
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed, FieldError
from bot.services import factors, passkeys, provider_step_up, step_up
from bot.services.audit_trail import Scribe
from bot.services.authorization import _grant_bytes
from bot.services.bindings import bound_to
from bot.services.provider_step_up import ProviderStepUp
from tests.fakes.world import LIMITS, World
from tests.functional.test_batches import decided
from tests.security.core.attack import alarms, code_dialog, press_of, sent
from tests.security.core.test_batches import _whole_of, consented
from tests.security.core.test_consent_binding import proposal_behind

MINUTE = timedelta(minutes=1)
ACR = "urn:corp:mfa"


async def asked(here: World) -> Proposal:
    """Mia's approval, which waits for her code."""
    await code_dialog(here)
    return await proposal_behind(here, here.chat.dialogs["view"].handle)


async def handle_of(here: World, proposal: Proposal, audience: str, kind: str = "code") -> str:
    """A handle as ours are, good for longer than the proposal."""
    until = here.clock.now() + timedelta(hours=1)
    made = Interaction(kind=kind, payload=bound_to(proposal), audience=audience, until=until)
    return await here.database.write(lambda tx: tx.interactions.create(made))


class TestHandles:
    """A button or a dialog counts for its own person, account and proposal."""

    @pytest.mark.requirement("57", "61")
    @pytest.mark.parametrize("kind", ["confirm", "dismiss"])
    async def test_a_button_of_another_persons_proposal_is_none(self, here: World, kind: str) -> None:
        theirs = await asked(here)
        handle = await handle_of(here, theirs, here.channel("john").key, kind)
        assert "no longer good" in await sent(here, press_of(here, "john", handle))
        assert await self._state(here, theirs) is ProposalState.WAITING, "and takes nothing away from its owner"

    @pytest.mark.requirement("57", "61")
    @pytest.mark.parametrize("kind", ["confirm", "dismiss"])
    async def test_a_button_of_ones_own_proposal_in_another_account_is_none(self, here: World, kind: str) -> None:
        mine = await asked(here)
        elsewhere = replace(mine, id="e" * 32, channel=replace(mine.channel, account="mia-too"))
        await here.database.write(lambda tx: tx.proposals.insert(elsewhere))
        handle = await handle_of(here, elsewhere, here.channel("mia").key, kind)
        assert "no longer good" in await sent(here, press_of(here, "mia", handle))
        assert await self._state(here, elsewhere) is ProposalState.WAITING

    @pytest.mark.requirement("57", "61")
    @pytest.mark.parametrize("state", [ProposalState.SPENT, ProposalState.VOID])
    async def test_a_button_of_what_is_over_asks_for_nothing(self, here: World, state: ProposalState) -> None:
        mine = await asked(here)
        await here.database.write(lambda tx: tx.proposals.finish(mine.id, state))
        handle = await handle_of(here, mine, here.channel("mia").key, "confirm")
        assert "no longer good" in await sent(here, press_of(here, "mia", handle))

    @pytest.mark.requirement("34", "57", "61")
    @pytest.mark.parametrize("whose", ["handle", "proposal"])
    async def test_a_code_dialog_of_somebody_else_takes_no_code(self, here: World, whose: str) -> None:
        theirs = await asked(here)
        await here.enrol("john")
        name, audience = ("mia", "john") if whose == "handle" else ("john", "john")
        handle = await handle_of(here, theirs, here.channel(audience).key)
        message = here.message(name, EventKind.SUBMISSION, handle=handle)
        assert isinstance(await here.core.ingress.submit_code(message, Secret(here.code(name))), FieldError)
        assert not await here.audit(type_prefix="proof."), "no try was counted, no proof given"
        right = await handle_of(here, theirs, here.channel("mia").key)
        message = here.message("mia", EventKind.SUBMISSION, handle=right)
        assert await here.core.ingress.submit_code(message, Secret(here.code("mia"))) == DialogClosed()

    @staticmethod
    async def _state(here: World, proposal: Proposal) -> ProposalState:
        found = await here.database.read(lambda tx: tx.proposals.find(proposal.id))
        assert found is not None
        return found.state


@pytest.mark.requirement("57", "61")
async def test_what_is_over_is_neither_confirmed_nor_ended_again(here: World) -> None:
    mine = await asked(here)

    def work(tx: Transaction) -> Proposal | None:
        assert tx.proposals.finish(mine.id, ProposalState.VOID)
        assert not tx.proposals.finish(mine.id, ProposalState.SPENT)
        tx.proposals.confirm(mine.id)
        return tx.proposals.find(mine.id)

    found = await here.database.write(work)
    assert found is not None
    assert (found.state, found.confirmed) == (ProposalState.VOID, mine.confirmed)
    assert not mine.confirmed


class TestProvider:
    """A sign-in at the provider is a proof only for what waits, and only as it was asked for."""

    async def _taken(
        self, here: World, proposal: Proposal, *, who: str = "mia", digest: str = "", kind: str = "consent",
        contexts: frozenset[str] = frozenset({ACR}), authenticated: bool = True,
    ) -> str:  # fmt: skip
        """`proof`, or the code it was refused with."""
        now = here.clock.now()
        until = now + timedelta(hours=1)
        page = Interaction(kind=kind, payload=bound_to(proposal), audience=here.identity("mia").key, until=until)
        claims = replace(
            here.directory.sign_in(who).claims, auth_time=now if authenticated else None, contexts=contexts
        )

        def work(tx: Transaction) -> None:
            handle = tx.interactions.create(page)
            at_provider = ProviderStepUp(acr_values=(ACR,))
            waiting = provider_step_up.waiting(proposal, handle, "test", at_provider)
            provider_step_up.take(
                tx, replace(waiting, digest=digest or waiting.digest), claims, here.identity(who), begun_at=now,
                step_ups={"test": at_provider}, limits=LIMITS, src_ip=None,
                scribe=Scribe(time=now, channel="web", correlation="c"),
            )  # fmt: skip

        try:
            await here.database.write(work)
        except SignInRefused as refused:
            return refused.code
        return "proof"

    async def _asked(self, here: World) -> Proposal:
        mine = await asked(here)
        taken = replace(mine, id="a" * 32, methods=(*mine.methods, ProofMethod.PROVIDER))
        await here.database.write(lambda tx: tx.proposals.insert(taken))
        return taken

    @pytest.mark.requirement("23", "47", "61")
    async def test_it_is_of_the_person_the_digest_and_the_method_that_wait(self, here: World) -> None:
        waits = await self._asked(here)
        assert await self._taken(here, waits, who="john") == "step_up.other_person"
        assert await self._taken(here, waits, digest="0" * 64) == "step_up.gone"
        assert await self._taken(here, waits, kind="confirm") == "step_up.gone"
        other = replace(waits, id="b" * 32, methods=(ProofMethod.TOTP,))
        await here.database.write(lambda tx: tx.proposals.insert(other))
        assert await self._taken(here, other) == "step_up.not_offered"
        assert await self._taken(here, waits) == "proof"

    @pytest.mark.requirement("23", "47")
    async def test_it_says_when_and_how_they_authenticated(self, here: World) -> None:
        waits = await self._asked(here)
        assert await self._taken(here, waits, authenticated=False) == "step_up.stale"
        assert await self._taken(here, waits, contexts=frozenset()) == "step_up.weak"
        assert await self._taken(here, waits, contexts=frozenset({"urn:corp:password"})) == "step_up.weak"

    @pytest.mark.requirement("23", "47", "61")
    @pytest.mark.parametrize("over", ["spent", "late"])
    async def test_it_proves_nothing_for_what_is_over(self, here: World, over: str) -> None:
        waits = await self._asked(here)
        if over == "late":
            here.clock.advance(waits.until - here.clock.now())
        else:
            await here.database.write(lambda tx: tx.proposals.finish(waits.id, ProposalState.SPENT))
        assert await self._taken(here, waits) == "step_up.gone"


class TestFactors:
    """The right to bind another factor, a challenge, and the time from which one counts."""

    @pytest.mark.requirement("38")
    async def test_a_permit_is_ones_own_and_good_for_one_factor(self, here: World) -> None:
        await here.sign_in("john")
        await here.enrol("john")
        now, john = here.clock.now(), here.identity("john")

        def work(tx: Transaction) -> list[bool]:
            other = Interaction(kind="consent", payload={}, audience=john.key, until=now + MINUTE)
            tried = [factors.permit(tx, here.identity("mia"), now), tx.interactions.create(other), ""]
            tried += [factors.permit(tx, john, now)] * 2
            return [factors.may_bind(tx, john, handle, now, spend=True) for handle in tried]

        assert await here.database.write(work) == [False, False, False, True, False]

    @pytest.mark.requirement("38")
    async def test_one_that_is_there_is_not_enrolled_over(self, here: World) -> None:
        await here.sign_in("john")
        await here.enrol("john")
        john, now = here.identity("john"), here.clock.now()
        assert await here.database.write(lambda tx: step_up.begin_enrolment(tx, john, now)) is None
        assert len(await here.database.read(lambda tx: factors.of_person(tx, john))) == 1, "and stays"

    @pytest.mark.requirement("38")
    async def test_a_key_that_was_shown_long_ago_is_not_confirmed(self, here: World) -> None:
        await here.sign_in("john")
        john = here.identity("john")
        begun = await here.database.write(lambda tx: step_up.begin_enrolment(tx, john, here.clock.now()))
        assert begun is not None
        here.seeds["john"] = begun.seed
        here.clock.advance(step_up.KEY_SHOWN + MINUTE)
        late = await here.database.write(
            lambda tx: step_up.check_code(
                tx, john, here.code("john"), path=step_up.CodePath.PAGE, now=here.clock.now(), enrolling=True
            )
        )
        assert late is step_up.CodeRefusal.NO_AUTHENTICATOR

    @pytest.mark.requirement("38")
    async def test_a_code_of_a_new_one_counts_from_its_day_on(self, here: World) -> None:
        await here.sign_in("john")
        john, now = here.identity("john"), here.clock.now()
        begun = await here.database.write(lambda tx: step_up.begin_enrolment(tx, john, now))
        assert begun is not None
        here.seeds["john"] = begun.seed

        async def tried(*, enrolling: bool = False) -> object:
            here.clock.advance(MINUTE)
            return await here.database.write(
                lambda tx: step_up.check_code(
                    tx, john, here.code("john"), path=step_up.CodePath.PAGE, now=here.clock.now(),
                    enrolling=enrolling, counts_from=now + timedelta(days=1) if enrolling else None,
                )
            )  # fmt: skip

        assert not isinstance(await tried(enrolling=True), step_up.CodeRefusal)
        assert await tried() is step_up.CodeRefusal.TOO_NEW
        here.clock.advance(timedelta(days=1))
        assert not isinstance(await tried(), step_up.CodeRefusal)

    @pytest.mark.requirement("38", "47")
    async def test_a_challenge_is_of_its_kind_and_used_up_by_the_first_answer(self, here: World) -> None:
        await here.sign_in("john")
        john, now = here.identity("john"), here.clock.now()
        device = PyWebAuthn(origin="https://doorward.example", rp_id="doorward.example")
        nonce = {"nonce": base64.b64encode(b"0" * 32).decode()}
        other = Interaction(kind="consent", payload=dict(nonce), audience=john.key, until=now + MINUTE)

        def work(tx: Transaction) -> list[object]:
            handles = [tx.interactions.create(other)]
            handles += [passkeys.begin(tx, john, signs="ab" * 32, now=now).handle] * 2
            return [
                passkeys.check(tx, device, john, handle=handle, response="{}", signs="ab" * 32, now=now)
                for handle in handles
            ]

        spent, wrong = passkeys.PasskeyRefusal.SPENT, passkeys.PasskeyRefusal.WRONG
        assert await here.database.write(work) == [spent, wrong, spent]

    @pytest.mark.requirement("38")
    async def test_a_passkey_that_does_not_count_yet_is_refused_before_its_signature_is_looked_at(
        self, here: World
    ) -> None:
        await here.sign_in("john")
        now, john = here.clock.now(), here.identity("john")
        device = PyWebAuthn(origin="https://doorward.example", rp_id="doorward.example")
        key = Passkey(
            id="a2V5", identity=john, name="k", public_key=b"key", sign_count=0, transports=(), created_at=now,
            counts_from=now + MINUTE,
        )  # fmt: skip
        parts = {"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA"}
        named = json.dumps({"id": "a2V5", "rawId": "a2V5", "type": "public-key", "response": parts})

        def tried(tx: Transaction, *, too_new_as_well: bool) -> object:
            handle = passkeys.begin(tx, john, signs="ab" * 32, now=now).handle
            return passkeys.check(
                tx, device, john, handle=handle, response=named, signs="ab" * 32, now=now,
                too_new_as_well=too_new_as_well,
            )  # fmt: skip

        def work(tx: Transaction) -> list[object]:
            tx.passkeys.insert(key)
            return [tried(tx, too_new_as_well=False), tried(tx, too_new_as_well=True)]

        refused = passkeys.PasskeyRefusal
        assert await here.database.write(work) == [refused.TOO_NEW, refused.WRONG]

    @pytest.mark.requirement("38")
    async def test_one_that_does_not_count_yet_changes_nothing_beside_one_that_does(self, here: World) -> None:
        now, john = here.clock.now(), here.identity("john")
        old = Passkey(id="old", identity=john, name="k", public_key=b"", sign_count=0, transports=(), created_at=now)
        new = replace(old, id="new", counts_from=now + MINUTE)
        assert factors.that_change((old, new), now) == (old,)
        assert factors.that_change((new,), now) == (new,), "where none counts, each may"
        assert factors.that_change((old, new), now + MINUTE) == (old, new)


@pytest.mark.requirement("47", "61")
async def test_a_grant_of_ours_is_good_for_its_own_digest_and_its_own_time(here: World) -> None:
    mine = await asked(here)
    mint, now = here.core.outside.mint, here.clock.now()
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    grant = mint.issue(
        grant_id="g", principal=principal_of(person, (), now), action=mine.action, policy_hash="p", correlation="c",
        now=now,
    )  # fmt: skip

    def good(grant: Grant, seconds: float = 0) -> bool:
        try:
            mint.verify(grant, now + timedelta(seconds=seconds))
        except NotAllowed:
            return False
        return True

    times = (-1, 0, GRANT_SECONDS - 1, GRANT_SECONDS)
    assert [good(grant, seconds) for seconds in times] == [False, True, True, False]
    # Signed by us, but of two actions: the digest that was consented to, and another resource.
    other = replace(grant, action=replace(mine.action, resource=ResourceRef(type="Leave", id="L-2")), mac="")
    assert not good(replace(other, mac=mint._mac(_grant_bytes(other))))


@pytest.mark.requirement("57", "61")
async def test_a_list_of_fewer_lines_than_were_signed_is_an_alarm(here: World) -> None:
    """A row of our own making, whose lines are not those in the digest."""
    await consented(here)

    def work(tx: Transaction) -> Proposal:
        whole = tx.proposals.find(_whole_of(tx, here))
        assert whole is not None
        other = replace(whole, id="f" * 32, members=whole.members[:2])
        tx.proposals.insert(other)
        return other

    other = await here.database.write(work)
    handle = await handle_of(here, other, here.channel("sarah").key)
    message = here.message("sarah", EventKind.SUBMISSION, handle=handle)
    await here.core.ingress.submit_code(message, Secret(here.code("sarah")))
    await here.core.ingress.drain(5)
    assert await alarms(here) == 1
    assert not await decided(here)
