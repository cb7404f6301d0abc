"""A one-time code that somebody typed into a chat: known by its form alone, taken out, compared with nothing."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.domain.messages import IncomingMessage

CODE = re.compile(
    r"\W*(?:(?:/?doorward|my|mein|the|der|die|is|ist|it's|its|here|hier"
    r"|code|otp|totp|2fa|mfa|pin|token|lautet|confirm)\W+)*"
    r"(?:\d[ \-.]?){5}\d(?:\W+(?:please|bitte|is|ist|my|mein|the|der|code|otp))*\W*",
    re.IGNORECASE,
)
"""Six digits and nothing said besides."""
TAKEN_OUT = "[one-time code]"
"""What stands in its place, in the inbox and everywhere behind it."""
LONGEST = 120


def is_code(text: str) -> bool:
    """Whether this is a one-time code, or the place of one: it goes nowhere, not even to the classifier."""
    return len(text) <= LONGEST and (text == TAKEN_OUT or CODE.fullmatch(text) is not None)


def without_code(message: IncomingMessage) -> IncomingMessage:
    """The message as it may be stored."""
    return replace(message, text=TAKEN_OUT) if is_code(message.text) else message
