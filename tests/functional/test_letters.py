"""Letters wait for the mail server: an outage or a crash loses none, and one that is taken is sent once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import MailUnavailable
from bot.ports.mail import Letter, NullMail
from bot.services.letters import KEPT, Letterbox
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, at_rest, web_stage

LETTER = Letter(to="john@corp.example", subject="A factor was added", text="Something.\n")


class MailServer:
    """Takes letters, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        if self.away:
            raise MailUnavailable("SMTPConnectError")
        self.letters.append(letter)


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock, server: MailServer) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock, mail=server) as everything:
        yield everything


async def test_a_link_made_while_the_mail_server_is_away_is_told_when_it_is_back(
    stage: Stage, server: MailServer
) -> None:
    server.away = True
    await stage.link(stage.browser(), "john")
    box = stage.core.letterbox
    assert await box.take_over() == 0  # not at once
    stage.clock.advance(seconds=31)
    assert await box.take_over() == 1
    assert server.letters == []
    server.away = False
    stage.clock.advance(seconds=61)
    assert await box.take_over() == 1
    assert [letter.to for letter in server.letters] == ["john@doorward.example"]
    stage.clock.advance(hours=2)
    assert await box.take_over() == 0
    assert len(server.letters) == 1


async def test_a_letter_taken_at_once_is_sent_once(stage: Stage, server: MailServer) -> None:
    await stage.core.letterbox.send(LETTER)
    stage.clock.advance(hours=2)
    assert await stage.core.letterbox.take_over() == 0
    assert server.letters == [LETTER]


async def test_a_crash_after_the_transaction_loses_no_letter(stage: Stage, server: MailServer) -> None:
    await stage.database.write(lambda tx: stage.core.letterbox.put(tx, LETTER))
    other = Letterbox(database=stage.database, mail=server, clock=stage.clock)
    assert await other.take_over() == 0  # held by the one that wrote it
    stage.clock.advance(seconds=61)
    assert await other.take_over() == 1
    assert server.letters == [LETTER]


async def test_the_waits_grow_and_after_three_days_it_is_given_up(stage: Stage, server: MailServer) -> None:
    server.away = True
    await stage.core.letterbox.send(LETTER)
    tries = 0
    for _ in range(int(KEPT / timedelta(minutes=30)) + 4):
        stage.clock.advance(minutes=30)
        tries += await stage.core.letterbox.take_over()
    assert 60 < tries < 80  # hourly, after the first few
    server.away = False
    stage.clock.advance(days=1)
    assert await stage.core.letterbox.take_over() == 0
    assert server.letters == []


async def test_a_mailbox_stands_nowhere_in_the_open(tmp_path: Path, stage: Stage, server: MailServer) -> None:
    server.away = True
    await stage.core.letterbox.send(Letter(to="nobody@hidden.example", subject="x", text="y"))
    assert b"hidden.example" not in at_rest(tmp_path)


async def test_without_a_mail_server_nothing_piles_up(stage: Stage) -> None:
    box = Letterbox(database=stage.database, mail=NullMail(), clock=stage.clock)
    await box.send(LETTER)
    stage.clock.advance(hours=1)
    assert await stage.core.letterbox.take_over() == 0
