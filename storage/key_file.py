"""The keys where they are kept: one file, in the clear for this account alone, or wrapped by a key service.

The file is the only truth about which keys there are and which is written with. It is replaced in one step, so that a
reader sees the keys before a change or after it; whoever holds them in memory takes a change in within seconds.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog

from bot.errors import DoorwardError, Misconfigured
from bot.ports.keys import KeysHeld, KeyWrapping
from storage.crypto import FILE_FORM, Keyring, Purpose, write_privately

WRAPPED_FORM = 2
MOST_BYTES = 1024 * 1024
NOT_OURS_ALONE = 0o027
"""Others may do nothing, and the group at most read: mounted secrets belong to root and the service's group."""

_log = structlog.get_logger(__name__)
Stamp = tuple[int, int, int]


class InTheClear:
    """No wrapping: the file is as secret as its mode and the disk it lies on."""

    kind = "file"
    bare = True

    def wrap(self, content: bytes) -> bytes:
        return content

    def unwrap(self, wrapped: bytes) -> bytes:
        return wrapped


class KeyFile:
    """A keys file and what unwraps it. Every method blocks."""

    def __init__(self, path: Path, wrapping: KeyWrapping, *, clock: Callable[[], datetime]) -> None:
        self.path = path
        self._wrapping = wrapping
        self._clock = clock

    def load(self) -> Keyring:
        """The keys. Raises `Misconfigured` for a file that is missing, spoilt or open to others, `KeysUnavailable`,
        `IntegrityAlarm`.
        """
        document = self._document(self._read())
        wrapped = base64.b64decode(str(document["wrapped"])) if document["form"] == WRAPPED_FORM else None
        if wrapped is None and not self._wrapping.bare:
            raise Misconfigured(
                f"{self.path} holds keys in the clear, and {self._wrapping.kind} is to keep them: "
                "run `doorward keys wrap`"
            )
        content = json.dumps(document).encode() if wrapped is None else self._wrapping.unwrap(wrapped)
        return Keyring.parse(content, now=self._clock())

    def save(self, keys: Keyring) -> None:
        """Put these in the file's place, in one step. Raises `Misconfigured`, `KeysUnavailable`."""
        content = self._wrapping.wrap(keys.document())
        if not self._wrapping.bare:
            wrapped = base64.b64encode(content).decode()
            document = {"form": WRAPPED_FORM, "kind": self._wrapping.kind, "wrapped": wrapped}
            content = json.dumps(document, indent=1).encode()
        try:
            write_privately(self.path, content)
        except OSError as error:
            raise Misconfigured(f"{self.path} cannot be written ({error.strerror})") from None

    def stamp(self) -> Stamp | None:
        """What changes with every replacement of the file; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one on this host that changes the file. Raises `Misconfigured` where somebody else is at it."""
        try:
            descriptor = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(f"{self.path.parent} cannot be written to ({error.strerror})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Misconfigured("the keys are being changed by another command: let that end first") from None
        finally:
            os.close(descriptor)

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                self._refuse_open(os.fstat(file.fileno()))
                return file.read(MOST_BYTES)
        except OSError as error:
            raise Misconfigured(f"the keys file {self.path} cannot be read ({error.strerror})") from None

    def _refuse_open(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise Misconfigured(f"the keys file {self.path} is no file")
        if self._wrapping.bare and found.st_mode & NOT_OURS_ALONE:
            raise Misconfigured(
                f"the keys file {self.path} is open to others (mode {stat.S_IMODE(found.st_mode):o}): "
                "chmod 600 it; whoever could read it may know its keys (`doorward keys rotate --compromised`)"
            )

    def _document(self, content: bytes) -> dict[str, object]:
        try:
            document = json.loads(content)
            form = document["form"]
            if form not in (FILE_FORM, WRAPPED_FORM):
                raise ValueError("unknown form")
            if form == WRAPPED_FORM and (document["kind"] != self._wrapping.kind or not document["wrapped"]):
                raise Misconfigured(
                    f"{self.path} is wrapped by {str(document['kind'])[:20]!r}, and DOORWARD_KEYS__KIND is "
                    f"{self._wrapping.kind}"
                )
        except (ValueError, KeyError, TypeError) as exc:
            # The cause could quote the file.
            raise Misconfigured(f"the keys file {self.path} cannot be read ({type(exc).__name__})") from None
        return dict(document)


class LiveKeys:
    """The keys of this process, taken in anew when their file changed: see `bot.ports.keys.RunningKeys`."""

    def __init__(self, file: KeyFile, ring: Keyring, stamp: Stamp | None) -> None:
        self.ring = ring
        self._file = file
        self._stamp = stamp
        ring.learn_from(self._relearn)

    @classmethod
    def of(cls, file: KeyFile) -> LiveKeys:
        """Load them. Raises as `KeyFile.load`."""
        stamp = file.stamp()  # before the reading: a change in between is taken in once more, never missed
        return cls(file, file.load(), stamp)

    def refresh(self) -> KeysHeld:
        """Take in a changed file; the present keys stay where it cannot be read."""
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self.ring.adopt(self._file.load())
            self._stamp = stamp
            _log.info("keys.taken_in", generation=self.ring.generation)
        return held(self.ring)

    def held(self) -> KeysHeld:
        return held(self.ring)

    def ping(self) -> None:
        self._file.load()

    def _relearn(self) -> bool:
        """Asked on an unknown key id. Only a changed file is read, so that forged ids cost nothing."""
        if self._file.stamp() == self._stamp:
            return False
        try:
            self.refresh()
        except DoorwardError as error:
            _log.error("keys.not_taken_in", code=error.code)
            return False
        return True


class FileRotation:
    """The keys as a rotation changes them: see `bot.ports.keys.RotatingKeys`. Used under `KeyFile.alone`."""

    def __init__(self, file: KeyFile, ring: Keyring) -> None:
        self._file = file
        self._ring = ring

    def held(self) -> KeysHeld:
        return held(self._ring)

    def standby(self, purpose: str) -> str | None:
        waiting = self._ring.standby(Purpose(purpose))
        return None if waiting is None else f"{purpose}:{waiting.id}"

    def add(self, purpose: str, *, now: datetime) -> str:
        self._change(self._ring.with_standby(Purpose(purpose), now=now))
        return self.standby(purpose) or ""

    def promote(self, purpose: str, *, older_until: datetime | None) -> None:
        self._change(self._ring.promoted(Purpose(purpose), older_until=older_until))

    def remove(self, purpose: str, key_id: str) -> None:
        self._change(self._ring.without(Purpose(purpose), key_id))

    def older(self, purpose: str) -> Sequence[str]:
        newest = self._ring.newest(Purpose(purpose))
        return [key.id for key in self._ring.of(Purpose(purpose)) if key.id != newest.id and not key.standby]

    def _change(self, keys: Keyring) -> None:
        """The file first: a key that is not written down must never be used."""
        self._file.save(keys)
        self._ring.adopt(keys)


def held(ring: Keyring) -> KeysHeld:
    """The ids a keyring reads and writes with."""
    return KeysHeld(
        reads=frozenset(f"{purpose}:{key.id}" for purpose in Purpose for key in ring.of(purpose)),
        writes=frozenset(f"{purpose}:{ring.newest(purpose).id}" for purpose in Purpose),
    )
