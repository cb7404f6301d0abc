"""Fifty messages of one person at the end of what the provider said last, over two processes: it is asked once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bot.services.revalidation import FRESH_SECONDS
from storage.database import open_database
from storage.migration import migrate
from tests.fakes.openid_provider import fake_openid_provider
from tests.reliability import company
from tests.reliability.courier import Courier, session
from tests.reliability.replicas import installation, key_file, replicas
from tests.reliability.stage import SEED
from tests.reliability.workspace import WatchedSlack

MESSAGES = 50
LONG_AGO = timedelta(seconds=FRESH_SECONDS * 2)
PATIENCE = 60.0


@pytest.mark.chaos
@pytest.mark.postgres
@pytest.mark.requirement("25")
@pytest.mark.timeout(600)
async def test_fifty_messages_at_once_over_two_processes_refresh_once_and_are_all_answered(
    tmp_path: Path, postgres_url: str
) -> None:
    slack = WatchedSlack(now=lambda: datetime.now(UTC))
    with fake_openid_provider() as provider:  # its refresh tokens rotate: one that is shown twice is refused
        company.describe(provider)
        async with slack.running():
            (pair,) = company.pairs_of(1)
            slack.join(pair.asker.account)
            environ = installation(tmp_path, postgres_url, slack.api_base_url, **company.provider_settings(provider))
            await asyncio.to_thread(migrate, postgres_url)
            database = open_database(postgres_url, keys=key_file(tmp_path).load())
            try:
                await company.settle(database, provider, [pair], tmp_path / "hr.db", ago=LONG_AGO)
            finally:
                await database.close()
            before = provider.requests.count("POST /token")
            async with replicas(tmp_path, environ) as both, session() as client:
                courier = Courier(slack=slack, to=both, session=client, random=Random(SEED))
                account = pair.asker.account
                said = [slack.typed(account, "balance") for _ in range(MESSAGES)]
                await asyncio.gather(*(courier.deliver("message", payload) for payload in said))
                await slack.until(lambda: len(slack.seen_by(account)) >= MESSAGES, PATIENCE)
                await courier.settled()
    assert provider.requests.count("POST /token") - before == 1
    answers = [message.text for message in slack.seen_by(account)]
    assert len(answers) == MESSAGES
    assert [answer for answer in answers if "days" not in answer] == []
