"""The verb `doorward setup`: asks, tests and says what to do; then the link that makes the first administrator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from bot.bootstrap.shell import Json, fail, now, telling

if TYPE_CHECKING:
    from bot.bootstrap.setting_up import Part
    from bot.settings.tree import Settings

PARTS = ("address", "provider", "slack", "teams", "hr", "crm")


def setup(
    part: Annotated[
        str, typer.Argument(metavar="[PART]", help=f"One of {', '.join(PARTS)}, or all; without it only the link.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Ask nothing: test what is set, exit 1 if any fails.")] = False,
    as_json: Json = False,
) -> None:
    """Set up Slack, Teams, provider, HR and CRM, each with a live test; then print the first administrator's link.

    The first time, name the file that everything is kept in (only you will be able to read it), and be asked:

    \b
      export DOORWARD_CONFIG=doorward.toml
      doorward setup all

    For each part it tells which addresses, scopes and consents it takes and where to find them, asks for what to paste
    (secrets are not shown), tests it at once against the real thing, and says `✓`, or `✗` and exactly what to put
    right. Slack is reached over HTTP or Socket Mode, as you choose; answer no to what you do not use. Stop with Ctrl-C
    whenever you like: what you pasted is kept, and the next run offers it.

    \b
      doorward setup slack      one part alone, for example after a secret was renewed
      doorward setup --check    ask nothing, test again what is set
      doorward setup            print a link, good for 15 minutes and one claim, that makes the first administrator

    What is set in the environment is not asked for. It speaks the language of the shell (LANG).
    """  # noqa: D301 - click's own mark for lines that are not to be wrapped
    if part and part not in (*PARTS, "all"):
        from bot.bootstrap.setting_up import reader

        fail(reader(os.environ).say("setup.talk.no_such_part", part=part, parts=", ".join(PARTS)))
    with telling():
        if check:
            _check(part, as_json=as_json)
        elif part:
            from bot.bootstrap.setting_up_dialogue import walk

            walk(part)
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
    from bot.bootstrap.setting_up_parts import is_used

    return one.name == part if part not in ("", "all") else is_used(one, settings)
