"""What keeps Doorward from starting in the settings of the ways in on which a company's directory speaks to us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from urllib.parse import urlsplit

from bot.settings.directories import Scim, Signals
from bot.settings.tree import Environment, Settings, variable
from bot.settings.values import DatedSecret

TOKEN_CHARACTERS = 22
"""128 random bits in base64url."""


def directory_problems(settings: Settings) -> Iterator[str]:
    """What keeps `serve` from starting, one line each.

    1. each way in has a credential of its own, too long to guess, and no two share one;
    2. a transmitter's keys come over https, or from loopback outside production.
    """
    for name, signals in settings.signals.items():
        if signals.token or not signals.poll_url:
            yield from _token("signals", name, signals.token)
        if signals.poll_url:
            yield from _polled(name, signals, settings.environment)
        yield from _managed(name, signals, settings.environment)
        parts = urlsplit(signals.jwks_url)
        loopback = parts.hostname == "127.0.0.1" and settings.environment is not Environment.PRODUCTION
        if not parts.hostname or (parts.scheme != "https" and not loopback):
            yield f"{variable(('signals', name, 'jwks_url'))} is not an https address: events could be forged"
    for name, scim in settings.scim.items():
        yield from _token("scim", name, scim.token)
    tokens = [token.get_secret_value() for _, secrets in _tokens(settings) for token in secrets]
    if len(tokens) != len(set(tokens)):
        yield "DOORWARD_SIGNALS__… and DOORWARD_SCIM__…: two of them share a token; give each one of its own"


def _polled(name: str, signals: Signals, environment: Environment) -> Iterator[str]:
    parts = urlsplit(signals.poll_url)
    loopback = parts.hostname == "127.0.0.1" and environment is not Environment.PRODUCTION
    if not parts.hostname or (parts.scheme != "https" and not loopback):
        yield f"{variable(('signals', name, 'poll_url'))} is not an https address: our credential could be read"
    if not signals.poll_token.get_secret_value():
        yield f"{variable(('signals', name, 'poll_token'))} is empty: it is what the transmitter gave for polling"


def _managed(name: str, signals: Signals, environment: Environment) -> Iterator[str]:
    """For `doorward ssf`: all three or none, and our credential goes over https."""
    given = (signals.configuration_url, signals.stream_id, signals.api_token.get_secret_value())
    if not any(given):
        return
    if not all(given):
        places = ("configuration_url", "stream_id", "api_token")
        missing = [variable(("signals", name, place)) for place, value in zip(places, given, strict=True) if not value]
        yield f"{' and '.join(missing)}: set all three, or none of them"
    parts = urlsplit(signals.configuration_url)
    loopback = parts.hostname == "127.0.0.1" and environment is not Environment.PRODUCTION
    if signals.configuration_url and (not parts.hostname or (parts.scheme != "https" and not loopback)):
        where = variable(("signals", name, "configuration_url"))
        yield f"{where} is not an https address: our credential could be read"


def _token(group: str, name: str, token: Sequence[DatedSecret]) -> Iterator[str]:
    if not token or any(len(one.get_secret_value()) < TOKEN_CHARACTERS for one in token):
        yield (
            f"{variable((group, name, 'token'))} is empty or too short: take one of {TOKEN_CHARACTERS} random "
            "characters or more, and give it to the sender"
        )


def _tokens(settings: Settings) -> Iterator[tuple[str, Sequence[DatedSecret]]]:
    named: Iterator[tuple[str, Signals | Scim]] = chain(settings.signals.items(), settings.scim.items())
    for name, sender in named:
        yield name, sender.token
