"""Every card that is posted goes through the table of notices: nothing is put into the outbox past it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Card
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.notice import TABLE, Notice, NoticeClass
from bot.ports.database import Transaction
from bot.services.delivery import direct_place, put_at_once
from tests.fakes.clock import FixedClock

ROOT = Path(__file__).parents[2]
SIFTED = {"bot/services/delivery.py"}
RELEASED = {"bot/jobs.py"}
"""What the notices' own job lets out, and the edit of a session's card."""


def _calls(name: str) -> set[str]:
    """Modules that call `….delivery.<name>`, or `….outbox.<name>`."""
    found = set()
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "put":
                owner = node.func.value
                if isinstance(owner, ast.Attribute) and owner.attr.strip("_") == name:
                    found.add(str(path.relative_to(ROOT)))
    return found


def test_nothing_is_put_into_the_outbox_but_by_delivery() -> None:
    assert _calls("outbox") == SIFTED


def test_nothing_is_delivered_past_the_sieve() -> None:
    assert _calls("delivery") == RELEASED


@pytest.mark.parametrize("notice", [one for one in Notice if TABLE[one].kind is not NoticeClass.SECURITY])
def test_only_security_notices_come_at_once_by_themselves(notice: Notice, clock: FixedClock) -> None:
    to = ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account="john")
    posting = Posting(draft=Draft(card=Card(headline="x")), to=to, place=direct_place(to), notice=notice)
    nothing: Transaction = object()  # type: ignore[assignment]  # refused before it is touched
    with pytest.raises(ValueError, match="no security notice"):
        put_at_once(nothing, posting, clock.now())
