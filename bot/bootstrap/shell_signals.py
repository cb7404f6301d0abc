"""`doorward ssf …`: the transmitters that are set, when each was last heard, and a verification event on request."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta

from adapters.signals.stream import Stream
from bot.bootstrap.installation import keyring, on_database
from bot.bootstrap.outside import SystemClock
from bot.errors import Misconfigured, ProviderUnavailable
from bot.ports.database import Database
from bot.services.signals import heard_mark, verified_mark
from bot.settings.directories import Signals
from bot.settings.tree import Settings

Fields = dict[str, object]
LOOK_SECONDS = 0.5
NOT_OFFERED = "not asked: CONFIGURATION_URL, STREAM_ID and API_TOKEN are not set"


def status(settings: Settings, now: datetime) -> list[Fields]:
    """Every transmitter. Raises `Misconfigured`, `StorageUnavailable`."""

    async def look(database: Database) -> list[Fields]:
        return [await _status(name, one, database) for name, one in sorted(settings.signals.items())]

    return on_database(settings, keyring(settings, now), look)


async def _status(name: str, signals: Signals, database: Database) -> Fields:
    channel = f"ssf:{name}"
    heard, verified = await database.read(
        lambda tx: (tx.jobs.mark(heard_mark(channel)), tx.jobs.mark(verified_mark(channel)))
    )
    stream, problem = NOT_OFFERED, ""
    if signals.configuration_url:
        try:
            state, reason = await stream_of(signals).status()
            stream = f"{state}: {reason}" if reason else state
            problem = "" if state == "enabled" else f"the transmitter says that the stream is {state or 'in no state'}"
        except ProviderUnavailable as away:
            stream, problem = "no answer", away.detail
    return {
        "name": name,
        "issuer": signals.issuer,
        "way": "fetched" if signals.poll_url else "pushed",
        "last_heard": heard or "never",
        "last_verified": verified or "never",
        "stream": stream,
        "problem": problem,
    }


def stream_of(signals: Signals) -> Stream:
    """The transmitter's management API."""
    return Stream(
        configuration_url=signals.configuration_url,
        stream_id=signals.stream_id,
        token=signals.api_token.get_secret_value(),
        issuer=signals.issuer,
    )


def verify(settings: Settings, now: datetime, name: str, wait: timedelta) -> str:
    """Ask for a verification event and wait until a serving process has stored it; when. Raises `Misconfigured`,
    `ProviderUnavailable`.
    """
    signals = settings.signals.get(name)
    if signals is None:
        known = ", ".join(sorted(settings.signals)) or "none"
        raise Misconfigured(f"there is no DOORWARD_SIGNALS__{name.upper()}__…; set are: {known}")
    if not signals.configuration_url:
        raise Misconfigured(
            f"DOORWARD_SIGNALS__{name.upper()}__CONFIGURATION_URL, __STREAM_ID and __API_TOKEN are not set: "
            "have the transmitter's own console send a verification event, then look at `doorward ssf status`"
        )

    async def ask(database: Database) -> str:
        channel, clock = f"ssf:{name}", SystemClock()
        before = await database.read(lambda tx: tx.jobs.mark(verified_mark(channel)))
        await stream_of(signals).verify(secrets.token_urlsafe(16))
        until = clock.now() + wait
        while clock.now() < until:
            after = await database.read(lambda tx: tx.jobs.mark(verified_mark(channel)))
            if after is not None and after != before:
                return after
            await asyncio.sleep(LOOK_SECONDS)
        way = "reaches us at /ssf/events" if not signals.poll_url else "has it at POLL_URL"
        raise ProviderUnavailable(
            f"the transmitter took the request, and nothing came within {wait.seconds} s: see that `doorward serve` "
            f"runs on this database, that the transmitter {way}, and `doorward audit search type:ingress` for a refusal"
        )

    return on_database(settings, keyring(settings, now), ask)
