"""A thief with the chat alone, and all the time there is: five wrong codes, and only the page opens it again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.totp import MAX_CHAT_FAILURES
from bot.services import step_up
from bot.services.step_up import CodePath, CodeRefusal
from tests.fakes.world import World


async def _tries(here: World, code: str, path: CodePath) -> object:
    who, now = here.identity("mia"), here.clock.now()
    return await here.database.write(lambda tx: step_up.check_code(tx, who, code, path=path, now=now))


@pytest.mark.requirement("34")
async def test_waiting_opens_no_chat_path_that_wrong_codes_have_closed(here: World) -> None:
    await here.sign_in("mia")
    await here.enrol("mia")
    for _ in range(MAX_CHAT_FAILURES):
        assert await _tries(here, "no code", CodePath.CHAT) is CodeRefusal.WRONG
        here.clock.advance(timedelta(hours=7))
    assert await _tries(here, here.code("mia"), CodePath.CHAT) is CodeRefusal.CHAT_CLOSED
    assert not isinstance(await _tries(here, here.code("mia"), CodePath.PAGE), CodeRefusal)
    here.clock.advance(timedelta(seconds=30))
    assert not isinstance(await _tries(here, here.code("mia"), CodePath.CHAT), CodeRefusal)
