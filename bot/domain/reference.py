"""Where a conversation is reached again, however long ago somebody wrote in it and whichever process saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationReference:
    """What a platform needs to be told to write into a conversation that nobody writes in now."""

    of: str
    """Whose direct conversation it is (`ChannelIdentity.key`), or which shared one (`Place.key`)."""
    conversation: str
    service: str
    """The verified service address that answers go to."""
    account: str = ""
    """The platform's own name of the person for this bot; empty for a shared conversation."""
    group: str = ""
    """Teams: the directory's group behind the team of a channel. It stands in links alone, and gives nobody a right."""
