"""An approval with codes of Debian's oathtool: somebody else's generator, given nothing but the key on the page."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime, timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.ports.ingress import DialogClosed, FieldError
from tests import prerequisites
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, states


async def code_by_oathtool(key: str, at: datetime) -> str:
    program = shutil.which("oathtool")
    if program is None:
        prerequisites.missing("oathtool", "oathtool")
    words = ("--totp", "--base32", f"--now={at:%Y-%m-%d %H:%M:%S UTC}", "-")
    started = await asyncio.create_subprocess_exec(
        program, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    shown, _ = await started.communicate(f"{key}\n".encode())
    assert started.returncode == 0
    return shown.decode().strip()


@pytest.mark.requirement("33")
async def test_leave_is_approved_with_a_code_of_oathtool_which_counts_once(here: World) -> None:
    await code_dialog(here)
    key, now = here.seeds["mia"], here.clock.now()
    early, code = [await code_by_oathtool(key, at) for at in (now - timedelta(seconds=90), now)]
    assert isinstance(await here.submit_code("mia", early), FieldError)
    assert await states(here) == [LeaveState.PENDING]
    assert await here.submit_code("mia", code) == DialogClosed()
    assert await states(here) == [LeaveState.APPROVED]
    await here.say("john", "I'd like to take 28 to 29 December off")
    await here.press("john", here.last("john"), "Send request")
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    assert isinstance(await here.submit_code("mia", code), FieldError)
