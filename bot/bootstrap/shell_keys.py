"""The keys from the shell: what there is and what is under each, rotation, removal, and wrapping the file anew."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.bootstrap.installation import on_database
from bot.bootstrap.keys import key_file
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.shell_audit import verify_state
from bot.bootstrap.shell_output import Advance
from bot.errors import Misconfigured
from bot.ports.database import Database, Transaction
from bot.services.audit_trail import Scribe
from bot.services.key_keeping import seen_within
from bot.services.key_rotation import REWRITTEN, Rotated, Rotation
from bot.settings.systems import KeysKind
from bot.settings.tree import Settings
from storage.crypto import Key, Keyring, Purpose
from storage.key_file import FileRotation, InTheClear, KeyFile

Fields = dict[str, object]
Tell = Callable[[str], None]


def listed(settings: Settings) -> list[Fields]:
    """Every key, how it is used, and how many rows are under it. No secret is among that."""
    ring = key_file(settings).load()
    interval = seen_within(settings.keys.reload_seconds)
    clock = SystemClock()

    def look(tx: Transaction) -> tuple[Mapping[str, int], list[frozenset[str]]]:
        holders = tx.keys.holders(since=clock.now() - interval)
        return tx.keys.use(), [holder.held.reads for holder in holders]

    use, held = on_database(settings, ring, lambda database: database.read(look))
    rows = [_described(ring, purpose, key, use, held) for purpose in Purpose for key in ring.of(purpose)]
    unknown = [name for name in use if name.endswith(":?")]
    return rows + [
        {"purpose": name.partition(":")[0], "id": "?", "state": "missing", "rows": use[name]} for name in unknown
    ]


def _described(ring: Keyring, purpose: Purpose, key: Key, use: Mapping[str, int], held: list[frozenset[str]]) -> Fields:
    name = f"{purpose}:{key.id}"
    state = "standby" if key.standby else "writes" if key.id == ring.newest(purpose).id else "reads"
    return {
        "purpose": purpose.value,
        "id": key.id,
        "state": state,
        "rows": use.get(name, 0) if purpose in REWRITTEN else None,
        "held_by": f"{sum(name in reads for reads in held)} of {len(held)}",
        "made_at": key.made_at,
        "until": key.until,
    }


def rotate(
    settings: Settings,
    purposes: Sequence[Purpose],
    *,
    advance: Advance,
    tell: Tell,
    patience: timedelta,
    keep: timedelta,
    compromised: bool,
) -> Rotated:
    """Rotate these, or go on with a rotation that was cut off. Raises `Misconfigured`, `Unavailable`."""
    until = _end(keep, compromised=compromised)
    if compromised and (faults := verify_state(settings, advance)):
        raise Misconfigured(
            f"{len(faults)} rows are not as the log says: under a known key they may be forged, and would be signed "
            "anew. See `doorward audit verify --state`, mend them, then run this again"
        )

    async def work(rotation: Rotation) -> Rotated:
        return await rotation.run(purposes, advance, older_until=until, compromised=compromised)

    return _rotating(settings, patience, tell, work)


def remove(settings: Settings, purpose: Purpose, key_id: str, *, advance: Advance, tell: Tell) -> Rotated:
    """Take an older key away for good, once nothing is left on it. Raises `Misconfigured`."""

    async def work(rotation: Rotation) -> Rotated:
        return await rotation.remove(purpose, key_id, advance)

    return _rotating(settings, timedelta(0), tell, work)


def wrap(settings: Settings) -> int:
    """Have the settings' key service keep a file that holds keys in the clear, or wrap one anew; how many keys."""
    file = key_file(settings)
    with file.alone():
        keys = _in_any_form(settings, file)
        file.save(keys)
    return sum(len(keys.of(purpose)) for purpose in Purpose)


def _in_any_form(settings: Settings, file: KeyFile) -> Keyring:
    try:
        return file.load()
    except Misconfigured:
        if settings.keys.kind is KeysKind.FILE:
            raise
        return KeyFile(file.path, InTheClear(), clock=SystemClock().now).load()


def _end(keep: timedelta, *, compromised: bool) -> datetime:
    now = SystemClock().now()
    return now if compromised else now + keep


def _rotating(
    settings: Settings, patience: timedelta, tell: Tell, work: Callable[[Rotation], Awaitable[Rotated]]
) -> Rotated:
    file, clock = key_file(settings), SystemClock()
    with file.alone():
        ring = file.load()
        scribe = Scribe(time=clock.now(), channel="shell", correlation=secrets.token_hex(8))

        async def run(database: Database) -> Rotated:
            rotation = Rotation(
                database=database,
                clock=clock,
                keys=FileRotation(file, ring),
                pause=asyncio.sleep,
                scribe=scribe,
                seen_within=seen_within(settings.keys.reload_seconds),
                patience=patience,
                tell=tell,
            )
            return await work(rotation)

        return on_database(settings, ring, run)
