"""Keys: what keeps their file from being read, what a running process holds, and which rows are under which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.identity import ChannelIdentity, LinkedIdentity


class KeyWrapping(Protocol):
    """Key encryption: turns the written keyring into what may lie in a file, and back.

    Called from a thread: an implementation that reaches a key service bounds its own time.
    """

    @property
    def kind(self) -> str:
        """How the file names it; a file of another kind is refused."""
        ...

    @property
    def bare(self) -> bool:
        """Whether the file then holds keys in the clear, so that nobody else may read it."""
        ...

    def wrap(self, content: bytes) -> bytes:
        """Raises `KeysUnavailable`."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises `KeysUnavailable`; `IntegrityAlarm` for what was altered or wrapped for somebody else."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysHeld:
    """The keys of a process, each as `purpose:id`; ids are no secret."""

    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """A process that serves, and the keys it held when it was last seen."""

    name: str
    held: KeysHeld
    seen_at: datetime


class RunningKeys(Protocol):
    """The keys this process works with. Every method may block, so it is called from a thread."""

    def refresh(self) -> KeysHeld:
        """Take in what was changed where the keys are kept. Raises `Misconfigured`, `Unavailable`, `IntegrityAlarm`."""
        ...

    def held(self) -> KeysHeld:
        """What is held at present; reads nothing and never raises."""
        ...

    def ping(self) -> None:
        """Raises as `refresh` does where the keys could not be had again."""
        ...


class RotatingKeys(Protocol):
    """The keys as they are rotated. Every method may block. Raises as `RunningKeys` does."""

    def held(self) -> KeysHeld:
        """What stands where the keys are kept."""
        ...

    def standby(self, purpose: str) -> str | None:
        """The key that waits until everybody can read with it, as `purpose:id`."""
        ...

    def add(self, purpose: str, *, now: datetime) -> str:
        """Make a key that everybody is to read with, and nobody writes with yet."""
        ...

    def promote(self, purpose: str, *, older_until: datetime | None) -> None:
        """Write with the key on standby from now on."""
        ...

    def remove(self, purpose: str, key_id: str) -> None:
        """Take an older key away. Raises `Misconfigured` for the one that is written with."""
        ...

    def older(self, purpose: str) -> Sequence[str]:
        """The ids that are only read with."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What one piece of re-sealing did. `last` is where the next begins; None at the end of the table."""

    done: int
    broken: int
    """Rows that do not hold under the key they name: left as they are, never sealed anew."""
    last: str | int | None


class KeyUseStore(Protocol):
    """Who holds which keys, which rows are under which, and re-sealing."""

    def report(self, name: str, held: KeysHeld, *, now: datetime) -> None:
        """A process says what it holds; those not seen for a day are forgotten."""
        ...

    def leave(self, name: str) -> None:
        """A process ends."""
        ...

    def holders(self, *, since: datetime) -> Sequence[KeyHolder]:
        """Who was seen since."""
        ...

    def tables(self) -> Sequence[str]:
        """The tables with anything sealed or authenticated."""
        ...

    def older(self, table: str) -> int:
        """How many rows have anything under another key than the ones written with."""
        ...

    def rewrite(self, table: str, after: str | int | None, *, limit: int) -> Rewritten:
        """Re-seal and re-sign the next such rows; those in use at the moment are passed over."""
        ...

    def use(self) -> Mapping[str, int]:
        """Rows by `purpose:id`, for sealing and row MACs; under ids that are not held, by `purpose:?`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A person's token cache that is out of use here and still good at its provider."""

    id: str
    identity: LinkedIdentity
    provider: str
    token_cache: bytes
    attempts: int
    first_at: datetime
    asked_by: ChannelIdentity | None = None
    """Who wants every session of the person ended in the whole company; None where only this token is to go."""


class RevocationStore(Protocol):
    """Tokens on their way out, sealed."""

    def put(
        self, identity: LinkedIdentity, provider: str, token_cache: bytes, *, asked_by: ChannelIdentity | None = None
    ) -> None:
        """Keep, due at once; with `asked_by` it stands for every session of the person in the company."""
        ...

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[Revocation]:
        """Take those due that nobody holds, counting the attempt."""
        ...

    def retry(self, revocation_id: str, *, at: datetime) -> None:
        """Not revoked: try again at."""
        ...

    def done(self, revocation_id: str) -> None:
        """Destroy our copy."""
        ...

    def waiting(self) -> int:
        """How many."""
        ...
