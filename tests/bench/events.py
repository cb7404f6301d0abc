"""Genuinely signed Slack events: somebody asks for their leave balance in a direct conversation."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass

from tests.fakes.slack_server import signature
from tests.fakes.slack_workspace import APP, BOT_USER, TEAM

ACCOUNTS = 1000
"""So many people that nobody is throttled: each may say sixty sentences a minute."""
TEXT = "balance"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """One request, and the conversation its reply comes in."""

    channel: str
    request: bytes


def account(number: int) -> str:
    """A chat account."""
    return f"U{number:06}"


def next_event() -> Event:
    """The next event: another event id and conversation each time, the people taking turns."""
    number = next(_numbers)
    return _event(number, account(number % ACCOUNTS))


def event_of(person: str) -> Event:
    """The next event, of this account."""
    return _event(next(_numbers), person)


def _event(number: int, person: str) -> Event:
    now, channel = int(time.time()), f"D{number:09}"
    body = json.dumps(
        {
            "token": "unused",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": {
                "type": "message",
                "channel_type": "im",
                "channel": channel,
                "user": person,
                "team": TEAM,
                "text": TEXT,
                "ts": f"{now}.{number % 1_000_000:06}",
                "client_msg_id": f"m-{number}",
            },
            "type": "event_callback",
            "event_id": f"Ev{number:010}",
            "event_time": now,
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": BOT_USER,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        }
    ).encode()
    head = (
        f"POST /slack/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-slack-request-timestamp: {now}\r\n"
        f"x-slack-signature: {signature(body, str(now))}\r\n\r\n"
    )
    return Event(channel, head.encode() + body)
