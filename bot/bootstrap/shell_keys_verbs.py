"""`doorward keys …`: the keys that seal data and authenticate rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from bot.bootstrap.shell import Group, Json, now, telling
from bot.settings.tree import load
from storage.crypto import Purpose

keys = Group(
    help="""The keys that seal data and authenticate rows; never in the database.

    They lie in one file, DOORWARD_KEYS__FILE: in the clear for this account alone, or wrapped by AWS KMS
    (DOORWARD_KEYS__KIND=aws_kms). Without it nothing in the database can be read: keep a copy apart from its backups.

    Once a year: `doorward keys rotate`, then `doorward keys list` and `doorward keys remove`.
    When a key may be known to somebody: read docs/keys.md first, then `doorward keys rotate --compromised`.
    """
)


@keys.command("init")
def keys_init(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file to write.", show_default="DOORWARD_KEYS__FILE")
    ] = None,
) -> None:
    """Write a new file of keys, one for each purpose, that only this account may read; never over another.

    Keep a copy where the database's backups are not: without its keys nothing can be read again.
    """
    from bot.bootstrap.installation import make_keys
    from bot.bootstrap.shell_output import talk

    with telling():
        path = make_keys(load(), file, now())
    typer.echo(path)
    talk(f"Now set DOORWARD_KEYS__FILE={path.absolute()}")


@keys.command("list")
def keys_list(as_json: Json = False) -> None:
    """Print every key: what it is for, whether it writes or only reads, and how many rows are under it. No secrets.

    `held_by` says how many of the processes that serve hold it; a row count beside “missing” is of lost keys.
    """
    from bot.bootstrap.shell_keys import listed
    from bot.bootstrap.shell_output import show

    with telling():
        rows = listed(load())
    show(rows, ("purpose", "id", "state", "rows", "held_by", "made_at", "until"), as_json=as_json)


@keys.command("rotate")
def keys_rotate(
    purposes: Annotated[
        list[Purpose] | None, typer.Argument(metavar="[PURPOSE]…", help="Which keys.", show_default="seal row_mac")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Rotate the keys of every purpose.")] = False,
    compromised: Annotated[
        bool,
        typer.Option("--compromised", help="A key may be known: rotate all, and take the older ones away at once."),
    ] = False,
    keep_days: Annotated[
        int, typer.Option(min=0, help="How long older keys that are in no row still count (forms, buttons, grants).")
    ] = 30,
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for every serving process to take a key in.")] = 120,
) -> None:
    """Make new keys and put every row under them, while messages go on; killed half way, run it again.

    First every serving process learns to read with a new key, then writes with it, then the rows follow. Where
    processes do not share the file, copy it to them when this asks for it. Older keys stay until `keys remove`.

    With --compromised, open forms and buttons end at once, and recovery codes have to be made anew. Read docs/keys.md
    before: what somebody forged under a known key has to be found before it is signed again.
    """
    from bot.bootstrap.shell_keys import rotate
    from bot.bootstrap.shell_output import progress, talk

    chosen = list(Purpose) if everything or compromised else purposes or [Purpose.SEAL, Purpose.ROW_MAC]
    with telling(), progress("Rows under the new keys", "rows") as advance:
        done = rotate(
            load(),
            chosen,
            advance=advance,
            tell=talk,
            patience=timedelta(seconds=wait),
            keep=timedelta(days=keep_days),
            compromised=compromised,
        )
    for name in done.promoted:
        typer.echo(name)
    talk(f"{done.rewritten} rows were put under the new keys.")
    if done.removed:
        talk(f"Taken away: {', '.join(done.removed)}.")
    elif done.promoted:
        talk("The older keys still read: see `doorward keys list`, and take them away with `doorward keys remove`.")
    _tell_broken(done.broken)


@keys.command("remove")
def keys_remove(
    purpose: Annotated[Purpose, typer.Argument(help="What the key is for.")],
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, from `doorward keys list`.")],
) -> None:
    """Take an older key away for good; refused while a row that holds is left on it.

    Backups from before still need it: keep a copy of the old file as long as you keep them.
    """
    from bot.bootstrap.shell_keys import remove
    from bot.bootstrap.shell_output import progress, talk

    with telling(), progress("Rows under the new keys", "rows") as advance:
        done = remove(load(), purpose, key_id, advance=advance, tell=talk)
    talk(f"Taken away: {', '.join(done.removed)}. Keep a copy as long as there are backups from before.")
    _tell_broken(done.broken)


@keys.command("wrap")
def keys_wrap() -> None:
    """Have AWS KMS keep the file of keys: run once with DOORWARD_KEYS__KIND=aws_kms set, over a file in the clear.

    Run it again after a change of DOORWARD_KEYS__AWS_KMS__KEY_ID; the keys stay the same, only what wraps them changes.
    """
    from bot.bootstrap.shell_keys import wrap
    from bot.bootstrap.shell_output import talk

    with telling():
        count = wrap(load())
    talk(f"{count} keys are wrapped. Destroy the copies in the clear; whoever had one may still know the keys.")


def _tell_broken(count: int) -> None:
    from bot.bootstrap.shell_output import talk

    if count:
        talk(f"{count} rows do not hold under the key they name, and were left as they are: see the alarms in the log.")
        raise typer.Exit(1)
