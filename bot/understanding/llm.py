"""What a language model may do here: propose. It is asked third, and only when one is configured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

from pydantic import BaseModel

from bot.understanding.tools import ProposedCall

UntrustedText = NewType("UntrustedText", str)
"""What somebody typed. It is data to a model, never an instruction, and goes nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A capability as a model sees it."""

    name: str
    description: str
    arguments: type[BaseModel]


class LanguageModel(Protocol):
    """Proposes a call, or nothing. Its answer is checked by `bot.understanding.tools` like everybody else's."""

    async def propose(self, text: UntrustedText, tools: Sequence[Tool]) -> ProposedCall | None:
        """The call the text asks for, or None where it asks for none. Raises `Unavailable`."""
        ...
