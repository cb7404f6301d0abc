"""The verb `doorward setup`: asks, tests and says what to do; then the link that makes the first administrator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from bot.bootstrap.shell import Json, fail, now, telling

if TYPE_CHECKING:
    from adapters.probes import Probe
    from bot.bootstrap.setting_up import Asked, Part
    from bot.settings.tree import Settings
    from bot.texts.sentences import Voice

PARTS = ("address", "provider", "slack", "teams", "hr")


def setup(
    part: Annotated[
        str, typer.Argument(metavar="[PART]", help=f"One of {', '.join(PARTS)}, or all; without it only the link.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Ask nothing: test what is set, exit 1 if any fails.")] = False,
    as_json: Json = False,
) -> None:
    """Set up Slack, Teams, provider and HR, each with a live test; then print the first administrator's link.

    `doorward setup all` asks for each thing to paste, tells which addresses, scopes and consents it takes, tests it at
    once and keeps it in the TOML file that DOORWARD_CONFIG names (mode 600). Run it again to go on where you were.
    `doorward setup --check` only tests. `doorward setup` alone prints a link that makes the first administrator: good
    for 15 minutes and one claim, ending in a company sign-in and a code.
    """
    if part and part not in (*PARTS, "all"):
        from bot.bootstrap.setting_up import reader

        fail(reader(os.environ).say("setup.talk.no_such_part", part=part, parts=", ".join(PARTS)))
    with telling():
        if check:
            _check(part, as_json=as_json)
        elif part:
            _walk(part)
        else:
            print_link("setup")


def print_link(kind: str) -> None:
    """Print a link for `kind`."""
    from bot.bootstrap.setting_up import reader
    from bot.bootstrap.shell_output import talk
    from bot.bootstrap.shell_setup import link
    from bot.settings.tree import load

    made = link(load(), now(), kind)
    typer.echo(made)
    talk(reader(os.environ).say("setup.talk.link"))


def _check(part: str, *, as_json: bool) -> None:
    from bot.bootstrap import setting_up
    from bot.bootstrap.setting_up_parts import parts
    from bot.bootstrap.shell_output import show

    settings, reader = setting_up.read(), setting_up.reader(os.environ)
    rows = [
        {"part": one.name, "test": probe.what, "good": probe.good, "fix": probe.fix, "found": probe.found}
        for one in parts(settings)
        if _is_meant(one, part, settings)
        for probe in one.test(settings, reader, {})
    ]
    show(rows, ("part", "test", "good", "fix"), as_json=as_json)
    if not all(row["good"] for row in rows):
        raise typer.Exit(1)


def _is_meant(one: Part, part: str, settings: Settings) -> bool:
    """The part that is named; without a name every one that anything is set of, and those nobody goes without."""
    if part not in ("", "all"):
        return one.name == part
    return one.name not in ("slack", "teams") or getattr(settings, one.name) is not None


def _walk(part: str) -> None:
    from bot.bootstrap import setting_up
    from bot.bootstrap.setting_up_parts import parts

    path, reader = setting_up.configuration(dict(os.environ)), setting_up.reader(os.environ)
    setting_up.open_file(path)
    meant = [one for one in parts(setting_up.read()) if part in ("all", one.name)]
    failed = [one for one in meant if not _set_up(one, reader, asked_for=part == one.name)]
    if failed:
        titles = ", ".join(reader.say(f"setup.title.{one.name}") for one in failed)
        fail(reader.say("setup.talk.not_green", parts=titles), code=1)
    _say(reader.say("setup.talk.done", file=path))


def _set_up(one: Part, reader: Voice, *, asked_for: bool) -> bool:
    """One part, until it is green or the person goes on without it."""
    from bot.bootstrap import setting_up

    title = reader.say(f"setup.title.{one.name}")
    _say("")
    _say(title, bold=True)
    used = one.name not in ("slack", "teams") or asked_for or _confirm(reader.say("setup.talk.use", part=title))
    while used:
        settings = setting_up.read()
        for line in one.copy(settings, reader):
            _say(f"  · {line}")
        once = _answer(one, settings, reader)
        probes = one.test(setting_up.read(), reader, once)
        for probe in probes:
            _tell(probe)
        if all(probe.good for probe in probes):
            return True
        if not _confirm(reader.say("setup.talk.again")):
            return False
    return True


def _answer(one: Part, settings: Settings, reader: Voice) -> dict[str, str]:
    """Ask for everything of a part and keep it; gives what is for this test alone."""
    from bot.bootstrap import setting_up

    kept: dict[tuple[str, ...], object] = {}
    once: dict[str, str] = {}
    for asked in one.asked:
        if asked.when is not None:
            setting, value = asked.when
            if kept.get(setting, setting_up.present(settings, setting)) != value:
                continue
        given = _ask(settings, asked, reader)
        if given is not None and asked.setting:
            kept[asked.setting] = given
        elif given is not None:
            once[asked.what] = str(given)
    setting_up.keep(setting_up.configuration(dict(os.environ)), kept)
    return once


def _ask(settings: Settings, asked: Asked, reader: Voice) -> object:
    """What was pasted; None where what is set already stays."""
    from bot.bootstrap import setting_up

    what, there = reader.say(f"setup.asked.{asked.what}"), setting_up.present(settings, asked.setting)
    if asked.setting and asked.variable in os.environ:
        _say(f"  {reader.say('setup.talk.from_environment', what=what, variable=asked.variable)}")
        return None
    if asked.secret:
        label = reader.say("setup.talk.keeps", what=what) if there else what
        given = _prompt(label, default="" if there else None, hidden=True)
    elif asked.choices:
        default = str(there) if there in asked.choices else asked.choices[0]
        given = _prompt(f"{what} [{'/'.join(asked.choices)}]", default=default)
    else:
        given = _prompt(what, default=None if there is None else str(there)) if asked.setting else _prompt(what, "")
    text = given.strip()
    if not text:
        return None
    return [one.strip() for one in text.split(",") if one.strip()] if asked.many else text


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
