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
        fail(f"{part} is no part of the set-up: it is one of {', '.join(PARTS)}, or all")
    with telling():
        if check:
            _check(part, as_json=as_json)
        elif part:
            _walk(part)
        else:
            print_link("setup")


def print_link(kind: str) -> None:
    """Print a link for `kind`."""
    from bot.bootstrap.shell_output import talk
    from bot.bootstrap.shell_setup import link
    from bot.settings.tree import load

    made = link(load(), now(), kind)
    typer.echo(made)
    talk("Open it within 15 minutes. Whoever signs in there with a code becomes administrator, so hand it to nobody.")


def _check(part: str, *, as_json: bool) -> None:
    from bot.bootstrap import setting_up
    from bot.bootstrap.shell_output import show

    settings = setting_up.read()
    rows = [
        {"part": one.name, "test": probe.what, "good": probe.good, "fix": probe.fix, "found": probe.found}
        for one in setting_up.parts(settings)
        if _is_meant(one, part, settings)
        for probe in one.test(settings)
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

    path = setting_up.configuration(dict(os.environ))
    setting_up.open_file(path)
    meant = [one for one in setting_up.parts(setting_up.read()) if part in ("all", one.name)]
    failed = [one.title for one in meant if not _set_up(one, asked_for=part == one.name)]
    if failed:
        fail(f"not green yet: {', '.join(failed)}. Run it again once that is done; what was pasted is kept.", code=1)
    _say(f"All of it is in {path}. Next: doorward check, doorward migrate, doorward serve; then doorward setup.")


def _set_up(one: Part, *, asked_for: bool) -> bool:
    """One part, until it is green or the person goes on without it."""
    from bot.bootstrap import setting_up

    _say("")
    _say(f"{one.title}", bold=True)
    if one.name in ("slack", "teams") and not asked_for and not _confirm(f"Do you use {one.title}?"):
        return True
    while True:
        settings = setting_up.read()
        for line in one.copy(settings):
            _say(f"  · {line}")
        path = setting_up.configuration(dict(os.environ))
        answers = {asked.setting: _ask(settings, asked) for asked in one.asked}
        setting_up.keep(path, {setting: value for setting, value in answers.items() if value is not None})
        probes = one.test(setting_up.read())
        for probe in probes:
            _tell(probe)
        if all(probe.good for probe in probes):
            return True
        if not _confirm("Paste it again?"):
            return False


def _ask(settings: Settings, asked: Asked) -> object:
    """What was pasted; None where what is set already stays."""
    from bot.bootstrap import setting_up

    there = setting_up.present(settings, asked)
    if asked.variable in os.environ:
        _say(f"  {asked.what}: comes from {asked.variable}")
        return None
    if asked.secret:
        hint = " (Enter keeps the one that is set)" if there else ""
        given = typer.prompt(
            f"  {asked.what}{hint}", default="" if there else None, hide_input=True, show_default=False, err=True
        )
    elif asked.choices:
        default = str(there) if there in asked.choices else asked.choices[0]
        given = typer.prompt(f"  {asked.what} [{'/'.join(asked.choices)}]", default=default, err=True)
    else:
        given = typer.prompt(f"  {asked.what}", default=there, err=True)
    text = str(given).strip()
    if not text:
        return None
    return [one.strip() for one in text.split(",") if one.strip()] if asked.many else text


def _confirm(question: str) -> bool:
    return typer.confirm(question, default=True, err=True)


def _tell(probe: Probe) -> None:
    mark = typer.style("✓", fg="green") if probe.good else typer.style("✗", fg="red")
    said = probe.found if probe.good else probe.fix
    _say(f"  {mark} {probe.what}{': ' if said else ''}{said}")


def _say(line: str, *, bold: bool = False) -> None:
    typer.echo(typer.style(line, bold=True) if bold else line, err=True)
