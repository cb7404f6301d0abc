"""The way back into the chat, which every page has that a browser leg ends in, where a chat place is known."""

from __future__ import annotations

from bot.domain.identity import ChannelIdentity, LinkedIdentity, Platform
from bot.ports.database import Transaction


def chat_link(teams_bot: str, channel: ChannelIdentity) -> str:
    """The way back to the chat (Slack's and Teams' documented deep links)."""
    if channel.platform is Platform.SLACK:
        return f"slack://open?team={channel.tenant.rpartition('/')[2]}"
    if channel.platform is Platform.TEAMS:
        return (
            f"https://teams.microsoft.com/l/chat/0/0?users=28:{teams_bot}"
            if teams_bot
            else "https://teams.microsoft.com/"
        )
    return "/"


def own_chat(tx: Transaction, identity: LinkedIdentity) -> ChannelIdentity | None:
    """Where a person last spoke to the bot, or could; None where no chat account speaks for them."""
    sessions = sorted(tx.sessions.of_identity(identity), key=lambda session: session.last_used_at)
    if sessions:
        return sessions[-1].channel
    links = sorted(tx.links.of_identity(identity), key=lambda link: link.linked_at)
    return links[-1].channel if links else None
