"""Composes the keys: from the settings to a file, what unwraps it, and what keeps a process up to date."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime

from bot.errors import IntegrityAlarm, Misconfigured
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.keys import KeyWrapping
from bot.services.key_keeping import KeyKeeper
from bot.settings.systems import KeysKind
from bot.settings.tree import Settings
from storage.crypto import Keyring
from storage.key_file import InTheClear, KeyFile, LiveKeys


def _utc() -> datetime:
    return datetime.now(UTC)


def key_file(settings: Settings, clock: Callable[[], datetime] = _utc) -> KeyFile:
    """The keys file of this installation. Raises `Misconfigured`, naming the setting."""
    if settings.keys.file is None:
        raise Misconfigured("DOORWARD_KEYS__FILE is empty: make one with `doorward keys init FILE`, and name it here")
    return KeyFile(settings.keys.file, wrapping(settings), clock=clock)


def wrapping(settings: Settings) -> KeyWrapping:
    """What the settings have keep the file shut. Raises `Misconfigured`."""
    given = settings.keys.aws_kms
    if settings.keys.kind is KeysKind.FILE:
        return InTheClear()
    if given is None or not given.key_id or not given.region:
        raise Misconfigured("DOORWARD_KEYS__AWS_KMS__KEY_ID and …__REGION are empty: name the KMS key and its region")
    from adapters.keys.aws_kms import AwsKms  # noqa: PLC0415 - AWS's library is large, and not everybody's

    return AwsKms(
        key_id=given.key_id,
        older_key_ids=given.older_key_ids,
        region=given.region,
        installation=given.installation,
        endpoint_url=given.endpoint_url or None,
        metadata_credentials=given.metadata_credentials,
    )


def loaded(settings: Settings, now: datetime) -> Keyring:
    """The keys as they stand. Raises `Misconfigured`, naming the setting; `KeysUnavailable`."""
    try:
        return key_file(settings, lambda: now).load()
    except Misconfigured as refused:
        raise Misconfigured(f"DOORWARD_KEYS__FILE: {refused.detail.removeprefix('DOORWARD_KEYS__FILE ')}") from None
    except IntegrityAlarm as alarm:
        raise Misconfigured(f"DOORWARD_KEYS__FILE: {alarm.detail}") from None


def live_keys(settings: Settings, clock: Clock) -> LiveKeys:
    """The keys, to be kept up to date. Raises `Misconfigured`, `KeysUnavailable`."""
    try:
        return LiveKeys.of(key_file(settings, clock.now))
    except IntegrityAlarm as alarm:
        raise Misconfigured(f"DOORWARD_KEYS__FILE: {alarm.detail}") from None


def keeper(settings: Settings, database: Database, clock: Clock, keys: LiveKeys) -> KeyKeeper:
    """What keeps this process's keys up to date; its name is told to whoever waits for it."""
    return KeyKeeper(
        database=database,
        clock=clock,
        keys=keys,
        name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}",
        every_seconds=settings.keys.reload_seconds,
    )
