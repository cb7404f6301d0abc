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
from bot.errors import Misconfigured
from bot.settings.tree import CONFIG, Settings, load
from bot.texts.sentences import Voice, voice

LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Where a shell says its language, the strongest first (POSIX, Base Definitions §8.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing to paste; its words are `setup.asked.<what>` of the texts."""

    setting: tuple[str, ...]
    """Where it is kept; empty for what only this test needs."""
    what: str
    secret: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    when: tuple[tuple[str, ...], str] | None = None
    """Only asked where that setting has this value."""

    @property
    def variable(self) -> str:
        """The environment variable of the same name."""
        return "DOORWARD_" + "__".join(self.setting).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the set-up; its title is `setup.title.<name>` of the texts."""

    name: str
    asked: tuple[Asked, ...]
    copy: Callable[[Settings, Voice], Iterator[str]]
    """What has to be copied from here to there, and consented to: addresses, scopes, consents."""
    test: Callable[[Settings, Voice, Mapping[str, str]], list[Probe]]
    """Also gets what was asked for this test alone, by `Asked.what`."""


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
    """Make sure that there is a file which only this account can read. Raises `Misconfigured`."""
    if not path.exists():
        _write(path, "")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"{path} can be read by others: run `chmod 600 {path}`")


def keep(path: Path, answers: dict[tuple[str, ...], object]) -> None:
    """Put the answers into the file, comments and everything else in it kept; replaced whole, never half-written."""
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for setting, value in answers.items():
        table: Any = document
        for name in setting[:-1]:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
        table[setting[-1]] = value
    _write(path, tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def present(settings: Settings, setting: tuple[str, ...]) -> object:
    """What is set already; None where nothing is."""
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
