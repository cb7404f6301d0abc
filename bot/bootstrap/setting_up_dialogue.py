"""The conversation of `doorward setup`: asks, keeps what was pasted, tests, and says what to do, part by part.

It may be left at every question, by Ctrl-C, a closed terminal or a `no`: what was pasted by then is kept, and the next
run offers it. What cannot be right is asked for again and kept nowhere; nothing pasted is ever printed.
"""

from __future__ import annotations

import os

import typer

from adapters.probes import Probe
from bot.bootstrap import setting_up
from bot.bootstrap.setting_up import Asked, Part
from bot.bootstrap.setting_up_parts import parts
from bot.bootstrap.shell import fail
from bot.errors import Misconfigured
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

QUOTES = "\"'`“”„‘’«»"
"""What comes along where something is copied out of a page, a mail or a settings file."""


def walk(part: str) -> None:
    """Set up one part or all. Exits with 1 where something is not green yet. Raises `Misconfigured`."""
    path, reader = setting_up.configuration(dict(os.environ)), setting_up.reader(os.environ)
    setting_up.open_file(path)
    meant = [one for one in parts(setting_up.read()) if part in ("all", one.name)]
    try:
        failed = [one for one in meant if not _set_up(one, reader, asked_for=part == one.name)]
    except (typer.Abort, KeyboardInterrupt, EOFError):
        _say("")
        fail(reader.say("setup.talk.stopped", file=path, command=f"doorward setup {part}"), code=1)
    if failed:
        titles = ", ".join(reader.say(f"setup.title.{one.name}") for one in failed)
        fail(reader.say("setup.talk.not_green", parts=titles), code=1)
    _say(reader.say("setup.talk.done", file=path))


def _set_up(one: Part, reader: Voice, *, asked_for: bool) -> bool:
    """One part, until it is green or the person goes on without it."""
    title = reader.say(f"setup.title.{one.name}")
    _say("")
    _say(title, bold=True)
    used = not one.optional or asked_for or _confirm(reader.say("setup.talk.use", part=title))
    while used:
        answers = _Answers(reader)
        answers.take(one.first)
        for line in one.copy(setting_up.read(), reader, answers.said):
            _say(f"  · {line}")
        answers.take(one.asked)
        answers.conclude(one)
        probes = one.test(setting_up.read(), reader, answers.said)
        for probe in probes:
            _tell(probe)
        if all(probe.good for probe in probes):
            return True
        if not _confirm(reader.say("setup.talk.again")):
            return False
    return True


class _Answers:
    """What was answered of one part, each answer kept at once."""

    def __init__(self, reader: Voice) -> None:
        self._reader = reader
        self._path = setting_up.configuration(dict(os.environ))
        self.said: dict[str, str] = {}

    def take(self, questions: tuple[Asked, ...]) -> None:
        """Ask these, each until it has an answer that can be."""
        for asked in questions:
            if asked.when is not None and self.said.get(asked.when[0]) != asked.when[1]:
                continue
            settings = setting_up.read()
            self.said[asked.what] = setting_up.present(settings, asked.setting) or ""
            while not self._answered(asked, settings):
                pass

    def conclude(self, one: Part) -> None:
        """Keep what follows from the answers. Raises `Misconfigured`."""
        setting_up.keep(self._path, one.follows(setting_up.read()))

    def _answered(self, asked: Asked, settings: Settings) -> bool:
        text = self._asked(asked, settings)
        if text is None:
            return True
        if wrong := _misfit(asked, text, self._reader) or self._unkept(asked, text):
            _say(f"  {wrong}")
            return False
        self.said[asked.what] = text
        return True

    def _unkept(self, asked: Asked, text: str) -> str:
        """Keep it; why that is not possible, where the settings cannot be read with it."""
        kept: dict[tuple[str, ...], object] = {}
        if asked.setting:
            kept[asked.setting] = [one for one in map(_bare, text.split(",")) if one] if asked.many else text
        if asked.clears is not None and asked.clears[0] == text:
            kept[asked.clears[1]] = None
        try:
            setting_up.keep(self._path, kept)
        except Misconfigured as error:
            return error.detail or error.code
        return ""

    def _asked(self, asked: Asked, settings: Settings) -> str | None:
        """What was pasted; None where what is set already stays."""
        reader, there = self._reader, setting_up.present(settings, asked.setting)
        what = reader.say(f"setup.asked.{asked.what}")
        if asked.setting and asked.variable in os.environ:
            _say(f"  {reader.say('setup.talk.from_environment', what=what, variable=asked.variable)}")
            return None
        if asked.secret:
            label = reader.say("setup.talk.keeps", what=what) if there else what
            given = _prompt(label, default="" if there else None, hidden=True)
        elif asked.choices:
            usual = asked.usual(settings) if asked.usual is not None else there
            default = usual if usual in asked.choices else asked.choices[0]
            given = _prompt(f"{what} [{'/'.join(asked.choices)}]", default=default)
        else:
            given = _prompt(what, default=there or ("" if asked.optional or not asked.setting else None))
        return (_bare(given) if asked.setting else given.strip()) or None


def _bare(text: str) -> str:
    """Without what is copied along: blanks, quotes, marks of no width, the end of the line."""
    bare = "".join(character for character in text if character.isprintable()).strip()
    while len(bare) > 1 and bare[0] in QUOTES and bare[-1] in QUOTES:
        bare = bare[1:-1].strip()
    return bare


def _misfit(asked: Asked, text: str, reader: Voice) -> str:
    """Why this cannot be the answer, without repeating it: it may be somebody's secret in the wrong place."""
    if asked.choices and text not in asked.choices:
        return reader.say("setup.talk.one_of", choices=", ".join(asked.choices))
    values = text.split(",") if asked.many else [text]
    if asked.begins and not all(_bare(one).startswith(asked.begins) for one in values):
        return reader.say("setup.talk.begins", begins=" / ".join(asked.begins))
    if not asked.begins and text.startswith(setting_up.SLACK_TOKENS):
        return reader.say("setup.talk.slack_token")
    spoken = " " in text and asked.setting and not asked.secret and not asked.many
    return reader.say("setup.talk.one_word") if spoken else ""


def _prompt(label: str, default: str | None, *, hidden: bool = False) -> str:
    shown = not hidden and default != ""
    return str(typer.prompt(f"  {label}", default=default, hide_input=hidden, show_default=shown, err=True))


def _confirm(question: str) -> bool:
    return typer.confirm(question, default=True, err=True)


def _tell(probe: Probe) -> None:
    mark = typer.style("✓", fg="green") if probe.good else typer.style("✗", fg="red")
    said = probe.found if probe.good else probe.fix
    _say(f"  {mark} {probe.what}{': ' if said else ''}{said}")


def _say(line: str, *, bold: bool = False) -> None:
    typer.echo(typer.style(line, bold=True) if bold else line, err=True)
