"""How long what is asked for waits, and what a proof of it is good for: five minutes, and ten for one's own reading."""

from __future__ import annotations

import pytest

from bot.domain.proof import OWN_READING_SECONDS, PROOF_SECONDS
from bot.domain.proposal import PROPOSAL_SECONDS


@pytest.mark.requirement("47")
def test_the_minutes_are_those_that_are_promised() -> None:
    assert (PROPOSAL_SECONDS, PROOF_SECONDS, OWN_READING_SECONDS) == (300, 300, 600)
