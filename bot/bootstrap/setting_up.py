"""`doorward setup`: each part as what to paste, a live test, and green or the exact fix; taken up where it was left.

What is pasted goes into the TOML file that DOORWARD_CONFIG names, which only this account may read; secrets are asked
for without being shown, and never printed.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from adapters.probes import Probe
from bot.errors import Misconfigured, StorageUnavailable
from bot.settings.tree import CONFIG, Settings, load, variable
from bot.texts.sentences import Voice, voice

LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Where a shell says its language, the strongest first (POSIX, Base Definitions §8.2)."""
SLACK_TOKENS = ("xox", "xapp-")
"""How Slack's tokens begin: easily pasted where something else was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing to paste; its words are `setup.asked.<what>` of the texts."""

    setting: tuple[str, ...]
    """Where it is kept; empty for what only this test needs."""
    what: str
    secret: bool = False
    many: bool = False
    optional: bool = False
    """Whether Enter goes without it."""
    choices: tuple[str, ...] = ()
    usual: Callable[[Settings], str] | None = None
    """The choice that is offered, for what is kept nowhere."""
    when: tuple[str, str] | None = None
    """Only asked where the earlier question of that name was answered so."""
    begins: tuple[str, ...] = ()
    """How every right answer begins, where something else is often pasted in its place."""
    clears: tuple[str, tuple[str, ...]] | None = None
    """With this answer, that setting is taken out of the file."""

    @property
    def variable(self) -> str:
        """The environment variable of the same name."""
        return variable(self.setting)


Copies = Callable[[Settings, Voice, Mapping[str, str]], Iterator[str]]
Tests = Callable[[Settings, Voice, Mapping[str, str]], list[Probe]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the set-up; its title is `setup.title.<name>` of the texts."""

    name: str
    asked: tuple[Asked, ...]
    copy: Copies
    """What has to be copied from here to there, and consented to: addresses, scopes, consents."""
    test: Tests
    """Also gets the answers, by `Asked.what`; nothing where nothing was asked."""
    first: tuple[Asked, ...] = ()
    """Asked before it is said what to copy, since that depends on it."""
    follows: Callable[[Settings], Mapping[tuple[str, ...], object]] = lambda _settings: {}
    """What else is kept, since it follows from the answers."""
    optional: bool = False
    """Whether a company may go without it."""


def reader(environ: Mapping[str, str]) -> Voice:
    """The texts in the language of the shell."""
    said = next((environ[name] for name in LOCALES if environ.get(name)), "")
    return voice(said.partition(".")[0])


def configuration(environ: dict[str, str]) -> Path:
    """The file that is written. Raises `Misconfigured` where DOORWARD_CONFIG names none."""
    name = environ.get(CONFIG, "")
    if not name:
        raise Misconfigured(f"{CONFIG} is empty: name the file to write, for example {CONFIG}=doorward.toml")
    return Path(name)


def open_file(path: Path) -> None:
    """Make sure that there is a file which only this account can read.

    Raises `Misconfigured`, and `StorageUnavailable` where it cannot be made.
    """
    if not path.exists():
        _write(path, "")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"{path} can be read by others: run `chmod 600 {path}`")


def keep(path: Path, answers: Mapping[tuple[str, ...], object]) -> None:
    """Put the answers into the file, comments and everything else in it kept; None takes a setting out.

    The file is replaced whole, never half-written, and only by one that can be read as settings again. Raises
    `Misconfigured` where the answers make none, and `StorageUnavailable`; the file then is as it was.
    """
    if not answers:
        return
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for setting, value in answers.items():
        _put(document, setting, value)
    _write(path, tomlkit.dumps(document), proven=True)


def _put(document: Any, setting: tuple[str, ...], value: object) -> None:  # noqa: ANN401 - tomlkit's containers
    table = document
    for name in setting[:-1]:
        if name not in table:
            table[name] = tomlkit.table()
        table = table[name]
    if value is None:
        table.pop(setting[-1], None)  # a table that was made for this stays empty, which sets nothing
    else:
        table[setting[-1]] = value


def _write(path: Path, text: str, *, proven: bool = False) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 600
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written ({error.strerror})") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if proven:
            load({**os.environ, CONFIG: name})
        temporary.replace(path)
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written ({error.strerror}); it is as it was") from None
    finally:
        temporary.unlink(missing_ok=True)


def present(settings: Settings, setting: tuple[str, ...]) -> str | None:
    """What is set already; None where nothing is."""
    if not setting:
        return None
    value: Any = settings
    for name in setting:
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if value is None:
            return None
    if isinstance(value, tuple):
        return ", ".join(_revealed(one) for one in value) or None
    return _revealed(value) or None


def _revealed(value: object) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(value if reveal is None else reveal())


def read() -> Settings:
    """The settings as they are now. Raises `Misconfigured`."""
    return load()


def public_address(settings: Settings) -> str:
    """The address that everything is made from, or a place for it."""
    return settings.public_url.rstrip("/") or "https://YOUR-ADDRESS"


def nothing_set(reader: Voice) -> Probe:
    """What is said of a part that nothing is set of."""
    return Probe(what=reader.say("setup.test.settings"), good=False, fix=reader.say("setup.fix.nothing_set"))
