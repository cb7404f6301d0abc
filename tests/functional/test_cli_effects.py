"""`doorward effects show`: the whole story of an effect, from the rows and the log a journey left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap.shell_effects import story
from bot.ports.database import Transaction
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.world import world


@pytest.fixture
def keys() -> Keyring:
    return Keyring.generate()


async def test_every_step_from_the_request_to_the_answer_is_there(
    tmp_path: Path, clock: FixedClock, keys: Keyring
) -> None:
    async with world(tmp_path, clock, keys=keys) as here:
        await here.sign_in("john")
        await here.sign_in("mia")
        await here.enrol("mia")
        await here.say("john", "take 21 to 23 December off")
        await here.press("john", here.last("john"), "Send request")
        await here.press("mia", here.last("mia", "John Carver"), "Approve")
        await here.submit_code("mia", here.code("mia"))

        def approved(tx: Transaction) -> dict[str, Any]:
            for mark in tx.audit.state():
                table, _, row = mark[0].partition(" ")
                found = story(tx, keys, row) if table == "grants" else None
                if found is not None and found["request"]["action"] == "ApproveLeave":  # type: ignore[index]
                    return found
            raise AssertionError("no such effect")

        told = await here.database.read(approved)
    assert told["request"]["username"] == "mia"
    assert "John Carver" in told["shown"]["headline"]
    (consent,) = told["consents"]
    assert (consent["method"], consent["digest"], consent["phishing_resistant"]) == ("totp", told["digest"], False)
    assert told["decision"]["rules"] == ["hr.leave.decide-report"]
    assert told["decision"]["policy_hash"] == here.core.outside.engine.policy_hash
    assert told["grant"]["ours"]
    assert (told["answer"]["state"], told["answer"]["code"]) == ("done", "done")
    kinds = [one["type"] for one in told["records"]]
    assert [kind for kind in kinds if kind in {"proof.given", "effect.intended", "effect.finished"}] == [
        "proof.given",
        "effect.intended",
        "effect.finished",
    ]
