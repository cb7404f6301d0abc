"""The installation as administrators look at it in chat: what `/readyz` asks, what is set, the policies' cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bot.domain.grant import Grant
from bot.errors import DoorwardError
from bot.ports.connectors import Call, Unsupported
from bot.ports.upkeep import PartHealth, PolicyTest, SettingShown
from policy import testing
from policy.cases import CaseRefused, read_cases
from policy.engine import PolicyEngine

PING_SECONDS = 2
"""All parts are asked at once, and within the time of one call."""
Ping = Callable[[], Awaitable[None]]


class ThisInstallation:
    """Implements `bot.ports.upkeep.Upkeep`. Each look is taken under a grant for exactly that."""

    def __init__(
        self,
        *,
        verify: Callable[[Grant, str], None],
        parts: Mapping[str, Ping],
        settings: Callable[[], Sequence[SettingShown]],
        engine: PolicyEngine,
        cases: Path,
    ) -> None:
        self._verify = verify
        self._parts = parts
        self._settings = settings
        self._engine = engine
        self._cases = cases

    async def health(self, grant: Grant, call: Call) -> Sequence[PartHealth]:
        """Every part, asked at once. Raises `NotAllowed`."""
        self._verify(grant, "health")
        answers = await asyncio.gather(*(_answers(ping) for ping in self._parts.values()))
        return [PartHealth(name=name, answers=good) for name, good in zip(self._parts, answers, strict=True)]

    async def settings(self, grant: Grant, call: Call) -> Sequence[SettingShown]:
        """What differs from its default. Raises `NotAllowed`."""
        self._verify(grant, "settings")
        return self._settings()

    async def test_policy(self, grant: Grant, call: Call) -> PolicyTest:
        """The policies in force against the cases beside them. Raises `NotAllowed`, `Unsupported`."""
        self._verify(grant, "test_policy")
        return await asyncio.to_thread(self._tested)

    def _tested(self) -> PolicyTest:
        try:
            cases = read_cases(self._cases)
        except CaseRefused as refused:
            raise Unsupported("no cases are installed") from refused
        failures = [case.name for case in cases if testing.failure(self._engine, case) is not None]
        known = {rule.id for case in cases for rule in self._engine.rules_for(case.request.action)}
        undecided = known - testing.decisive(self._engine, cases)
        return PolicyTest(cases=len(cases), failures=tuple(failures), undecided=tuple(sorted(undecided)))


async def _answers(ping: Ping) -> bool:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await ping()
    except (DoorwardError, TimeoutError, OSError):
        return False
    return True
