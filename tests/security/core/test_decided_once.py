"""What was proven is decided once, on what the identity provider answers after the proof."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.bootstrap.core import compose
from bot.domain.leave import LeaveState
from bot.ports.identity_provider import Revalidation
from bot.ports.ingress import FieldError
from policy.cedar import CedarEngine, load
from policy.model import DecisionRequest, Deny, Permit
from policy.rules import Rule
from tests.fakes.directory import FakeDirectory
from tests.fakes.world import World
from tests.security.core.attack import Twice, code_dialog, effects_done, states, unmatched


@dataclass
class Noting:
    """The policies in force, and what they were asked."""

    inner: CedarEngine = field(default_factory=load)
    asked: list[DecisionRequest] = field(default_factory=list)

    @property
    def policy_hash(self) -> str:
        return self.inner.policy_hash

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.inner.addresses

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        self.asked.append(request)
        return self.inner.evaluate(request)

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return self.inner.rules_for(action)

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        return self.inner.proof_may_help(action, denial)


@pytest.mark.requirement("30", "34")
async def test_after_a_code_it_is_decided_on_the_providers_answer_alone(here: World) -> None:
    engine = Noting()
    noted = replace(here, core=compose(replace(here.core.outside, engine=engine)))
    await code_dialog(noted)
    here.clock.advance(timedelta(seconds=20))
    asked_before, engine.asked = here.directory.asked, []
    await noted.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED]
    assert here.directory.asked == asked_before + 1
    decided = [request for request in engine.asked if request.action == "ApproveLeave"]
    assert [(request.proof is not None, request.session.idp_checked_age_seconds) for request in decided] == [(True, 0)]
    assert all(request.session.idp_checked_age_seconds == 0 for request in engine.asked)


@pytest.mark.requirement("30", "31")
@pytest.mark.parametrize("meanwhile", ["demoted", "disabled", "away"])
async def test_what_the_provider_says_after_the_code_counts(here: World, meanwhile: str) -> None:
    await code_dialog(here)
    if meanwhile == "demoted":
        here.directory.roles["mia"] = frozenset({"employee"})
    elif meanwhile == "disabled":
        here.directory.disabled.add("mia")
    else:
        here.directory.away = True
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")
    assert not await unmatched(here)
    refused = (await here.audit(type_prefix="access.decided"))[0].event
    assert (refused.decision, refused.action) == ("deny", "ApproveLeave")
    assert refused.digest, "the record says what exactly was refused"
    assert refused.resource.startswith("Leave::")


@dataclass
class Gone:
    """A provider during whose answer the process ends, once."""

    inner: FakeDirectory
    over: bool = False

    async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
        answer = await self.inner.revalidate(subject=subject, token_cache=token_cache, now=now)
        if not self.over:
            self.over = True
            raise SystemError("the process is gone")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.requirement("4", "34", "79")
async def test_a_process_that_ends_while_the_provider_answers_has_its_act_done_once(here: World) -> None:
    await code_dialog(here)
    provider: Any = Gone(here.directory)
    crashed = replace(here, core=compose(replace(here.core.outside, providers={"test": provider})))
    await crashed.submit_code("mia", here.code("mia"))
    assert provider.over
    assert await states(here) == [LeaveState.PENDING]
    assert len(await here.audit(type_prefix="proof.given")) == 1
    assert isinstance(await here.submit_code("mia", here.code("mia")), FieldError), "the code is spent"
    here.clock.advance(timedelta(seconds=61))
    assert await crashed.core.ingress.take_over() == 1
    assert await crashed.core.ingress.take_over() == 0
    assert await states(here) == [LeaveState.APPROVED]
    assert len(await effects_done(here, "ApproveLeave")) == 1
    assert not await unmatched(here)


@pytest.mark.requirement("4", "79")
async def test_transactions_that_run_twice_decide_on_what_the_last_one_read(here: World) -> None:
    await code_dialog(here)
    twice = replace(here, core=compose(replace(here.core.outside, database=Twice(here.database))))
    here.directory.roles["mia"] = frozenset({"employee"})
    await twice.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")


@pytest.mark.requirement("31")
async def test_a_proof_of_something_else_is_not_taken_along(here: World) -> None:
    """A message that goes on names its proposal; of any other, spent, or late, nothing is read for it."""
    await code_dialog(here)
    first = here.chat.dialogs["view"]
    await code_dialog(here, "I'd like to take 28 to 30 December off")
    second = here.chat.dialogs["view"]
    here.chat.dialogs["view"] = first
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED, LeaveState.PENDING]
    asked_before = here.directory.asked
    here.chat.dialogs["view"] = second
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED, LeaveState.PENDING]
    assert here.directory.asked == asked_before, "nothing was proven, so nobody was asked"
