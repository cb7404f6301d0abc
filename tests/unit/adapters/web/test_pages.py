"""What pages say and where they lead back to."""

from __future__ import annotations

import pytest

from adapters.web.proving import STATUS
from adapters.web.signing_in import NEXT
from adapters.web.way_back import chat_link
from bot.domain.identity import ChannelIdentity, Platform
from bot.services.step_up import CodeRefusal
from bot.texts.sentences import voice


@pytest.mark.parametrize(
    ("platform", "tenant", "bot", "link"),
    [
        (Platform.SLACK, "E1/T1", "", "slack://open?team=T1"),
        (Platform.SLACK, "T1", "", "slack://open?team=T1"),
        (Platform.TEAMS, "tenant", "bot-id", "https://teams.microsoft.com/l/chat/0/0?users=28:bot-id"),
        (Platform.TEAMS, "tenant", "", "https://teams.microsoft.com/"),
        (Platform.PLAYGROUND, "demo", "", "/"),
    ],
)
def test_the_way_back_to_the_chat(platform: Platform, tenant: str, bot: str, link: str) -> None:
    assert chat_link(bot, ChannelIdentity(platform=platform, tenant=tenant, account="john")) == link


@pytest.mark.parametrize("refusal", CodeRefusal)
def test_every_refused_code_has_a_sentence_and_a_status(refusal: CodeRefusal) -> None:
    assert voice(None).has(f"web.code.{refusal}")
    assert 400 <= STATUS[refusal] < 500


@pytest.mark.parametrize("path", ["/enrol", "/consent/" + "a" * 32, "/view/" + "-_9" * 12])
def test_our_own_pages_can_come_after_a_sign_in(path: str) -> None:
    assert NEXT.fullmatch(path)
